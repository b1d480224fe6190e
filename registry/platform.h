/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_PLATFORM_H
#define COOPER_PLATFORM_H

/* "os[/arch[/variant]]" (containerd's platforms package): parse, normalise, print, choose. */
#include "base/jval.h"
#include "registry/oci.h"

/* "linux/amd64", "arm64", "linux", "local"; aliases are normalised (x86_64 -> amd64, arm64/v8 -> arm64, arm -> arm/v7). Strings live
 * in the arena. ERR_SYNTAX. */
int platform_parse(struct str text, struct arena *a, struct platform *ret, struct err *e);
struct platform platform_host(void);
void platform_print(const struct platform *p, struct buf *out);
/* As a descriptor has it (OCI image-spec, image-index.md). The caller owns it. */
struct jval *platform_json(const struct platform *p);
bool platform_eq(const struct platform *a, const struct platform *b);
/* The best of an index's manifests for `want`: exact, else a lower variant that it can run (arm/v7 runs v6, v5), else -1. Attestations
 * (unknown/unknown) are never chosen. */
ptrdiff_t platform_choose(const struct image_index *ix, const struct platform *want);

#endif
