/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_TEST_SANDBOX_BOX_H
#define COOPER_TEST_SANDBOX_BOX_H

/* A small tree with a static busybox in a temporary folder, and runs in it. */
#include <sys/types.h>

#include "base/buf.h"
#include "builder/sandbox/sandbox.h"

struct box {
	char dir[64];
	int lower, upper, work, src;
	struct buf out, err;
};
/* Fails the test, also from a child that box_as_user made, where Criterion's own assertions mean nothing. */
#define check(condition, ...)                                                                                          \
	do {                                                                                                           \
		if (!(condition))                                                                                      \
			box_fail(__FILE__, __LINE__, #condition " " __VA_ARGS__);                                      \
	} while (0)
void box_fail(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4), noreturn));
/* Text compared line by line in the message. */
#define check_text(got, want) box_text(__FILE__, __LINE__, got, want)
void box_text(const char *file, int line, const char *got, const char *want);
/* Skips the test when busybox or the rights are missing. */
void box_init(struct box *b);
void box_done(struct box *b);
/* An empty upper again. */
void box_fresh_upper(struct box *b);
/* `sh -c script` with the fields of `like` (NULL: defaults: network none). Output goes to b->out and b->err. */
int box_run(
    struct box *b, const char *script, const struct sandbox_run *like, struct sandbox_result *ret, struct err *e);
/* The same, has to work and exit 0; what it wrote to stdout. */
const char *box_sh(struct box *b, const char *script, const struct sandbox_run *like);
void box_write(int dirfd, const char *path, const char *text, mode_t mode);
/* All paths in the upper with one letter for the type, sorted, a line each. */
char *box_upper(struct box *b);
/* How many processes have a mount of this box in their mount namespace. */
size_t box_users(struct box *b);
/* Runs fn in a child as an ordinary user with subordinate ids, in a tree it owns; skips when there is no such user.
 * `ids` false: with a user namespace of one id. */
void box_as_user(void (*fn)(struct box *b), bool ids);

/* Runs fn in a child that is root without the right to mount, as in a container; `masked`: with part of /proc covered.
 */
void box_in_container(void (*fn)(struct box *b), bool masked);

/* A test that has to hold for root and for an ordinary user with subordinate ids: a function of a struct box *b. */
#define BOTH(suite, name)                                                                                              \
	static void name(struct box *b);                                                                               \
	Test(suite, name##_as_root)                                                                                    \
	{                                                                                                              \
		struct box b;                                                                                          \
		box_init(&b);                                                                                          \
		name(&b);                                                                                              \
		box_done(&b);                                                                                          \
	}                                                                                                              \
	Test(suite, name##_as_ordinary_user)                                                                           \
	{                                                                                                              \
		box_as_user(name, true);                                                                               \
	}                                                                                                              \
	static void name(struct box *b)

#endif
