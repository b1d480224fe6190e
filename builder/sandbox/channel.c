/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors that only the step can make, and the builder needs: the seccomp listener, the master of its terminal.
 * They come through a socket pair before the exec; a letter says what each one is.
 */
#include <string.h>
#include <sys/socket.h>

#include "builder/sandbox/job.h"

int channel_open(struct job *j, struct err *e)
{
	if (j->channel[0] >= 0)
		return 0;
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, j->channel) < 0 ? err_sys(e, "make a socket pair")
	                                                                             : 0;
}

int channel_send(struct job *j, char letter, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec data = {&letter, 1};
	struct msghdr m = {
	    .msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	return sendmsg(j->channel[1], &m, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

int channel_receive(struct job *j, char letter)
{
	char byte, control[CMSG_SPACE(sizeof(int))];
	struct iovec data = {&byte, 1};
	struct msghdr m = {
	    .msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	int fd = -1;
	if (j->channel[0] < 0 || recvmsg(j->channel[0], &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) != 1)
		return -1;
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(c), sizeof(int));
	if (fd >= 0 && byte != letter) {
		close(fd);
		return -1;
	}
	return fd;
}
