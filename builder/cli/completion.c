/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One script a shell, with everything in it: completing starts the program only for the names of images. Rows without help are
 * there for compatibility and are not offered.
 */
#include "builder/cli/completion.h"

static const char image_names[] = "cooper images --format '{{.Repository}}:{{.Tag}}' 2>/dev/null | grep -v '<none>'";

static bool offered(const struct opt *o)
{
	return o->kind != OPT_KIND_GROUP && o->name && o->help && !o->hidden;
}

static bool takes_value(const struct opt *o)
{
	return o->kind != OPT_KIND_BOOL && o->kind != OPT_KIND_MAYBE;
}

static const struct opt *opts_of(const struct command *c)
{
	static const struct opt none[] = {OPT_END};

	return c->opts ? c->opts : none;
}

/* --- bash --- */

static void bash_names(const struct opt *opts, struct buf *out)
{
	for (const struct opt *o = opts; o->kind != OPT_KIND_END; o++) {
		if (!offered(o))
			continue;
		buf_printf(out, " --%s%s", o->name, o->kind == OPT_KIND_MAYBE ? "=" : "");
		if (o->letter)
			buf_printf(out, " -%c", o->letter);
	}
}

static void bash_value(const struct command *c, const struct opt *o, struct buf *out)
{
	buf_printf(out, "\t'%s --%s'", c->name, o->name);
	if (o->letter)
		buf_printf(out, "|'%s -%c'", c->name, o->letter);
	buf_puts(out, ") ");
	if (o->words) {
		buf_puts(out, "COMPREPLY=($(compgen -W '");
		for (const char *const *w = o->words; *w; w++)
			buf_printf(out, "%s%s", w == o->words ? "" : " ", *w);
		buf_puts(out, "' -- \"$cur\"))");
	} else {
		buf_printf(out, "COMPREPLY=($(compgen -%c -- \"$cur\"))", o->folders ? 'd' : 'f');
	}
	buf_puts(out, "; return ;;\n");
}

void completion_bash(struct buf *out)
{
	buf_puts(out, "# bash completion for cooper\n_cooper()\n{\n"
	              "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} cmd= opts= images= i\n"
	              "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	              "\t\tcase ${COMP_WORDS[i]} in\n\t\t--root) ((i++)) ;;\n\t\t-*) ;;\n\t\t*) cmd=${COMP_WORDS[i]}; "
	              "break ;;\n\t\tesac\n"
	              "\tdone\n\tcase $cmd in\n\t'') opts='");
	bash_names(global_table, out);
	buf_puts(out, "' ;;\n");
	for (const struct command *const *c = commands; *c; c++) {
		if ((*c)->hidden)
			continue;
		buf_printf(out, "\t%s)%s opts='", (*c)->name, (*c)->images ? " images=1" : "");
		bash_names(opts_of(*c), out);
		buf_puts(out, "' ;;\n");
	}
	buf_puts(out, "\tesac\n\tcase \"$cmd $prev\" in\n");
	for (const struct command *const *c = commands; *c; c++)
		for (const struct opt *o = opts_of(*c); !(*c)->hidden && o->kind != OPT_KIND_END; o++)
			if (offered(o) && takes_value(o) && (o->words || o->files || o->folders))
				bash_value(*c, o, out);
	buf_puts(out, "\tesac\n\tif [[ $cur == -* ]]; then\n\t\tCOMPREPLY=($(compgen -W \"$opts\" -- \"$cur\"))\n"
	              "\t\t[[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace\n\telif [[ -z $cmd ]]; "
	              "then\n\t\tCOMPREPLY=($(compgen -W '");
	for (const struct command *const *c = commands; *c; c++)
		if (!(*c)->hidden)
			buf_printf(out, "%s%s", c == commands ? "" : " ", (*c)->name);
	buf_printf(out,
	    "' -- \"$cur\"))\n\telif [[ -n $images ]]; then\n\t\tCOMPREPLY=($(compgen -W \"$(%s)\" -- \"$cur\"))\n"
	    "\t\tdeclare -F __ltrim_colon_completions >/dev/null && __ltrim_colon_completions \"$cur\"\n"
	    "\telse\n\t\tCOMPREPLY=($(compgen -f -- \"$cur\"))\n\tfi\n\treturn 0\n}\ncomplete -o filenames -F _cooper "
	    "cooper\n",
	    image_names);
}

/* --- zsh --- */

/* A specification of _arguments is in single quotes; '[', ']', ':' and quotes in it have a meaning. */
static void zsh_text(const char *s, struct buf *out)
{
	for (; *s; s++) {
		if (*s == '\'')
			buf_puts(out, "'\\''");
		else if (strchr("[]:\\", *s))
			buf_printf(out, "\\%c", *s);
		else
			buf_putc(out, *s);
	}
}

static void zsh_action(const struct opt *o, struct buf *out)
{
	if (!takes_value(o))
		return;
	buf_putc(out, ':');
	zsh_text(o->value ? o->value : "value", out);
	buf_putc(out, ':');
	if (o->words) {
		buf_putc(out, '(');
		for (const char *const *w = o->words; *w; w++)
			buf_printf(out, "%s%s", w == o->words ? "" : " ", *w);
		buf_putc(out, ')');
	} else if (o->folders) {
		buf_puts(out, "_files -/");
	} else if (o->files) {
		buf_puts(out, "_files");
	}
}

static void zsh_opts(const struct opt *opts, struct buf *out)
{
	for (const struct opt *o = opts; o->kind != OPT_KIND_END; o++) {
		const char *many = o->kind == OPT_KIND_LIST || o->kind == OPT_KIND_CSV ? "*" : "";

		if (!offered(o))
			continue;
		for (int letter = 0; letter < (o->letter ? 2 : 1); letter++) {
			if (letter)
				buf_printf(out, " \\\n\t\t\t'%s-%c%s[", many, o->letter, takes_value(o) ? "+" : "");
			else
				buf_printf(out, " \\\n\t\t\t'%s--%s%s[", many, o->name,
				    takes_value(o)              ? "="
				    : o->kind == OPT_KIND_MAYBE ? "=-"
				                                : "");
			zsh_text(o->help, out);
			buf_putc(out, ']');
			if (o->kind == OPT_KIND_MAYBE)
				buf_puts(out, "::value:");
			zsh_action(o, out);
			buf_putc(out, '\'');
		}
	}
}

void completion_zsh(struct buf *out)
{
	buf_printf(out,
	    "#compdef cooper\n_cooper_images()\n{\n\tlocal -a names\n\tnames=(${(f)\"$(%s)\"})\n\tcompadd -a names\n}\n"
	    "_cooper()\n{\n\tlocal state line\n\tlocal -a cmds\n\tcmds=(\n",
	    image_names);
	for (const struct command *const *c = commands; *c; c++) {
		if ((*c)->hidden)
			continue;
		buf_printf(out, "\t\t'%s:", (*c)->name);
		zsh_text((*c)->summary, out);
		buf_puts(out, "'\n");
	}
	buf_puts(out, "\t)\n\t_arguments -C");
	zsh_opts(global_table, out);
	buf_puts(out, " \\\n\t\t'1:command:->command' '*::argument:->argument'\n\tcase $state in\n"
	              "\tcommand) _describe command cmds ;;\n\targument)\n\t\tcase $line[1] in\n");
	for (const struct command *const *c = commands; *c; c++) {
		if ((*c)->hidden)
			continue;
		buf_printf(out, "\t\t%s) _arguments", (*c)->name);
		zsh_opts(opts_of(*c), out);
		buf_printf(out, " '*:argument:%s' ;;\n", (*c)->images ? "_cooper_images" : "_files");
	}
	buf_puts(out, "\t\tesac ;;\n\tesac\n}\ncompdef _cooper cooper\n");
}

/* --- fish --- */

static void fish_text(const char *s, struct buf *out)
{
	buf_putc(out, '\'');
	for (; *s; s++) {
		if (*s == '\'' || *s == '\\')
			buf_putc(out, '\\');
		buf_putc(out, *s);
	}
	buf_putc(out, '\'');
}

static void fish_opts(const char *condition, const struct opt *opts, struct buf *out)
{
	for (const struct opt *o = opts; o->kind != OPT_KIND_END; o++) {
		if (!offered(o))
			continue;
		buf_printf(out, "complete -c cooper%s -l %s", condition, o->name);
		if (o->letter)
			buf_printf(out, " -s %c", o->letter);
		if (takes_value(o))
			buf_puts(out, " -r");
		if (o->words) {
			buf_puts(out, " -f -a '");
			for (const char *const *w = o->words; *w; w++)
				buf_printf(out, "%s%s", w == o->words ? "" : " ", *w);
			buf_putc(out, '\'');
		} else if (o->files || o->folders) {
			buf_puts(out, " -F");
		}
		buf_puts(out, " -d ");
		fish_text(o->help, out);
		buf_putc(out, '\n');
	}
}

void completion_fish(struct buf *out)
{
	buf_puts(out, "# fish completion for cooper\n");
	fish_opts("", global_table, out);
	for (const struct command *const *c = commands; *c; c++) {
		struct buf condition cleanup_buf = {0};

		if ((*c)->hidden)
			continue;
		buf_printf(out, "complete -c cooper -n __fish_use_subcommand -f -a %s -d ", (*c)->name);
		fish_text((*c)->summary, out);
		buf_putc(out, '\n');
		buf_printf(&condition, " -n '__fish_seen_subcommand_from %s'", (*c)->name);
		if ((*c)->images)
			buf_printf(out, "complete -c cooper%s -f -a \"(%s)\"\n", condition.p, image_names);
		fish_opts(condition.p, opts_of(*c), out);
	}
}
