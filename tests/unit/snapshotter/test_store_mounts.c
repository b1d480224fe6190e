/* SPDX-License-Identifier: Apache-2.0 */
#include "store_helpers.h"

#include <glob.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

struct mount {
	int dir, lock;
	bool fresh;
};

static struct mount use_mount(struct store *s, enum mount_sharing sharing)
{
	struct err e;
	struct mount m;
	struct digest id = d_of("cache");
	int rc = store_cache_mount(s, &id, "/root/.cache", sharing, NULL, &m.dir, &m.lock, &m.fresh, &e);
	cr_assert_eq(rc, 0, "%s", rc < 0 ? e.text : "");
	return m;
}

static void leave_mount(struct mount *m)
{
	close(m->dir);
	close(m->lock);
}

static ino_t inode(const struct mount *m)
{
	struct stat st;
	cr_assert_eq(fstat(m->dir, &st), 0);
	return st.st_ino;
}

Test(store_mounts, a_cache_mount_is_fresh_until_somebody_says_ready)
{
	struct err e;
	cleanup_tempdir struct tempdir t = tempdir_new();
	cleanup_store struct store *s = open_store(&t);
	struct mount m = use_mount(s, SHARING_SHARED);
	cr_assert(m.fresh);
	leave_mount(&m);
	m = use_mount(s, SHARING_SHARED);
	cr_assert(m.fresh);
	cr_assert_eq(store_cache_mount_ready(s, m.lock, SHARING_SHARED, &e), 0);
	struct mount n = use_mount(s, SHARING_SHARED);
	cr_assert(!n.fresh);
	cr_assert_eq(inode(&m), inode(&n));
	leave_mount(&m);
	leave_mount(&n);
}

Test(store_mounts, a_private_cache_mount_in_use_gives_another_one)
{
	struct err e;
	cleanup_tempdir struct tempdir t = tempdir_new();
	cleanup_store struct store *s = open_store(&t);
	struct mount a = use_mount(s, SHARING_PRIVATE), b = use_mount(s, SHARING_PRIVATE);
	cr_assert_neq(inode(&a), inode(&b));
	ino_t first = inode(&a);
	store_cache_mount_ready(s, a.lock, SHARING_PRIVATE, &e);
	leave_mount(&a);
	a = use_mount(s, SHARING_PRIVATE);
	cr_assert_eq(inode(&a), first);
	cr_assert(!a.fresh);
	leave_mount(&a);
	leave_mount(&b);
}

static void *wait_for_mount(void *arg)
{
	struct mount m = use_mount(arg, SHARING_LOCKED);
	leave_mount(&m);
	return NULL;
}

Test(store_mounts, a_locked_cache_mount_waits)
{
	struct err e;
	pthread_t id;
	cleanup_tempdir struct tempdir t = tempdir_new();
	cleanup_store struct store *s = open_store(&t);
	struct mount m = use_mount(s, SHARING_LOCKED);
	store_cache_mount_ready(s, m.lock, SHARING_LOCKED, &e);
	pthread_create(&id, NULL, wait_for_mount, s);
	usleep(80000);
	cr_assert_neq(pthread_tryjoin_np(id, NULL), 0, "it did not wait");
	leave_mount(&m);
	cr_assert_eq(pthread_join(id, NULL), 0);
}

Test(store_mounts, waiting_for_a_cache_mount_can_be_cancelled)
{
	struct err e;
	struct cancel cancel = {0};
	int dir, lock;
	bool fresh;
	struct digest id = d_of("cache");
	cleanup_tempdir struct tempdir t = tempdir_new();
	cleanup_store struct store *s = open_store(&t);
	struct mount m = use_mount(s, SHARING_LOCKED);
	atomic_store(&cancel.set, true);
	cr_assert_eq(store_cache_mount(s, &id, "x", SHARING_LOCKED, &cancel, &dir, &lock, &fresh, &e),
	    -ERR_CANCELLED); /* the step */
	s->cancel = &cancel;
	cr_assert_eq(store_cache_mount(s, &id, "x", SHARING_LOCKED, NULL, &dir, &lock, &fresh, &e),
	    -ERR_CANCELLED); /* the build */
	leave_mount(&m);
}

/* The lock of the only cache folder of the store. */
static int open_lock_of(const struct tempdir *t)
{
	glob_t found;
	cleanup_free char *pattern = mem_printf("%s/store/mounts/*/lock", t->path);
	cr_assert_eq(glob(pattern, 0, NULL, &found), 0);
	int fd = open(found.gl_pathv[0], O_RDWR | O_CLOEXEC);
	cr_assert_geq(fd, 0);
	globfree(&found);
	return fd;
}

static void *share_mount(void *arg)
{
	struct mount m = use_mount(arg, SHARING_SHARED);
	cr_assert(!m.fresh);
	leave_mount(&m);
	return NULL;
}

/* It found the folder new and wants to fill it; meanwhile the other has done so and keeps the shared lock for its step.
 */
Test(store_mounts, two_that_come_to_a_new_shared_cache_at_once_both_get_it)
{
	pthread_t id;
	cleanup_tempdir struct tempdir t = tempdir_new();
	cleanup_store struct store *s = open_store(&t);
	struct mount m = use_mount(s, SHARING_SHARED);
	leave_mount(&m);
	int other = open_lock_of(&t);
	cr_assert_eq(flock(other, LOCK_SH), 0);
	pthread_create(&id, NULL, share_mount, s);
	usleep(80000);
	cr_assert_neq(pthread_tryjoin_np(id, NULL), 0, "it did not wait while the folder was new");
	cr_assert_eq(pwrite(other, "1", 1, 0), 1);
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 20;
	cr_assert_eq(pthread_timedjoin_np(id, NULL, &until), 0, "it waits for the other to leave");
	close(other);
}
