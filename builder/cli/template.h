/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_TEMPLATE_H
#define COOPER_TEMPLATE_H

/*
 * The part of Go's text/template that --format arguments use, over JSON values:
 *
 *	{{.Config.Env}}  {{json .X}}  {{.X | json}}  {{index .X 0}}  {{len .X}}  {{join .X ","}}  {{upper .X}}  {{eq .X "y"}}
 *	{{range .X}}..{{else}}..{{end}}  {{range $k, $v := .X}}  {{if .X}}..{{else if .Y}}..{{end}}  {{with .X}}  {{- trim -}}
 */
#include "base/arena.h"
#include "base/jval.h"

/* `strict`: a name that the top object does not have is an error, not "<no value>". ERR_USAGE. */
int template_run(const char *text, const struct jval *data, bool strict, struct buf *out, struct err *e);

/*
 * Prints rows (an array of objects) as --format says: NULL, "" or "table" is `standard`, a list of fields as a table; "table
 * TEMPLATE" a table with other columns (separated by \t); "json" an object a line; anything else a template a row.
 */
struct template_field {
	const char *key, *heading;
};
struct template_list {
	const struct template_field *fields; /* all of them; key NULL ends */
	const char *standard;                /* "table {{.Repository}}\t{{.Tag}}" */
};
int template_rows(const struct template_list *l, const char *format, const struct jval *rows, struct arena *a, struct buf *out,
	struct err *e);

#endif
