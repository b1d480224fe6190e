/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_CMD_H
#define COOPER_CMD_H

/*
 * A command: one file `cmd_<name>.c` that exports one `const struct command cmd_<name>`, and one line in commands.c. Help, man
 * page and completion come from this struct and its option table.
 */
#include "base/arena.h"
#include "base/pool.h"
#include "builder/cli/exit.h"
#include "builder/cli/opt.h"

/* What every command is given. */
struct cli {
	const char *root;        /* --root, or NULL */
	bool debug;              /* -D */
	struct cancel *cancel;   /* set by SIGINT, SIGTERM, SIGHUP */
	struct arena *arena;     /* lives until the process ends */
	const struct command *command;
	/* The text that the places of an error belong to: set by the command before it can fail with e->line. */
	const char *file;        /* name for messages; NULL: none */
	struct str text;         /* in the arena */
};

struct command {
	const char *name;
	const char *usage;       /* behind the name: "[OPTIONS] SOURCE TARGET" */
	const char *summary;     /* one sentence without a full stop, for the list of commands */
	const char *details;     /* paragraphs, separated by empty lines; for --help and the man page */
	const char *examples;    /* lines "cooper ...", each may be followed by a line that begins with '#'; NULL: none */
	const struct opt *opts;  /* OPT_END-ended; NULL: none */
	size_t opts_size;        /* of the struct that they fill (zeroed first) */
	int min_args, max_args;  /* max -1: any number */
	bool hidden;             /* not in the list of commands, no man page */
	bool images;             /* completion: arguments are names of local images */
	bool rest;               /* everything behind the first argument is an argument */
	/* Returns an exit code, or a negative error that main shows. `opts` is the filled struct. */
	int (*run)(struct cli *cli, void *opts, const struct opt_args *args, struct err *e);
};

/* All commands in the order of `cooper --help`; NULL-ended. */
extern const struct command *const commands[];
/* The command that argv begins with ("image ls" is two words), or NULL; the number of words that named it. */
const struct command *command_find(int argc, char **argv, int *ret_words);
const struct command *command_by_name(const char *name);
/* The options that every command takes. */
struct global_opts {
	bool help, version, debug;
	const char *root;
};
extern const struct opt global_table[];
/* Second names: "image ls" -> "images". NULL-ended. */
struct command_alias {
	const char *words, *name;
};
extern const struct command_alias command_aliases[];

#endif
