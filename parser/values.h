/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_VALUES_H
#define COOPER_VALUES_H

/*
 * The small value grammars of the language, each a function from expanded text to a value. They look nothing up and keep
 * nothing; strings in results are slices of the input or live in the arena that was given. Failures are ERR_SYNTAX with a
 * text that names the value, without a place: the caller knows the instruction.
 */
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* --chmod: octal 0-7777, or symbolic as in chmod(1) with umask 0: "u=rwX,go=rX". An X looks at the entry's own mode. */
int chmod_apply(struct str spec, uint32_t mode, bool folder, uint32_t *ret, struct err *e);
/* Only the grammar. On request: is it octal, and then which bits. */
int chmod_check(struct str spec, bool *ret_octal, uint32_t *ret_mode, struct err *e);

/* STOPSIGNAL: a name with or without SIG in any case, RTMIN+n, RTMAX-n, or any number but 0. */
int signal_parse(struct str text, int *ret, struct err *e);

/* "64m", "1.5g", "10 MB": binary units b k m g t p, at most INT64_MAX. */
int bytes_parse(struct str text, int64_t *ret, struct err *e);

/* Go durations ("1h30m", "1.5s", "-2us", "0") in nanoseconds, and back as Go prints them ("1m30s"). */
int duration_parse(struct str text, int64_t *ret_ns, struct err *e);
void duration_print(int64_t ns, struct buf *out);

/* Go's ParseBool: 1 t T TRUE true True / 0 f F FALSE false False. */
int bool_parse(struct str text, bool *ret, struct err *e);

/* One CSV record (RFC 4180, lazy quotes off), the form of --mount, --output, --secret: "a,""b,c""" . Empty text fails. */
int csv_parse(struct str text, struct arena *a, struct str **ret, size_t *ret_n, struct err *e);

/* HEALTHCHECK --interval and its like: a duration that is 0 or at least 1 ms. `flag` is the flag's name for the message. */
int health_interval_parse(struct str flag, struct str text, int64_t *ret_ns, struct err *e);
/* HEALTHCHECK --retries: 0 to INT32_MAX. */
int health_retries_parse(struct str text, int *ret, struct err *e);

/* One word of EXPOSE: [ip:][host:]port[-port][/proto]. */
struct port_spec {
	unsigned first, last; /* container ports, inclusive */
	const char *proto;    /* "tcp", "udp" or "sctp" */
	bool host_part;       /* an IP address or host port was written (and is dropped) */
	bool proto_casing;    /* the protocol was not written in lower case */
};
int port_parse(struct str word, struct port_spec *ret, struct err *e);

/* --chown and USER text cut at the first colon; nothing is looked up. A number is decimal and below UINT32_MAX,
 * which means "none" to the kernel. */
struct owner_spec {
	struct str user, group;
	bool has_group;       /* a colon was there */
	bool user_number, group_number;
	uint32_t uid, gid;    /* when they are numbers */
};
void owner_parse(struct str text, struct owner_spec *ret);

#endif
