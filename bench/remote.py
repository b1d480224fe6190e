# SPDX-License-Identifier: Apache-2.0
"""W6 and W7: to a registry and from one."""
import os
import shutil

from measure import Contender, Failed, run_quietly
from registry import Registry, split
from table import Aims

BASES = os.environ.get("E2E_CACHE", "/var/tmp/cooper-e2e-cache")  # where the tests keep theirs


def upload(b, compressor, registry):
    """Plain tools for a whole push of one layer: what the registry itself takes of the machine is in it."""
    script = f"""set -eo pipefail; cd '{b.work}'
        place() {{ sed -n 's/^[Ll]ocation: //p' heads | tr -d '\\r'; }}
        curl -sSf -D heads -o /dev/null -X POST http://{registry.place}/v2/floor/blobs/uploads/
        {compressor} | tee >(sha256sum | cut -d' ' -f1 >sum) | curl -sSf -D heads -o /dev/null -H 'Content-Type: application/octet-stream' -X PATCH -T - "$(place)"
        sleep 0.01; curl -sSf -o /dev/null -X PUT "$(place)&digest=sha256:$(cat sum)"
        """
    return Contender("compressor, sha256sum, curl", ["bash", "-c", script], registry.start)


def push_of(b, name, registry, compressor, zstd, tools):
    tree, file = b.mixed(), b.file("mixed", "FROM busybox\nCOPY . /data\n")

    def build(t):
        b.fresh(t)()
        run_quietly(t.build(file, tree, "mixed"), t.environ)

    def make(t):
        build(t)
        return t.push("mixed", registry.place + "/mixed", (file, tree), zstd)

    def prepare(t):
        def ready():
            if t is b.cooper or t not in b.tools:
                build(t)  # what was compressed before must not be there any more
            registry.start()
            os.sync()
        return ready
    try:
        b.run(name, f"push of {b.sizes['mixed'] >> 20} MiB, {'zstd' if zstd else 'gzip'}", Aims(floor=1.2, peers=2),
              [Contender("floor: the compressor, all cores", ["sh", "-c", f"{compressor} >'{b.path('packed')}'"], os.sync),
               *b.each(make, prepare, tools=tools), upload(b, compressor, registry)], b.few(), False)
    finally:
        registry.stop()
        b.remover("packed")()


def w6(b):
    b.need("docker-registry", "curl", "zstd")
    registry, tar = Registry(b.work), b.tar_of(b.mixed())
    push_of(b, "W6g", registry, f"{b.floor} gzip <'{tar}'", False, b.tools)
    able = [z for t in b.tools if (z := t.for_zstd())]
    try:
        push_of(b, "W6z", registry, f"zstd -q -3 -T0 -c '{tar}'", True, able)
    finally:
        for t in able:
            if t not in b.tools:
                t.stop()


def pulled(b, name, what, registry, image):
    """`image` is in the registry."""
    unpacked = b.path("unpacked")
    file, blobs = b.file("w7", f"FROM {registry.place}/{image}\nRUN true\n"), registry.layers(image)

    def emptied():
        b.remover("unpacked")()
        os.makedirs(unpacked)
    floor = " && ".join(f"gzip -dc '{x}' | tar -C '{unpacked}' -xf -" for x in blobs)
    b.run(name, what + ": pull, unpack, RUN true", Aims(floor=1.5, peers=2),
          [Contender("floor: gzip -d | tar x", ["sh", "-c", floor], emptied),
           *b.each(lambda t: t.build(file, b.empty(), "pulled", pull=True), lambda t: b.fresh(t, False))], b.few(), False)
    b.remover("unpacked")()


def debian(b):
    """The tar of a Debian base system, or None."""
    tar = os.path.join(BASES, "debian-bookworm.tar")
    if b.quick:
        return None
    try:
        run_quietly([os.path.join(os.path.dirname(__file__), "..", "scripts", "base-images"), "debian-bookworm", BASES])
    except Failed as e:
        print(f"  W7a is left out: {e}")
        return None
    here = b.path("debian.tar")
    if not os.path.exists(here):
        shutil.copyfile(tar, here)
    return here


def w7(b):
    b.need("docker-registry", "gzip")
    registry = Registry(b.work)
    size = f"{b.sizes['mixed'] >> 20} MiB"

    def foreign(name, what, tars):
        registry.start()
        registry.push_foreign("foreign", tars)
        pulled(b, name, what, registry, "foreign")
    try:
        base = debian(b)
        if base:
            foreign("W7a", "a Debian base", [base])
            foreign("W7a4", "the same in four layers", split(base, 4))
        tar = b.tar_of(b.mixed())
        foreign("W7b", size, [b.base_tar, tar])
        foreign("W7b4", "the same in four layers", [b.base_tar, *split(tar, 4)])
        registry.start()
        b.fresh(b.cooper)()
        run_quietly(b.cooper.build(b.file("mixed", "FROM busybox\nCOPY . /data\n"), b.mixed(), "mixed"), b.cooper.environ)
        run_quietly(b.cooper.push("mixed", registry.place + "/own", None), b.cooper.environ)
        pulled(b, "W7own", f"{size}, pushed by cooper", registry, "own")
    finally:
        registry.stop()
