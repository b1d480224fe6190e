/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "builder/cli/template.h"

static const char data[] =
    "{\"Name\":\"app\",\"Size\":42,\"Zero\":0,\"Yes\":true,\"No\":false,\"Nil\":null,\"Empty\":[],"
    "\"List\":[\"a\",\"b\",\"c\"],\"Map\":{\"k\":\"v\",\"x\":\"y\"},\"Deep\":{\"In\":{\"Side\":[1,{\"q\":\"z\"}]}}}";

static const struct {
	const char *template, *want; /* want NULL: an error */
} cases[] = {
    {"plain", "plain"},
    {"{{.Name}}:{{.Size}}", "app:42"},
    {"{{ .Name }}", "app"},
    {"a {{- .Name -}} b", "aappb"},
    {"{{.Map.k}} {{.Deep.In.Side}}", "v [1 map[q:z]]"},
    {"{{json .List}} {{.Map | json}}", "[\"a\",\"b\",\"c\"] {\"k\":\"v\",\"x\":\"y\"}"},
    {"{{index .List 1}} {{index .Map \"x\"}} {{(index .Deep.In.Side 1).q}}", "b y z"},
    {"{{len .List}} {{len .Name}} {{len .Map}}", "3 3 2"},
    {"{{join .List \",\"}} {{upper .Name}} {{lower \"ABC\"}}", "a,b,c APP abc"},
    {"{{range .List}}<{{.}}>{{end}}", "<a><b><c>"},
    {"{{range $i, $v := .List}}{{$i}}{{$v}}{{end}}", "0a1b2c"},
    {"{{range $k, $v := .Map}}{{$k}}={{$v}};{{end}}", "k=v;x=y;"},
    {"{{range .Empty}}x{{else}}none{{end}}", "none"},
    {"{{range .List}}{{$.Name}}{{end}}", "appappapp"},
    {"{{range .List}}{{if eq . \"b\"}}B{{else}}-{{end}}{{end}}", "-B-"},
    {"{{if .Yes}}y{{end}}{{if .No}}n{{end}}{{if .Zero}}z{{end}}{{if .Nil}}l{{end}}", "y"},
    {"{{if .No}}1{{else if .Yes}}2{{else}}3{{end}}", "2"},
    {"{{if .No}}1{{else if .Zero}}2{{else}}3{{end}}|", "3|"},
    {"{{if .Yes}}1{{else if .Zero}}2{{else}}3{{end}}|", "1|"},
    {"{{if .No}}{{range .List}}{{.Nothing}}{{end}}{{end}}ok", "ok"},
    {"{{with .Map}}{{.k}}{{end}}{{with .Nil}}x{{else}}no{{end}}", "vno"},
    {"{{eq .Name \"app\" \"b\"}} {{ne .Size 42}} {{not .No}} {{and .Yes .No}} {{or .No .Name}}",
        "true false true false app"},
    {"{{print .Name .Size}} {{truncate .Name 2}} {{json (split \"a:b\" \":\")}}", "app 42 ap [\"a\",\"b\"]"},
    {"{{.Map.missing}} {{.Nil}} {{.Yes}}", "<no value> <nil> true"},
    {"{{`raw \\n`}} {{\"a\\\"b\"}}", "raw \\n a\"b"},
    {"{{/* a comment */}}x", "x"},
    {"{{.Missing}}", NULL},
    {"{{.Name", NULL},
    {"{{nothing .Name}}", NULL},
    {"{{index .List 7}}", NULL},
    {"{{index .List -1}}", NULL},
    {"{{if .Yes}}x", NULL},
    {"{{end}}", NULL},
    {"{{}}", NULL},
    {"{{len}}", NULL},
    {"{{\"x}}", NULL},
    {"{{$y}}", NULL},
    {"{{((((((((((((((((((((((((((((((((((((((((((((1))))))))))))))))))))))))))))))))))))))))))))}}", NULL},
};

Test(template, the_useful_part_of_go_templates_works)
{
	struct jval *j;
	struct err e;

	cr_assert_eq(jval_parse(str_of(data), &j, &e), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf out = {0};
		int rc = template_run(cases[i].template, j, true, &out, &e);

		if (cases[i].want) {
			cr_assert_eq(rc, 0, "%s: %s", cases[i].template, e.text);
			cr_assert_str_eq(out.p, cases[i].want, "%s: %s", cases[i].template, out.p);
		} else {
			cr_assert_eq(rc, -ERR_USAGE, "%s: %s", cases[i].template, out.p);
		}
		buf_done(&out);
	}
	jval_free(j);
}

static const struct template_field fields[] = {{"ID", "IMAGE ID"}, {"Name", "NAME"}, {NULL, NULL}};
static const struct template_list list = {fields, "table {{.ID}}\t{{.Name}}"};

static const struct {
	const char *format, *want;
} formats[] = {
    {NULL, "IMAGE ID   NAME\n1          a\n22         with a tab\n"},
    {"table", "IMAGE ID   NAME\n1          a\n22         with a tab\n"},
    {"table {{.Name}}", "NAME\na\nwith a tab\n"},
    {"json", "{\"ID\":\"1\",\"Name\":\"a\"}\n{\"ID\":\"22\",\"Name\":\"with\\ta tab\"}\n"},
    {"{{.ID}}\\t.", "1\t.\n22\t.\n"},
};

Test(template, lists_are_tables_json_or_templates)
{
	struct arena a = {0};
	struct jval *rows;
	struct err e;

	cr_assert_eq(
	    jval_parse(STR("[{\"ID\":\"1\",\"Name\":\"a\"},{\"ID\":\"22\",\"Name\":\"with\\ta tab\"}]"), &rows, &e), 0);
	for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
		struct buf out = {0};

		cr_assert_eq(template_rows(&list, formats[i].format, rows, &a, &out, &e), 0, "%s", e.text);
		cr_assert_str_eq(out.p, formats[i].want, "%s: [%s]", formats[i].format, out.p);
		buf_done(&out);
	}
	jval_free(rows);
	arena_done(&a);
}
