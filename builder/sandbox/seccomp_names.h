/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_SANDBOX_SECCOMP_NAMES_H
#define COOPER_SANDBOX_SECCOMP_NAMES_H

/* The lists of the system call filters; included by seccomp_gen.c only. */

/* What a step may call, whatever the arguments: Docker's default profile with Docker's default capabilities. Not in it on purpose:
 * mounts, namespaces, modules, keys, bpf, perf, io_uring, userfaultfd, clocks, swap, reboot. */
/* clang-format off */
static const char *const seccomp_allowed[] = {
	"accept", "accept4", "access", "adjtimex", "alarm", "arch_prctl", "arm_fadvise64_64", "arm_sync_file_range", "bind",
	"breakpoint", "brk", "cacheflush", "cachestat", "capget", "capset", "chdir", "chmod", "chown", "chown32", "chroot",
	"clock_adjtime", "clock_adjtime64", "clock_getres", "clock_getres_time64", "clock_gettime", "clock_gettime64",
	"clock_nanosleep", "clock_nanosleep_time64", "close", "close_range", "connect", "copy_file_range", "creat", "dup",
	"dup2", "dup3", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_ctl_old", "epoll_pwait", "epoll_pwait2",
	"epoll_wait", "epoll_wait_old", "eventfd", "eventfd2", "execve", "execveat", "exit", "exit_group", "faccessat",
	"faccessat2", "fadvise64", "fadvise64_64", "fallocate", "fanotify_mark", "fchdir", "fchmod", "fchmodat",
	"fchmodat2", "fchown", "fchown32", "fchownat", "fcntl", "fcntl64", "fdatasync", "fgetxattr", "flistxattr", "flock",
	"fork", "fremovexattr", "fsetxattr", "fstat", "fstat64", "fstatat64", "fstatfs", "fstatfs64", "fsync", "ftruncate",
	"ftruncate64", "futex", "futex_requeue", "futex_time64", "futex_wait", "futex_waitv", "futex_wake", "futimesat",
	"get_robust_list", "get_thread_area", "getcpu", "getcwd", "getdents", "getdents64", "getegid", "getegid32",
	"geteuid", "geteuid32", "getgid", "getgid32", "getgroups", "getgroups32", "getitimer", "getpeername", "getpgid",
	"getpgrp", "getpid", "getppid", "getpriority", "getrandom", "getresgid", "getresgid32", "getresuid", "getresuid32",
	"getrlimit", "getrusage", "getsid", "getsockname", "getsockopt", "gettid", "gettimeofday", "getuid", "getuid32",
	"getxattr", "inotify_add_watch", "inotify_init", "inotify_init1", "inotify_rm_watch", "io_cancel", "io_destroy",
	"io_getevents", "io_pgetevents", "io_pgetevents_time64", "io_setup", "io_submit", "ioprio_get", "ioprio_set", "ipc",
	"kill", "landlock_add_rule", "landlock_create_ruleset", "landlock_restrict_self", "lchown", "lchown32", "lgetxattr",
	"link", "linkat", "listen", "listxattr", "llistxattr", "_llseek", "lremovexattr", "lseek", "lsetxattr", "lstat",
	"lstat64", "madvise", "map_shadow_stack", "membarrier", "memfd_create", "memfd_secret", "mincore", "mkdir",
	"mkdirat", "mknod", "mknodat", "mlock", "mlock2", "mlockall", "mmap", "mmap2", "modify_ldt", "mprotect",
	"mq_getsetattr", "mq_notify", "mq_open", "mq_timedreceive", "mq_timedreceive_time64", "mq_timedsend",
	"mq_timedsend_time64", "mq_unlink", "mremap", "msgctl", "msgget", "msgrcv", "msgsnd", "msync", "munlock",
	"munlockall", "munmap", "name_to_handle_at", "nanosleep", "newfstatat", "_newselect", "open", "openat", "openat2",
	"pause", "pidfd_open", "pidfd_send_signal", "pipe", "pipe2", "pkey_alloc", "pkey_free", "pkey_mprotect", "poll",
	"ppoll", "ppoll_time64", "prctl", "pread64", "preadv", "preadv2", "prlimit64", "process_mrelease",
	"process_vm_readv", "process_vm_writev", "pselect6", "pselect6_time64", "ptrace", "pwrite64", "pwritev", "pwritev2",
	"read", "readahead", "readlink", "readlinkat", "readv", "recv", "recvfrom", "recvmmsg", "recvmmsg_time64",
	"recvmsg", "remap_file_pages", "removexattr", "rename", "renameat", "renameat2", "restart_syscall",
	"riscv_flush_icache", "riscv_hwprobe", "rmdir", "rseq", "rt_sigaction", "rt_sigpending", "rt_sigprocmask",
	"rt_sigqueueinfo", "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait", "rt_sigtimedwait_time64",
	"rt_tgsigqueueinfo", "sched_get_priority_max", "sched_get_priority_min", "sched_getaffinity", "sched_getattr",
	"sched_getparam", "sched_getscheduler", "sched_rr_get_interval", "sched_rr_get_interval_time64",
	"sched_setaffinity", "sched_setattr", "sched_setparam", "sched_setscheduler", "sched_yield", "seccomp", "select",
	"semctl", "semget", "semop", "semtimedop", "semtimedop_time64", "send", "sendfile", "sendfile64", "sendmmsg",
	"sendmsg", "sendto", "set_robust_list", "set_thread_area", "set_tid_address", "set_tls", "setfsgid", "setfsgid32",
	"setfsuid", "setfsuid32", "setgid", "setgid32", "setgroups", "setgroups32", "setitimer", "setpgid", "setpriority",
	"setregid", "setregid32", "setresgid", "setresgid32", "setresuid", "setresuid32", "setreuid", "setreuid32",
	"setrlimit", "setsid", "setsockopt", "setuid", "setuid32", "setxattr", "shmat", "shmctl", "shmdt", "shmget",
	"shutdown", "sigaction", "sigaltstack", "signal", "signalfd", "signalfd4", "sigpending", "sigprocmask", "sigreturn",
	"sigsuspend", "socketpair", "splice", "stat", "stat64", "statfs", "statfs64", "statx", "symlink", "symlinkat",
	"sync", "sync_file_range", "sync_file_range2", "syncfs", "sysinfo", "tee", "tgkill", "time", "timer_create",
	"timer_delete", "timer_getoverrun", "timer_gettime", "timer_gettime64", "timer_settime", "timer_settime64",
	"timerfd_create", "timerfd_gettime", "timerfd_gettime64", "timerfd_settime", "timerfd_settime64", "times", "tkill",
	"truncate", "truncate64", "ugetrlimit", "umask", "uname", "unlink", "unlinkat", "utime", "utimensat",
	"utimensat_time64", "utimes", "vfork", "vmsplice", "wait4", "waitid", "waitpid", "write", "writev",
};

/* With a single id in the user namespace these cannot work; the builder answers them (fakeids.h). On 32-bit machines the plain names
 * are calls with 16-bit ids: there only the ones that set are answered, with a success that changes nothing. */
static const struct {
	const char *name, *name32, *call;
} seccomp_owners[] = {
	{"chown", "chown32", "CHOWN"}, {"lchown", "lchown32", "LCHOWN"}, {"fchown", "fchown32", "FCHOWN"}, {"fchownat", "fchownat", "FCHOWNAT"},
	{"setuid", "setuid32", "SETUID"}, {"setgid", "setgid32", "SETGID"}, {"setreuid", "setreuid32", "SETREUID"},
	{"setregid", "setregid32", "SETREGID"}, {"setresuid", "setresuid32", "SETRESUID"}, {"setresgid", "setresgid32", "SETRESGID"},
	{"setfsuid", "setfsuid32", "SETFSUID"}, {"setfsgid", "setfsgid32", "SETFSGID"}, {"setgroups", "setgroups32", "SETGROUPS"},
	{"getuid", "getuid32", "GETUID"}, {"geteuid", "geteuid32", "GETEUID"}, {"getgid", "getgid32", "GETGID"},
	{"getegid", "getegid32", "GETEGID"}, {"getresuid", "getresuid32", "GETRESUID"}, {"getresgid", "getresgid32", "GETRESGID"},
	{"getgroups", "getgroups32", "GETGROUPS"},
};

/* Programs that take on their owner's ids when they start, as sudo does: the same for all. Those that tell whom a file belongs to: only of the machine's own kind: the others have other structs; statx is the same for all. */
static const struct {
	const char *name, *call;
	bool everywhere;
} seccomp_stats[] = {
	{"stat", "STAT", false}, {"lstat", "LSTAT", false}, {"fstat", "FSTAT", false}, {"newfstatat", "NEWFSTATAT", false},
	{"statx", "STATX", true}, 
	/* that make files: the two of open only with O_CREAT */
	{"open", "OPEN", false}, {"openat", "OPENAT", false}, {"creat", "CREAT", false}, {"mkdir", "MKDIR", false},
	{"mkdirat", "MKDIRAT", false}, {"mknod", "MKNOD", false}, {"mknodat", "MKNODAT", false}, {"symlink", "SYMLINK", false},
	{"symlinkat", "SYMLINKAT", false},
	{"execve", "EXECVE", true}, {"execveat", "EXECVEAT", true}, {"exit_group", "EXIT", true},
};

/* clang-format on */

#endif
