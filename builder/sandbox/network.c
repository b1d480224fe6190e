/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which network a step gets. "none": a namespace with loopback. "host": the host's. The default: a private one that all
 * steps of the build share, started with the first step that needs it; where that cannot be had, the host's, and a
 * notice says so once.
 */
#include "builder/sandbox/network.h"

#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/log.h"
#include "builder/sandbox/job.h"
#include "builder/sandbox/notice.h"

/* The one network of this process. */
static struct {
	pthread_mutex_t lock;
	enum { NOT_TRIED, UP, REFUSED } state;
	struct pasta pasta;
	bool expected; /* with `early`, of the thread that solves alone */
	pthread_t early;
} shared = {.lock = PTHREAD_MUTEX_INITIALIZER, .pasta = {-1, -1, -1}};

static bool host_is_meant(void)
{
	const char *wish = secure_getenv("COOPER_NETWORK");
	return wish && strcmp(wish, "host") == 0;
}

void sandbox_default_network(struct buf *out)
{
	struct err e = {0};
	if (host_is_meant())
		buf_puts(out, "the host's (COOPER_NETWORK=host)");
	else if (pasta_check(&e) < 0)
		buf_printf(out, "the host's: %s", e.text);
	else
		buf_puts(out, "private (pasta)");
}

static void try_private(void)
{
	struct err e = {0};
	shared.state = REFUSED;
	if (host_is_meant())
		return;
	if (pasta_start(&shared.pasta, &e) == 0) {
		shared.state = UP;
		return;
	}
	log_debug("sandbox: no private network: %s", e.text);
	notice_add("RUN steps share the network of the host: %.300s (COOPER_NETWORK=host says that this is meant)", e.text);
}

static void *make_early(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&shared.lock);
	if (shared.state == NOT_TRIED)
		try_private();
	pthread_mutex_unlock(&shared.lock);
	return NULL;
}

void sandbox_expect_network(void)
{
	if (!shared.expected)
		shared.expected = pthread_create(&shared.early, NULL, make_early, NULL) == 0;
}

int network_prepare(struct job *j, struct err *e)
{
	(void)e;
	j->own_network = j->run->network == SANDBOX_NET_NONE;
	if (j->run->network != SANDBOX_NET_DEFAULT)
		return 0;
	pthread_mutex_lock(&shared.lock);
	if (shared.state == NOT_TRIED)
		try_private();
	if (shared.state == UP) {
		j->net_fd = shared.pasta.net_fd;
		j->own_network = true;
	}
	pthread_mutex_unlock(&shared.lock);
	return 0;
}

static int loopback_up(struct job *j)
{
	struct ifreq r = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_LOOPBACK | IFF_RUNNING};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &r) < 0)
		return job_detail(j, "loopback interface", "");
	close(fd);
	return 0;
}

int network_join(struct job *j)
{
	if (j->run->network == SANDBOX_NET_NONE)
		return loopback_up(j);
	if (j->net_fd >= 0 && setns(j->net_fd, CLONE_NEWNET) < 0)
		return job_detail(j, "join the private network", "");
	return 0;
}

void network_shutdown(void)
{
	if (shared.expected)
		pthread_join(shared.early, NULL);
	shared.expected = false;
	pthread_mutex_lock(&shared.lock);
	pasta_stop(&shared.pasta);
	shared.state = NOT_TRIED;
	pthread_mutex_unlock(&shared.lock);
}
