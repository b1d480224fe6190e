/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_PARTS_H
#define COOPER_PARTS_H

/* The parts that keys are made of, as --explain names them: the members of task.why, and their kind for tools. */
#include <stddef.h>

#define PARTS(X) \
	X(COMMAND, "command", "argument") \
	X(INSTRUCTION, "instruction", "argument") \
	X(HEREDOC, "the here-document", "argument") \
	X(FLAG, "a flag", "argument") \
	X(ENVIRONMENT, "environment", "argument") \
	X(WORKDIR, "working directory", "argument") \
	X(USER, "user", "argument") \
	X(NETWORK, "network", "argument") \
	X(SECURITY, "security", "argument") \
	X(HOSTNAME, "hostname", "argument") \
	X(HOSTS, "added hosts", "argument") \
	X(ULIMITS, "ulimits", "argument") \
	X(MOUNTS, "mounts", "mount") \
	X(BASE, "the base image", "base") \
	X(START, "the files it starts from", "parent") \
	X(ONTO, "the files it is copied onto", "parent") \
	X(COPIED, "what is copied", "file") \
	X(COMMIT, "commit", "source") \
	X(BODY, "what the URL gives", "source") \
	X(BODY_TIME, "the time of what the URL gives", "source")

enum part {
#define X(id, name, kind) PART_##id,
	PARTS(X)
#undef X
	PART_COUNT
};
const char *part_name(enum part p);
const char *part_kind(enum part p);

#endif
