/* SPDX-License-Identifier: Apache-2.0 */
/* The table of commands. A new command is a file and a line here. */
#include "builder/cli/cmd.h"

extern const struct command cmd_build, cmd_buildx, cmd_completion, cmd_du, cmd_help, cmd_history, cmd_images, cmd_import, cmd_info,
    cmd_inspect, cmd_load, cmd_login, cmd_logout, cmd_prune, cmd_pull, cmd_push, cmd_rmi, cmd_save, cmd_show, cmd_tag,
    cmd_version;

const struct command *const commands[] = {
    &cmd_build,
    &cmd_images,
    &cmd_pull,
    &cmd_push,
    &cmd_login,
    &cmd_logout,
    &cmd_tag,
    &cmd_rmi,
    &cmd_inspect,
    &cmd_history,
    &cmd_import,
    &cmd_save,
    &cmd_load,
    &cmd_prune,
    &cmd_du,
    &cmd_info,
    &cmd_version,
    &cmd_show,
    &cmd_buildx,
    &cmd_completion,
    &cmd_help,
    NULL,
};

const struct command_alias command_aliases[] = {
    {"image ls", "images"},
    {"image list", "images"},
    {"image rm", "rmi"},
    {"image build", "build"},
    {"image history", "history"},
    {"image import", "import"},
    {"image inspect", "inspect"},
    {"image load", "load"},
    {"image prune", "prune"},
    {"image pull", "pull"},
    {"image push", "push"},
    {"image save", "save"},
    {"image tag", "tag"},
    {"buildx build", "build"},
    {"buildx du", "du"},
    {"buildx prune", "prune"},
    {"buildx version", "version"},
    {"builder build", "build"},
    {"builder du", "du"},
    {"builder prune", "prune"},
    {"system prune", "prune"},
    {"system df", "du"},
    {"system info", "info"},
    {"bud", "build"},
    {NULL, NULL},
};

const struct opt global_table[] = {
    OPT_STR(0, "root", struct global_opts, root, "DIR",
        "Folder of the store; without it $COOPER_ROOT, then /var/lib/cooper (root) or $XDG_DATA_HOME/cooper",
        .folders = true),
    OPT_BOOL('D', "debug", struct global_opts, debug, "Say more about what happens"),
    OPT_BOOL('h', "help", struct global_opts, help, "Show this help"),
    OPT_BOOL('v', "version", struct global_opts, version, "Show the version"),
    OPT_END,
};

const struct command *command_by_name(const char *name)
{
	for (const struct command *const *c = commands; *c; c++)
		if (strcmp((*c)->name, name) == 0)
			return *c;
	return NULL;
}

/* How many of argv's words the alias is, or 0. */
static int alias_words(const char *alias, int argc, char **argv)
{
	struct str rest = str_of(alias), word;
	int n = 0;

	while (str_split(&rest, ' ', &word)) {
		if (n >= argc || !str_eqz(word, argv[n]))
			return 0;
		n++;
	}
	return n;
}

const struct command *command_find(int argc, char **argv, int *ret_words)
{
	for (const struct command_alias *a = command_aliases; a->words; a++) {
		int n = alias_words(a->words, argc, argv);

		if (n) {
			*ret_words = n;
			return command_by_name(a->name);
		}
	}
	*ret_words = 1;
	return argc > 0 ? command_by_name(argv[0]) : NULL;
}
