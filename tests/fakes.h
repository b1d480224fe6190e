/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_TESTS_FAKES_H
#define COOPER_TESTS_FAKES_H

/* Base images for tests of lowering: a table instead of a store. */
#include "builder/lower/lower.h"
#include "registry/platform.h"

struct fake_image {
	const char *name;
	const char *os, *arch, *variant;
	size_t layers;
	const char *env, *entrypoint, *cmd, *user, *workdir, *shell; /* one item each, NULL: none */
	const char *onbuild[3];
};

static const struct fake_image fake_images[] = {
    {.name = "busybox", .os = "linux", .arch = "amd64", .layers = 1, .env = "PATH=/bin", .cmd = "sh"},
    {.name = "app", .os = "linux", .arch = "amd64", .layers = 2, .env = "MODE=base", .entrypoint = "/app", .cmd = "serve", .user = "app",
	.workdir = "/srv"},
    {.name = "bash", .os = "linux", .arch = "amd64", .layers = 1, .env = "PATH=/bin", .shell = "/bin/bash"},
    {.name = "onbuild", .os = "linux", .arch = "amd64", .layers = 1, .env = "PATH=/bin", .onbuild = {"COPY . /src", "RUN make", "ENV built=1"}},
    {.name = "onbuild-bad", .os = "linux", .arch = "amd64", .layers = 1, .onbuild = {"COPYY . /src"}},
    {.name = "onbuild-from", .os = "linux", .arch = "amd64", .layers = 1, .onbuild = {"COPY --from=tools /t /t"}},
    {.name = "nolayers", .os = "linux", .arch = "amd64", .layers = 0, .env = "A=1"},
    {.name = "nano", .os = "windows", .arch = "amd64", .layers = 1},
    {.name = "arm", .os = "linux", .arch = "arm", .variant = "v7", .layers = 1},
};

static inline void fake_add(struct image_config *c, struct strs *l, const char *item)
{
	if (item)
		strs_add(&c->arena, l, str_of(item));
}

static inline void fake_fill(const struct fake_image *f, struct arena *a, struct lower_image *ret)
{
	struct image_config c = {.os = str_of(f->os), .architecture = str_of(f->arch), .variant = str_of(f->variant), .user = str_of(f->user),
		.workdir = str_of(f->workdir)};
	fake_add(&c, &c.env, f->env);
	fake_add(&c, &c.entrypoint, f->entrypoint);
	fake_add(&c, &c.cmd, f->cmd);
	fake_add(&c, &c.shell, f->shell);
	if (f->shell)
		fake_add(&c, &c.shell, "-c");
	for (size_t i = 0; i < 3; i++)
		fake_add(&c, &c.onbuild, f->onbuild[i]);
	*ret = (struct lower_image){.tree = tree_new(a, NULL, f->layers), .platform = {.os = c.os, .arch = c.architecture, .variant = c.variant}};
	for (size_t i = 0; i < f->layers; i++) {
		char text[80];
		int n = snprintf(text, sizeof(text), "layer %zu of %s", i, f->name);
		struct digest d = digest_of(text, (size_t)n);
		struct history_entry h = {.created_by = STR("base"), .created = STR("2020-01-01T00:00:00Z")};
		ret->tree->layers[ret->tree->n++] = (struct tree_layer){.cid = d, .diff_id = d, .blob = d};
		image_config_add_history(&c, &h);
	}
	tree_seal(ret->tree);
	ret->config = c;
}

/* resolver.image */
static inline int fake_image(void *arg, struct str name, const struct platform *want, struct arena *a, struct lower_image *ret, struct err *e)
{
	(void)arg, (void)want;
	for (size_t i = 0; i < ARRAY_LEN(fake_images); i++) {
		if (!str_eqz(name, fake_images[i].name))
			continue;
		fake_fill(&fake_images[i], a, ret);
		return 0;
	}
	return err_set(e, ERR_NOT_FOUND, "no image %.*s", STR_ARG(name));
}

static const struct resolver fake_resolver = {.image = fake_image};

#endif
