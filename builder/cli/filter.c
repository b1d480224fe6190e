/* SPDX-License-Identifier: Apache-2.0 */
/* The filters of images, as a table by key: what to learn when the command begins, and what to ask of each image. */
#include "builder/cli/filter.h"

#include <fnmatch.h>
#include <time.h>

#include "builder/cli/human.h"

int64_t image_created(const struct image_config *c)
{
	int64_t sec = 0;
	uint32_t nsec;

	return oci_time_parse(c->created, &sec, &nsec) ? sec : 0;
}

static int learn_dangling(struct filter *f, const char *value, struct local *l, struct arena *a, struct err *e)
{
	(void)l, (void)a;
	f->has_dangling = true;
	if (!opt_parse_bool(value, &f->dangling))
		return err_set(e, ERR_USAGE, "invalid filter 'dangling=%s': expected true or false", value);
	return 0;
}

static int learn_image_time(const char *value, struct local *l, struct arena *a, int64_t *ret, struct err *e)
{
	struct image_docs docs cleanup_docs = {0};
	struct layout_image image;

	TRY(local_find(l, value, a, &image, e));
	TRY(image_docs_read(l, &image.descriptor, NULL, a, &docs, e));
	*ret = image_created(&docs.config);
	return 0;
}

static int learn_before(struct filter *f, const char *value, struct local *l, struct arena *a, struct err *e)
{
	return learn_image_time(value, l, a, &f->before, e);
}

static int learn_since(struct filter *f, const char *value, struct local *l, struct arena *a, struct err *e)
{
	return learn_image_time(value, l, a, &f->since, e);
}

static int learn_until(struct filter *f, const char *value, struct local *l, struct arena *a, struct err *e)
{
	uint32_t nsec;
	int64_t ago;

	(void)l, (void)a;
	if (oci_time_parse(str_of(value), &f->before, &nsec))
		return 0;
	TRY(human_parse_duration(value, &ago, e));
	f->before = (int64_t)time(NULL) - ago;
	return 0;
}

static const struct {
	const char *key;
	int (*learn)(struct filter *f, const char *value, struct local *l, struct arena *a, struct err *e);
} keys[] = {
    {"before", learn_before},
    {"dangling", learn_dangling},
    {"label", NULL},
    {"reference", NULL},
    {"since", learn_since},
    {"until", learn_until},
};

int filter_init(struct filter *f, const struct opt_list *texts, struct local *l, struct arena *a, struct err *e)
{
	*f = (struct filter){.texts = texts};
	for (size_t i = 0; i < texts->n; i++) {
		struct str text = str_of(texts->v[i]);
		ptrdiff_t eq = str_find(text, '=');
		bool known = false;

		if (eq < 0)
			return err_set(e, ERR_USAGE, "invalid filter '%s': expected KEY=VALUE", texts->v[i]);
		for (size_t k = 0; k < ARRAY_LEN(keys) && !known; k++) {
			if (!str_eqz(str_sub(text, 0, (size_t)eq), keys[k].key))
				continue;
			known = true;
			if (keys[k].learn)
				TRY(keys[k].learn(f, text.p + eq + 1, l, a, e));
		}
		if (!known)
			return err_set(e, ERR_USAGE,
			    "invalid filter '%.*s': known are before, dangling, label, reference, since and until",
			    (int)eq, text.p);
	}
	return 0;
}

static bool has_label(const struct image_config *c, struct str want)
{
	ptrdiff_t eq = str_find(want, '=');
	struct str value;

	if (eq < 0)
		return annotations_get(&c->labels, want, &value);
	return annotations_get(&c->labels, str_sub(want, 0, (size_t)eq), &value) &&
	       str_eq(value, str_from(want, (size_t)eq + 1));
}

/* "app", "app:latest", "*bb*:1": with and without the tag. */
static bool matches(struct str name, const char *pattern)
{
	cleanup_free char *full = mem_strndup(name.p, name.len);
	char *colon = strrchr(full, ':');

	if (!name.len)
		return false;
	if (fnmatch(pattern, full, FNM_PATHNAME) == 0)
		return true;
	if (colon && !strchr(colon, '/'))
		*colon = 0;
	return fnmatch(pattern, full, FNM_PATHNAME) == 0;
}

bool filter_image(const struct filter *f, struct str name, const struct image_config *c)
{
	bool asked_reference = false, reference = false;
	int64_t created = image_created(c);

	if ((f->has_dangling && f->dangling != (name.len == 0)) || (f->before && created >= f->before) ||
	    (f->since && created <= f->since))
		return false;
	for (size_t i = 0; i < f->texts->n; i++) {
		const char *text = f->texts->v[i];

		if (strncmp(text, "reference=", 10) == 0) {
			asked_reference = true;
			reference = reference || matches(name, text + 10);
		}
		if (strncmp(text, "label=", 6) == 0 && !has_label(c, str_of(text + 6)))
			return false;
	}
	return !asked_reference || reference;
}
