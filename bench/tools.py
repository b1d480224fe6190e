# SPDX-License-Identifier: Apache-2.0
"""The builders that are compared. Each has a store of its own below the work folder, so nothing of the machine's is touched."""
import os
import shutil
import subprocess
import time

from daemon import Daemon
from measure import Failed, run_quietly


class Cooper:
    name = "cooper"
    daemon = None

    def __init__(self, work, program):
        self.root = os.path.join(work, "cooper")
        self.program = program
        os.makedirs(self.root, exist_ok=True)
        self.environ = dict(os.environ, COOPER_ROOT=self.root)

    def version(self):
        return run_quietly([self.program, "--version"]).split("\n")[0]

    def load_base(self, tar):
        with open(tar, "rb") as f:
            run_quietly([self.program, "import", "--change", 'CMD ["sh"]', "-", "busybox"], self.environ, stdin=f)

    def build(self, file, context, tag, cached=True, output=None, more=(), pull=False):
        argv = [self.program, "build", "-q", "-f", file, "-t", tag, *more]
        argv += [] if cached else ["--no-cache"]
        argv += ["-o", output] if output else []
        return argv + [context]

    def push(self, tag, place, source, zstd=False):
        return [self.program, "push", "-q", *(["--compression", "zstd"] if zstd else []), tag, place]

    def for_zstd(self):
        return self

    def check(self, file, context):
        return [self.program, "build", "--check", "-f", file, context]

    def forget(self):
        """An empty store."""
        shutil.rmtree(self.root, ignore_errors=True)
        os.makedirs(self.root)


class Buildah:
    """Buildah, or podman build, which is the same engine in another program."""
    daemon = None

    def __init__(self, work, program="buildah", prefix=()):
        self.name = program
        self.command = [*prefix, program]
        self.root = os.path.join(work, program)
        self.environ = dict(os.environ, BUILDAH_HISTORY="false")
        self.isolation = []
        self.base_tar = None

    def options(self):
        return ["--root", self.root + "/s", "--runroot", self.root + "/r", "--storage-driver", "overlay"]

    def version(self):
        return run_quietly([*self.command, "--version"]).strip()

    def load_base(self, tar):
        self.base_tar = tar
        if self.name == "podman":
            run_quietly([*self.command, *self.options(), "import", "-q", tar, "localhost/busybox"], self.environ)
        else:
            o = [*self.command, *self.options()]
            c = run_quietly([*o, "from", "scratch"], self.environ).split("\n")[0]
            run_quietly([*o, "add", "-q", c, tar, "/"], self.environ)
            run_quietly([*o, "config", "--cmd", "sh", c], self.environ)
            run_quietly([*o, "commit", "-q", c, "localhost/busybox"], self.environ)
            run_quietly([*o, "rm", c], self.environ)

    def choose_isolation(self, file, context):
        """Containers need a cgroup set-up that not every machine has, and limits that cannot be raised everywhere: chroot is what is left
        then, and it is the quicker one."""
        limits = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096"]
        for isolation in ([], limits, ["--isolation", "chroot"], ["--isolation", "chroot", *limits]):
            self.isolation = isolation
            if subprocess.run(self.build(file, context, "probe"), env=self.environ, capture_output=True).returncode == 0:
                return
        raise Failed("cannot run a step")

    def build(self, file, context, tag, cached=True, output=None, more=(), pull=False):
        argv = [*self.command, *self.options(), "build", "-q", "--layers", "-f", file, *self.isolation]
        never = ["--pull-never"] if self.name == "buildah" else ["--pull=never"]
        argv += ["--tls-verify=false"] if pull else never
        argv += [] if cached else ["--no-cache"]
        argv += ["-o", output] if output else ["-t", tag]
        return argv + [*more, context]

    def push(self, tag, place, source, zstd=False):
        return [*self.command, *self.options(), "push", "-q", "--tls-verify=false", *(["--compression-format", "zstd"] if zstd else []), tag,
                "docker://" + place]

    def save(self, tag, dest):
        return [*self.command, *self.options(), "push", "-q", tag, "oci-archive:" + dest]

    def stop(self):
        self.forget()

    def for_zstd(self):
        return self

    def check(self, file, context):
        return None

    def forget(self):
        """Storage has mounts: only the program itself can take it away."""
        if os.path.isdir(self.root):
            subprocess.run([*self.command, *self.options(), "rmi", "-a", "-f"], env=self.environ, capture_output=True)
            shutil.rmtree(self.root, ignore_errors=True)


class Docker:
    """Docker with BuildKit, by a daemon of our own where the root of the peers has one; of another's only wall times are seen. RUN has no
    network, which is quicker than docker's bridge."""

    def __init__(self, work, prefix=(), containerd=False):
        """containerd: with that store, which can push zstd and is not what docker comes with."""
        self.name = "docker, containerd store" if containerd else "docker"
        self.work, self.prefix, self.containerd = work, prefix, containerd
        self.environ = dict(os.environ, DOCKER_BUILDKIT="1", BUILDKIT_PROGRESS="quiet")
        self.docker = [*prefix, "docker"]
        self.process = self.daemon = None
        if prefix:
            self.start(os.path.join(work, self.name.replace(", ", "-").replace(" ", "-")))

    def start(self, folder):
        os.makedirs(folder)
        self.environ["DOCKER_HOST"] = f"unix://{folder}/socket"
        with open(folder + "/log", "wb") as log:
            self.process = subprocess.Popen([*self.prefix, "dockerd", f"--feature=containerd-snapshotter={str(self.containerd).lower()}", "--data-root", folder + "/data", "--exec-root", folder + "/exec", "--pidfile", folder + "/pid",
                                            "-H", self.environ["DOCKER_HOST"], "--iptables=false", "--ip6tables=false", "--bridge=none"],
                                            stdout=log, stderr=log)
        self.daemon = Daemon(self.process.pid)
        for _ in range(100):
            if subprocess.run([*self.docker, "info"], env=self.environ, capture_output=True).returncode == 0:
                return
            time.sleep(0.1)
        self.stop()
        raise Failed(f"dockerd does not start: {folder}/log")

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait()
            self.process = None

    def version(self):
        return run_quietly([*self.docker, "version", "-f", "client {{.Client.Version}}, daemon {{.Server.Version}}"], self.environ).strip()

    def load_base(self, tar):
        run_quietly([*self.docker, "import", tar, "busybox"], self.environ)

    def choose_isolation(self, file, context):
        run_quietly(self.build(file, context, "probe"), self.environ)

    def build(self, file, context, tag, cached=True, output=None, more=(), pull=False):
        argv = [*self.docker, "build", "-q", "--network", "none", "-f", file, *(["-t", "cooper-bench/" + tag] if tag else [])]
        argv += [] if cached else ["--no-cache"]
        argv += ["-o", output] if output else []
        return argv + [*more, context]

    def push(self, tag, place, source, zstd=False):
        docker = " ".join(self.docker)
        if zstd:  # a push chooses no compression, a build does
            return [*self.build(*source, None, output=f"type=image,name={place},push=true,compression=zstd,force-compression=true")]
        return ["sh", "-c", f"{docker} tag cooper-bench/{tag} {place} && {docker} push -q {place}"]

    def for_zstd(self):
        """A daemon of ours that can; None: this one is not ours."""
        return Docker(self.work, self.prefix, True) if self.process else None

    def save(self, tag, dest):
        return [*self.docker, "save", "-o", dest, "cooper-bench/" + tag]

    def check(self, file, context):
        return [*self.docker, "build", "--check", "-f", file, context]

    def forget(self):
        if not self.process:
            raise Failed("the daemon's store is not ours to empty")
        images = run_quietly([*self.docker, "images", "-aq"], self.environ).split()
        if images:
            run_quietly([*self.docker, "rmi", "-f", *set(images)], self.environ)
        run_quietly([*self.docker, "builder", "prune", "-af"], self.environ)


def peers(work, wanted, prefix):
    """Those of the wanted ones that are here and work; `prefix` is the command that enters the root they are in."""
    found = []
    for name in wanted:
        if subprocess.run([*prefix, "sh", "-c", "command -v " + name], capture_output=True).returncode != 0:
            continue
        if name == "docker":
            if prefix or subprocess.run(["docker", "info"], capture_output=True).returncode == 0:
                found.append(Docker(work, prefix))
        else:
            found.append(Buildah(work, name, prefix))
    return found
