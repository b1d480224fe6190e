/* SPDX-License-Identifier: Apache-2.0 */
/* A transfer is shown as one step whose statuses are its blobs. */
#include "builder/cli/remote_flags.h"

#include <unistd.h>

#include "builder/cli/progress.h"

enum { SHORT_DIGEST = 7 + 12 };

const char *remote_name(const char *written)
{
	return strncmp(written, "docker://", 9) == 0 ? written + 9 : written;
}

int remote_creds(const char *creds, struct arena *a, struct remote_opts *o, struct err *e)
{
	if (!creds)
		return 0;
	char *user = arena_strdup(a, creds), *colon = strchr(user, ':');

	if (!colon || colon == user)
		return err_set(e, ERR_USAGE, "--creds takes USER:PASSWORD");
	*colon = 0;
	o->user = user;
	o->password = colon + 1;
	return 0;
}

int remote_flags_open(
    struct cli *cli, const struct remote_flags *f, const struct ref *repo, bool push, struct place **ret, struct err *e)
{
	struct remote_opts o = {.push = push, .insecure = f->insecure, .authfile = f->authfile, .cancel = cli->cancel};

	TRY(remote_creds(f->creds, cli->arena, &o, e));
	return remote_open(repo, &o, ret, e);
}

struct shown {
	struct events *events;
	uint32_t step;
};

static void on_progress(void *arg, const struct digest *blob, uint64_t done, uint64_t total)
{
	struct shown *s = arg;
	char text[DIGEST_TEXT + 1];

	digest_text(blob, text);
	event_status(s->events, s->step, (struct str){text, SHORT_DIGEST}, done, total, total == 0 || done >= total);
}

int remote_transfer(struct cli *cli, const struct shown_transfer *how, struct place *from, struct str from_name,
    struct place *to, struct str to_name, struct descriptor *ret, struct err *e)
{
	struct progress *progress cleanup_progress = NULL;
	struct transfer_opts o = {.platform = how->platform, .resolved = how->resolved, .keep_index = to->ops->near, .cancel = cli->cancel, .progress = on_progress};
	struct shown shown;
	int rc;

	TRY(progress_new(how->quiet ? "none" : "auto", STDERR_FILENO, &progress, e));
	shown.events = progress_events(progress);
	shown.step = event_step(shown.events, str_of(how->title), NULL, NULL, 0);
	o.arg = &shown;
	event_started(shown.events, shown.step);
	rc = transfer(from, from_name, to, to_name, &o, cli->arena, ret, e);
	if (rc < 0)
		event_failed(shown.events, shown.step, e);
	else
		event_done(shown.events, shown.step);
	progress_finish(progress);
	return rc;
}
