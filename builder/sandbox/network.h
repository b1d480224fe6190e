/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_SANDBOX_NETWORK_H
#define COOPER_SANDBOX_NETWORK_H

/* The address at which the private network answers DNS when the host's only resolvers are on its loopback. */
#define NETWORK_RESOLVER "169.254.1.53"

#endif
