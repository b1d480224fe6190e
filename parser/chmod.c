/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --chmod: octal digits, or symbolic clauses "who op perms" as in chmod(1), with umask 0. The symbolic form is walked
 * from left to right against the mode it is applied to; checking the grammar is the same walk against any mode.
 *
 * Rules that are easily got wrong (the reference implementation's, which are BSD's): "=" clears the set-id bit of those
 * it names but never the sticky bit; s and t mean nothing for "o" alone; copying ("g=u") touches only rwx; X asks the
 * mode before the first clause.
 */
#include "parser/values.h"

enum { ALL_RWX = 0777, SETID = 06000, STICKY = 01000, OTHERS = 0007 };

static int bad(struct str spec, struct err *e)
{
	return err_set(e, ERR_SYNTAX,
	    "invalid chmod parameter: '%.*s'. it should be octal string and between 0 and 07777, or symbolic like "
	    "u=rwX,go=rX",
	    STR_ARG(spec));
}

static bool octal_form(struct str spec)
{
	return spec.len && spec.p[0] >= '0' && spec.p[0] <= '9';
}

static int octal(struct str spec, uint32_t *ret, struct err *e)
{
	uint32_t v = 0;
	for (size_t i = 0; i < spec.len; i++) {
		if (spec.p[i] < '0' || spec.p[i] > '7' || v > 07777)
			return bad(spec, e);
		v = v * 8 + (uint32_t)(spec.p[i] - '0');
	}
	if (v > 07777)
		return bad(spec, e);
	*ret = v;
	return 0;
}

/* The rwx triple that a letter u, g, o copies, spread over all three places. */
static uint32_t spread(uint32_t mode, char from)
{
	uint32_t bits = (from == 'u' ? mode >> 6 : from == 'g' ? mode >> 3 : mode) & 7;
	return bits << 6 | bits << 3 | bits;
}

struct clause {
	uint32_t who;    /* bits this clause may change */
	uint32_t perms;  /* bits named by letters, for everybody */
	uint32_t copied; /* bits taken over from u, g or o, for everybody */
	bool named, copies;
};

/* Letters behind an operator. X is for folders and for what is executable for anybody already. */
static size_t perms(struct str spec, size_t i, uint32_t mode, bool exec, struct clause *c)
{
	bool special = (c->who & ~(uint32_t)OTHERS) != 0;
	c->perms = c->copied = 0;
	c->named = c->copies = false;
	c->who &= ~(uint32_t)STICKY;
	for (; i < spec.len; i++) {
		char ch = spec.p[i];
		if (ch == 'r')
			c->perms |= 0444;
		else if (ch == 'w')
			c->perms |= 0222;
		else if (ch == 'x')
			c->perms |= 0111;
		else if (ch == 'X')
			c->perms |= exec ? 0111 : 0;
		else if (ch == 's')
			c->perms |= special ? SETID : 0;
		else if (ch == 't')
			c->perms |= special ? STICKY : 0;
		else if (ch == 'u' || ch == 'g' || ch == 'o')
			c->copied |= spread(mode, ch);
		else
			break;
		bool copies = ch == 'u' || ch == 'g' || ch == 'o';
		c->copies = c->copies || copies;
		c->named = c->named || !copies;
	}
	c->who |= c->perms & STICKY;
	return i;
}

static uint32_t applied(uint32_t mode, char op, const struct clause *c)
{
	uint32_t bits = (c->perms & c->who) | (c->copied & c->who & ALL_RWX);
	if (op == '+')
		return mode | bits;
	if (op == '-')
		return mode & ~bits;
	uint32_t cleared = c->copies && !c->named ? c->who & ALL_RWX : c->who;
	return (mode & ~cleared) | bits;
}

static size_t who(struct str spec, size_t i, uint32_t *ret)
{
	uint32_t bits = 0;
	for (; i < spec.len; i++) {
		char ch = spec.p[i];
		if (ch == 'u')
			bits |= 04700;
		else if (ch == 'g')
			bits |= 02070;
		else if (ch == 'o')
			bits |= OTHERS;
		else if (ch == 'a')
			bits |= SETID | ALL_RWX;
		else
			break;
	}
	*ret = bits ? bits : SETID | ALL_RWX;
	return i;
}

static bool is_op(struct str spec, size_t i)
{
	return i < spec.len && (spec.p[i] == '+' || spec.p[i] == '-' || spec.p[i] == '=');
}

static int symbolic(struct str spec, uint32_t mode, bool folder, uint32_t *ret, struct err *e)
{
	bool exec = folder || (mode & 0111);
	for (size_t i = 0;; i++) {
		struct clause c = {0};
		i = who(spec, i, &c.who);
		if (!is_op(spec, i))
			return bad(spec, e);
		while (is_op(spec, i)) {
			char op = spec.p[i];
			i = perms(spec, i + 1, mode, exec, &c);
			mode = applied(mode, op, &c);
		}
		if (i == spec.len)
			break;
		if (spec.p[i] != ',')
			return bad(spec, e);
	}
	*ret = mode;
	return 0;
}

int chmod_apply(struct str spec, uint32_t mode, bool folder, uint32_t *ret, struct err *e)
{
	if (octal_form(spec))
		return octal(spec, ret, e);
	return symbolic(spec, mode & 07777, folder, ret, e);
}

int chmod_check(struct str spec, bool *ret_octal, uint32_t *ret_mode, struct err *e)
{
	uint32_t mode = 0;
	TRY(chmod_apply(spec, 0, false, &mode, e));
	if (ret_octal)
		*ret_octal = octal_form(spec);
	if (ret_mode && octal_form(spec))
		*ret_mode = mode;
	return 0;
}
