/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_PLACE_H
#define COOPER_PLACE_H

/*
 * A place where images live: blobs by digest and names that point to manifests. Members: the local store or any OCI layout
 * folder (layout.h), an archive (archive.h), a repository of a registry (remote.h). transfer() copies an image between two.
 */
#include "base/blobs.h"
#include "base/pool.h"
#include "registry/oci.h"

struct place;
struct place_ops {
	/* Name ("app:latest", a tag, or "sha256:...") to the descriptor of its manifest or index. ERR_NOT_FOUND. Strings in `a`. */
	int (*resolve)(struct place *p, struct str name, struct arena *a, struct descriptor *ret, struct err *e);
	/* The bytes of a manifest or index, verified. */
	int (*manifest)(struct place *p, const struct descriptor *d, struct buf *out, struct err *e);
	bool (*has)(struct place *p, const struct descriptor *d);
	/* The bytes of a blob into the sink, verified to the last byte (digest and size). */
	int (*read)(struct place *p, const struct descriptor *d, struct sink *to, struct err *e);
	/* Takes a blob: `from` gives its bytes when it is called (it may be called again for a retry, or never). */
	int (*write)(struct place *p, const struct descriptor *d, int (*from)(void *arg, struct sink *to, struct err *e), void *arg,
		struct err *e);
	/* Stores a manifest or index and, unless the name is empty, points the name to it. */
	int (*put_manifest)(struct place *p, const struct descriptor *d, struct str bytes, struct str name, struct err *e);
	/* A cheaper way to get the blob there (mount from another repository of the registry); true when done. May be NULL. */
	bool (*adopt)(struct place *p, const struct descriptor *d, struct str from_repo);
	/* Takes a blob whose digest is only known when `from`, called once at most, has given its last byte. Nothing is tried again: on
	 * failure the blob is written in the usual way. May be NULL. */
	int (*stream)(struct place *p, int (*from)(void *arg, struct sink *to, struct digest *ret, struct err *e), void *arg, struct err *e);
	void (*close)(struct place *p);
	bool near; /* on this machine: has and manifest cost nothing worth counting */
};
struct place {
	const struct place_ops *ops;
};
static inline void place_close(struct place *p)
{
	if (p)
		p->ops->close(p);
}
static inline void place_cleanup(struct place **p)
{
	place_close(*p);
}
#define cleanup_place __attribute__((cleanup(place_cleanup)))

#endif
