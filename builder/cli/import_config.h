/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_IMPORT_CONFIG_H
#define COOPER_IMPORT_CONFIG_H

/* The configuration that --change instructions (CMD, ENV, LABEL, ...) ask for, as a build from scratch would make it. */
#include "builder/cli/opt.h"
#include "registry/oci.h"

/* Free with image_config_done. History and layers are empty. ERR_USAGE for an instruction that changes files or cannot be read. */
int import_config(const struct opt_list *changes, const struct platform *platform, struct image_config *ret, struct err *e);

#endif
