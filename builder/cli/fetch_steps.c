/* SPDX-License-Identifier: Apache-2.0 */
/* See fetch_steps.h. An image's step begins with the first news of one of its layers, and all end together. */
#include "builder/cli/fetch_steps.h"

#include "base/mem.h"

struct fetching {
	struct fetching *next;
	const char *origin;
	uint32_t step;               /* event number */
};

void fetch_steps_init(struct fetch_steps *f, struct events *events)
{
	*f = (struct fetch_steps){.events = events, .lock = PTHREAD_MUTEX_INITIALIZER};
}

static struct fetching *of_origin(struct fetch_steps *s, const char *origin)
{
	struct fetching *f = s->now;
	while (f && !str_eq(str_of(f->origin), str_of(origin)))
		f = f->next;
	if (f)
		return f;
	cleanup_free char *name = mem_printf("[internal] pull %s", origin ? origin : "layers");
	f = mem_new(sizeof(*f));
	*f = (struct fetching){.next = s->now, .origin = origin, .step = event_step(s->events, str_of(name), NULL, NULL, 0)};
	s->now = f;
	event_started(s->events, f->step);
	return f;
}

void fetch_steps_show(void *arg, const char *origin, const struct digest *blob, uint64_t done, uint64_t total)
{
	struct fetch_steps *s = arg;
	pthread_mutex_lock(&s->lock);
	event_blob(s->events, of_origin(s, origin)->step, "sha256:", blob, done, total);
	pthread_mutex_unlock(&s->lock);
}

void fetch_steps_end(struct fetch_steps *s, int rc)
{
	const struct err stopped = {.code = ERR_CANCELLED};
	for (struct fetching *f = s->now, *next; f; f = next) {
		next = f->next;
		if (rc < 0)
			event_failed(s->events, f->step, &stopped);
		else
			event_done(s->events, f->step);
		mem_free(f);
	}
	s->now = NULL;
}
