/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_PLACE_FOLDER_H
#define COOPER_PLACE_FOLDER_H

#include "base/err.h"

/* Copies the content of one folder into another: modes, owners when `owners`, times, symlinks, devices where allowed. What is there
 * under the same name is replaced, folders are merged unless overlayfs marked ours as opaque; an overlayfs whiteout (char 0:0) removes. Sockets are left out. */
int place_folder(int from_fd, int to_fd, bool owners, struct err *e);

#endif
