/* SPDX-License-Identifier: Apache-2.0 */
/* Two memos a push: by repository and image what is there, and by what is there the image. A value is a digest as text. */
#include "builder/cli/pushed.h"

static struct digest key_of(struct str kind, const struct ref *repo, const struct digest *d)
{
	cleanup_buf struct buf text = {0};
	struct hasher h;
	if (repo)
		ref_print_repo(repo, &text);
	hasher_init(&h);
	hasher_str(&h, kind);
	hasher_str(&h, buf_view(&text));
	hasher_digest(&h, d);
	return hasher_done(&h);
}

static int set(struct store *s, const struct digest *key, const struct digest *value, struct err *e)
{
	char text[DIGEST_TEXT + 1];
	digest_text(value, text);
	return store_set_memo(s, key, str_of(text), e);
}

static bool get(struct store *s, const struct digest *key, struct digest *ret)
{
	cleanup_buf struct buf text = {0};
	struct err ignored;
	bool found = false;
	return store_get_memo(s, key, &text, &found, &ignored) == 0 && found && digest_parse(buf_view(&text), ret, &ignored) == 0;
}

int pushed_remember(
    struct store *s, const struct ref *to, const struct digest *image, const struct digest *outside, struct err *e)
{
	const struct digest there = key_of(STR("pushed 1"), to, image), back = key_of(STR("pushed as 1"), NULL, outside);
	TRY(set(s, &there, outside, e));
	return digest_eq(image, outside) ? 0 : set(s, &back, image, e);
}

bool pushed_find(struct store *s, const struct ref *repo, const struct digest *image, struct digest *ret_outside)
{
	const struct digest key = key_of(STR("pushed 1"), repo, image);
	return get(s, &key, ret_outside);
}

bool pushed_image(struct store *s, const struct digest *outside, struct digest *ret_image)
{
	const struct digest key = key_of(STR("pushed as 1"), NULL, outside);
	return get(s, &key, ret_image);
}
