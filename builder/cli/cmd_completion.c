/* SPDX-License-Identifier: Apache-2.0 */
/* `cooper completion` */
#include <stdio.h>

#include "builder/cli/completion.h"

static const struct {
	const char *shell;
	void (*print)(struct buf *out);
} shells[] = {{"bash", completion_bash}, {"zsh", completion_zsh}, {"fish", completion_fish}};

static int run(struct cli *cli, void *opts, const struct opt_args *args, struct err *e)
{
	struct buf out cleanup_buf = {0};

	(void)cli, (void)opts;
	for (size_t i = 0; i < ARRAY_LEN(shells); i++) {
		if (strcmp(shells[i].shell, args->v[0]) != 0)
			continue;
		shells[i].print(&out);
		fputs(out.p, stdout);
		return EXIT_OK;
	}
	return err_set(e, ERR_USAGE, "unknown shell \"%s\": expected bash, zsh or fish", args->v[0]);
}

const struct command cmd_completion = {
    .name = "completion",
    .usage = "bash|zsh|fish",
    .summary = "Print a completion script for a shell",
    .examples = "source <(cooper completion bash)\ncooper completion fish > ~/.config/fish/completions/cooper.fish",
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
