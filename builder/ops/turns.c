/* SPDX-License-Identifier: Apache-2.0 */
/* A list of what is being worked on: a handful at a time. */
#include "builder/ops/turns.h"

#include <stdbool.h>

static bool is_taken(const struct turns *t, const struct digest *what)
{
	for (const struct turn *i = t->taken; i; i = i->next)
		if (digest_eq(&i->what, what))
			return true;
	return false;
}

void turn_take(struct turns *t, struct turn *mine, const struct digest *what)
{
	pthread_mutex_lock(&t->lock);
	while (is_taken(t, what))
		pthread_cond_wait(&t->over, &t->lock);
	*mine = (struct turn){t->taken, *what};
	t->taken = mine;
	pthread_mutex_unlock(&t->lock);
}

void turn_give(struct turns *t, struct turn *mine)
{
	pthread_mutex_lock(&t->lock);
	struct turn **at = &t->taken;
	while (*at != mine)
		at = &(*at)->next;
	*at = mine->next;
	pthread_cond_broadcast(&t->over);
	pthread_mutex_unlock(&t->lock);
}
