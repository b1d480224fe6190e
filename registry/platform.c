/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Platforms by the rules of containerd's platforms package: a table of other names for architectures, and an order of
 * variants that a machine can run. Names that are in no table are passed on as they are (lower case), so that new
 * architectures need no change here.
 */
#include "registry/platform.h"

#include "registry/oci_json.h"

struct alias {
	const char *arch, *variant; /* variant NULL: any */
	const char *to_arch, *to_variant; /* to_variant NULL: as it was */
};

static const struct alias aliases[] = {
	{"i386", NULL, "386", ""},
	{"i686", NULL, "386", ""},
	{"x86_64", "v1", "amd64", ""},
	{"x86-64", "v1", "amd64", ""},
	{"amd64", "v1", "amd64", ""},
	{"x86_64", NULL, "amd64", NULL},
	{"x86-64", NULL, "amd64", NULL},
	{"aarch64", "8", "arm64", ""},
	{"aarch64", "v8", "arm64", ""},
	{"aarch64", "v8.0", "arm64", ""},
	{"aarch64", NULL, "arm64", NULL},
	{"arm64", "8", "arm64", ""},
	{"arm64", "v8", "arm64", ""},
	{"arm64", "v8.0", "arm64", ""},
	{"armhf", NULL, "arm", "v7"},
	{"armel", NULL, "arm", "v6"},
	{"armv7l", NULL, "arm", "v7"},
	{"armv6l", NULL, "arm", "v6"},
	{"arm", "", "arm", "v7"},
	{"arm", "7", "arm", "v7"},
	{"arm", "6", "arm", "v6"},
	{"arm", "5", "arm", "v5"},
	{"arm", "8", "arm", "v8"},
	{"mips64el", NULL, "mips64le", NULL},
	{"loong64", NULL, "loong64", NULL},
	{"loongarch64", NULL, "loong64", NULL},
};

static const char *const known_os[] = {"aix", "android", "darwin", "dragonfly", "freebsd", "illumos", "ios", "js", "linux", "macos",
	"netbsd", "openbsd", "plan9", "solaris", "wasi", "windows"};
static const char *const known_arch[] = {"386", "amd64", "arm", "arm64", "loong64", "mips", "mipsle", "mips64", "mips64le", "ppc64",
	"ppc64le", "riscv64", "s390x", "wasm"};

static bool among(struct str s, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (str_eqz(s, names[i]))
			return true;
	return false;
}

/* Aliases only; strings static or borrowed. */
static struct platform normalize(struct platform p)
{
	if (str_ieq(p.os, STR("macos")))
		p.os = STR("darwin");
	for (size_t i = 0; i < ARRAY_LEN(aliases); i++) {
		const struct alias *al = &aliases[i];
		if (!str_ieq(p.arch, str_of(al->arch)) || (al->variant && !str_ieq(p.variant, str_of(al->variant))))
			continue;
		p.arch = str_of(al->to_arch);
		if (al->to_variant)
			p.variant = str_of(al->to_variant);
		break;
	}
	return p;
}

struct platform platform_host(void)
{
#if defined(__x86_64__)
	struct platform p = {.arch = STR("amd64")};
#elif defined(__aarch64__)
	struct platform p = {.arch = STR("arm64")};
#elif defined(__arm__)
	struct platform p = {.arch = STR("arm"), .variant = STR("v7")};
#elif defined(__i386__)
	struct platform p = {.arch = STR("386")};
#elif defined(__riscv) && __riscv_xlen == 64
	struct platform p = {.arch = STR("riscv64")};
#elif defined(__powerpc64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	struct platform p = {.arch = STR("ppc64le")};
#elif defined(__s390x__)
	struct platform p = {.arch = STR("s390x")};
#elif defined(__loongarch64)
	struct platform p = {.arch = STR("loong64")};
#elif defined(__mips64) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	struct platform p = {.arch = STR("mips64le")};
#else
#error "name this architecture as GOARCH does"
#endif
	p.os = STR("linux");
	return p;
}

/* One component, lower case, in the arena; letters as containerd takes them. */
static bool take_component(struct str s, struct arena *a, struct str *ret)
{
	char *low = (char *)arena_str(a, s).p;
	for (size_t i = 0; i < s.len; i++) {
		char c = low[i];
		if (c >= 'A' && c <= 'Z')
			low[i] = c = (char)(c + 32);
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.'))
			return false;
	}
	*ret = (struct str){low, s.len};
	return s.len > 0 && low[0] != '.'; /* the names become folders */
}

/* "os" or "os(version)". */
static bool take_os(struct str s, struct arena *a, struct platform *p)
{
	ptrdiff_t open = str_find(s, '(');
	if (open >= 0) {
		if (!str_ends(s, STR(")")))
			return false;
		struct str version = str_sub(s, (size_t)open + 1, s.len - 1);
		if (version.len && !take_component(version, a, &p->os_version))
			return false;
		s.len = (size_t)open;
	}
	return take_component(s, a, &p->os);
}

/* A word alone is an operating system or an architecture; the other one is this machine's. */
static int parse_word(struct str word, struct arena *a, struct platform *ret, struct err *e)
{
	struct platform host = platform_host(), p = {0};
	if (!take_os(word, a, &p))
		return err_set(e, ERR_SYNTAX, "invalid platform \"%.*s\"", STR_ARG(word));
	if (str_eqz(p.os, "local")) {
		*ret = host;
		return 0;
	}
	if (among(p.os, known_os, ARRAY_LEN(known_os))) {
		p.arch = host.arch;
		p.variant = host.variant;
		*ret = normalize(p);
		return 0;
	}
	p = normalize((struct platform){.os = host.os, .arch = p.os});
	if (!among(p.arch, known_arch, ARRAY_LEN(known_arch)))
		return err_set(e, ERR_SYNTAX, "\"%.*s\": unknown operating system or architecture", STR_ARG(word));
	*ret = p;
	return 0;
}

int platform_parse(struct str text, struct arena *a, struct platform *ret, struct err *e)
{
	struct str parts[3], rest = text;
	size_t n = 0;
	while (n < 3 && str_split(&rest, '/', &parts[n]))
		n++;
	if (rest.p || n == 0)
		return err_set(e, ERR_SYNTAX, "invalid platform \"%.*s\": expected os[/arch[/variant]]", STR_ARG(text));
	if (n == 1)
		return parse_word(parts[0], a, ret, e);
	struct platform p = {0};
	if (!take_os(parts[0], a, &p) || !take_component(parts[1], a, &p.arch) || (n == 3 && !take_component(parts[2], a, &p.variant)))
		return err_set(e, ERR_SYNTAX, "invalid platform \"%.*s\": expected os[/arch[/variant]]", STR_ARG(text));
	*ret = normalize(p);
	return 0;
}

void platform_print(const struct platform *p, struct buf *out)
{
	buf_str(out, p->os);
	if (p->os_version.len)
		buf_printf(out, "(%.*s)", STR_ARG(p->os_version));
	if (p->arch.len)
		buf_printf(out, "/%.*s", STR_ARG(p->arch));
	if (p->variant.len)
		buf_printf(out, "/%.*s", STR_ARG(p->variant));
}

struct jval *platform_json(const struct platform *p)
{
	struct jval *j = jval_object();
	jval_set_str(j, "architecture", p->arch);
	jval_set_str(j, "os", p->os);
	oci_set_str(j, "os.version", p->os_version);
	oci_set_str(j, "variant", p->variant);
	return j;
}

bool platform_eq(const struct platform *a, const struct platform *b)
{
	struct platform x = normalize(*a), y = normalize(*b);
	return str_eq(x.os, y.os) && str_eq(x.arch, y.arch) && str_eq(x.variant, y.variant) && str_eq(x.os_version, y.os_version);
}

/* "v7" is 7; no variant counts as the lowest of its architecture (amd64 v1, arm64 v8). */
static unsigned variant_number(const struct platform *p)
{
	uint64_t v;
	if (p->variant.len > 1 && p->variant.p[0] == 'v' && str_u64(str_from(p->variant, 1), 99, &v))
		return (unsigned)v;
	if (p->variant.len == 0)
		return str_eqz(p->arch, "arm64") ? 8 : 1;
	return 0;
}

/* 0: cannot run; larger is better. */
static unsigned fit(const struct platform *have_raw, const struct platform *want_raw)
{
	struct platform have = normalize(*have_raw), want = normalize(*want_raw);
	if (!str_eq(have.os, want.os) || !str_eq(have.arch, want.arch))
		return 0;
	if (want.os_version.len && !str_eq(have.os_version, want.os_version))
		return 0;
	if (str_eq(have.variant, want.variant))
		return 1000;
	unsigned h = variant_number(&have), w = variant_number(&want);
	return h && w && h < w ? h : 0;
}

/* BuildKit marks attestation manifests by an annotation and a platform that is none. */
static bool is_attestation(const struct descriptor *d)
{
	struct str v;
	if (annotations_get(&d->annotations, STR("vnd.docker.reference.type"), &v))
		return true;
	return str_eqz(d->platform.os, "unknown") || str_eqz(d->platform.arch, "unknown");
}

ptrdiff_t platform_choose(const struct image_index *ix, const struct platform *want)
{
	ptrdiff_t best = -1, unnamed = -1;
	unsigned best_fit = 0;
	size_t images = 0;
	for (size_t i = 0; i < ix->n; i++) {
		const struct descriptor *d = &ix->manifests[i];
		if (is_attestation(d))
			continue;
		images++;
		if (d->platform.os.len == 0) {
			unnamed = (ptrdiff_t)i;
			continue;
		}
		unsigned f = fit(&d->platform, want);
		if (f > best_fit) {
			best_fit = f;
			best = (ptrdiff_t)i;
		}
	}
	/* An index of one image that does not say its platform leaves nothing to choose. */
	return best < 0 && images == 1 ? unnamed : best;
}
