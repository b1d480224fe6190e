/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_NOTICE_H
#define COOPER_NOTICE_H

/* What users should know once about how steps run; sandbox_notice hands it out, oldest first. The same text is kept
 * once in a process, and one too many is dropped. Any thread. */
void notice_add(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
