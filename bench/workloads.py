# SPDX-License-Identifier: Apache-2.0
"""The workloads W0 to W10. Each makes its files, names its contenders and hands them to the table."""
import os
import re
import shutil
import signal
import socket
import subprocess
import time

import trees
from measure import Contender, Failed, alternate, run_quietly

FULL = {"files": 10000, "many": 100000, "steps": 50, "big": 1 << 30, "cold": 50000, "cold_low": 10240, "cold_high": 32768,
        "mixed": 500 << 20, "loop": 1500000}
QUICK = {"files": 200, "many": 1000, "steps": 5, "big": 16 << 20, "cold": 500, "cold_low": 1024, "cold_high": 8192,
         "mixed": 16 << 20, "loop": 100000}

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


class Registry:
    """docker-registry on a free port of loopback."""

    def __init__(self, work):
        self.folder = os.path.join(work, "registry")
        self.process = None
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.place = f"127.0.0.1:{s.getsockname()[1]}"

    def start(self, empty=True):
        self.stop()
        if empty:
            shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder, exist_ok=True)
        config = os.path.join(self.folder, "config.yml")
        with open(config, "w") as f:
            f.write(f"version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n"
                    f"storage: {{filesystem: {{rootdirectory: {self.folder}/data}}}}\nhttp: {{addr: {self.place}}}\n")
        self.process = subprocess.Popen(["docker-registry", "serve", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        host, port = self.place.split(":")
        for _ in range(100):
            try:
                socket.create_connection((host, int(port)), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise Failed("docker-registry did not start")

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        self.process = None

    def largest_blob(self):
        best = (0, None)
        for folder, _, names in os.walk(os.path.join(self.folder, "data")):
            best = max([best] + [(os.path.getsize(p), p) for n in names if n == "data" for p in [os.path.join(folder, n)]])
        return best[1]


class Bench:
    def __init__(self, work, sizes, table, rounds, cooper, peers, floor, log):
        self.work, self.sizes, self.table, self.rounds = work, sizes, table, rounds
        self.cooper, self.peers, self.floor, self.log = cooper, peers, floor, log
        self.tools = [cooper, *peers]
        self.busybox = os.path.join(work, "busybox")

    # --- helpers ---

    def path(self, name):
        return os.path.join(self.work, name)

    def file(self, name, text):
        path = self.path(name + ".containerfile")
        with open(path, "w") as f:
            f.write(text)
        return path

    def tree(self, name, count, low=1024, high=8192):
        path = self.path(name)
        if not os.path.isdir(path):
            os.makedirs(path)
            trees.tree(path, count, low, high)
        return path

    def empty(self):
        path = self.path("empty")
        os.makedirs(path, exist_ok=True)
        return path

    def remover(self, *names):
        def remove():
            for name in names:
                shutil.rmtree(self.path(name), ignore_errors=True)
            os.sync()
        return remove

    def run(self, name, what, limits, contenders, rounds=None, warm=True):
        contenders = [c for c in contenders if c]
        alternate(contenders, rounds or self.rounds, self.log, self.floor, warm)
        self.table.add(name, what, limits, contenders)

    def each(self, make, slow=None):
        """A contender for each tool; peers that need minutes are run `slow` times at most."""
        out = []
        for t in self.tools:
            c = make(t)
            if c and t is not self.cooper and slow is not None:
                c.rounds = min(slow, self.rounds)
            out.append(c)
        return out

    def fresh(self, tool, base=True):
        """An empty store with the base image in it."""
        def prepare():
            tool.forget()
            if base:
                tool.load_base(self.base_tar)
            os.sync()
        return prepare

    # --- the workloads ---

    def cached(self, name, what, limits, count, slow, rounds=None):
        tree = self.tree(f"tree{count}", count)
        file = self.file("ten", TEN)

        def make(t):
            argv = t.build(file, tree, f"same{count}")
            try:
                run_quietly(argv, t.environ)
            except Failed as e:
                print(f"  {t.name}: {e}")
                return None
            return Contender(t.name, argv, env=t.environ)
        self.run(name, what, limits, [Contender("floor: find -printf", ["find", tree, "-printf", "%s %T@ %C@\n"]), *self.each(make, slow)],
                 rounds)

    def w0(self):
        self.cached("W0", "nothing changed, 20 files", "under 10 ms CPU, no child process", 20, 3)
        if shutil.which("strace"):
            argv = self.cooper.build(self.file("ten", TEN), self.path("tree20"), "same20")
            trace = self.path("strace")
            run_quietly(["strace", "-f", "-qq", "-e", "trace=clone,clone3,fork,vfork,execve", "-o", trace, *argv], self.cooper.environ)
            text = open(trace).read()
            children = sum(1 for x in re.findall(r"(?:clone3?|v?fork)\(.*", text) if "CLONE_THREAD" not in x)
            print(f"       child processes of cooper: {children}, threads: {text.count('CLONE_THREAD')}")

    def w1(self):
        self.cached("W1", f"nothing changed, COPY of {self.sizes['files']} files", "1.5 x floor", self.sizes["files"], 3)

    def w2(self):
        self.cached("W2", f"nothing changed, COPY of {self.sizes['many']} files", "1.5 x floor", self.sizes["many"], 1)

    def w3(self):
        tree = self.tree("changing", self.sizes["files"])
        linked = self.tree("linked", self.sizes["files"])  # another one: links change the times of a file
        file = self.file("w3", "FROM busybox\nCOPY . /app\nRUN true\n")
        count = [0]

        def change():
            shutil.rmtree(self.path("links"), ignore_errors=True)
            count[0] += 1
            with open(os.path.join(tree, "d00000", "f000007.txt"), "w") as f:
                f.write(f"{count[0]} {time.time()}\n" * 100)
            os.sync()
            time.sleep(0.05)

        def make(t):
            argv = t.build(file, tree, "changing")
            try:
                run_quietly(argv, t.environ)
            except Failed as e:
                print(f"  {t.name}: {e}")
                return None
            return Contender(t.name, argv, change, t.environ)
        floor = f"find '{tree}' -printf '%s %T@ %C@\\n' && {self.floor} link '{linked}' '{self.path('links')}' && " \
                f"{self.floor} run '{self.busybox}' '{self.path('scratch')}' 1"
        self.run("W3", f"one of {self.sizes['files']} files changed, RUN true", "3 x floor",
                 [Contender("floor: find, links, one bare step", ["sh", "-c", floor], change), *self.each(make, 2)])

    def w4(self):
        n = self.sizes["steps"]
        file = self.file("w4", "FROM busybox\n" + "".join(f"RUN : {i}\n" for i in range(n)))
        one = self.file("w4one", "FROM busybox\nRUN : 1\n")
        floor = [self.floor, "run", self.busybox, self.path("scratch")]
        more = [Contender("fork and exec", [self.floor, "spawn", str(n), self.busybox + "/bin/sh", "-c", ":"], divide=n)]
        if shutil.which("bwrap"):
            more.append(Contender("bwrap, no overlay", [self.floor, "spawn", str(n), "bwrap", "--unshare-all", "--bind", self.busybox, "/", "--proc", "/proc",
                                                        "--dev", "/dev", "sh", "-c", ":"], divide=n))
        none = Contender("cooper --network none", self.cooper.build(file, self.empty(), "steps", False, more=["--network", "none"]),
                         env=self.cooper.environ, divide=n)
        self.run("W4", f"{n} x RUN : i, a step", "5 x floor",
                 [Contender("floor: bare namespaces", [*floor, str(n)], divide=n),
                  *self.each(lambda t: Contender(t.name, t.build(file, self.empty(), "steps", False), env=t.environ, divide=n), 1), none, *more])
        none = Contender("cooper --network none", self.cooper.build(one, self.empty(), "one", False, more=["--network", "none"]),
                         env=self.cooper.environ)
        self.run("W4one", "one RUN, the whole command", "",
                 [Contender("floor: bare namespaces", [*floor, "1"]),
                  *self.each(lambda t: Contender(t.name, t.build(one, self.empty(), "one", False), env=t.environ), 2), none])

    def w5(self):
        big = self.path("big")
        if not os.path.isdir(big):
            os.makedirs(big)
            trees.random_file(big + "/data", self.sizes["big"])
        file = self.file("w5", "FROM busybox\nCOPY . /data\n")
        self.run("W5i", f"cold COPY of one file of {self.sizes['big'] >> 20} MiB", "1.3 x floor",
                 [Contender("floor: cp, sha256sum", ["sh", "-c", f"mkdir '{self.path('copy')}' && cp '{big}/data' '{self.path('copy')}' "
                            f"&& sha256sum '{big}/data'"], self.remover("copy")),
                  *self.each(lambda t: Contender(t.name, t.build(file, big, "big"), self.fresh(t), t.environ), 1)], self.few(), False)
        many = self.tree("cold", self.sizes["cold"], self.sizes["cold_low"], self.sizes["cold_high"])
        self.run("W5ii", f"cold COPY of {self.sizes['cold']} files", "1.5 x floor",
                 [Contender("floor: cp -r, tar | sha256sum", ["sh", "-c", f"cp -r '{many}' '{self.path('copy')}' && "
                            f"tar -C '{many}' -cf - . | sha256sum"], self.remover("copy")),
                  *self.each(lambda t: Contender(t.name, t.build(file, many, "cold"), self.fresh(t), t.environ), 1)], self.few(), False)

    def few(self):
        return min(3, self.rounds)

    def mixed(self):
        path = self.path("mixed")
        if not os.path.isdir(path):
            trees.mixed(path, self.sizes["mixed"])
        return path

    def upload(self, compressor, registry):
        """Plain tools for a whole push of one layer: what the registry itself takes of the machine is in it."""
        script = f"""set -eo pipefail; cd '{self.work}'
            place() {{ sed -n 's/^[Ll]ocation: //p' heads | tr -d '\\r'; }}
            curl -sSf -D heads -o /dev/null -X POST http://{registry.place}/v2/floor/blobs/uploads/
            {compressor} | tee >(sha256sum | cut -d' ' -f1 >sum) | curl -sSf -D heads -o /dev/null -H 'Content-Type: application/octet-stream' -X PATCH -T - "$(place)"
            sleep 0.01; curl -sSf -o /dev/null -X PUT "$(place)&digest=sha256:$(cat sum)"
            """
        return Contender("compressor, sha256sum, curl", ["bash", "-c", script], registry.start)

    def w6(self):
        registry = Registry(self.work)
        tree, file = self.mixed(), self.file("mixed", "FROM busybox\nCOPY . /data\n")
        tar = self.path("mixed.tar")
        run_quietly(["tar", "-C", tree, "-cf", tar, "."])
        for zstd in (False, True):
            def make(t):
                try:
                    self.fresh(t)()
                    run_quietly(t.build(file, tree, "mixed"), t.environ)
                except Failed as e:
                    print(f"  {t.name}: {e}")
                    return None

                def prepare():
                    # what was compressed before must not be there any more
                    if t is self.cooper:
                        self.fresh(t)()
                        run_quietly(t.build(file, tree, "mixed"), t.environ)
                    registry.start()
                    os.sync()
                argv = t.push("mixed", registry.place + "/mixed", zstd)
                return argv and Contender(t.name, argv, prepare, t.environ)
            compressor = f"zstd -q -3 -T0 -c '{tar}'" if zstd else f"{self.floor} gzip <'{tar}'"
            try:
                self.run("W6" + ("z" if zstd else "g"), f"push of {self.sizes['mixed'] >> 20} MiB, {'zstd' if zstd else 'gzip'}", "1.2 x floor",
                         [Contender("floor: the compressor, all cores", ["sh", "-c", f"{compressor} >'{self.path('packed')}'"], os.sync), *self.each(make, 1),
                          self.upload(compressor, registry)], self.few(), False)
            finally:
                registry.stop()

    def w7(self):
        for name, size in (("W7a", self.sizes["mixed"] // 6), ("W7b", self.sizes["mixed"])):
            self.pulled(name, size)

    def pulled(self, name, size):
        registry = Registry(self.work)
        tree = self.path("mixed" if size == self.sizes["mixed"] else "mixed-small")
        if not os.path.isdir(tree):
            trees.mixed(tree, size)
        self.fresh(self.cooper)()
        registry.start()
        try:
            run_quietly(self.cooper.build(self.file("mixed", "FROM busybox\nCOPY . /data\n"), tree, "mixed"), self.cooper.environ)
            run_quietly(self.cooper.push("mixed", registry.place + "/mixed"), self.cooper.environ)
            file = self.file("w7", f"FROM {registry.place}/mixed\nRUN true\n")
            blob = registry.largest_blob()

            def prepare():
                shutil.rmtree(self.path("unpacked"), ignore_errors=True)
                os.makedirs(self.path("unpacked"))
                os.sync()
            self.run(name, f"pull of {size >> 20} MiB, unpack, RUN true", "1.5 x floor",
                     [Contender("floor: gzip -d | tar x", ["sh", "-c", f"gzip -dc '{blob}' | tar -C '{self.path('unpacked')}' -xf -"], prepare),
                      *self.each(lambda t: Contender(t.name, t.build(file, self.empty(), "pulled", pull=True), self.fresh(t, False), t.environ),
                                 1)], self.few(), False)
        finally:
            registry.stop()
            shutil.rmtree(self.path("unpacked"), ignore_errors=True)

    def restore(self):
        """After workloads that emptied the stores."""
        for t in self.tools:
            try:
                self.fresh(t)()
            except Failed:
                pass

    def w8(self):
        count = f"i=0; while [ $i -lt {self.sizes['loop']} ]; do i=$((i+1)); done"
        work = f"RUN {count}; echo $i >/out"
        loop = f"chroot '{self.busybox}' sh -c '{count}'"
        one = self.file("w8one", f"FROM busybox AS a\n{work}\nFROM busybox\nCOPY --from=a /out /a\n")
        two = self.file("w8", f"FROM busybox AS a\n{work}\nFROM busybox AS b\n{work} && :\nFROM busybox\nCOPY --from=a /out /a\n"
                        "COPY --from=b /out /b\n")
        jobs = lambda t: ["--jobs", "2"] if t is not self.cooper and t.name != "docker" else []
        self.run("W8", "two equal stages, a third copies from both", "the longest path (one stage alone) + 5 %",
                 [Contender("floor: cooper, one stage alone", self.cooper.build(one, self.empty(), "stages", False), env=self.cooper.environ),
                  Contender("two bare loops at the same time", ["sh", "-c", f"{loop} & {loop} & wait"]),
                  *self.each(lambda t: Contender(t.name, t.build(two, self.empty(), "stages", False, more=jobs(t)), env=t.environ), 1)],
                 self.few())

    def w9(self):
        lines = []
        for s in range(7):
            lines.append(f"FROM busybox AS stage{s}")
            lines += [f"ENV S{s}V{i}=value-$PATH" if i % 3 else f"RUN make -C /src target{i} && echo done" for i in range(40)]
            lines += [f"COPY --from=stage{s - 1} /out /in"] if s else ["COPY . /src"]
        file = self.file("w9", "\n".join(lines) + "\n")

        def make(t):
            argv = t.check(file, self.empty())
            return argv and Contender(t.name, argv, env=t.environ)
        self.run("W9", f"check of a file of {len(lines)} lines, seven stages", "",
                 [Contender("floor: /bin/true", ["/bin/true"]), *self.each(make)])

    def w10(self):
        tree, file = self.tree(f"tree{self.sizes['files']}", self.sizes["files"]), self.file("ten", TEN)
        tar = self.path("ten.tar")
        run_quietly(["tar", "-C", tree, "-cf", tar, "."])
        floors = {"local": f"cp -r '{tree}' '{self.path('out-local')}'", "tar": f"tar -C '{tree}' -cf '{self.path('out-tar')}' .",
                  "oci": f"cp '{tar}' '{self.path('out-oci')}'"}
        for kind, floor in floors.items():
            dest = self.path("out-" + kind)

            def prepare():
                shutil.rmtree(dest, ignore_errors=True)
                if os.path.exists(dest):
                    os.remove(dest)
                os.sync()

            def make(t):
                try:
                    run_quietly(t.build(file, tree, "export"), t.environ)
                except Failed as e:
                    print(f"  {t.name}: {e}")
                    return None
                argv = t.build(file, tree, "export", output=f"type={kind},dest={dest}")
                if kind == "oci" and t is not self.cooper:
                    argv = t.save("export", dest)
                return Contender(t.name, argv, prepare, t.environ)
            self.run("W10" + kind[0], f"export of the image of W1: {kind}", "",
                     [Contender("floor: " + floor.split(" ")[0], ["sh", "-c", floor], prepare), *self.each(make, 1)], self.few())
            prepare()

    ALL = ("w0", "w1", "w2", "w3", "w4", "w8", "w9", "w10", "w5", "w6", "w7")
