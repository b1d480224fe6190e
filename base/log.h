/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_LOG_H
#define COOPER_LOG_H

/* Debug lines on stderr, off unless COOPER_LOG=debug. Nothing that a user needs to see goes here, and never a secret. */
#include <stdbool.h>

void log_enable(bool on);
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
