/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What scripts do around `docker buildx build`: make a builder, choose it, look at it, remove it. There is one builder and it is
 * always there, so all of it is done already.
 */
#include <stdio.h>
#include <string.h>

#include "builder/cli/cmd.h"

static int run(struct cli *cli, void *opts, const struct opt_args *args, struct err *e)
{
	static const char about[] = "Name:   cooper\nDriver: cooper\nStatus: running\n";
	static const struct {
		const char *word, *answer;
	} words[] = {{"create", "cooper\n"}, {"use", ""}, {"rm", ""}, {"stop", ""}, {"inspect", about}, {"ls", about}};

	(void)cli, (void)opts;
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcmp(words[i].word, args->v[0]) == 0) {
			fputs(words[i].answer, stdout);
			return EXIT_OK;
		}
	return err_set(e, ERR_USAGE, "unknown command \"buildx %s\"", args->v[0]);
}

const struct command cmd_buildx = {
    .name = "buildx",
    .usage = "create|use|inspect|ls|rm|stop [...]",
    .summary = "Taken because scripts have it: there is one builder, and it needs no setting up",
    .min_args = 1,
    .max_args = -1,
    .hidden = true,
    .rest = true,
    .run = run,
};
