# SPDX-License-Identifier: Apache-2.0
"""The builders that are compared. Each has a store of its own below the work folder, so nothing of the machine's is touched."""
import os
import shutil
import subprocess

from measure import Failed, run_quietly


class Cooper:
    name = "cooper"

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

    def push(self, tag, place, zstd=False):
        return [self.program, "push", "-q", *(["--compression", "zstd"] if zstd else []), tag, place]

    def check(self, file, context):
        return [self.program, "build", "--check", "-f", file, context]

    def forget(self):
        """An empty store."""
        shutil.rmtree(self.root, ignore_errors=True)
        os.makedirs(self.root)


class Buildah:
    """Buildah, or podman build, which is the same engine in another program."""

    def __init__(self, work, program="buildah"):
        self.name = program
        self.program = program
        self.root = os.path.join(work, program)
        self.environ = dict(os.environ, BUILDAH_HISTORY="false")
        self.isolation = []
        self.base_tar = None

    def options(self):
        return ["--root", self.root + "/s", "--runroot", self.root + "/r", "--storage-driver", "overlay"]

    def version(self):
        return run_quietly([self.program, "--version"]).strip()

    def load_base(self, tar):
        self.base_tar = tar
        if self.program == "podman":
            run_quietly([self.program, *self.options(), "import", "-q", tar, "localhost/busybox"], self.environ)
        else:
            o = [self.program, *self.options()]
            c = run_quietly([*o, "from", "scratch"], self.environ).split("\n")[0]
            run_quietly([*o, "add", "-q", c, tar, "/"], self.environ)
            run_quietly([*o, "config", "--cmd", "sh", c], self.environ)
            run_quietly([*o, "commit", "-q", c, "localhost/busybox"], self.environ)
            run_quietly([*o, "rm", c], self.environ)

    def choose_isolation(self, file, context):
        """Containers need a cgroup set-up that not every machine has: chroot is what is left then, and it is the quicker one."""
        for isolation in ([], ["--isolation", "chroot"]):
            self.isolation = isolation
            if subprocess.run(self.build(file, context, "probe"), env=self.environ, capture_output=True).returncode == 0:
                return
        raise Failed("cannot run a step")

    def build(self, file, context, tag, cached=True, output=None, more=(), pull=False):
        argv = [self.program, *self.options(), "build", "-q", "--layers", "-f", file, *self.isolation]
        never = ["--pull-never"] if self.program == "buildah" else ["--pull=never"]
        argv += ["--tls-verify=false"] if pull else never
        argv += [] if cached else ["--no-cache"]
        argv += ["-o", output] if output else ["-t", tag]
        return argv + [*more, context]

    def push(self, tag, place, zstd=False):
        return [self.program, *self.options(), "push", "-q", "--tls-verify=false", *(["--compression-format", "zstd"] if zstd else []), tag,
                "docker://" + place]

    def check(self, file, context):
        return None

    def forget(self):
        """Storage has mounts: only the program itself can take it away."""
        if os.path.isdir(self.root):
            subprocess.run([self.program, *self.options(), "rmi", "-a", "-f"], env=self.environ, capture_output=True)
            shutil.rmtree(self.root, ignore_errors=True)


class Docker:
    """Docker with BuildKit. The daemon's own memory and CPU time are not seen: only wall times count."""
    name = "docker"

    def __init__(self, work):
        self.environ = dict(os.environ, DOCKER_BUILDKIT="1", BUILDKIT_PROGRESS="quiet")

    def version(self):
        return run_quietly(["docker", "--version"]).strip()

    def load_base(self, tar):
        run_quietly(["docker", "import", tar, "busybox"], self.environ)

    def choose_isolation(self, file, context):
        pass

    def build(self, file, context, tag, cached=True, output=None, more=(), pull=False):
        argv = ["docker", "build", "-q", "-f", file, "-t", "cooper-bench/" + tag]
        argv += [] if cached else ["--no-cache"]
        argv += ["-o", output] if output else []
        return argv + [*more, context]

    def push(self, tag, place, zstd=False):
        return None if zstd else ["sh", "-c", f"docker tag cooper-bench/{tag} {place} && docker push -q {place}"]

    def check(self, file, context):
        return ["docker", "build", "--check", "-f", file, context]

    def forget(self):
        raise Failed("the daemon's store is not ours to empty")


def peers(work, wanted):
    """Those of the wanted ones that are here and work."""
    found = []
    for name in wanted:
        if not shutil.which(name):
            continue
        if name == "docker":
            if subprocess.run(["docker", "info"], capture_output=True).returncode == 0:
                found.append(Docker(work))
        else:
            found.append(Buildah(work, name))
    return found
