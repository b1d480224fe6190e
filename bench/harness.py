# SPDX-License-Identifier: Apache-2.0
"""What the workloads have in common: files and folders, stores, contenders, and the table that they end in."""
import os
import shutil

import trees
from measure import Contender, Failed, alternate, run_quietly

FULL = {"files": 10000, "many": 100000, "steps": 50, "big": 1 << 30, "cold": 50000, "cold_low": 10240, "cold_high": 32768,
        "mixed": 500 << 20, "loop": 1500000}
QUICK = {"files": 200, "many": 1000, "steps": 5, "big": 16 << 20, "cold": 500, "cold_low": 1024, "cold_high": 8192,
         "mixed": 16 << 20, "loop": 20000}

TEN = """FROM busybox
ENV ONE=1
ENV TWO=2
LABEL bench=yes
WORKDIR /app
COPY . /app
EXPOSE 8080
USER 1000
STOPSIGNAL SIGTERM
CMD ["sh"]
"""


class Missing(Exception):
    """A workload cannot be measured here."""


CALM = 3  # seconds, for settle()


class Bench:
    def __init__(self, work, quick, rounds, cooper, peers, floor, base_tar, table):
        self.work, self.quick, self.sizes, self.rounds, self.table = work, quick, QUICK if quick else FULL, rounds, table
        self.cooper, self.peers, self.tools, self.floor, self.base_tar = cooper, peers, [cooper, *peers], floor, base_tar
        self.busybox = os.path.join(work, "busybox")

    # --- files ---

    def path(self, name):
        return os.path.join(self.work, name)

    def file(self, name, text):
        path = self.path(name + ".Containerfile")
        with open(path, "w") as f:
            f.write(text)
        return path

    def tree(self, name, count, low=1024, high=8192):
        path = self.path(name)
        if not os.path.isdir(path):
            os.makedirs(path)
            trees.tree(path, count, low, high)
        return path

    def mixed(self):
        path = self.path("mixed")
        if not os.path.isdir(path):
            trees.mixed(path, self.sizes["mixed"])
        return path

    def tar_of(self, tree):
        """The folder as a tar, its own name in front."""
        tar = tree + ".tar"
        if not os.path.exists(tar):
            run_quietly(["tar", "-C", os.path.dirname(tree), "-cf", tar, os.path.basename(tree)])
        return tar

    def empty(self):
        path = self.path("empty")
        os.makedirs(path, exist_ok=True)
        return path

    def remover(self, *names):
        def remove():
            for name in names:
                path = self.path(name)
                shutil.rmtree(path, ignore_errors=True)
                if os.path.exists(path):
                    os.remove(path)
            os.sync()
        return remove

    # --- contenders ---

    def each(self, make, prepare=None, divide=1, tools=None):
        """A contender for each tool that can: make(tool) sets up what it needs and returns the command, or None."""
        out = []
        for t in tools or self.tools:
            try:
                argv = make(t)
            except Failed as e:
                print(f"  {t.name}: {e}")
                continue
            if argv:
                out.append(Contender(t.name, argv, prepare and prepare(t), t.environ, divide, t.daemon, t is not self.cooper))
        return out

    def fresh(self, tool, base=True):
        """Gives it an empty store, with the base image in it."""
        def prepare():
            tool.forget()
            if base:
                tool.load_base(self.base_tar)
            os.sync()
        return prepare

    def few(self):
        return min(3, self.rounds)

    def need(self, *programs):
        missing = [p for p in programs if not shutil.which(p)]
        if missing:
            raise Missing(f"{', '.join(missing)} not installed")

    def run(self, name, what, aims, contenders, rounds=None, warm=True, children=None):
        contenders = [c for c in contenders if c]
        alternate(contenders, rounds or self.rounds, self.path("log"), self.floor, warm, 0 if self.quick else CALM)
        self.table.add(name, what, aims, contenders, children)
