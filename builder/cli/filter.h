/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_FILTER_H
#define COOPER_FILTER_H

/* --filter KEY=VALUE of the commands that choose among images. Filters of different keys must all hold; of several values of one
 * key (reference, label excepted: all) one must. */
#include "builder/cli/local.h"

struct filter {
	const struct opt_list *texts;
	bool has_dangling, dangling;
	int64_t before, since; /* seconds; 0 = not asked */
};
/* ERR_USAGE for a key that is none. Looks up the images that before= and since= name. `until` is before= as a duration or date. */
int filter_init(struct filter *f, const struct opt_list *texts, struct local *l, struct arena *a, struct err *e);
/* `name` is empty for an image without one. */
bool filter_image(const struct filter *f, struct str name, const struct image_config *c);
/* An image's time of creation in seconds, 0 if it has none. */
int64_t image_created(const struct image_config *c);

#endif
