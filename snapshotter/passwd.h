/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_PASSWD_H
#define COOPER_PASSWD_H

/* /etc/passwd and /etc/group of an image, read as text by our own code (never through NSS), at most 10 MiB, regular files only. */
#include "snapshotter/store.h"
#include "snapshotter/view.h"

struct passwd_user {
	uint32_t uid, gid;
	uint32_t *groups;   /* supplementary; mem_free */
	size_t ngroups;
	char *home;         /* NULL when the user has no entry; mem_free */
};
void passwd_user_done(struct passwd_user *u);

/* Reads both files of a tree (layers bottom first, folders present); a missing file is empty. ERR_CORRUPT: no regular file;
 * ERR_LIMIT: too large. */
struct passwd;
int passwd_read(struct store *s, const struct digest *layers, size_t n, struct passwd **ret, struct err *e);
/* From text, copied. Lines that are no entries (too few fields, ids that are no numbers) are skipped. */
struct passwd *passwd_parse(struct str passwd_text, struct str group_text);
void passwd_free(struct passwd *p);
static inline void passwd_cleanup(struct passwd **p)
{
	passwd_free(*p);
}
#define cleanup_passwd __attribute__((cleanup(passwd_cleanup)))

/* For RUN: USER "name|uid[:group|gid]"; "" is root. ERR_NOT_FOUND: 'unable to find user x: no matching entries in passwd file'. */
int passwd_run_user(const struct passwd *p, struct str spec, struct passwd_user *ret, struct err *e);
/* For COPY --chown: number without group: gid = the number; name: its passwd gid; "user:" gid 0; ":group" uid 0. Unknown names:
 * ERR_NOT_FOUND. */
int passwd_chown(const struct passwd *p, struct str spec, uint32_t *ret_uid, uint32_t *ret_gid, struct err *e);

#endif
