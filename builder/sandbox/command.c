/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding and starting the command. The candidates are worked out from PATH before the clone; the kernel says which
 * exists, with the step's own ids and inside its root. Our own program is never run there: while a step cannot reach it
 * by a path, it could by /proc/self/exe in the moment of exec, and then write to it (CVE-2019-5736).
 */
#include "builder/sandbox/job.h"

#include <elf.h>
#include <stddef.h>
#include <string.h>

#include "base/arena.h"

static const char default_path[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

static const char *path_of(char *const *env)
{
	const char *path = default_path;
	for (; env && *env; env++)
		if (strncmp(*env, "PATH=", 5) == 0)
			path = *env + 5;
	return path;
}

int command_prepare(struct job *j, struct err *e)
{
	const char *name = j->run->argv[0];
	struct stat st;
	if (!name)
		return err_set(e, ERR_USAGE, "no command");
	if (stat("/proc/self/exe", &st) == 0) {
		j->self_dev = st.st_dev;
		j->self_ino = st.st_ino;
	}
	size_t cap = 0;
	struct str rest = str_of(path_of(j->run->env)), dir;
	if (strchr(name, '/')) {
		ARENA_ROOM(j->arena, j->candidates, j->ncandidates, cap);
		j->candidates[j->ncandidates++] = arena_strdup(j->arena, name);
		return 0;
	}
	while (*name && str_split(&rest, ':', &dir)) {
		if (dir.len == 0 ||
		    dir.p[0] != '/') /* as Go's LookPath: never what happens to lie in the working folder */
			continue;
		ARENA_ROOM(j->arena, j->candidates, j->ncandidates, cap);
		j->candidates[j->ncandidates++] = arena_printf(j->arena, "%.*s/%s", STR_ARG(dir), name);
	}
	return 0;
}

static bool is_self(const struct job *j, int dirfd, const char *path)
{
	struct stat st;
	return j->self_ino != 0 && fstatat(dirfd, path, &st, 0) == 0 && st.st_ino == j->self_ino &&
	       st.st_dev == j->self_dev;
}

/* Does the file, or the interpreter its first line names, mean this very program? */
static bool leads_to_self(const struct job *j, const char *path)
{
	char line[258], interpreter[258];
	struct stat st;
	for (int depth = 0; depth < 6; depth++) {
		if (is_self(j, AT_FDCWD, path))
			return true;
		if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
			return false;
		int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		ssize_t n = fd < 0 ? -1 : read(fd, line, sizeof(line) - 2);
		if (fd >= 0)
			close(fd);
		if (n < 3 || line[0] != '#' || line[1] != '!')
			return false;
		line[n] = '\0';
		char *p = line + 2 + strspn(line + 2, " \t");
		p[strcspn(p, " \t\n")] = '\0';
		memcpy(interpreter, p, strlen(p) + 1);
		path = interpreter;
	}
	return false;
}

/* Another thread of the builder may have been cloning while the file was still being written: then its child has it
 * open for writing for some milliseconds more. */
static void start(const struct job *j, const char *path)
{
	const struct timespec pause = {.tv_nsec = 2 * 1000 * 1000};
	for (int i = 0; i < 100; i++) {
		syscall(SYS_execve, path, j->run->argv, j->run->env);
		if (errno != ETXTBSY)
			return;
		nanosleep(&pause, NULL);
	}
}

/* For which processor a program is that the kernel does not take: a line of its own behind the path, or nothing. */
static const char *made_for(const char *path)
{
	static const struct {
		Elf64_Half machine;
		const char *line;
	} known[] = {{EM_X86_64, "\namd64"}, {EM_AARCH64, "\narm64"}, {EM_ARM, "\narm"}, {EM_386, "\n386"}, {EM_RISCV, "\nriscv64"},
		{EM_PPC64, "\nppc64"}, {EM_S390, "\ns390x"}, {EM_MIPS, "\nmips"}};
	Elf64_Ehdr h = {0};
	const char *line = "";
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0 && read(fd, &h, sizeof(h)) > (ssize_t)offsetof(Elf64_Ehdr, e_version) && memcmp(h.e_ident, ELFMAG, SELFMAG) == 0)
		for (size_t i = 0; i < ARRAY_LEN(known); i++)
			if (known[i].machine == h.e_machine)
				line = known[i].line;
	errno = ENOEXEC;
	return line;
}

int command_exec(struct job *j)
{
	int denied = 0;
	for (size_t i = 0; i < j->ncandidates; i++) {
		struct stat st;
		const char *path = j->candidates[i];
		if (leads_to_self(j, path)) {
			errno = EPERM;
			return job_detail(j, path, "");
		}
		if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
			errno = EACCES;
		else
			start(j, path);
		if (errno == EACCES)
			denied = errno;
		else if ((errno == ENOENT || errno == ENOTDIR) && stat(path, &st) == 0)
			return job_detail(j, path, ""); /* it is there: its interpreter is not */
		else if (errno != ENOENT && errno != ENOTDIR)
			return job_detail(j, path, errno == ENOEXEC ? made_for(path) : "");
	}
	errno = denied ? denied : ENOENT;
	return job_detail(j, "", "");
}

/* The texts are runc's, which people know and search for. */
int command_error(const struct job *j, int error, struct err *e)
{
	const char *name = j->run->argv[0], *path = j->shared->detail;
	errno = error;
	if (error == EACCES)
		return err_set(e, ERR_DENIED, "exec: \"%s\": permission denied", name);
	const char *machine = error == ENOEXEC ? strrchr(path, '\n') : NULL;
	if (machine)
		return err_set(e, ERR_UNSUPPORTED, "exec %.*s: exec format error: it is a program for %s, which this machine cannot run (qemu-user "
			"with binfmt_misc can: apt install qemu-user-static)", (int)(machine - path), path, machine + 1);
	if (error == ENOEXEC)
		return err_set(e, ERR_UNSUPPORTED, "exec %s: exec format error", path);
	if (error == ENOENT && *path)
		return err_set(
		    e, ERR_NOT_FOUND, "exec %s: no such file or directory (its interpreter is missing)", path);
	if (error == ENOENT && strchr(name, '/'))
		return err_set(e, ERR_NOT_FOUND, "exec: \"%s\": stat %s: no such file or directory", name, name);
	if (error == ENOENT)
		return err_set(e, ERR_NOT_FOUND, "exec: \"%s\": executable file not found in $PATH", name);
	return err_sys(e, "exec %s", path);
}
