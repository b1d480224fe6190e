/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `bench-plan FILE [ROUNDS]`: what comes before the first step: parses a Containerfile and makes its plan, again and again, and prints
 * the average times. Every image it names is taken as one of one layer, so that nothing is looked up.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/io.h"
#include "builder/lower/lower.h"
#include "parser/parse.h"
#include "registry/platform.h"

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int any_image(void *arg, struct str name, const struct platform *want, struct arena *a, struct lower_image *ret, struct err *e)
{
	(void)arg, (void)e;
	struct digest d = digest_of(name.p, name.len);
	*ret = (struct lower_image){.tree = tree_new(a, NULL, 1), .platform = *want, .config = {.os = want->os, .architecture = want->arch}};
	strs_add(&ret->config.arena, &ret->config.env, STR("PATH=/bin"));
	image_config_add_history(&ret->config, &(struct history_entry){.created_by = STR("base"), .created = STR("2020-01-01T00:00:00Z")});
	ret->tree->layers[ret->tree->n++] = (struct tree_layer){.cid = d, .diff_id = d, .blob = d};
	tree_seal(ret->tree);
	return 0;
}

/* One round; adds the seconds of both parts. */
static int once(struct str text, const char *file, double *parse, double *lowering, size_t *ret_steps, struct err *e)
{
	static const struct resolver resolver = {.image = any_image};
	cleanup_cf struct cf *cf = NULL;
	struct plan plan;
	struct lowered l = {0};
	double start = now();
	TRY(cf_parse(text, file, &cf, e));
	double parsed = now();
	struct lower_opts o = {.cf = cf, .platform = platform_host(), .build_platform = platform_host(), .resolver = &resolver};
	plan_init(&plan);
	int rc = lower(&o, &plan, &l, e);
	*parse += parsed - start;
	*lowering += now() - parsed;
	*ret_steps = plan.n;
	lowered_done(&l);
	plan_done(&plan);
	return rc;
}

int main(int argc, char **argv)
{
	cleanup_buf struct buf text = {0};
	struct err e = {0};
	double parse = 0, lowering = 0;
	size_t steps = 0;
	int rounds = argc > 2 ? atoi(argv[2]) : 1000;
	if (argc < 2 || rounds < 1) {
		fputs("usage: bench-plan FILE [ROUNDS]\n", stderr);
		return 2;
	}
	int rc = io_read_file(AT_FDCWD, argv[1], CF_SIZE_MAX, &text, &e);
	for (int i = 0; rc >= 0 && i < rounds; i++)
		rc = once(buf_view(&text), argv[1], &parse, &lowering, &steps, &e);
	if (rc < 0) {
		fprintf(stderr, "bench-plan: %s\n", e.text);
		return 1;
	}
	printf("%zu steps: parse %.1f us, plan %.1f us\n", steps, parse / rounds * 1e6, lowering / rounds * 1e6);
	return 0;
}
