/* SPDX-License-Identifier: Apache-2.0 */
/* `cooper version` */
#include <stdio.h>

#include "builder/cli/cmd.h"
#include "builder/cli/template.h"
#include "registry/platform.h"

struct version_opts {
	const char *format;
};

static const struct opt version_table[] = {
    OPT_STR('f', "format", struct version_opts, format, "FORMAT", "json, or a template such as '{{.Version}}'"),
    OPT_END,
};

static int run(struct cli *cli, void *opts, const struct opt_args *args, struct err *e)
{
	static const struct template_field fields[] = {
	    {"Version", "VERSION"}, {"OsArch", "OS/ARCH"}, {"Compiler", "COMPILER"}, {NULL, NULL}};
	static const struct template_list list = {fields, "cooper version {{.Version}} {{.OsArch}}"};
	const struct version_opts *o = opts;
	struct jval *rows cleanup_jval = jval_array();
	struct jval *row = jval_object();
	struct platform host = platform_host();
	struct buf out cleanup_buf = {0}, platform cleanup_buf = {0};

	(void)args;
	platform_print(&host, &platform);
	jval_set_text(row, "Version", COOPER_VERSION);
	jval_set_str(row, "OsArch", buf_view(&platform));
	jval_set_text(row, "Compiler", __VERSION__);
	jval_append(rows, row);
	TRY(template_rows(&list, o->format, rows, cli->arena, &out, e));
	fputs(out.p, stdout);
	return EXIT_OK;
}

const struct command cmd_version = {
    .name = "version",
    .usage = "[OPTIONS]",
    .summary = "Show the version",
    .opts = version_table,
    .opts_size = sizeof(struct version_opts),
    .run = run,
};
