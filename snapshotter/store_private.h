/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_STORE_PRIVATE_H
#define COOPER_STORE_PRIVATE_H

/* What the files of the store share. Included by store*.c and gc.c only. */
#include "snapshotter/store.h"

enum { STORE_LAYER_PATH = sizeof("layers/") + DIGEST_HEX + sizeof("/index") };

/* "layers/<hex>" + tail ("", "/fs", "/index"). */
void store_layer_path(const struct digest *id, const char *tail, char out[STORE_LAYER_PATH]);

/* A write transaction on the connection that this process' threads share. Every write goes through it. */
int store_begin(struct store *s, struct err *e);
/* Ends it: commits when rc is 0, else rolls back. Returns rc, or the commit's failure. */
int store_end(struct store *s, int rc, struct err *e);
/* One statement with these digests (n of them, from parameter 1 on) in a transaction that is under way. */
int store_run_digest(struct store *s, const char *sql, const struct digest *d, struct err *e);

/* The boot this machine is in, as text; "" when unknown. */
void store_boot_id(char out[40]);
/* Forgets layers that were added but not synced before another boot; their folders go to tmp/. */
int store_forget_unsynced(struct store *s, struct err *e);
/* Drops a layer's rows (not its bytes) in a transaction that is under way. */
int store_forget_layer(struct store *s, const struct digest *id, struct err *e);
/* Removes tmp folders whose process is gone. Failures are left for the next time. */
void store_sweep_tmp(struct store *s);
/* Moves layers/<id> (or another path below the store) into this process' tmp folder; a missing one is fine. */
int store_move_to_tmp(struct store *s, const char *path, char **ret_name, struct err *e);

int64_t store_now(void); /* seconds */
/* Sleeps `ms`, or fails with ERR_CANCELLED. */
int store_pause(struct store *s, int ms, struct err *e);

#endif
