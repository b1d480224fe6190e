/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_EXIT_H
#define COOPER_EXIT_H

/* What the process gives back to the shell: the one list, told to people in cooper(1). */
enum exit_code {
	EXIT_OK = 0,
	EXIT_FAILED = 1,        /* the build, or whatever was asked for, failed */
	EXIT_USAGE = 2,         /* unknown command or flag, wrong arguments */
	EXIT_REMOTE = 3,        /* a registry or another server failed */
	EXIT_INTERRUPTED = 130, /* stopped by a signal */
};

#endif
