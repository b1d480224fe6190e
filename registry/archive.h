/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_ARCHIVE_H
#define COOPER_ARCHIVE_H

/*
 * Images as one tar: OCI layout, docker's (`manifest.json`), or both at once ("hybrid", what we write: every loader takes it).
 * Written with sorted names, owner 0, time 0, so that equal images give equal archives.
 */
#include "registry/place.h"

struct archive_image {
	struct descriptor descriptor; /* of its manifest, or of an index when !docker */
	const struct str *names;      /* full references, may be empty */
	size_t nnames;
};
struct archive_opts {
	bool docker;                  /* add manifest.json (needs plain manifests) */
	bool folder;                  /* unpacked: a layout folder instead of a tar (dest is made) */
};
/* Writes images of `from` into the sink (or, for folders, dirfd). */
int archive_write(struct place *from, const struct archive_image *images, size_t n, const struct archive_opts *o, struct sink *out,
	int dirfd, struct err *e);

/* Loads an archive (tar, also gzip/zstd compressed as a whole; docker, OCI or hybrid) or a layout folder into the store's layout.
 * Calls `loaded` for each image with its name (empty: none) and descriptor. Layers that are not compressed stay as they are. */
int archive_load(int fd, bool is_folder, struct place *store_layout, struct blobs *blobs,
	void (*loaded)(void *arg, struct str name, const struct descriptor *d), void *arg, struct err *e);

#endif
