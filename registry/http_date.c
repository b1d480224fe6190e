/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP dates: "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994". */
#include "registry/http.h"
#include "registry/oci.h"

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

static bool month(struct str s, unsigned *ret)
{
	for (unsigned i = 0; i < 12; i++)
		if (s.len == 3 && memcmp(s.p, months + 3 * i, 3) == 0) {
			*ret = i + 1;
			return true;
		}
	return false;
}

/* Words between blanks, commas and dashes, in order: the three forms differ in nothing else. */
static size_t words(struct str s, struct str out[8])
{
	size_t n = 0;
	while (s.len && n < 8) {
		size_t len = 0;
		while (len < s.len && !strchr(" ,-", s.p[len]))
			len++;
		if (len)
			out[n++] = str_sub(s, 0, len);
		s = str_from(s, len < s.len ? len + 1 : len);
	}
	return n;
}

bool http_date_parse(struct str text, int64_t *ret)
{
	struct str w[8];
	uint64_t day, year;
	unsigned mon;
	uint32_t nsec;
	size_t n = words(str_trim(text), w);
	bool asctime = n == 5 && month(w[1], &mon);
	if (!asctime && (n != 6 || !str_eqz(w[5], "GMT") || !month(w[2], &mon)))
		return false;
	struct str d = asctime ? w[2] : w[1], y = asctime ? w[4] : w[3], clock = asctime ? w[3] : w[4];
	if (!str_u64(d, 31, &day) || !str_u64(y, 9999, &year))
		return false;
	if (y.len == 2)
		year += year < 70 ? 2000 : 1900;
	cleanup_buf struct buf b = {0};
	buf_printf(&b, "%04u-%02u-%02uT%.*sZ", (unsigned)year, mon, (unsigned)day, STR_ARG(clock));
	return oci_time_parse(buf_view(&b), ret, &nsec);
}
