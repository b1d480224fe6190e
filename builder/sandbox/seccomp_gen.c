/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Build-time program: prints the system call filters as arrays of BPF instructions. Building a filter of 350 rules
 * takes libseccomp 14 to 28 ms, too long for every run, so libseccomp is used only here, for the numbers; the program
 * itself is a binary search over ranges of numbers, written by hand so that arguments are compared in the 32 bits the
 * kernel looks at.
 *
 * The policy is Docker's default profile for a process with Docker's default capabilities. A call that is not in it
 * answers EPERM when it is one that libseccomp knows, and ENOSYS when it is newer than that: a new C library then falls
 * back to the older call.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "builder/sandbox/seccomp_names.h"

enum action { ALLOW, DENY, MISSING, CHECK_CLONE, CHECK_IOCTL, CHECK_PERSONALITY, CHECK_SOCKET, CHECK_OPEN, CHECK_OPENAT, NOTIFY, ACTION_COUNT };

struct special {
	const char *name;
	enum action action;
};
static const struct special specials[] = {
    {"clone", CHECK_CLONE}, {"clone3", MISSING}, /* its flags are behind a pointer, where a filter cannot look */
    {"ioctl", CHECK_IOCTL}, {"personality", CHECK_PERSONALITY}, {"socket", CHECK_SOCKET},
    {"socketcall", MISSING}, /* 32-bit: the same; libcs go on with socket() */
};

/* Calls newer than the libseccomp of the build machine; these numbers are the same on all machines. */
static const int newer_allowed[] = {454, 455, 456 /* futex_wake, _wait, _requeue */, 462 /* mseal */, 463, 464, 465,
    466 /* setxattrat, getxattrat, listxattrat, removexattrat */};
static const int newer_denied[] = {457, 458 /* statmount, listmount */, 467 /* open_tree_attr */};

struct arch {
	const char *machine; /* meson's cpu_family */
	uint32_t token;      /* libseccomp's */
	uint32_t audit;      /* what the kernel says */
	uint32_t base;       /* added to every number */
};
static const struct arch arches[] = {
    {"x86_64", SCMP_ARCH_X86_64, AUDIT_ARCH_X86_64, 0},
    {"x86_64", SCMP_ARCH_X32, AUDIT_ARCH_X86_64, 0x40000000},
    {"x86_64", SCMP_ARCH_X86, AUDIT_ARCH_I386, 0},
    {"aarch64", SCMP_ARCH_AARCH64, AUDIT_ARCH_AARCH64, 0},
    {"aarch64", SCMP_ARCH_ARM, AUDIT_ARCH_ARM, 0},
    {"riscv64", SCMP_ARCH_RISCV64, AUDIT_ARCH_RISCV64, 0},
};

enum { MAX_CODE = 4096, TABLE = 1024, ARM_PRIVATE = 0xf0000, ARM_TABLE = 16 };

static struct sock_filter code[MAX_CODE];
static size_t ncode;
/* Jumps to the blocks at the end, to be filled in. */
static struct {
	size_t at;
	enum action to;
} pending[MAX_CODE];
static size_t npending;

static size_t emit(uint16_t op, uint8_t jt, uint8_t jf, uint32_t k)
{
	if (ncode >= MAX_CODE) {
		fprintf(stderr, "seccomp-gen: the filter is too long\n");
		exit(1);
	}
	code[ncode] = (struct sock_filter){op, jt, jf, k};
	return ncode++;
}

static void emit_return(uint32_t value)
{
	emit(BPF_RET | BPF_K, 0, 0, value);
}

static void leaf(enum action a)
{
	if (a == ALLOW || a == DENY || a == MISSING || a == NOTIFY) {
		static const uint32_t values[ACTION_COUNT] = {[ALLOW] = SECCOMP_RET_ALLOW,
		    [DENY] = SECCOMP_RET_ERRNO | EPERM,
		    [MISSING] = SECCOMP_RET_ERRNO | ENOSYS,
		    [NOTIFY] = SECCOMP_RET_USER_NOTIF};
		emit_return(values[a]);
		return;
	}
	pending[npending].to = a;
	pending[npending++].at = emit(BPF_JMP | BPF_JA, 0, 0, 0);
}

struct range {
	uint32_t first;
	enum action action;
};
static struct range ranges[TABLE + ARM_TABLE + 4];
static size_t nranges;

static void add_range(uint32_t first, enum action a)
{
	if (nranges > 0 && ranges[nranges - 1].action == a)
		return;
	ranges[nranges++] = (struct range){first, a};
}

static void search(size_t lo, size_t hi)
{
	if (hi - lo == 1) {
		leaf(ranges[lo].action);
		return;
	}
	size_t mid = lo + (hi - lo) / 2;
	emit(BPF_JMP | BPF_JGE | BPF_K, 0, 1, ranges[mid].first);
	size_t jump = emit(BPF_JMP | BPF_JA, 0, 0, 0);
	search(lo, mid);
	code[jump].k = (uint32_t)(ncode - jump - 1);
	search(mid, hi);
}

static void set(enum action *table, const struct arch *a, const char *name, enum action action)
{
	int n = seccomp_syscall_resolve_name_arch(a->token, name);
	if (n < 0) /* not on this machine */
		return;
	uint32_t k = (uint32_t)n - a->base;
	if (k < TABLE)
		table[k] = action;
	else if (k >= ARM_PRIVATE && k < ARM_PRIVATE + ARM_TABLE)
		table[TABLE + k - ARM_PRIVATE] = action;
}

static void fill(enum action *table, const struct arch *a, const char *const *names, size_t n, enum action action)
{
	for (size_t i = 0; i < n; i++)
		set(table, a, names[i], action);
}

static void profile(enum action *table, const struct arch *a)
{
	for (int i = 0; i < TABLE; i++) {
		char *name = seccomp_syscall_resolve_num_arch(a->token, i + (int)a->base);
		table[i] = name ? DENY : MISSING;
		free(name);
	}
	for (int i = 0; i < ARM_TABLE; i++)
		table[TABLE + i] = MISSING;
	fill(table, a, seccomp_allowed, sizeof(seccomp_allowed) / sizeof(seccomp_allowed[0]), ALLOW);
	for (size_t i = 0; i < sizeof(newer_allowed) / sizeof(int); i++)
		table[newer_allowed[i]] = ALLOW;
	for (size_t i = 0; i < sizeof(newer_denied) / sizeof(int); i++)
		table[newer_denied[i]] = DENY;
	for (size_t i = 0; i < sizeof(specials) / sizeof(specials[0]); i++)
		set(table, a, specials[i].name, specials[i].action);
}

static bool has_16_bit_ids(const struct arch *a)
{
	return a->token == SCMP_ARCH_X86 || a->token == SCMP_ARCH_ARM;
}

/* Calls fn for every call of the machine that the builder has to answer. */
static void each_owner(
    const struct arch *a, void (*fn)(const struct arch *a, const char *name, const char *call, void *arg), void *arg)
{
	for (size_t i = 0; i < sizeof(seccomp_owners) / sizeof(seccomp_owners[0]); i++) {
		bool both = strcmp(seccomp_owners[i].name, seccomp_owners[i].name32) == 0;
		fn(a, has_16_bit_ids(a) ? seccomp_owners[i].name32 : seccomp_owners[i].name, seccomp_owners[i].call,
		    arg);
		if (has_16_bit_ids(a) && !both && strncmp(seccomp_owners[i].name, "get", 3) != 0)
			fn(a, seccomp_owners[i].name, "PRETEND", arg);
	}
	bool native = !has_16_bit_ids(a) && a->token != SCMP_ARCH_X32;
	for (size_t i = 0; i < sizeof(seccomp_stats) / sizeof(seccomp_stats[0]); i++)
		if (native || seccomp_stats[i].everywhere)
			fn(a, seccomp_stats[i].name, seccomp_stats[i].call, arg);
}

static void set_notify(const struct arch *a, const char *name, const char *call, void *arg)
{
	set(arg, a, name, strcmp(call, "OPEN") == 0 ? CHECK_OPEN : strcmp(call, "OPENAT") == 0 ? CHECK_OPENAT : NOTIFY);
}

static void owners(enum action *table, const struct arch *a)
{
	for (int i = 0; i < TABLE + ARM_TABLE; i++)
		table[i] = ALLOW;
	each_owner(a, set_notify, table);
}

static void table_to_ranges(const enum action *table, const struct arch *a, enum action rest)
{
	nranges = 0;
	for (uint32_t i = 0; i < TABLE; i++)
		add_range(a->base + i, table[i]);
	add_range(a->base + TABLE, rest);
	if (a->token != SCMP_ARCH_ARM)
		return;
	for (uint32_t i = 0; i < ARM_TABLE; i++)
		add_range(ARM_PRIVATE + i, table[TABLE + i]);
	add_range(ARM_PRIVATE + ARM_TABLE, rest);
}

/* The low 32 bits of argument i; all machines here are little-endian. */
static void load_arg(int i)
{
	emit(BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)(offsetof(struct seccomp_data, args) + 8 * (size_t)i));
}

static void block_one_of(int arg, const uint32_t *values, size_t n, uint32_t match, uint32_t otherwise)
{
	load_arg(arg);
	for (size_t i = 0; i < n; i++)
		emit(BPF_JMP | BPF_JEQ | BPF_K, (uint8_t)(n - i), 0, values[i]);
	emit_return(otherwise);
	emit_return(match);
}

static void block(enum action a)
{
	static const uint32_t tiocs[] = {0x5412 /* TIOCSTI */, 0x541c /* TIOCLINUX */};
	static const uint32_t families[] = {38 /* AF_ALG */, 40 /* AF_VSOCK */};
	static const uint32_t personalities[] = {0, 8, 0x20000, 0x20008, 0xffffffff};
	const uint32_t deny = SECCOMP_RET_ERRNO | EPERM, allow = SECCOMP_RET_ALLOW;
	if (a == CHECK_IOCTL)
		block_one_of(1, tiocs, 2, deny, allow);
	if (a == CHECK_SOCKET)
		block_one_of(0, families, 2, deny, allow);
	if (a == CHECK_PERSONALITY)
		block_one_of(0, personalities, 5, allow, deny);
	if (a == CHECK_OPEN || a == CHECK_OPENAT) { /* O_CREAT */
		load_arg(a == CHECK_OPEN ? 1 : 2);
		emit(BPF_JMP | BPF_JSET | BPF_K, 0, 1, 0x40);
		emit_return(SECCOMP_RET_USER_NOTIF);
		emit_return(allow);
	}
	if (a == CHECK_CLONE) { /* CLONE_NEWNS, CGROUP, UTS, IPC, USER, PID, NET */
		load_arg(0);
		emit(BPF_JMP | BPF_JSET | BPF_K, 0, 1, 0x7e020000);
		emit_return(deny);
		emit_return(allow);
	}
}

static void blocks(void)
{
	for (enum action a = 0; a < ACTION_COUNT; a++) {
		size_t start = ncode;
		for (size_t i = 0; i < npending; i++)
			if (pending[i].to == a)
				code[pending[i].at].k = (uint32_t)(start - pending[i].at - 1);
		block(a);
	}
}

static void one_arch(const struct arch *a, void (*policy)(enum action *, const struct arch *), enum action rest)
{
	static enum action table[TABLE + ARM_TABLE];
	policy(table, a);
	table_to_ranges(table, a, rest);
	search(0, nranges);
}

static void filter(
    const char *machine, const char *name, void (*policy)(enum action *, const struct arch *), enum action rest)
{
	ncode = npending = 0;
	for (size_t i = 0; i < sizeof(arches) / sizeof(arches[0]); i++) {
		const struct arch *a = &arches[i];
		if (strcmp(a->machine, machine) != 0 || a->base != 0)
			continue;
		emit(BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, arch));
		emit(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, a->audit);
		size_t next = emit(BPF_JMP | BPF_JA, 0, 0, 0);
		emit(BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr));
		if (a->token == SCMP_ARCH_X86_64) { /* x32 shares the architecture and has a bit in the number */
			emit(BPF_JMP | BPF_JGE | BPF_K, 1, 0, 0x40000000);
			size_t plain = emit(BPF_JMP | BPF_JA, 0, 0, 0);
			one_arch(&arches[i + 1], policy, rest);
			code[plain].k = (uint32_t)(ncode - plain - 1);
		}
		one_arch(a, policy, rest);
		code[next].k = (uint32_t)(ncode - next - 1);
	}
	emit_return(SECCOMP_RET_KILL_PROCESS);
	blocks();
	printf("static const struct sock_filter %s[] = {\n", name);
	for (size_t i = 0; i < ncode; i++)
		printf("\t{0x%02x, %u, %u, 0x%08x},\n", code[i].code, code[i].jt, code[i].jf, code[i].k);
	printf("};\n");
}

static void print_owner(const struct arch *a, const char *name, const char *call, void *arg)
{
	int n = seccomp_syscall_resolve_name_arch(a->token, name);
	(void)arg;
	if (n >= 0)
		printf("\t{0x%08x, %u, OWNER_%s}, /* %s */\n", a->audit, (unsigned)n, call, name);
}

/* Which call a notification is about: numbers differ between the architectures one process may use. */
static void owner_table(const char *machine)
{
	printf("static const struct {\n\tuint32_t arch, nr;\n\tenum owner_call call;\n} seccomp_owner_table[] = {\n");
	for (size_t i = 0; i < sizeof(arches) / sizeof(arches[0]); i++)
		if (strcmp(arches[i].machine, machine) == 0)
			each_owner(&arches[i], print_owner, NULL);
	printf("};\n");
}

int main(int argc, char **argv)
{
	bool known = false;
	for (size_t i = 0; argc == 2 && i < sizeof(arches) / sizeof(arches[0]); i++)
		known = known || strcmp(arches[i].machine, argv[1]) == 0;
	if (!known) {
		fprintf(stderr, "usage: seccomp-gen x86_64|aarch64|riscv64\n");
		return 2;
	}
	printf("/* Made by seccomp-gen for %s. */\n", argv[1]);
	filter(argv[1], "seccomp_default", profile, MISSING);
	filter(argv[1], "seccomp_owner_calls", owners, ALLOW);
	owner_table(argv[1]);
	return 0;
}
