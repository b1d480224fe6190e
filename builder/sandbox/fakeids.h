/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_SANDBOX_FAKEIDS_H
#define COOPER_SANDBOX_FAKEIDS_H

/*
 * Users and owners for a user namespace with one id, where the kernel refuses every other: chown and the calls that set
 * and get ids are answered by the builder through a seccomp listener. Processes are told the ids they have set, and
 * keep the rights they have. chown is written down in an extended attribute of the file, "user.cooper.owner" =
 * "UID:GID", for whoever makes a layer of the upper, and stat tells it, so that copies keep their owner. Links and special
 * files cannot have one: see linkowners.h.
 */
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define FAKEIDS_XATTR "user.cooper.owner"

enum owner_call {
	OWNER_PRETEND, /* success, and nothing else */
	OWNER_CHOWN,
	OWNER_LCHOWN,
	OWNER_FCHOWN,
	OWNER_FCHOWNAT,
	OWNER_SETUID,
	OWNER_SETGID,
	OWNER_SETREUID,
	OWNER_SETREGID,
	OWNER_SETRESUID,
	OWNER_SETRESGID,
	OWNER_SETFSUID,
	OWNER_SETFSGID,
	OWNER_SETGROUPS,
	OWNER_GETUID,
	OWNER_GETEUID,
	OWNER_GETGID,
	OWNER_GETEGID,
	OWNER_GETRESUID,
	OWNER_GETRESGID,
	OWNER_GETGROUPS,
	OWNER_STAT, /* from here on: what files belong to */
	OWNER_LSTAT,
	OWNER_FSTAT,
	OWNER_NEWFSTATAT,
	OWNER_STATX,
	OWNER_OPEN, /* calls that make files */
	OWNER_OPENAT,
	OWNER_CREAT,
	OWNER_MKDIR,
	OWNER_MKDIRAT,
	OWNER_MKNOD,
	OWNER_MKNODAT,
	OWNER_SYMLINK,
	OWNER_SYMLINKAT,
	OWNER_EXECVE, /* and from here on: what is started, and whose rights it takes on */
	OWNER_EXECVEAT,
	OWNER_EXIT,
};
/* seccomp.c: the call behind a notification. */
enum owner_call seccomp_owner_call(uint32_t arch, uint32_t nr);

struct linkowners;
struct sandbox_run;
struct owners_step {
	const struct sandbox_run *run;
	struct linkowners *links;
};
/* owners.c: one of the chown calls of process pid; 0 or a negative errno. */
int owners_answer(const struct owners_step *s, pid_t pid, enum owner_call call, const unsigned long long *args);
/* owners.c: a path in the memory of process pid; the file it means there (O_PATH; flags: AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH); and the
 * owner of a file when the kernel does not know it. */
bool owners_read_path(pid_t pid, uint64_t address, char out[PATH_MAX]);
int owners_open(pid_t pid, int dirfd, const char *path, int flags);
bool owners_get(const struct owners_step *s, pid_t pid, int fd, uint32_t *ret_uid, uint32_t *ret_gid);
/* owners.c: writes down the owner; ids of -1 keep what is there. Negative with errno set. */
int owners_set(const struct owners_step *s, pid_t pid, int fd, uint32_t uid, uint32_t gid);
/* owners.c: writes down whom a file of ours is said to belong to; without effect where the file system cannot. */
void owners_note(int fd, uint32_t uid, uint32_t gid);
/* owners.c: one of the stat calls. True: it is answered, with success. False: the kernel may answer, nothing is known better. */
bool owners_stat(const struct owners_step *s, pid_t pid, enum owner_call call, const unsigned long long *args);

/* owners.c: what program an execve or execveat means: its mode, and its owner as the step sees it. False if it finds none. */
bool owners_program(const struct owners_step *s, pid_t pid, enum owner_call call, const unsigned long long *args, mode_t *ret_mode,
    uint32_t *ret_uid, uint32_t *ret_gid);

/* creations.c: makes a file in the place of a process that has set ids, for the user with these. */
struct creation_call {
	pid_t pid;
	enum owner_call call;
	const unsigned long long *args;
	int listener;
	uint64_t id; /* of the notification */
};
enum creation {
	CREATION_LEFT, /* the kernel may go on */
	CREATION_DONE, /* made: the answer is 0 */
	CREATION_SENT, /* made, and the answer is given */
};
enum creation creations_answer(const struct owners_step *s, const struct creation_call *c, uint32_t uid, uint32_t gid);

struct job;
struct err;
/* Makes the way for the listener when this machine needs it. */
int fakeids_prepare(struct job *j, struct err *e);
/* After the start: takes the listener, if there is one. */
void fakeids_take(struct job *j);
/* Answers one question; called when the listener is readable. */
void fakeids_serve(struct job *j);
struct sandbox_result;
void fakeids_result(struct job *j, struct sandbox_result *ret);
void fakeids_done(struct job *j);

#endif
