# SPDX-License-Identifier: Apache-2.0
"""The table that is printed, its figures, and whether what a workload aims at is met."""
import dataclasses

import measure

MEMORY_MIB = 64  # cooper's peak, in all workloads


@dataclasses.dataclass
class Aims:
    """None: nothing is said about it."""
    floor: float = None  # cooper takes at most as many times the floor's wall time
    peers: float = None  # every builder beside cooper takes at least as many times cooper's
    cpu: float = None    # seconds
    children: int = None # processes

    def judge(self, rows, children):
        """A list of what was aimed at, what came out (None: not measured), and whether that is good."""
        floor, cooper = find(rows, "floor"), find(rows, "cooper")
        wall = cooper.get("wall")
        out = []

        def say(aim, value, met):
            out.append({"aim": aim, "value": value, "met": None if value is None else met(value)})
        if self.floor:
            say(f"at most {self.floor} x the floor", ratio(wall, floor.get("wall")), lambda v: v <= self.floor)
        for r in rows if self.peers else []:
            if r["peer"]:
                say(f"{r['name']} at least {self.peers} x slower", ratio(r.get("wall"), wall), lambda v: v >= self.peers)
        if self.cpu:
            say(f"under {self.cpu * 1000:.0f} ms CPU", cooper.get("cpu"), lambda v: v < self.cpu)
        if self.children is not None:
            say(f"{self.children or 'no'} child processes", children, lambda v: v <= self.children)
        say(f"under {MEMORY_MIB} MiB", cooper.get("mib"), lambda v: v < MEMORY_MIB)
        return out


def find(rows, who):
    return next((r for r in rows if r["name"].startswith(who)), {})


def seconds(x):
    return "-" if x is None else f"{x * 1000:.1f} ms" if x < 1 else f"{x:.2f} s"


def ratio(a, b):
    return None if not a or not b else a / b


def megabytes(row):
    """Of the process, and of the daemon that works for it."""
    return "+".join(f"{row[k]:.0f}" for k in ("mib", "daemon_mib") if k in row) or "-"


class Table:
    """One line for each workload and contender, printed as it comes."""

    widths = (8, 38, 10, 10, 9, 10, 10, 3)
    heads = ("id", "who", "wall", "cpu", "MiB", "x floor", "x cooper", "n")

    def __init__(self, judging):
        self.results, self.judging = [], judging

    def begin(self):
        self.line(self.heads)

    def line(self, cells):
        print("".join(str(c).ljust(w) if i < 2 else str(c).rjust(w) for i, (c, w) in enumerate(zip(cells, self.widths))), flush=True)

    def add(self, name, what, aims, contenders, children=None):
        rows = [measure.summary(c) for c in contenders]
        floor, cooper = find(rows, "floor").get("wall"), find(rows, "cooper").get("wall")
        print(f"\n{name}: {what}", flush=True)
        for r in rows:
            r["x_floor"] = None if r["name"].startswith("floor") else ratio(r.get("wall"), floor)
            r["x_cooper"] = None if r["name"].startswith("cooper") else ratio(r.get("wall"), cooper)
            times = [f"{r[k]:.2f}" if r[k] else "" for k in ("x_floor", "x_cooper")]
            self.line((name, r["name"], seconds(r.get("wall")), seconds(r.get("cpu")), megabytes(r), *times, r["n"] or "failed"))
        judged = aims.judge(rows, children) if self.judging else []
        for a in judged:
            value = "not measured" if a["value"] is None else f"{a['value']:.3g}, {'met' if a['met'] else 'MISSED'}"
            print(f"        aim: {a['aim']}: {value}", flush=True)
        self.results.append({"id": name, "what": what, "rows": rows, "aims": judged})
