/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules. Each is a small function that looks at one moment of the evaluation; the table at the end is the list of
 * all. Nothing is evaluated here and nothing is remembered: what a rule needs is in the view.
 */
#include "parser/lintrules.h"

#include "base/map.h"
#include "base/mem.h"
#include "parser/ignore.h"
#include "parser/values.h"

static bool is_lower(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] >= 'A' && s.p[i] <= 'Z')
			return false;
	return true;
}

static bool is_upper(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] >= 'a' && s.p[i] <= 'z')
			return false;
	return true;
}

/* " (did you mean x?)" or nothing, in pieces for printf. */
#define NEAR_FORMAT "%s%s%.*s%s"
#define NEAR_ARGS(near, sigil)                                                                                         \
	(near).len ? " (did you mean " : "", (near).len ? (sigil) : "", STR_ARG(near), (near).len ? "?)" : ""

/* ---- the file as it is written ---- */

static void stage_name_casing(struct lint *l, const struct lint_rule *r, const struct lint_view *v)
{
	const struct lint_node *n = v->node;
	if (n->id == INSTR_FROM && n->nargs == 3 && !is_lower(n->args[2]))
		lint_found(l, r, v->where, "Stage name '%.*s' should be lowercase", STR_ARG(n->args[2]));
}

static void from_as_casing(struct lint *l, const struct lint_rule *r, const struct lint_view *v)
{
	const struct lint_node *n = v->node;
	if (n->id != INSTR_FROM || n->nargs < 3)
		return;
	bool lower = is_lower(n->keyword), upper = is_upper(n->keyword);
	if ((lower && !is_lower(n->args[1])) || (upper && !is_upper(n->args[1])))
		lint_found(l, r, v->where, "'%.*s' and '%.*s' keywords' casing do not match", STR_ARG(n->args[1]),
		    STR_ARG(n->keyword));
}

static void no_empty_continuation(struct lint *l, const struct lint_rule *r, const struct lint_view *v)
{
	for (size_t i = 0; i < v->nempty; i++)
		lint_found(l, r, (struct where){v->empty[i], 1, v->empty[i]}, "Empty continuation line");
}

static bool majority_lower(const struct lint_view *v)
{
	size_t lower = 0, upper = 0;
	for (size_t i = 0; i < v->nnodes; i++) {
		lower += is_lower(v->nodes[i].keyword);
		upper += is_upper(v->nodes[i].keyword);
	}
	return lower > upper;
}

/* Looks at each instruction with the whole file in hand. */
static void consistent_casing(struct lint *l, const struct lint_rule *r, const struct lint_view *v)
{
	bool lower = majority_lower(v);
	for (size_t i = 0; i < v->nnodes; i++) {
		const struct lint_node *n = &v->nodes[i];
		if (lower ? is_lower(n->keyword) : is_upper(n->keyword))
			continue;
		struct lint_view one = {.comments = n->comments, .ncomments = n->ncomments};
		if (!lint_runs_here(l, r, &one))
			continue;
		lint_found(l, r, n->where, "Command '%.*s' should match the case of the command majority (%s)",
		    STR_ARG(n->keyword), lower ? "lowercase" : "uppercase");
	}
}

static void maintainer(struct lint *l, const struct lint_rule *r, const struct lint_view *v)
{
	if (v->node->id == INSTR_MAINTAINER)
		lint_found(l, r, v->where, "Maintainer instruction is deprecated in favor of using label");
}

/* The last comment line that is none of our options; empty if there is none. */
static struct str description(const struct lint_node *n)
{
	for (size_t i = n->ncomments; i-- > 0;)
		if (!str_starts(n->comments[i], STR("check=")))
			return n->comments[i];
	return (struct str){"", 0};
}

static void definition_description(struct lint *l, const struct lint_rule *r, const struct lint_view *v)
{
	const struct lint_node *n = v->node;
	bool from = n->id == INSTR_FROM && n->stage.len;
	const struct str *names = from ? &n->stage : n->args;
	size_t nnames = from ? 1 : n->id == INSTR_ARG ? n->nargs : 0;
	struct str word = description(n);
	if (!nnames || !word.p || !word.len)
		return;
	if (str_find(word, ' ') >= 0)
		word.len = (size_t)str_find(word, ' ');
	for (size_t i = 0; i < nnames; i++)
		if (str_eq(word, names[i]))
			return;
	struct str example = nnames > 1 ? STR("<arg_key>") : names[0];
	lint_found(l, r, v->where, "Comment for %s should follow the format: `# %.*s <description>`",
	    instr_name((enum instr_id)n->id), STR_ARG(example));
}

/* ---- stages ---- */

static void duplicate_stage(struct lint *l, const struct lint_rule *r, const struct lint_view *v)
{
	cleanup_map struct map names = {0};
	for (size_t i = 0; i < v->cf->nstages; i++) {
		const struct stage *s = &v->cf->stages[i];
		struct lint_view one = {.comments = s->from->comments, .ncomments = s->from->ncomments};
		if (!s->name.len)
			continue;
		if (map_has(&names, s->name) && lint_runs_here(l, r, &one))
			lint_found(l, r, s->where, "Duplicate stage name \"%.*s\", stage names should be unique",
			    STR_ARG(s->name));
		map_set(&names, s->name, &names);
	}
}

static void reserved_stage(struct lint *l, const struct lint_rule *r, const struct lint_view *v)
{
	for (size_t i = 0; i < v->cf->nstages; i++) {
		const struct stage *s = &v->cf->stages[i];
		struct lint_view one = {.comments = s->from->comments, .ncomments = s->from->ncomments};
		if ((str_eqz(s->name, "context") || str_eqz(s->name, "scratch")) && lint_runs_here(l, r, &one))
			lint_found(l, r, s->where, "Stage name should not use the same name as reserved stage \"%.*s\"",
			    STR_ARG(s->name));
	}
}

static void invalid_default(struct lint *l, const struct lint_rule *r, const struct lint_view *v)
{
	if (!v->valid)
		lint_found(l, r, v->where, "Default value for ARG %.*s results in empty or invalid base image name",
		    STR_ARG(v->stage->base));
}

static void undefined_in_word(struct lint *l, const struct lint_rule *r, struct where where, const struct lint_word *w)
{
	for (size_t i = 0; i < w->nunset; i++)
		lint_found(l, r, where, "FROM argument '%.*s' is not declared" NEAR_FORMAT, STR_ARG(w->unset[i]),
		    NEAR_ARGS(w->near[i], ""));
}

static void undefined_in_from(struct lint *l, const struct lint_rule *r, const struct lint_view *v)
{
	undefined_in_word(l, r, v->where, v->base);
	if (v->platform)
		undefined_in_word(l, r, v->where, v->platform);
}

static void redundant_platform(struct lint *l, const struct lint_rule *r, const struct lint_view *v)
{
	const struct lint_word *p = v->platform;
	if (p && p->nset == 1 && !p->nunset && str_eqz(p->set[0], "TARGETPLATFORM") &&
	    str_eq(p->text, v->target_platform))
		lint_found(l, r, v->where,
		    "Setting platform to predefined %.*s in FROM is redundant as this is the default behavior",
		    STR_ARG(p->raw));
}

static bool contains(struct str s, struct str part)
{
	return part.len && part.len <= s.len && memmem(s.p, s.len, part.p, part.len) != NULL;
}

static void const_platform(struct lint *l, const struct lint_rule *r, const struct lint_view *v)
{
	const struct lint_word *p = v->platform;
	if (!p || p->nset || p->nunset || !v->expected.len)
		return;
	struct str rest = v->expected, part;
	for (int i = 0; i < 2 && str_split(&rest, '/', &part); i++)
		if (contains(v->stage->name, part))
			return;
	lint_found(l, r, v->where, "FROM --platform flag should not use constant value \"%.*s\"", STR_ARG(p->text));
}

static void image_platform(struct lint *l, const struct lint_rule *r, const struct lint_view *v)
{
	struct str actual = v->actual, expected = v->expected, a, b;
	for (int i = 0; i < 2; i++) {
		bool more_a = str_split(&actual, '/', &a), more_b = str_split(&expected, '/', &b);
		if (more_a && more_b && str_eq(a, b))
			continue;
		lint_found(l, r, v->where,
		    "Base image %.*s was pulled with platform \"%.*s\", expected \"%.*s\" for current build",
		    STR_ARG(v->name), STR_ARG(v->actual), STR_ARG(v->expected));
		return;
	}
}

/* ---- instructions ---- */

static void undefined_var(struct lint *l, const struct lint_rule *r, const struct lint_view *v)
{
	lint_found(l, r, v->where, "Usage of undefined variable '$%.*s'" NEAR_FORMAT, STR_ARG(v->name),
	    NEAR_ARGS(v->near, "$"));
}

static void json_args(struct lint *l, const struct lint_rule *r, const struct lint_view *v)
{
	const struct instr *in = v->instr;
	if ((in->id == INSTR_CMD || in->id == INSTR_ENTRYPOINT) && !in->json && !v->state.shell_set)
		lint_found(l, r, v->where,
		    "JSON arguments recommended for %s to prevent unintended behavior related to OS signals",
		    instr_name(in->id));
}

static void workdir_relative(struct lint *l, const struct lint_rule *r, const struct lint_view *v)
{
	if (v->instr->id != INSTR_WORKDIR || v->state.workdir_set || str_starts(v->args[0], STR("/")))
		return;
	lint_found(l, r, v->where, "Relative workdir \"%.*s\" can have unexpected results if the base image changes",
	    STR_ARG(v->args[0]));
}

static void multiple_instructions(struct lint *l, const struct lint_rule *r, const struct lint_view *v)
{
	if (v->state.before)
		lint_found(l, r, v->state.before->where,
		    "Multiple %s instructions should not be used in the same stage because only the last one will be "
		    "used",
		    instr_name(v->instr->id));
}

static void legacy_key_value(struct lint *l, const struct lint_rule *r, const struct lint_view *v)
{
	const char *name = instr_name(v->instr->id);
	for (size_t i = 0; i < v->npairs; i++)
		if (v->pairs[i].legacy)
			lint_found(l, r, v->where,
			    "\"%s key=value\" should be used instead of legacy \"%s key value\" format", name, name);
}

static bool has_word(struct str name, const char *const *words, size_t n)
{
	struct str part;
	while (str_split(&name, '_', &part))
		for (size_t i = 0; i < n; i++)
			if (str_ieq(part, str_of(words[i])))
				return true;
	return false;
}

static void secrets(struct lint *l, const struct lint_rule *r, const struct lint_view *v)
{
	static const char *const secret[] = {
	    "apikey", "auth", "credential", "credentials", "key", "password", "pword", "passwd", "secret", "token"};
	static const char *const harmless[] = {"public", "file", "version"};
	if (v->instr->id != INSTR_ARG && v->instr->id != INSTR_ENV)
		return;
	for (size_t i = 0; i < v->npairs; i++) {
		struct str key = v->pairs[i].key;
		if (key.len && has_word(key, secret, ARRAY_LEN(secret)) &&
		    !has_word(key, harmless, ARRAY_LEN(harmless)))
			lint_found(l, r, v->where,
			    "Do not use ARG or ENV instructions for sensitive data (%s \"%.*s\")",
			    instr_name(v->instr->id), STR_ARG(key));
	}
}

/* The whole context counts as ignored only where a pattern says so in so many words. */
static bool root_ignored(const struct ignore *ig)
{
	for (size_t i = 0; i < ignore_count(ig); i++) {
		struct str p = ignore_pattern_text(ig, (int)i, NULL);
		if (str_eqz(p, "*") || str_eqz(p, "**") || str_eqz(p, "**/*"))
			return true;
	}
	return false;
}

static void copy_ignored(struct lint *l, const struct lint_rule *r, const struct lint_view *v)
{
	if (!v->ignore || !ignore_count(v->ignore) || ignore_has_exceptions(v->ignore))
		return;
	if (v->instr->id != INSTR_COPY && v->instr->id != INSTR_ADD)
		return;
	for (size_t i = 0; i < v->nargs; i++) {
		bool root = str_eqz(v->args[i], ".") || str_eqz(v->args[i], "/");
		if (root ? root_ignored(v->ignore) : ignore_match(v->ignore, v->args[i], NULL))
			lint_found(l, r, v->where, "Attempting to %s file \"%.*s\" that is excluded by .dockerignore",
			    v->instr->id == INSTR_COPY ? "Copy" : "Add", STR_ARG(v->args[i]));
	}
}

static void expose_casing(struct lint *l, const struct lint_rule *r, const struct lint_view *v)
{
	for (size_t i = 0; i < v->nports; i++)
		if (v->ports[i].spec->proto_casing)
			lint_found(l, r, v->where, "Defined protocol '%.*s' in EXPOSE instruction should be lowercase",
			    STR_ARG(v->ports[i].text));
}

static void expose_format(struct lint *l, const struct lint_rule *r, const struct lint_view *v)
{
	for (size_t i = 0; i < v->nports; i++)
		if (v->ports[i].spec->host_part)
			lint_found(l, r, v->where,
			    "EXPOSE instruction should not define an IP address or host-port mapping, found '%.*s'",
			    STR_ARG(v->ports[i].text));
}

const struct lint_rule lint_rules[] = {
    {"StageNameCasing", "stage-name-casing", "Stage names should be lowercase", false, LINT_NODE, stage_name_casing},
    {"FromAsCasing", "from-as-casing", "The 'as' keyword should match the case of the 'from' keyword", false, LINT_NODE,
        from_as_casing},
    {"NoEmptyContinuation", "no-empty-continuation", "Empty continuation lines will become errors in a future release",
        false, LINT_FILE, no_empty_continuation},
    {"ConsistentInstructionCasing", "consistent-instruction-casing",
        "All commands within the Dockerfile should use the same casing (either upper or lower)", false, LINT_FILE,
        consistent_casing},
    {"DuplicateStageName", "duplicate-stage-name", "Stage names should be unique", false, LINT_STAGES, duplicate_stage},
    {"ReservedStageName", "reserved-stage-name", "Reserved words should not be used as stage names", false, LINT_STAGES,
        reserved_stage},
    {"JSONArgsRecommended", "json-args-recommended",
        "JSON arguments recommended for ENTRYPOINT/CMD to prevent unintended behavior related to OS signals", false,
        LINT_INSTR, json_args},
    {"MaintainerDeprecated", "maintainer-deprecated",
        "The MAINTAINER instruction is deprecated, use a label instead to define an image author", false, LINT_NODE,
        maintainer},
    {"UndefinedArgInFrom", "undefined-arg-in-from", "FROM command must use declared ARGs", false, LINT_FROM,
        undefined_in_from},
    {"WorkdirRelativePath", "workdir-relative-path",
        "Relative workdir without an absolute workdir declared within the build can have unexpected results if the "
        "base "
        "image changes",
        false, LINT_INSTR, workdir_relative},
    {"UndefinedVar", "undefined-var", "Variables should be defined before their use", false, LINT_UNSET, undefined_var},
    {"MultipleInstructionsDisallowed", "multiple-instructions-disallowed",
        "Multiple instructions of the same type should not be used in the same stage", false, LINT_INSTR,
        multiple_instructions},
    {"LegacyKeyValueFormat", "legacy-key-value-format",
        "Legacy key/value format with whitespace separator should not be used", false, LINT_INSTR, legacy_key_value},
    {"InvalidBaseImagePlatform", "invalid-base-image-platform",
        "Base image platform does not match expected target platform", false, LINT_IMAGE, image_platform},
    {"RedundantTargetPlatform", "redundant-target-platform",
        "Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior", false,
        LINT_FROM, redundant_platform},
    {"SecretsUsedInArgOrEnv", "secrets-used-in-arg-or-env",
        "Sensitive data should not be used in the ARG or ENV commands", false, LINT_INSTR, secrets},
    {"InvalidDefaultArgInFrom", "invalid-default-arg-in-from",
        "Default value for global ARG results in an empty or invalid base image name", false, LINT_DEFAULT,
        invalid_default},
    {"FromPlatformFlagConstDisallowed", "from-platform-flag-const-disallowed",
        "FROM --platform flag should not use a constant value", false, LINT_FROM, const_platform},
    {"CopyIgnoredFile", "copy-ignored-file", "Attempting to Copy file that is excluded by .dockerignore", false,
        LINT_INSTR, copy_ignored},
    {"InvalidDefinitionDescription", "invalid-definition-description",
        "Comment for build stage or argument should follow the format: `# <arg/stage name> <description>`. If this is "
        "not "
        "intended to be a description comment, add an empty line or comment between the instruction and the comment.",
        true, LINT_NODE, definition_description},
    {"ExposeProtoCasing", "expose-proto-casing", "Protocol in EXPOSE instruction should be lowercase", false,
        LINT_INSTR, expose_casing},
    {"ExposeInvalidFormat", "expose-invalid-format",
        "IP address and host-port mapping should not be used in EXPOSE instruction. This will become an error in a "
        "future "
        "release",
        false, LINT_INSTR, expose_format},
};
const size_t lint_nrules = ARRAY_LEN(lint_rules);
