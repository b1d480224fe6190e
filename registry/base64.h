/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_BASE64_H
#define COOPER_BASE64_H

/* RFC 4648 section 4, with padding. */
#include "base/buf.h"

void base64_encode(struct str bytes, struct buf *out);
/* Appends the bytes; false (and rubbish appended) for text that is none. Missing padding is taken. */
bool base64_decode(struct str text, struct buf *out);

#endif
