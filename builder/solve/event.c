/* SPDX-License-Identifier: Apache-2.0 */
/* Small constructors of events: each fills one struct on the stack and hands it to the sink, so that callers say one line. */
#include "builder/solve/event.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "base/buf.h"

int64_t event_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void send(struct events *ev, struct event event)
{
	if (!ev || !ev->event)
		return;
	event.at = event_now();
	ev->event(ev->arg, &event);
}

uint32_t event_step(struct events *ev, struct str name, const struct digest *id, const uint32_t *inputs, size_t ninputs)
{
	struct event event = {.kind = EVENT_STEP, .name = name, .inputs = inputs, .ninputs = ninputs};

	if (!ev)
		return 0;
	if (id)
		event.id = *id;
	event.step = atomic_fetch_add(&ev->last, 1) + 1;
	send(ev, event);
	return event.step;
}

void event_started(struct events *ev, uint32_t step)
{
	send(ev, (struct event){.kind = EVENT_STARTED, .step = step});
}

void event_cached(struct events *ev, uint32_t step)
{
	send(ev, (struct event){.kind = EVENT_CACHED, .step = step});
}

void event_log(struct events *ev, uint32_t step, int stream, const void *p, size_t len)
{
	if (len)
		send(ev, (struct event){.kind = EVENT_LOG, .step = step, .stream = stream, .text = {p, len}});
}

void event_status(struct events *ev, uint32_t step, struct str what, uint64_t current, uint64_t total, bool finished)
{
	send(ev, (struct event){.kind = EVENT_STATUS,
	             .step = step,
	             .name = what,
	             .current = current,
	             .total = total,
	             .finished = finished});
}

void event_blob(struct events *ev, uint32_t step, const char *what, const struct digest *blob, uint64_t current, uint64_t total)
{
	char text[64], hex[DIGEST_HEX + 1];
	digest_hex(blob, hex);
	snprintf(text, sizeof(text), "%s%.12s", what, hex);
	event_status(ev, step, str_of(text), current, total, current == total);
}

void event_note(struct events *ev, uint32_t step, const char *format, ...)
{
	char text[2048];
	va_list ap;

	if (!ev)
		return;
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	send(ev, (struct event){.kind = EVENT_NOTE, .step = step, .text = str_of(text)});
}

void event_warning(struct events *ev, uint32_t step, const char *rule, const char *url, const char *file, int line,
    int end_line, struct str text)
{
	send(ev, (struct event){.kind = EVENT_WARNING,
	             .step = step,
	             .name = str_of(rule),
	             .text = text,
	             .url = url,
	             .file = file,
	             .line = line,
	             .end_line = end_line});
}

void event_done(struct events *ev, uint32_t step)
{
	send(ev, (struct event){.kind = EVENT_DONE, .step = step});
}

void event_failed(struct events *ev, uint32_t step, const struct err *e)
{
	if (e->code == ERR_CANCELLED)
		send(ev, (struct event){.kind = EVENT_CANCELLED, .step = step});
	else
		send(ev, (struct event){.kind = EVENT_ERROR, .step = step, .text = str_of(e->text)});
}
