/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events as JSON, one object a line, in the shape of BuildKit's SolveStatus, which readers of `--progress=rawjson` know. What it
 * has no member for is under "cooper".
 */
#include "base/jval.h"
#include "builder/cli/board.h"
#include "registry/base64.h"
#include "registry/oci.h"

static void put_time(const struct board *b, struct jval *o, const char *key, int64_t at)
{
	struct buf text cleanup_buf = {0};
	int64_t wall = at + b->wall_offset;

	oci_time_print(wall / 1000000000, (uint32_t)(wall % 1000000000), &text);
	jval_set_str(o, key, buf_view(&text));
}

static void put_digest(struct jval *o, const char *key, const struct board_step *s)
{
	char text[DIGEST_TEXT + 1];

	if (!s)
		return;
	digest_text(&s->digest, text);
	jval_set_text(o, key, text);
}

static void put_base64(struct jval *o, const char *key, struct str s)
{
	struct buf out cleanup_buf = {0};

	base64_encode(s, &out);
	jval_set_str(o, key, buf_view(&out));
}

/* {"<family>":[o]} */
static void emit(struct board *b, const char *family, struct jval *o)
{
	struct jval *root cleanup_jval = jval_object();
	struct jval *list = jval_array();
	struct buf line cleanup_buf = {0};

	jval_append(list, o);
	jval_set(root, family, list);
	jval_print(root, 0, &line);
	buf_putc(&line, '\n');
	board_write(b, &line);
}

static struct jval *vertex(struct board *b, const struct board_step *s, const struct event *ev)
{
	struct jval *o = jval_object();

	put_digest(o, "digest", s);
	if (ev->kind == EVENT_STEP && ev->ninputs) {
		struct jval *inputs = jval_array();

		for (size_t i = 0; i < ev->ninputs; i++) {
			uint32_t id = ev->inputs[i];
			char text[DIGEST_TEXT + 1];

			if (id == 0 || id > b->nsteps || !b->steps[id - 1])
				continue;
			digest_text(&b->steps[id - 1]->digest, text);
			jval_append(inputs, jval_string(str_of(text)));
		}
		jval_set(o, "inputs", inputs);
	}
	jval_set_text(o, "name", s->name);
	if (s->started)
		put_time(b, o, "started", s->started);
	if (s->ended)
		put_time(b, o, "completed", s->ended);
	if (s->state == BOARD_CACHED)
		jval_set(o, "cached", jval_boolean(true));
	if (s->state == BOARD_ERROR)
		jval_set_text(o, "error", s->error);
	if (s->state == BOARD_CANCELLED)
		jval_set_text(o, "error", "context canceled");
	return o;
}

static struct jval *status(struct board *b, const struct board_step *s, const struct event *ev)
{
	struct jval *o = jval_object();

	jval_set_str(o, "id", ev->name);
	put_digest(o, "vertex", s);
	jval_set_str(o, "name", ev->name);
	if (ev->total)
		jval_set(o, "total", jval_integer((int64_t)ev->total));
	jval_set(o, "current", jval_integer((int64_t)ev->current));
	put_time(b, o, "timestamp", ev->at);
	for (size_t i = 0; i < s->nstatuses; i++)
		if (str_eqz(ev->name, s->statuses[i].name))
			put_time(b, o, "started", s->statuses[i].started);
	if (ev->finished)
		put_time(b, o, "completed", ev->at);
	return o;
}

static struct jval *log_entry(struct board *b, const struct board_step *s, const struct event *ev)
{
	struct jval *o = jval_object();

	put_digest(o, "vertex", s);
	jval_set(o, "stream", jval_integer(ev->stream));
	put_base64(o, "data", ev->text);
	put_time(b, o, "timestamp", ev->at);
	return o;
}

static struct jval *place(int line)
{
	struct jval *o = jval_object();

	jval_set(o, "line", jval_integer(line));
	return o;
}

static struct jval *warning(const struct board_step *s, const struct event *ev)
{
	struct jval *o = jval_object(), *source = jval_object(), *ranges = jval_array(), *range = jval_object();
	struct buf text cleanup_buf = {0};

	put_digest(o, "vertex", s);
	jval_set(o, "level", jval_integer(1));
	buf_printf(&text, "%.*s%s%.*s", STR_ARG(ev->name), ev->name.len ? ": " : "", STR_ARG(ev->text));
	if (ev->line)
		buf_printf(&text, " (line %d)", ev->line);
	put_base64(o, "short", buf_view(&text));
	if (ev->url)
		jval_set_text(o, "url", ev->url);
	if (ev->file)
		jval_set_text(source, "filename", ev->file);
	jval_set(o, "sourceInfo", source);
	if (ev->line) {
		jval_set(range, "start", place(ev->line));
		jval_set(range, "end", place(ev->end_line ? ev->end_line : ev->line));
		jval_append(ranges, steal(&range));
		jval_set(o, "range", ranges);
	} else {
		jval_free(ranges);
		jval_free(range);
	}
	return o;
}

static void on_event(struct board *b, struct board_step *s, const struct event *ev)
{
	if (ev->kind == EVENT_WARNING) {
		emit(b, "warnings", warning(s, ev));
	} else if (!s) {
		return;
	} else if (ev->kind == EVENT_STATUS) {
		emit(b, "statuses", status(b, s, ev));
	} else if (ev->kind == EVENT_LOG) {
		emit(b, "logs", log_entry(b, s, ev));
	} else if (ev->kind == EVENT_NOTE) {
		struct jval *o = jval_object();

		put_digest(o, "vertex", s);
		jval_set_str(o, "note", ev->text);
		emit(b, "cooper", o);
	} else {
		emit(b, "vertexes", vertex(b, s, ev));
	}
}

static void end(struct board *b, int64_t now)
{
	(void)b, (void)now;
}

const struct renderer progress_rawjson = {.name = "rawjson", .event = on_event, .end = end};
