/* SPDX-License-Identifier: Apache-2.0 */
/* The instructions become a Containerfile "FROM scratch" and are lowered like any other: nothing about them is known here. */
#include "builder/cli/import_config.h"

#include "builder/lower/lower.h"
#include "parser/parse.h"
#include "registry/platform.h"

static const enum instr_id allowed[] = {INSTR_CMD, INSTR_ENTRYPOINT, INSTR_ENV, INSTR_EXPOSE, INSTR_HEALTHCHECK,
    INSTR_LABEL, INSTR_ONBUILD, INSTR_STOPSIGNAL, INSTR_USER, INSTR_VOLUME, INSTR_WORKDIR};

static int check(const struct cf *cf, struct err *e)
{
	if (cf->nstages != 1)
		return err_set(e, ERR_USAGE, "--change takes no FROM");
	for (size_t i = 0; i < cf->stages[0].ninstrs; i++) {
		bool fine = false;

		for (size_t k = 0; k < ARRAY_LEN(allowed); k++)
			fine = fine || cf->stages[0].instrs[i]->id == allowed[k];
		if (!fine)
			return err_set(e, ERR_USAGE, "--change: %.*s is not a valid change instruction",
			    STR_ARG(cf->stages[0].instrs[i]->keyword));
	}
	return 0;
}

static int no_image(
    void *arg, struct str name, const struct platform *want, struct arena *a, struct lower_image *ret, struct err *e)
{
	(void)arg, (void)want, (void)a, (void)ret;
	return err_set(e, ERR_USAGE, "--change: no image is used here: %.*s", STR_ARG(name));
}

static void lowered_drop(struct lowered *l)
{
	image_config_done(&l->config);
}

static void forget_history(struct image_config *c)
{
	c->nhistory = 0;
	c->ndiff_ids = 0;
}

int import_config(
    const struct opt_list *changes, const struct platform *platform, struct image_config *ret, struct err *e)
{
	struct resolver resolver = {.image = no_image};
	struct buf text cleanup_buf = {0};
	struct cf *cf cleanup_cf = NULL;
	struct lowered lowered cleanup_with(lowered_drop) = {0};
	struct plan plan cleanup_with(plan_done) = {0};
	struct lower_opts o = {.platform = *platform,
	    .build_platform = platform_host(),
	    .resolver = &resolver};

	buf_puts(&text, "FROM scratch\n");
	for (size_t i = 0; i < changes->n; i++)
		buf_printf(&text, "%s\n", changes->v[i]);
	if (cf_parse(buf_view(&text), "--change", &cf, e) < 0) {
		e->line = 0;
		e->code = ERR_USAGE;
		return err_wrap(e, "--change");
	}
	TRY(check(cf, e));
	o.cf = cf;
	plan_init(&plan);
	if (lower(&o, &plan, &lowered, e) < 0) {
		e->line = 0;
		e->code = ERR_USAGE;
		return err_wrap(e, "--change");
	}
	forget_history(&lowered.config);
	*ret = lowered.config;
	lowered.config = (struct image_config){0};
	return 0;
}
