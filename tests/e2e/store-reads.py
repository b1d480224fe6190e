# SPDX-License-Identifier: Apache-2.0
"""What a traced build read of the layers in its store: `store-reads.py STORE TRACE...`, the files being those of
`strace -ff -y -e trace=openat,openat2,read,pread64,mmap,sendfile,copy_file_range`. Prints "blobs N files N bytes N": layers' tars and
compressed blobs that were opened, files of layers' folders that were opened, and the bytes read from both. Manifests, configurations
and indexes are no layers; a folder that is opened to be mounted is no file."""
import os
import re
import sys

store = os.path.realpath(sys.argv[1])
inside = r"\d+<" + re.escape(store) + r"/(?P<name>blobs/sha256/[0-9a-f]{64}|layers/[0-9a-f]+/fs/[^>]*)>"
opened = re.compile(r"openat2?\((?!.*(?:O_PATH|O_DIRECTORY|O_CREAT)).* = " + inside + "$")
was_read = re.compile(r"(?:read|pread64|copy_file_range|sendfile\(\d+<[^>]*>, |mmap\((?:[^,]*, ){4})\(?" + inside + r".* = (?P<result>\S+)$")
mapped = re.compile(r"mmap\([^,]*, (?P<size>\d+)")


def is_layer(name):
    """A blob that is no document, or a file of a folder."""
    try:
        with open(os.path.join(store, name), "rb") as f:
            return name.startswith("layers/") or f.read(1) != b"{"
    except FileNotFoundError:
        return True


names, amount = set(), 0
for trace in sys.argv[2:]:
    with open(trace, errors="replace") as f:
        for line in map(str.rstrip, f):
            if (m := opened.match(line)) and is_layer(m["name"]):
                names.add(m["name"])
            elif (m := was_read.match(line)) and is_layer(m["name"]) and m["result"] != "-1":
                amount += int(size["size"] if (size := mapped.match(line)) else m["result"])
print(f"blobs {sum(n.startswith('blobs/') for n in names)} files {sum(n.startswith('layers/') for n in names)} bytes {amount}")
