# SPDX-License-Identifier: Apache-2.0
"""W5 and W10: bytes into an image, and out of it."""
import os

import trees
from harness import TEN
from measure import Contender, run_quietly
from table import Aims


def w5(b):
    file = b.file("w5", "FROM busybox\nCOPY . /data\n")
    big, copy = b.path("big"), b.path("copy")
    if not os.path.isdir(big):
        os.makedirs(big)
        trees.random_file(big + "/data", b.sizes["big"])
    size = b.sizes["big"] >> 20

    def cold(name, what, aims, tree, floor, tools=None, **how):
        make = lambda t: t.build(file, tree, "cold", **how)
        b.run(name, what, aims, [Contender(*floor, b.remover("copy")), *b.each(make, b.fresh, tools=tools)], b.few(), False)
    one = ("floor: cp, sha256sum", ["sh", "-c", f"mkdir '{copy}' && cp '{big}/data' '{copy}' && sha256sum '{big}/data'"])
    cold("W5i", f"cold COPY of one file of {size} MiB", Aims(floor=1.3, peers=2), big, one)
    cold("W5in", "the same, nothing put out", Aims(), big, one, [t for t in b.tools if t.name in ("cooper", "docker")], output="type=cacheonly")
    archive = b.path("big.oci")
    b.run("W5ig", "the same, as an OCI archive of gzip", Aims(),
          [Contender("floor: the compressor, all cores", ["sh", "-c", f"{b.floor} gzip <'{big}/data' >'{b.path('packed')}'"], b.remover("packed")),
           Contender("cooper", b.cooper.build(file, big, "cold", output=f"type=oci,compression=gzip,dest={archive}"),
                     lambda: (b.remover("big.oci")(), b.fresh(b.cooper)()), b.cooper.environ)], b.few(), False)
    b.remover("big.oci", "packed")()
    many = b.tree("cold", b.sizes["cold"], b.sizes["cold_low"], b.sizes["cold_high"])
    cold("W5ii", f"cold COPY of {b.sizes['cold']} files", Aims(floor=1.5, peers=3), many,
         ("floor: cp -r, tar | sha256sum", ["sh", "-c", f"cp -r '{many}' '{copy}' && tar -C '{many}' -cf - . | sha256sum"]))


def w10(b):
    tree, file = b.tree(f"tree{b.sizes['files']}", b.sizes["files"]), b.file("ten", TEN)
    floors = {"local": "cp -r '{tree}' '{dest}'", "tar": "tar -C '{tree}' -cf '{dest}' .", "oci": "cp '{tar}' '{dest}'"}
    for kind, floor in floors.items():
        dest, gone = b.path("out-" + kind), b.remover("out-" + kind)

        def make(t):
            run_quietly(t.build(file, tree, "export"), t.environ)
            if kind == "oci" and t is not b.cooper:
                return t.save("export", dest)
            return t.build(file, tree, "export", output=f"type={kind},dest={dest}")
        command = floor.format(tree=tree, tar=b.tar_of(tree), dest=dest)
        b.run("W10" + kind[0], f"export of the image of W1: {kind}", Aims(),
              [Contender("floor: " + command.split(" ")[0], ["sh", "-c", command], gone), *b.each(make, lambda t: gone)], b.few())
        gone()
