/* SPDX-License-Identifier: Apache-2.0 */
/* A short list is enough: a build has a handful of places. */
#include "builder/ops/origin.h"

#include <fcntl.h>

#include "base/fs.h"
#include "registry/layout.h"
#include "registry/remote.h"

struct origin_place {
	struct origin_place *next;
	char *origin;
	struct blobs *blobs; /* of a folder */
	struct place *place;
};

void origins_init(struct origins *o, struct ops_env *env, const struct cancel *cancel)
{
	*o = (struct origins){.env = env, .cancel = cancel, .lock = PTHREAD_MUTEX_INITIALIZER};
}

static void place_done(struct origin_place *p)
{
	place_close(p->place);
	if (p->blobs)
		blobs_close(p->blobs);
	mem_free(p->origin);
	mem_free(p);
}

void origins_done(struct origins *o)
{
	for (struct origin_place *p = o->first, *next; p; p = next) {
		next = p->next;
		place_done(p);
	}
	o->first = NULL;
}

static int open_folder(const char *path, struct origin_place *p, struct err *e)
{
	cleanup_close int dir = -1;
	TRY(fs_open_dir(AT_FDCWD, path, &dir, e));
	TRY(blobs_open(dir, false, &p->blobs, e));
	return layout_open(dir, p->blobs, false, false, &p->place, e);
}

static bool insecure(const struct ops_env *env, const char *origin)
{
	for (size_t i = 0; i < env->ninsecure_repos; i++)
		if (str_eqz(env->insecure_repos[i], origin))
			return true;
	return env->remote.insecure;
}

static int open_repository(struct origins *o, const char *origin, struct origin_place *p, struct err *e)
{
	cleanup_arena struct arena a = {0};
	struct remote_opts ro = o->env->remote;
	struct ref ref;
	ro.insecure = insecure(o->env, origin);
	ro.cancel = o->cancel;
	TRY(ref_parse(str_of(origin), &a, &ref, e));
	return remote_open(&ref, &ro, &p->place, e);
}

static int get_locked(struct origins *o, const char *origin, struct place **ret, struct err *e)
{
	static const char folder[] = "oci-layout://";
	for (struct origin_place *p = o->first; p; p = p->next) {
		if (strcmp(p->origin, origin) == 0) {
			*ret = p->place;
			return 0;
		}
	}
	struct origin_place *p = mem_new(sizeof(*p));
	p->origin = mem_strdup(origin);
	int rc = strncmp(origin, folder, strlen(folder)) == 0 ? open_folder(origin + strlen(folder), p, e) : open_repository(o, origin, p, e);
	if (rc < 0) {
		place_done(p);
		return rc;
	}
	p->next = o->first;
	o->first = p;
	*ret = p->place;
	return 0;
}

int origins_get(struct origins *o, const char *origin, struct place **ret, struct err *e)
{
	pthread_mutex_lock(&o->lock);
	int rc = get_locked(o, origin, ret, e);
	pthread_mutex_unlock(&o->lock);
	return rc;
}
