/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_OUTBOUND_FLAGS_H
#define COOPER_OUTBOUND_FLAGS_H

/* The options of commands that give images away: how layers are compressed. */
#include "builder/cli/cmd.h"
#include "builder/export/outbound.h"

struct outbound_flags {
	const char *compression;
	int64_t level;
	bool force;
};

#define OUTBOUND_ROWS(T, m, standard)                                                                                         \
	OPT_STR(0, "compression", T, m.compression, "KIND", "How layers are compressed: gzip, zstd, uncompressed",             \
	    .otherwise = (standard)),                                                                                         \
	    OPT_STR(0, "compression-format", T, m.compression, "KIND", "The same as --compression", .hidden = true),           \
	    OPT_INT(0, "compression-level", T, m.level, "N", "gzip 0 to 12, zstd 1 to 22", .otherwise = "-1"),                 \
	    OPT_BOOL(0, "force-compression", T, m.force, "Compress layers anew that are compressed in another way")

/* ERR_USAGE. */
int outbound_flags_get(const struct outbound_flags *f, const struct cli *cli, struct outbound_opts *ret, struct err *e);

/* The same as members of a line of key=value fields, of the option `flag`. ERR_USAGE. */
int outbound_field_compression(const char *flag, const char *value, enum compression *ret, struct err *e);
int outbound_field_level(const char *flag, const char *value, int *ret, struct err *e);

#endif
