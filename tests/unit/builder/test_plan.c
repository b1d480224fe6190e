/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "builder/graph/plan.h"

static void hash_text(const void *args, struct hasher *h)
{
	hasher_str(h, str_of(args));
}

static const struct op op_a = {.name = "a", .hash = hash_text}, op_b = {.name = "b", .hash = hash_text};

static struct step *add(struct plan *p, const struct op *op, const char *text, struct step **inputs, size_t n)
{
	const struct step proto = {.op = op, .args = text, .label = text, .inputs = inputs, .ninputs = n};
	return plan_add(p, &proto);
}

Test(plan, equal_steps_are_one)
{
	struct plan p;
	plan_init(&p);
	struct step *x = add(&p, &op_a, "x", NULL, 0);
	cr_expect_eq(add(&p, &op_a, "x", NULL, 0), x);
	cr_expect_eq(p.n, 1u);
	plan_done(&p);
}

Test(plan, operation_arguments_inputs_and_use_of_the_cache_tell_steps_apart)
{
	struct plan p;
	plan_init(&p);
	struct step *x = add(&p, &op_a, "x", NULL, 0), *y = add(&p, &op_a, "y", NULL, 0);
	cr_expect_neq(add(&p, &op_b, "x", NULL, 0), x);
	cr_expect_neq(y, x);
	cr_expect_neq(add(&p, &op_a, "z", (struct step *[]){x, y}, 2), add(&p, &op_a, "z", (struct step *[]){y, x}, 2));
	const struct step fresh = {.op = &op_a, .args = "x", .no_cache = true};
	cr_expect_neq(plan_add(&p, &fresh), x);
	cr_expect_eq(p.n, 6u);
	plan_done(&p);
}

Test(plan, inputs_come_before_their_users)
{
	struct plan p;
	cleanup_buf struct buf text = {0};
	plan_init(&p);
	struct step *x = add(&p, &op_a, "x", NULL, 0), *y = add(&p, &op_b, "y", &x, 1);
	add(&p, &op_a, "z", (struct step *[]){y, x}, 2);
	plan_print(&p, &text);
	cr_expect_str_eq(text.p, "0 a | x\n1 b <0 | y\n2 a <1 <0 | z\n");
	plan_done(&p);
}

Test(plan, a_step_is_shown_as_what_the_user_wrote)
{
	struct plan p;
	plan_init(&p);
	const struct step hidden = {.op = &op_a, .args = "x", .internal = true, .label = "fetch x", .line = 3},
			  seen = {.op = &op_a, .args = "x", .label = "FROM x", .line = 5, .nth = 1, .of = 2};
	struct step *s = plan_add(&p, &hidden);
	cr_expect_eq(plan_add(&p, &seen), s);
	cr_expect_not(s->internal);
	cr_expect_str_eq(s->label, "FROM x");
	cr_expect_eq(s->line, 5);
	plan_add(&p, &hidden);
	cr_expect_str_eq(s->label, "FROM x");
	plan_done(&p);
}

Test(plan, a_trees_digest_is_that_of_its_contents_in_order)
{
	struct arena a = {0};
	struct digest one = digest_of("1", 1), two = digest_of("2", 1);
	struct tree *x = tree_new(&a, NULL, 2), *y = tree_new(&a, NULL, 2), *z = tree_new(&a, NULL, 1);
	x->layers[x->n++].cid = y->layers[1].cid = z->layers[z->n++].cid = one;
	x->layers[x->n++].cid = y->layers[0].cid = two;
	y->n = 2;
	tree_seal(x);
	tree_seal(y);
	tree_seal(z);
	cr_expect_not(digest_eq(&x->cid, &y->cid));
	cr_expect_not(digest_eq(&x->cid, &z->cid));
	struct tree *again = tree_new(&a, z, 1);
	again->layers[again->n++].cid = two;
	tree_seal(again);
	cr_expect(digest_eq(&x->cid, &again->cid));
	arena_done(&a);
}
