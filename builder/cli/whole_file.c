/* SPDX-License-Identifier: Apache-2.0 */
/* See whole_file.h. The mode is what open(2) would have given. */
#include "builder/cli/whole_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"

static int give_mode(int fd, const char *name, struct err *e)
{
	mode_t mask = umask(0);
	umask(mask);
	return fchmod(fd, 0666 & ~mask) < 0 ? err_sys(e, "chmod %s", name) : 0;
}

int whole_file_open(const char *dest, struct whole_file *ret, struct err *e)
{
	struct stat st;
	*ret = (struct whole_file){.fd = STDOUT_FILENO, .dest = dest};
	if (!dest)
		return 0;
	if (stat(dest, &st) == 0 && !S_ISREG(st.st_mode)) { /* /dev/null, a fifo */
		ret->fd = open(dest, O_WRONLY | O_CLOEXEC);
		return ret->fd < 0 ? err_sys(e, "open %s", dest) : 0;
	}
	cleanup_free char *prefix = mem_printf("%s.", dest);
	TRY(fs_temp_file(AT_FDCWD, prefix, &ret->temp, &ret->fd, e));
	int rc = give_mode(ret->fd, ret->temp, e);
	return rc < 0 ? whole_file_close(ret, rc, e) : 0;
}

int whole_file_close(struct whole_file *f, int rc, struct err *e)
{
	if (f->dest)
		close(f->fd);
	if (f->temp && rc == 0 && rename(f->temp, f->dest) < 0)
		rc = err_sys(e, "rename %s", f->dest);
	if (f->temp && rc < 0)
		unlink(f->temp);
	mem_free(f->temp);
	return rc;
}
