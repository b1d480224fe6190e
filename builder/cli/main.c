/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cooper's entrance: global options, the command's name, the command's options, run, report. Called by the name "build" (an
 * installed link), the command is `build`. The first signal asks the command to stop, the second one ends the process.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "builder/cli/help.h"
#include "builder/cli/report.h"

static struct cancel interrupted; /* written by the signal handler: the reason that it is not on a stack */

static void on_signal(int sig)
{
	static const char show_cursor[] = "\033[?25h\n";

	if (!cancelled(&interrupted)) {
		atomic_store(&interrupted.set, true);
		return;
	}
	if (isatty(STDERR_FILENO) && write(STDERR_FILENO, show_cursor, sizeof(show_cursor) - 1) < 0)
		_exit(128 + sig);
	_exit(128 + sig);
}

/* SA_RESTART is not given: calls that wait come back with EINTR and look at the flag. */
static void catch_signals(void)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction action = {.sa_handler = on_signal}, old;

	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(signals[i], &action, NULL);
}

static int print(struct buf *text)
{
	fputs(text->p, stdout);
	return EXIT_OK;
}

/* Commands of tools that also run containers: their nearest name here would be another thing entirely. */
static bool runs_containers(const char *name)
{
	static const char *const names[] = {"attach", "compose", "container", "cp", "create", "exec", "kill", "logs", "machine", "network",
		"pod", "ps", "restart", "rm", "run", "start", "stats", "stop", "top", "unshare", "volume", "wait"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_eqz(str_of(name), names[i]))
			return true;
	return false;
}

static int unknown_command(const char *name, struct err *e)
{
	const char *names[128];
	const char *near;
	size_t n = 0;

	if (runs_containers(name))
		return err_set(e, ERR_USAGE, "unknown command: %s: cooper builds images and runs no containers ('cooper save IMAGE | podman load' "
			"hands an image on); 'cooper --help' lists the commands", name);
	for (const struct command *const *c = commands; *c && n < ARRAY_LEN(names); c++)
		names[n++] = (*c)->name;
	near = str_suggest(str_of(name), names, n);
	err_set(e, ERR_USAGE, "unknown command: %s", name);
	if (near)
		err_append(e, " (did you mean %s?)", near);
	return err_append(e, "; 'cooper --help' lists them");
}

static int check_count(const struct command *c, const struct opt_args *args, struct err *e)
{
	if (args->n >= c->min_args && (c->max_args < 0 || args->n <= c->max_args))
		return 0;
	err_set(e, ERR_USAGE, "%s takes ", c->name);
	if (c->max_args == c->min_args && c->min_args == 0)
		err_append(e, "no arguments");
	else if (c->max_args == c->min_args)
		err_append(e, "%d argument%s", c->min_args, c->min_args == 1 ? "" : "s");
	else if (c->max_args < 0)
		err_append(e, "at least %d argument%s", c->min_args, c->min_args == 1 ? "" : "s");
	else
		err_append(e, "%d to %d arguments", c->min_args, c->max_args);
	return err_append(e, ", not %d: cooper %s %s", args->n, c->name, c->usage);
}

static int run_command(
    struct cli *cli, const struct command *c, struct global_opts *g, int argc, char **argv, struct err *e)
{
	static const struct opt none[] = {OPT_END};
	void *opts = arena_new(cli->arena, c->opts_size ? c->opts_size : 1);
	struct opt_set sets[] = {{c->opts ? c->opts : none, opts}, {global_table, g}};
	struct buf text cleanup_buf = {0};
	struct opt_args args;

	cli->command = c;
	TRY(opt_parse(sets, 2, argc, argv, c->rest, cli->arena, &args, e));
	if (g->help) {
		help_command(c, help_width(STDOUT_FILENO), &text);
		return print(&text);
	}
	cli->root = g->root;
	cli->debug = g->debug;
	if (g->debug)
		log_enable(true);
	TRY(check_count(c, &args, e));
	return c->run(cli, opts, &args, e);
}

static int run(struct cli *cli, int argc, char **argv, struct err *e)
{
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
	const char *self = slash ? slash + 1 : argc > 0 ? argv[0] : "";
	struct global_opts global = {0};
	struct opt_set set = {global_table, &global};
	struct buf text cleanup_buf = {0};
	const struct command *c;
	struct opt_args args;
	int words;

	if (strcmp(self, "build") == 0 && (c = command_by_name("build")))
		return run_command(cli, c, &global, argc - 1, argv + 1, e);
	TRY(opt_parse(&set, 1, argc - 1, argv + 1, true, cli->arena, &args, e));
	if (global.version) {
		buf_puts(&text, "cooper version " COOPER_VERSION "\n");
		return print(&text);
	}
	if (!args.n) {
		help_overview(help_width(STDOUT_FILENO), &text);
		return print(&text);
	}
	c = command_find(args.n, args.v, &words);
	if (!c)
		return unknown_command(args.v[0], e);
	return run_command(cli, c, &global, args.n - words, args.v + words, e);
}

int main(int argc, char **argv)
{
	struct arena arena cleanup_arena = {0};
	struct cli cli = {.cancel = &interrupted, .arena = &arena};
	struct err e = {0};
	int rc;

	if (getenv("COOPER_LOG") && strcmp(getenv("COOPER_LOG"), "debug") == 0)
		log_enable(true);
	catch_signals();
	rc = run(&cli, argc, argv, &e);
	if (rc < 0) {
		if (cancelled(&interrupted) && e.code != ERR_CANCELLED)
			err_set(&e, ERR_CANCELLED, "interrupted");
		report_error(&cli, &e);
		rc = report_exit(&e);
	}
	if (fflush(stdout) != 0 && rc == EXIT_OK)
		rc = EXIT_FAILED;
	return rc;
}
