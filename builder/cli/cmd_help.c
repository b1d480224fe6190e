/* SPDX-License-Identifier: Apache-2.0 */
/* `cooper help`: the list of commands, one command's help, or (hidden, for the build of the man pages) scdoc source. */
#include <stdio.h>
#include <unistd.h>

#include "builder/cli/help.h"

struct help_opts {
	bool scdoc;
};

static const struct opt help_table[] = {
    OPT_BOOL(0, "scdoc", struct help_opts, scdoc, "Print the source of the man page", .hidden = true),
    OPT_END,
};

static int run(struct cli *cli, void *opts, const struct opt_args *args, struct err *e)
{
	const struct help_opts *o = opts;
	unsigned width = help_width(STDOUT_FILENO);
	const struct command *c = NULL;
	struct buf out cleanup_buf = {0};
	int words;

	(void)cli;
	if (args->n) {
		c = command_find(args->n, args->v, &words);
		if (!c || words != args->n)
			return err_set(e, ERR_USAGE, "unknown command: %s", args->v[0]);
	}
	if (o->scdoc && c)
		help_scdoc(c, &out);
	else if (o->scdoc)
		help_scdoc_overview(&out);
	else if (c)
		help_command(c, width, &out);
	else
		help_overview(width, &out);
	fputs(out.p, stdout);
	return EXIT_OK;
}

const struct command cmd_help = {
    .name = "help",
    .usage = "[COMMAND]",
    .summary = "Tell about cooper or one of its commands",
    .opts = help_table,
    .opts_size = sizeof(struct help_opts),
    .max_args = 2,
    .hidden = true,
    .run = run,
};
