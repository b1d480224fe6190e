# SPDX-License-Identifier: Apache-2.0
"""W0 to W3: nothing or one file has changed."""
import os
import re
import shutil
import time

from harness import TEN
from measure import Contender, run_quietly
from table import Aims


def cached(b, name, what, aims, count, children=None):
    tree, file = b.tree(f"tree{count}", count), b.file("ten", TEN)

    def make(t):
        argv = t.build(file, tree, f"same{count}")
        run_quietly(argv, t.environ)
        return argv
    contenders = [Contender("floor: find -printf", ["find", tree, "-printf", "%s %T@ %C@\n"]), *b.each(make)]
    b.run(name, what, aims, contenders, children=children and children())


def child_processes(b):
    """Of cooper, in a build of 20 files in which nothing changed. None: there is no strace."""
    if not shutil.which("strace"):
        print("       strace is not installed: child processes are not counted")
        return None
    trace = b.path("strace")
    argv = b.cooper.build(b.file("ten", TEN), b.path("tree20"), "same20")
    run_quietly(["strace", "-f", "-qq", "-e", "trace=clone,clone3,fork,vfork,execve", "-o", trace, *argv], b.cooper.environ)
    with open(trace) as f:
        return sum(1 for x in re.findall(r"(?:clone3?|v?fork)\(.*", f.read()) if "CLONE_THREAD" not in x)


def w0(b):
    cached(b, "W0", "nothing changed, 20 files", Aims(cpu=0.010, children=0), 20, lambda: child_processes(b))


def w1(b):
    n = b.sizes["files"]
    cached(b, "W1", f"nothing changed, COPY of {n} files", Aims(floor=1.5, peers=20), n)


def w2(b):
    n = b.sizes["many"]
    cached(b, "W2", f"nothing changed, COPY of {n} files", Aims(floor=1.5, peers=20), n)


def w3(b):
    n = b.sizes["files"]
    tree = b.tree("changing", n)
    linked = b.tree("linked", n)  # another one: links change the times of a file
    file = b.file("w3", "FROM busybox\nCOPY . /app\nRUN true\n")
    count = 0

    def change():
        nonlocal count
        count += 1
        shutil.rmtree(b.path("links"), ignore_errors=True)
        with open(os.path.join(tree, "d00000", "f000007.txt"), "w") as f:
            f.write(f"{count} {time.time()}\n" * 100)
        os.sync()
        time.sleep(0.05)

    def make(t):
        argv = t.build(file, tree, "changing")
        run_quietly(argv, t.environ)
        return argv
    floor = f"find '{tree}' -printf '%s %T@ %C@\\n' && {b.floor} link '{linked}' '{b.path('links')}' && " \
            f"{b.floor} run '{b.busybox}' '{b.path('scratch')}' 1"
    b.run("W3", f"one of {n} files changed, RUN true", Aims(floor=3, peers=10),
          [Contender("floor: find, links, one bare step", ["sh", "-c", floor], change), *b.each(make, lambda t: change)])
