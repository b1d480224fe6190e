/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The main of a fuzz target without a fuzzer: `fuzz-x FOLDER...` feeds it each file of the folders, so that everything
 * that was ever found is an ordinary test. Linked with one fuzz_x.c.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/io.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int argc, char **argv)
{
	unsigned files = 0;
	for (int i = 1; i < argc; i++) {
		DIR *d = opendir(argv[i]);
		if (!d) {
			perror(argv[i]);
			return 1;
		}
		for (struct dirent *entry; (entry = readdir(d));) {
			cleanup_buf struct buf b = {0};
			struct err e;
			if (entry->d_name[0] == '.' || io_read_file(dirfd(d), entry->d_name, 64 << 20, &b, &e) < 0)
				continue;
			LLVMFuzzerTestOneInput((const uint8_t *)b.p, b.len);
			files++;
		}
		closedir(d);
	}
	printf("%u files\n", files);
	return files ? 0 : 1;
}
