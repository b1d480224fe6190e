/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places are tried in turn, and the first that has a usable module wins: a stale one beside the program does not hide a good one. The
 * build's folder counts for programs inside of it alone (tests): an installed one must not load code from where some build once was,
 * which may be anybody's folder today.
 */
#include "base/module.h"

#include <dlfcn.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

#ifndef COOPER_LIBDIR
#define COOPER_LIBDIR "/usr/lib/cooper"
#endif
#ifndef COOPER_BUILD_ROOT
#define COOPER_BUILD_ROOT "/nowhere"
#endif

/* NULL when there is none in the folder, or none that can be used; then *e says why. */
static const void *load_from(const char *dir, const char *name, const char *symbol, unsigned version, struct err *e)
{
	cleanup_free char *path = mem_printf("%s/%s.so", dir, name);
	if (access(path, F_OK) < 0)
		return NULL;
	void *so = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	const unsigned *object = so ? dlsym(so, symbol) : NULL;
	if (object && *object == version)
		return object;
	const char *why = object ? NULL : dlerror();
	err_set(e, ERR_UNSUPPORTED, "%s: %s", path, why ? why : "of another version");
	return NULL;
}

/* The folder of this program; "" when it cannot be told. */
static char *own_folder(void)
{
	char *path = mem_array(PATH_MAX, 1);
	ssize_t len = readlink("/proc/self/exe", path, PATH_MAX - 1);
	char *slash = len > 0 ? strrchr(path, '/') : NULL;
	*(slash ? slash : path) = '\0';
	return path;
}

int module_load(const char *folder, const char *name, const char *symbol, unsigned version, const void **ret, struct err *e)
{
	cleanup_free char *own = own_folder(), *lib = mem_printf("%s/../lib/cooper", own);
	cleanup_free char *built = mem_printf("%s/%s", COOPER_BUILD_ROOT, folder);
	bool of_build = strncmp(own, COOPER_BUILD_ROOT "/", strlen(COOPER_BUILD_ROOT "/")) == 0;
	const char *const places[] = {*own ? own : NULL, *own ? lib : NULL, COOPER_LIBDIR, of_build ? built : NULL};
	const void *object = NULL;
	err_set(e, ERR_UNSUPPORTED, "%s.so is not there", name);
	for (size_t i = 0; i < ARRAY_LEN(places) && !object; i++)
		if (places[i])
			object = load_from(places[i], name, symbol, version, e);
	if (!object)
		return -(int)e->code;
	*ret = object;
	return 0;
}
