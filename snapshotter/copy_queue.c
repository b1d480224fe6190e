/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of things while a plan is carried out. Without a tar every file is a piece of work of its own. With one, worker
 * threads read files ahead of the thread that writes the tar, at most so many files and bytes; that thread takes them in index
 * order, and passes large files through by itself.
 */
#include <pthread.h>

#include "snapshotter/copy_carry.h"

struct job {
	size_t entry;
	char *data;
	bool done;
};
struct queue {
	struct carry *c;
	struct job *jobs;
	size_t n;
	size_t next;            /* to be started */
	size_t taken;           /* by the tar */
	uint64_t ahead;         /* bytes started and not yet taken */
	bool stop;
	int rc;
	struct err e;
	pthread_mutex_t lock;
	pthread_cond_t moved;   /* the tar took one */
	pthread_cond_t ready;   /* a job is done */
};

static bool large(const struct carry *c, const struct entry *en)
{
	bool inline_file = en->origin >= c->args->nitems && en->origin < c->args->nitems + c->args->ninlines;
	return en->size > CARRY_SMALL && !inline_file;
}

static const struct entry *entry_of(const struct queue *q, size_t job)
{
	return &q->c->plan->index->entries[q->jobs[job].entry];
}

static void queue_done(struct queue *q)
{
	for (size_t i = 0; i < q->n; i++)
		mem_free(q->jobs[i].data);
	mem_free(q->jobs);
	pthread_mutex_destroy(&q->lock);
	pthread_cond_destroy(&q->moved);
	pthread_cond_destroy(&q->ready);
}

static uint64_t weight(const struct queue *q, size_t job)
{
	const struct entry *en = entry_of(q, job);
	return large(q->c, en) ? 0 : en->size;
}

static bool may_start(const struct queue *q)
{
	if (q->next == q->taken)
		return true; /* the tar waits for it */
	return q->next - q->taken < CARRY_AHEAD_FILES && q->ahead + weight(q, q->next) <= CARRY_AHEAD;
}

/* The next job, or q->n when there is none any more. Called with the lock held. */
static size_t start_job(struct queue *q)
{
	while (!q->stop && q->next < q->n && !may_start(q))
		pthread_cond_wait(&q->moved, &q->lock);
	if (q->stop || q->next == q->n)
		return q->n;
	q->ahead += weight(q, q->next);
	return q->next++;
}

static int run_job(struct queue *q, size_t job, struct err *e)
{
	if (cancelled(q->c->args->cancel))
		return err_set(e, ERR_CANCELLED, "cancelled");
	if (large(q->c, entry_of(q, job)))
		return 0;
	return carry_small(q->c, q->jobs[job].entry, true, &q->jobs[job].data, e);
}

static void *worker(void *arg)
{
	struct queue *q = arg;
	pthread_mutex_lock(&q->lock);
	for (size_t job; (job = start_job(q)) < q->n;) {
		struct err e = {0};
		pthread_mutex_unlock(&q->lock);
		int rc = run_job(q, job, &e);
		pthread_mutex_lock(&q->lock);
		if (rc < 0 && !q->stop) {
			q->rc = rc;
			q->e = e;
			q->stop = true;
			pthread_cond_broadcast(&q->moved);
		}
		q->jobs[job].done = true;
		if (job == q->taken || q->stop)
			pthread_cond_signal(&q->ready);
	}
	pthread_mutex_unlock(&q->lock);
	return NULL;
}

/* Waits for the job that is next in the tar. */
static int wait_job(struct queue *q, size_t job, char **ret_data, struct err *e)
{
	int rc = 0;
	pthread_mutex_lock(&q->lock);
	while (!q->jobs[job].done && !q->stop)
		pthread_cond_wait(&q->ready, &q->lock);
	if (q->stop) {
		rc = q->rc;
		*e = q->e;
	}
	*ret_data = steal(&q->jobs[job].data);
	pthread_mutex_unlock(&q->lock);
	return rc;
}

static void took_job(struct queue *q, size_t job)
{
	pthread_mutex_lock(&q->lock);
	q->ahead -= weight(q, job);
	q->taken = job + 1;
	pthread_cond_broadcast(&q->moved);
	pthread_mutex_unlock(&q->lock);
}

static int tar_file(struct queue *q, size_t job, const struct entry *en, struct err *e)
{
	struct carry *c = q->c;
	cleanup_free char *data = NULL;
	TRY(wait_job(q, job, &data, e));
	TRY(tar_write_entry(c->tar, en, e));
	if (large(c, en)) {
		TRY(carry_large(c, q->jobs[job].entry, e));
	} else if (en->size) {
		TRY(tar_write_data(c->tar, data, (size_t)en->size, e));
		TRY(tar_write_pad(c->tar, en->size, e));
	}
	took_job(q, job);
	return 0;
}

static bool is_former(const struct carry *c, size_t i)
{
	return c->former_of && c->former_of[i];
}

static int write_tar(struct queue *q, struct err *e)
{
	const struct index *ix = q->c->plan->index;
	size_t job = 0;
	for (size_t i = 0, next; i < ix->n; i = next) {
		next = i + 1;
		if (is_former(q->c, i))
			TRY(carry_former_span(q->c, i, &next, e));
		else if (ix->entries[i].type == ENTRY_FILE)
			TRY(tar_file(q, job++, &ix->entries[i], e));
		else
			TRY(tar_write_entry(q->c->tar, &ix->entries[i], e));
	}
	return tar_write_end(q->c->tar, e);
}

static int with_tar(struct queue *q, struct err *e)
{
	unsigned threads = q->c->out->threads ? q->c->out->threads : pool_cores(), started = 0;
	cleanup_free pthread_t *ids = mem_array(threads, sizeof(*ids));
	if (threads > q->n)
		threads = (unsigned)q->n;
	while (started < threads && pthread_create(&ids[started], NULL, worker, q) == 0)
		started++;
	int rc = started || !q->n ? write_tar(q, e) : err_set(e, ERR_SYS, "no thread could be started");
	pthread_mutex_lock(&q->lock);
	q->stop = true;
	pthread_cond_broadcast(&q->moved);
	pthread_mutex_unlock(&q->lock);
	for (unsigned i = 0; i < started; i++)
		pthread_join(ids[i], NULL);
	return rc;
}

static int one_file(size_t i, void *arg, struct err *e)
{
	struct queue *q = arg;
	if (cancelled(q->c->args->cancel))
		return err_set(e, ERR_CANCELLED, "cancelled");
	if (large(q->c, entry_of(q, i)))
		return carry_large(q->c, q->jobs[i].entry, e);
	return carry_small(q->c, q->jobs[i].entry, false, NULL, e);
}

int carry_files(struct carry *c, struct err *e)
{
	const struct index *ix = c->plan->index;
	cleanup_with(queue_done) struct queue q = {.c = c, .jobs = mem_array(ix->n + 1, sizeof(*q.jobs)), .lock = PTHREAD_MUTEX_INITIALIZER,
		.moved = PTHREAD_COND_INITIALIZER, .ready = PTHREAD_COND_INITIALIZER};
	for (size_t i = 0; i < ix->n; i++)
		if (ix->entries[i].type == ENTRY_FILE && !is_former(c, i))
			q.jobs[q.n++].entry = i;
	return c->tar ? with_tar(&q, e) : pool_each(q.n, c->out->threads, one_file, &q, e);
}
