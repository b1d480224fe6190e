/* SPDX-License-Identifier: Apache-2.0 */
/* `cooper info`: what this machine allows, where things are, and what is missing with the command that mends it. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "builder/cli/local.h"
#include "builder/cli/template.h"
#include "builder/sandbox/sandbox.h"

struct info_opts {
	const char *format;
};

static const struct opt info_table[] = {
    OPT_STR('f', "format", struct info_opts, format, "FORMAT", "json, or a template such as '{{.Root}}'"),
    OPT_END,
};

static const char *const modes[] = {
    [SANDBOX_ROOT] = "root",
    [SANDBOX_SUBIDS] = "rootless, with subordinate ids",
    [SANDBOX_SINGLE_ID] = "rootless, with a single id",
    [SANDBOX_UNAVAILABLE] = "RUN is not possible here",
};

static bool in_path(const char *name)
{
	struct str rest = str_of(getenv("PATH")), folder;

	while (str_split(&rest, ':', &folder)) {
		cleanup_free char *path = mem_printf("%.*s/%s", STR_ARG(folder), name);

		if (access(path, X_OK) == 0)
			return true;
	}
	return false;
}

static void put_machine(struct jval *o)
{
	struct platform host = platform_host();
	struct buf platform cleanup_buf = {0};
	struct utsname uts;

	platform_print(&host, &platform);
	jval_set_str(o, "Platform", buf_view(&platform));
	jval_set(o, "NCPU", jval_integer(pool_cores()));
	if (uname(&uts) == 0)
		jval_set_text(o, "KernelVersion", uts.release);
}

static int gather(struct cli *cli, struct jval *o, struct err *e)
{
	struct local l cleanup_local = {0};
	struct buf why cleanup_buf = {0}, limits cleanup_buf = {0}, network cleanup_buf = {0};
	enum sandbox_mode mode = sandbox_mode(&why);
	struct layout_image *images;
	size_t n;

	TRY(local_open(cli, &l, e));
	TRY(layout_list(l.layout, cli->arena, &images, &n, e));
	jval_set_text(o, "Version", COOPER_VERSION);
	jval_set_text(o, "Root", l.store->path);
	jval_set(o, "Images", jval_integer((int64_t)n));
	put_machine(o);
	jval_set_text(o, "Mode", modes[mode]);
	jval_set(o, "Rootless", jval_boolean(mode != SANDBOX_ROOT));
	jval_set(o, "CanRun", jval_boolean(mode != SANDBOX_UNAVAILABLE));
	sandbox_default_network(&network);
	jval_set_str(o, "Network", buf_view(&network));
	sandbox_limits(&limits);
	jval_set_str(o, "Limits", buf_view(&limits));
	jval_set_text(o, "Git", in_path("git") ? "yes" : "not installed: contexts and ADD from git do not work");
	jval_set_str(o, "Details", str_trim(why.p ? buf_view(&why) : STR("")));
	return 0;
}

static int print_line(const char *key, struct jval *value, void *arg)
{
	struct buf text cleanup_buf = {0};

	(void)arg;
	if (strcmp(key, "Details") == 0)
		return 0;
	if (jval_is_string(value))
		buf_puts(&text, jval_text(value));
	else
		jval_print(value, 0, &text);
	printf("%s: %s\n", key, text.p ? text.p : "");
	return 0;
}

static int run(struct cli *cli, void *opts, const struct opt_args *args, struct err *e)
{
	struct jval *o cleanup_jval = jval_object();
	const struct info_opts *io = opts;
	struct buf out cleanup_buf = {0};
	const char *details;

	(void)args;
	TRY(gather(cli, o, e));
	if (!io->format) {
		jval_each(o, print_line, NULL);
		details = jval_get_text(o, "Details");
		if (jval_bool(jval_get(o, "Rootless"), false) && details && *details)
			printf("\n%s\n", details);
		return EXIT_OK;
	}
	if (strcmp(io->format, "json") == 0)
		jval_print(o, 0, &out);
	else
		TRY(template_run(io->format, o, true, &out, e));
	printf("%s\n", out.p ? out.p : "");
	return EXIT_OK;
}

const struct command cmd_info = {
    .name = "info",
    .usage = "[OPTIONS]",
    .summary = "Show what this machine allows and what is missing",
    .opts = info_table,
    .opts_size = sizeof(struct info_opts),
    .run = run,
};
