/* SPDX-License-Identifier: Apache-2.0 */
/* Words of the command line to struct outbound_opts. */
#include "builder/cli/outbound_flags.h"

#include <stdlib.h>

int outbound_flags_get(const struct outbound_flags *f, const struct cli *cli, struct outbound_opts *ret, struct err *e)
{
	struct outbound_opts o = {.level = (int)f->level, .force = f->force, .cancel = cli->cancel};

	if (!compress_from_name(str_of(f->compression), &o.compression))
		return err_set(
		    e, ERR_USAGE, "unknown compression \"%s\": expected gzip, zstd or uncompressed", f->compression);
	if (f->level != -1 && (f->level < -1 || f->level > 100 || !compress_level_ok(o.compression, (int)f->level)))
		return err_set(e, ERR_USAGE, "%s has no level %lld", compress_name(o.compression), (long long)f->level);
	*ret = o;
	return 0;
}

int outbound_field_compression(const char *flag, const char *value, enum compression *ret, struct err *e)
{
	if (!compress_from_name(str_of(value), ret))
		return err_set(e, ERR_USAGE, "%s: compression=%s: uncompressed, gzip and zstd are known", flag, value);
	return 0;
}

int outbound_field_level(const char *flag, const char *value, int *ret, struct err *e)
{
	char *end;
	long level = strtol(value, &end, 10);
	if (!*value || *end || level < 0 || level > 22)
		return err_set(e, ERR_USAGE, "%s: compression-level=%s: a number is wanted", flag, value);
	*ret = (int)level;
	return 0;
}
