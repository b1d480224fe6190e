/* SPDX-License-Identifier: Apache-2.0 */
/* `cooper login` and `cooper logout`: credentials are tried at the registry before they are kept where docker and podman look too. */
#include <fcntl.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

#include "base/io.h"
#include "builder/cli/cmd.h"
#include "builder/cli/report.h"
#include "registry/cred.h"
#include "registry/remote.h"

enum { SECRET_MAX = 64 * 1024 };

struct login_opts {
	const char *user, *password, *authfile;
	bool password_stdin, insecure, get_login;
};

#define T struct login_opts
static const struct opt login_table[] = {
    OPT_STR(0, "authfile", T, authfile, "FILE", "Keep the credentials in this file", .files = true),
    OPT_BOOL(0, "get-login", T, get_login, "Print the user that is logged in"),
    OPT_STR('p', "password", T, password, "PASSWORD", "Password; better: --password-stdin"),
    OPT_BOOL(0, "password-stdin", T, password_stdin, "Take the password from standard input"),
    OPT_BOOL(0, "tls-verify", T, insecure, "=false: allow plain HTTP and certificates that nobody knows", .flip = true),
    OPT_STR('u', "username", T, user, "USER", "User name"),
    OPT_END,
};
#undef T

/* "https://registry.example/v1/" -> "registry.example"; Docker Hub has several names. */
static struct str host_of(const char *written)
{
	struct str s = str_of(written ? written : "docker.io");
	ptrdiff_t slash;

	if (str_starts(s, STR("https://")))
		s = str_from(s, 8);
	else if (str_starts(s, STR("http://")))
		s = str_from(s, 7);
	slash = str_find(s, '/');
	if (slash >= 0)
		s = str_sub(s, 0, (size_t)slash);
	if (str_eq(s, STR("index.docker.io")) || str_eq(s, STR("registry-1.docker.io")))
		return STR("docker.io");
	return s;
}

/* Asks on the terminal; the answer is not shown when `hidden`. */
static int ask(struct cli *cli, const char *question, bool hidden, const char **ret, struct err *e)
{
	int tty cleanup_close = open("/dev/tty", O_RDWR | O_CLOEXEC);
	struct termios shown, quiet;
	char answer[1024];
	ssize_t n;

	if (tty < 0)
		return err_set(e, ERR_USAGE, "there is no terminal to ask on: use --username and --password-stdin");
	if (dprintf(tty, "%s: ", question) < 0 || tcgetattr(tty, &shown) < 0)
		return err_sys(e, "terminal");
	quiet = shown;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	if (hidden)
		tcsetattr(tty, TCSAFLUSH, &quiet);
	n = read(tty, answer, sizeof(answer) - 1);
	if (hidden) {
		tcsetattr(tty, TCSAFLUSH, &shown);
		dprintf(tty, "\n");
	}
	if (n < 0)
		return err_set(e, ERR_CANCELLED, "interrupted");
	while (n > 0 && (answer[n - 1] == '\n' || answer[n - 1] == '\r'))
		n--;
	answer[n] = 0;
	*ret = arena_strdup(cli->arena, answer);
	return 0;
}

static int read_password(struct cli *cli, const char **ret, struct err *e)
{
	struct buf text cleanup_buf = {0};

	TRY(io_read_fd(STDIN_FILENO, SECRET_MAX, &text, e));
	while (text.len && (text.p[text.len - 1] == '\n' || text.p[text.len - 1] == '\r'))
		text.p[--text.len] = 0;
	*ret = arena_strdup(cli->arena, text.p ? text.p : "");
	return 0;
}

static int need_credentials(struct cli *cli, struct login_opts *o, struct err *e)
{
	if (o->password_stdin && o->password)
		return err_set(e, ERR_USAGE, "--password and --password-stdin are mutually exclusive");
	if (o->password_stdin && !o->user)
		return err_set(e, ERR_USAGE, "must provide --username with --password-stdin");
	if (o->password)
		report_warning("a password on the command line can be seen by others: use --password-stdin");
	if (!o->user)
		TRY(ask(cli, "Username", false, &o->user, e));
	if (o->password_stdin)
		TRY(read_password(cli, &o->password, e));
	else if (!o->password)
		TRY(ask(cli, "Password", true, &o->password, e));
	return *o->user && *o->password ? 0 : err_set(e, ERR_USAGE, "user name and password must not be empty");
}

static int show_login(struct cli *cli, const struct login_opts *o, struct str host, struct err *e)
{
	struct cred cred = {0};

	TRY(cred_find(host, (struct str){0}, o->authfile, cli->arena, &cred, e));
	if (!cred.user)
		return err_set(e, ERR_NOT_FOUND, "not logged in to %.*s", STR_ARG(host));
	printf("%s\n", cred.user);
	return EXIT_OK;
}

static int login(struct cli *cli, void *opts, const struct opt_args *args, struct err *e)
{
	struct str host = host_of(args->n ? args->v[0] : NULL);
	struct login_opts *o = opts;
	const char *where = NULL;

	if (!host.len)
		return err_set(e, ERR_USAGE, "\"%s\" names no registry", args->v[0]);
	if (o->get_login)
		return show_login(cli, o, host, e);
	TRY(need_credentials(cli, o, e));
	if (remote_check(host, o->user, o->password, o->insecure, e) < 0)
		return err_wrap(e, "login to %.*s", STR_ARG(host));
	TRY(cred_store(host, o->user, o->password, o->authfile, cli->arena, &where, e));
	printf("Login Succeeded\n");
	if (cli->debug && where)
		fprintf(stderr, "credentials are in %s\n", where);
	return EXIT_OK;
}

const struct command cmd_login = {
    .name = "login",
    .usage = "[OPTIONS] [REGISTRY]",
    .summary = "Log in to a registry",
    .details = "Tries the credentials and keeps them in ~/.docker/config.json, or in the credential helper that it "
               "names. Without REGISTRY: "
               "Docker Hub.",
    .examples = "cooper login -u me --password-stdin registry.example < token",
    .opts = login_table,
    .opts_size = sizeof(struct login_opts),
    .max_args = 1,
    .run = login,
};

struct logout_opts {
	const char *authfile;
};

static const struct opt logout_table[] = {
    OPT_STR(0, "authfile", struct logout_opts, authfile, "FILE", "Forget the credentials in this file", .files = true),
    OPT_END,
};

static int logout(struct cli *cli, void *opts, const struct opt_args *args, struct err *e)
{
	struct str host = host_of(args->n ? args->v[0] : NULL);
	const struct logout_opts *o = opts;
	bool was = false;

	(void)cli;
	TRY(cred_erase(host, o->authfile, &was, e));
	printf(was ? "Removing login credentials for %.*s\n" : "Not logged in to %.*s\n", STR_ARG(host));
	return EXIT_OK;
}

const struct command cmd_logout = {
    .name = "logout",
    .usage = "[OPTIONS] [REGISTRY]",
    .summary = "Log out from a registry",
    .opts = logout_table,
    .opts_size = sizeof(struct logout_opts),
    .max_args = 1,
    .run = logout,
};
