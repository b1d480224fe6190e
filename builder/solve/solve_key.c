/* SPDX-License-Identifier: Apache-2.0 */
/* What a step is known by, and whether that is on record. */
#include "builder/solve/solve_impl.h"
#include "snapshotter/layer.h"

/* Part of every key: raise it when the meaning of a record changes. */
enum { KEY_VERSION = 1 };

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

static int prepare_task(struct task *t, struct err *e)
{
	return solve_prepare(t->arg, e);
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
		j->task.prepare = prepare_task;
		int rc = st->op->key(&j->task, &h, e);
		j->task.cancel = &j->solver->stop;
		j->task.prepare = NULL;
		TRY(rc);
	} else {
		if (st->op->hash)
			st->op->hash(st->args, &h);
		for (size_t i = 0; i < st->ninputs; i++)
			hasher_digest(&h, &j->task.inputs[i]->cid);
	}
	j->key = hasher_done(&h);
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
	return solve_key(j, e);
}

int solve_sure_key(struct job *j, struct err *e)
{
	j->task.recall = NULL;
	j->task.recalled = false;
	return key_again(j, e);
}

struct find {
	struct record record;
	bool found;
};

static bool take_first(void *arg, const struct record *r)
{
	struct find *f = arg;
	if (r->answers.len) /* records with answers belong to traced steps of a later format */
		return false;
	f->record = *r;
	f->found = true;
	return true;
}

int solve_look_up(struct solver *s, struct job *j, bool *ret_hit, struct err *e)
{
	struct find f = {0};
	struct record family = {0};
	bool known = false;
	*ret_hit = false;
	/* Records outlive what they speak of when its bytes were pruned with an image, or by hand. */
	if (!j->step->no_cache) {
		TRY(store_find_records(s->o->store, &j->key, take_first, &f, e));
		if (f.found && (digest_none(&f.record.layer) || layer_is_here(s->o->store, &f.record.layer))) {
			*ret_hit = true;
			j->outcome.has_layer = !digest_none(&f.record.layer);
			j->outcome.layer = (struct tree_layer){.cid = f.record.cid, .id = f.record.layer, .created = f.record.created,
				.created_nsec = f.record.created_nsec};
			if (j->outcome.has_layer)
				store_touch(s->o->store, &f.record.layer);
			return 0;
		}
		if (s->o->claims && claims_find(s->o->claims, &j->key, s->states[j->step->number].want_tar, &j->outcome)) {
			*ret_hit = true;
			return 0;
		}
	}
	TRY(store_find_family(s->o->store, &j->step->family, &j->arena, &known, &family, e));
	if (known) {
		j->task.former = family.layer;
		j->then_why = family.why;
	}
	return 0;
}

int solve_late_key(struct job *j, struct err *e)
{
	j->task.may_be_late = false;
	TRY(key_again(j, e));
	j->outcome.keep_out |= j->task.unsure;
	return 0;
}
