# SPDX-License-Identifier: Apache-2.0
"""W4, W8, W9: RUN steps, stages side by side, and what comes before the first step."""
import os
import shutil

from measure import Contender, Failed, run_quietly
from table import Aims

PLANS = 100  # in one process


def w4(b):
    n = b.sizes["steps"]
    many = b.file("w4", "FROM busybox\n" + "".join(f"RUN : {i}\n" for i in range(n)))
    one = b.file("w4one", "FROM busybox\nRUN : 1\n")
    floor = [b.floor, "run", b.busybox, b.path("scratch")]

    def rows(file, tag, steps):
        build = lambda t, *more: t.build(file, b.empty(), tag, False, more=more)
        return [Contender("floor: bare namespaces", [*floor, str(steps)], divide=steps), *b.each(build, divide=steps),
                Contender("cooper --network none", build(b.cooper, "--network", "none"), env=b.cooper.environ, divide=steps)]
    more = [Contender("fork and exec", [b.floor, "spawn", str(n), b.busybox + "/bin/sh", "-c", ":"], divide=n)]
    if shutil.which("bwrap"):
        more.append(Contender("bwrap, no overlay", [b.floor, "spawn", str(n), "bwrap", "--unshare-all", "--bind", b.busybox, "/", "--proc", "/proc",
                                                    "--dev", "/dev", "sh", "-c", ":"], divide=n))
    b.run("W4", f"{n} x RUN : i, a step", Aims(floor=5, peers=10), [*rows(many, "steps", n), *more])
    b.run("W4one", "one RUN, the whole command", Aims(), rows(one, "one", 1))


def w8(b):
    count = f"i=0; while [ $i -lt {b.sizes['loop']} ]; do i=$((i+1)); done"
    work = f"RUN {count}; echo $i >/out"
    loop = f"chroot '{b.busybox}' sh -c '{count}'"
    one = b.file("w8one", f"FROM busybox AS a\n{work}\nFROM busybox\nCOPY --from=a /out /a\n")
    two = b.file("w8", f"FROM busybox AS a\n{work}\nFROM busybox AS b\n{work} && :\nFROM busybox\nCOPY --from=a /out /a\n"
                 "COPY --from=b /out /b\n")
    jobs = lambda t: [] if t.name in ("cooper", "docker") else ["--jobs", "2"]
    b.run("W8", "two equal stages, a third copies from both; floor: the longest path", Aims(floor=1.05),
          [Contender("floor: cooper, one stage alone", b.cooper.build(one, b.empty(), "stages", False), env=b.cooper.environ),
           Contender("two bare loops at the same time", ["sh", "-c", f"{loop} & {loop} & wait"]),
           *b.each(lambda t: t.build(two, b.empty(), "stages", False, more=jobs(t)))])


def seven_stages():
    """300 lines whose every step can run in busybox; the last stage needs all others."""
    lines = ["ARG BASE=busybox"]
    for s in range(7):
        lines.append(f"FROM $BASE AS stage{s}")
        lines += [f"ENV S{s}V{i}=value-$PATH" if i % 3 else f"RUN : make -C /src target{i} && echo done" for i in range(40)]
        lines += [f"COPY --from=stage{s - 1} /etc/passwd /in"] if s else ["COPY . /src"]
    return lines + [f"LABEL l{i}=x" for i in range(300 - len(lines))]


def planner(b):
    """bench-plan, in the folder where cooper was built."""
    build = os.path.dirname(os.path.dirname(os.path.dirname(b.cooper.program)))
    program = os.path.join(build, "bench", "bench-plan")
    if not os.path.exists(program) and os.path.exists(os.path.join(build, "build.ninja")):
        run_quietly(["ninja", "-C", build, "bench/bench-plan"])
    if not os.path.exists(program):
        raise Failed(f"{b.cooper.program} is in no build folder: parse and plan alone are not measured")
    return program


def w9(b):
    lines = seven_stages()
    file, what = b.file("w9", "\n".join(lines) + "\n"), f"a file of {len(lines)} lines, seven stages"
    alone = []
    try:
        alone.append(Contender("parse and plan, in a process", [planner(b), file, str(PLANS)], divide=PLANS))
    except Failed as e:
        print(f"  {e}")
    b.run("W9", f"check of {what}", Aims(), [Contender("floor: /bin/true", ["/bin/true"]), *b.each(lambda t: t.check(file, b.empty())), *alone])

    def make(t):
        argv = t.check(file, b.empty()) and t.build(file, b.empty(), "planned")
        if argv:
            run_quietly(argv, t.environ)
        return argv
    b.run("W9p", f"parse, plan and look-up of {what}: nothing has changed", Aims(), [Contender("floor: /bin/true", ["/bin/true"]), *b.each(make)])
