/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_OPT_H
#define COOPER_OPT_H

/*
 * Command-line options as a table: one row an option. The same row parses it, and prints it in --help, in the man page and in
 * the shells' completions. The grammar is the one that users of docker and podman have in their fingers:
 *
 *	--tag app   --tag=app   -t app   -tapp   -t=app   -qt app      values may stand apart, joined or behind '='
 *	--quiet     --quiet=false                                      switches take a value only behind '=' (Go's ParseBool words)
 *	--pull      --pull=always                                      optional values too
 *	build . -t app     build -- -odd-name                          options may follow arguments; "--" ends them
 *
 * Names are never abbreviated. A table lives in constant memory and says where in a command's struct each value goes:
 *
 *	struct tag_opts { bool force; const char *format; struct opt_list filters; };
 *	static const struct opt tag_table[] = {
 *		OPT_BOOL('f', "force", struct tag_opts, force, "Do it anyway"),
 *		OPT_STR(0, "format", struct tag_opts, format, "TEMPLATE", "Print through a template", .otherwise = "table"),
 *		OPT_LIST('f', "filter", struct tag_opts, filters, "KEY=VALUE", "Only images that match"),
 *		OPT_END
 *	};
 *
 * The struct starts zeroed; `.otherwise` gives another beginning. A wrong type of member does not compile.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

enum opt_kind {
	OPT_KIND_END,
	OPT_KIND_GROUP,  /* a heading in --help */
	OPT_KIND_BOOL,   /* bool */
	OPT_KIND_STR,    /* const char *: NULL when not given */
	OPT_KIND_INT,    /* int64_t */
	OPT_KIND_BYTES,  /* uint64_t: 10, 64m, 1.5g (binary units, as docker has for sizes of memory) */
	OPT_KIND_LIST,   /* struct opt_list: one value an occurrence, commas kept */
	OPT_KIND_CSV,    /* struct opt_list: split at commas too */
	OPT_KIND_MAYBE,  /* const char *: value only behind '=', `bare` without */
	OPT_KIND_CALL,   /* a function of the command's own */
	OPT_KIND_IGNORED,      /* accepted for compatibility, takes a value */
	OPT_KIND_IGNORED_BOOL, /* accepted for compatibility, a switch */
};

struct opt_list {
	const char **v; /* strings live in argv or in the parser's arena */
	size_t n, cap;
};
void opt_list_add(struct arena *a, struct opt_list *l, const char *value);

/* Takes a value; `opts` is the command's struct. Errors: ERR_USAGE, saying only what is wrong with the value. */
typedef int opt_call(void *opts, struct arena *a, const char *value, struct err *e);

struct opt {
	enum opt_kind kind;
	char letter;            /* 0 = none */
	const char *name;       /* without "--"; of a group its heading */
	size_t at;              /* offset in the command's struct */
	const char *value;      /* placeholder: "NAME[:TAG]" */
	const char *help;       /* one sentence, no full stop */
	const char *bare;       /* MAYBE: the value when there is none */
	const char *otherwise;  /* initial value, as text; shown as the default */
	const char *env;        /* environment variable that is asked when the option is not given */
	const char *const *words; /* NULL-ended: the only values that are taken (STR, MAYBE); also for completion */
	opt_call *call;
	bool flip;              /* BOOL: stores the opposite ("--tls-verify" into `insecure`) */
	bool hidden;            /* not in --help */
	bool files, folders;    /* for completion: the value is a path */
};

#define OPT_AT_(T, m, ctype) \
	(offsetof(T, m) + 0 * sizeof(char[__builtin_types_compatible_p(__typeof__(((T *)0)->m), ctype) ? 1 : -1]))
#define OPT_ROW_(k, l, n, T, m, ctype, v, h, ...) \
	{.kind = (k), .letter = (l), .name = (n), .at = OPT_AT_(T, m, ctype), .value = (v), .help = (h), __VA_ARGS__}

#define OPT_GROUP(title)                     {.kind = OPT_KIND_GROUP, .name = (title)}
#define OPT_BOOL(l, n, T, m, h, ...)         OPT_ROW_(OPT_KIND_BOOL, l, n, T, m, bool, NULL, h, __VA_ARGS__)
#define OPT_STR(l, n, T, m, v, h, ...)       OPT_ROW_(OPT_KIND_STR, l, n, T, m, const char *, v, h, __VA_ARGS__)
#define OPT_INT(l, n, T, m, v, h, ...)       OPT_ROW_(OPT_KIND_INT, l, n, T, m, int64_t, v, h, __VA_ARGS__)
#define OPT_BYTES(l, n, T, m, v, h, ...)     OPT_ROW_(OPT_KIND_BYTES, l, n, T, m, uint64_t, v, h, __VA_ARGS__)
#define OPT_LIST(l, n, T, m, v, h, ...)      OPT_ROW_(OPT_KIND_LIST, l, n, T, m, struct opt_list, v, h, __VA_ARGS__)
#define OPT_CSV(l, n, T, m, v, h, ...)       OPT_ROW_(OPT_KIND_CSV, l, n, T, m, struct opt_list, v, h, __VA_ARGS__)
#define OPT_MAYBE(l, n, T, m, v, b, h, ...)  OPT_ROW_(OPT_KIND_MAYBE, l, n, T, m, const char *, v, h, .bare = (b), __VA_ARGS__)
#define OPT_CALL(l, n, fn, v, h, ...)        {.kind = OPT_KIND_CALL, .letter = (l), .name = (n), .call = (fn), .value = (v), .help = (h), __VA_ARGS__}
#define OPT_IGNORED(l, n)                    {.kind = OPT_KIND_IGNORED, .letter = (l), .name = (n), .hidden = true}
#define OPT_IGNORED_BOOL(l, n)               {.kind = OPT_KIND_IGNORED_BOOL, .letter = (l), .name = (n), .hidden = true}
#define OPT_END                              {.kind = OPT_KIND_END}

/* A table and the struct that it fills. */
struct opt_set {
	const struct opt *opts;
	void *into;
};

struct opt_args { /* what is no option, in order */
	char **v;       /* NULL-ended */
	int n;
};

/*
 * Parses argv[0..argc-1] (without the program's name). Sets are asked in order, so an earlier one wins. `stop`: the first
 * argument ends the options (it and the rest are in ret). Given values are borrowed from argv. ERR_USAGE.
 */
int opt_parse(const struct opt_set *sets, size_t nsets, int argc, char **argv, bool stop, struct arena *a, struct opt_args *ret,
	struct err *e);

/* Go's ParseBool: 1 t T TRUE true True 0 f F FALSE false False. */
bool opt_parse_bool(const char *text, bool *ret);
/* "10", "64k", "1.5gb", "2MiB": binary multiples. */
bool opt_parse_bytes(const char *text, uint64_t *ret);
/* RFC 4180-like line of key=value fields, as --secret, -o and --cache-to take it: keys lower-cased into *ret_key, a field without
 * '=' gives value NULL. *rest starts as the whole text; false at its end. ERR_USAGE for a bad quote is reported as negative;
 * 1 for a field, 0 at the end. Strings in `a`. */
int opt_csv_next(const char **rest, struct arena *a, const char **ret_key, const char **ret_value, struct err *e);

/* The table for people (`width` columns; hidden rows left out) and for scdoc. */
void opt_print_help(const struct opt *opts, unsigned width, struct buf *out);
void opt_print_scdoc(const struct opt *opts, struct buf *out);
/* Breaks words into lines of at most `width` columns, each but the first indented; no newline at the end. */
void opt_wrap(const char *text, unsigned indent, unsigned width, struct buf *out);

#endif
