/* SPDX-License-Identifier: Apache-2.0 */
/* What a step is known by, and whether that is on record. */
#include "builder/solve/solve_impl.h"
#include "snapshotter/layer.h"

/* Part of every key: raise it when the meaning of a record changes. */
enum { KEY_VERSION = 3 };

int solve_prepare(struct solver *s, struct err *e)
{
	while (!s->prepared && s->asking)
		solve_wait(s);
	if (cancelled(&s->stop))
		return err_set(e, ERR_CANCELLED, "stopped");
	if (!s->prepared && s->o->before_run)
		TRY(s->o->before_run(s->o->arg, e));
	s->prepared = true;
	return 0;
}

bool solve_counts_below(const struct job *j)
{
	return j->step->op->on_tree && j->step->ninputs && !j->task.floating;
}

struct digest solve_key_on(const struct job *j, const struct digest *below)
{
	struct hasher h;
	hasher_init(&h);
	hasher_digest(&h, &j->rest);
	hasher_digest(&h, below);
	return hasher_done(&h);
}

int solve_key(struct job *j, struct err *e)
{
	const struct step *st = j->step;
	struct hasher h;
	hasher_init(&h);
	hasher_u64(&h, KEY_VERSION);
	hasher_str(&h, str_of(st->op->name));
	buf_putc(&j->task.why, '{');
	if (st->op->key) {
		/* The solving thread is the one that passes the user's wish to stop on to the others: it has to look itself. */
		if (!j->asking)
			j->task.cancel = j->solver->o->cancel;
		int rc = st->op->key(&j->task, &h, e);
		j->task.cancel = &j->solver->stop;
		TRY(rc);
	} else {
		if (st->op->hash)
			st->op->hash(st->args, &h);
		for (size_t i = st->op->on_tree ? 1 : 0; i < st->ninputs; i++)
			hasher_digest(&h, &j->task.inputs[i]->cid);
	}
	j->rest = hasher_done(&h);
	j->key = solve_counts_below(j) ? solve_key_on(j, &j->task.inputs[0]->cid) : j->rest;
	buf_putc(&j->task.why, '}');
	return 0;
}

bool solve_recall(struct task *t, const struct digest *key, struct digest *ret)
{
	struct solver *s = t->arg;
	if (!claims_recall(s->o->claims, key, ret))
		return false;
	t->recalled = true;
	return true;
}

static int key_again(struct job *j, struct err *e)
{
	buf_clear(&j->task.why);
	buf_clear(&j->task.found);
	j->task.nmemos = 0;
	return solve_key(j, e);
}

/* Without haste: there is nothing left to wait for, or not much. */
static int key_now(struct job *j, struct err *e)
{
	j->task.waits = NULL;
	j->task.hasty = false;
	int rc = key_again(j, e);
	j->task.hasty = j->step->op->gather;
	return rc;
}

int solve_awaited_key(struct job *j, struct err *e)
{
	return j->task.waits ? key_now(j, e) : 0;
}

int solve_sure_key(struct job *j, struct err *e)
{
	j->task.recall = NULL;
	j->task.recalled = false;
	return key_again(j, e);
}

struct find {
	struct record *record;
	bool found;
};

static bool take_first(void *arg, const struct record *r)
{
	struct find *f = arg;
	if (r->answers.len) /* records with answers belong to traced steps of a later format */
		return false;
	*f->record = *r;
	f->record->why = f->record->answers = (struct str){0}; /* borrowed */
	f->found = true;
	return true;
}

int solve_find_here(struct solver *s, const struct digest *key, struct record *ret, bool *ret_found, struct err *e)
{
	struct find f = {.record = ret};
	TRY(store_find_records(s->o->store, key, take_first, &f, e));
	/* Records outlive what they speak of when its bytes were pruned with an image, or by hand. */
	*ret_found = f.found && (digest_none(&ret->layer) || layer_is_here(s->o->store, &ret->layer));
	return 0;
}

void solve_take_record(struct solver *s, struct job *j, const struct record *r)
{
	j->outcome.has_layer = !digest_none(&r->layer);
	j->outcome.layer = (struct tree_layer){.cid = r->cid, .id = r->layer, .created = r->created, .created_nsec = r->created_nsec};
	if (j->outcome.has_layer)
		store_touch(s->o->store, &r->layer);
}

int solve_look_up(struct solver *s, struct job *j, bool *ret_hit, struct err *e)
{
	struct record found;
	*ret_hit = false;
	if (!j->step->no_cache) {
		TRY(solve_find_here(s, &j->key, &found, ret_hit, e));
		*ret_hit = *ret_hit && solve_is_timely(s, j, &found);
		if (*ret_hit) {
			solve_take_record(s, j, &found);
			return 0;
		}
		if (s->o->claims && !j->outdated && claims_find(s->o->claims, &j->key, s->states[j->step->number].want_tar, &j->outcome)) {
			*ret_hit = true;
			return 0;
		}
	}
	return solve_find_former(s, j, e);
}

int solve_late_key(struct job *j, struct err *e)
{
	j->task.may_be_late = false;
	TRY(key_now(j, e));
	j->outcome.keep_out |= j->task.unsure;
	return solve_find_former(j->solver, j, e); /* what is nearest to the whole key */
}
