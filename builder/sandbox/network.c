/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/sandbox/network.h"

#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "builder/sandbox/job.h"

static int loopback_up(struct job *j)
{
	struct ifreq r = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_LOOPBACK | IFF_RUNNING};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &r) < 0)
		return job_detail(j, "loopback interface", "");
	close(fd);
	return 0;
}

int network_prepare(struct job *j, struct err *e)
{
	(void)e;
	j->own_network = j->run->network == SANDBOX_NET_NONE;
	return 0;
}

int network_join(struct job *j)
{
	if (j->run->network == SANDBOX_NET_NONE)
		return loopback_up(j);
	return 0;
}

void sandbox_shutdown(void)
{
}
