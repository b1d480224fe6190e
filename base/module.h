/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_MODULE_H
#define COOPER_MODULE_H

/*
 * Modules: shared objects of ours, each with a library that few runs need (cooper-net, cooper-arch, cooper-igzip). They are linked
 * with nothing of ours and export one object, a table of functions that begins with `unsigned version`.
 */
#include "base/err.h"

/* Loads NAME.so, which the build makes in `folder`, and gives what it calls `symbol`. It is sought beside the program, in
 * ../lib/cooper from there, where it was installed, and by programs of the build's folder there; never unloaded, since libraries
 * below it do not like that. ERR_UNSUPPORTED says why there is none. */
int module_load(const char *folder, const char *name, const char *symbol, unsigned version, const void **ret, struct err *e);

#endif
