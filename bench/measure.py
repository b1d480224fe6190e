# SPDX-License-Identifier: Apache-2.0
"""Runs commands and keeps their wall time, CPU time and peak memory; medians, ratios and the table that is printed."""
import os
import statistics
import subprocess
import sys


class Failed(Exception):
    pass


def run_quietly(argv, env=None, **kw):
    """Set-up that is not measured."""
    r = subprocess.run(argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **kw)
    if r.returncode != 0:
        raise Failed(f"{' '.join(map(str, argv))}: exit {r.returncode}: {r.stdout.decode(errors='replace')[-600:].strip()}")
    return r.stdout.decode(errors="replace")


def measure(argv, env, log, floor):
    """One run: wall seconds, CPU seconds and the largest resident size (MiB) of it and the children it waited for."""
    with open(log, "wb") as out:
        r = subprocess.run([floor, "time", log + ".time", *argv], env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    if r.returncode != 0:
        with open(log, errors="replace") as f:
            raise Failed(f"{' '.join(map(str, argv))}: exit {r.returncode}: {f.read()[-600:].strip()}")
    with open(log + ".time") as f:
        wall, cpu, peak = map(int, f.read().split())
    return {"wall": wall / 1e9, "cpu": cpu / 1e6, "mib": peak / 1024}


class Contender:
    """Something that does a workload: prepare() is called before each run and not measured."""

    def __init__(self, name, argv, prepare=None, env=None, rounds=None, divide=1):
        self.name, self.argv, self.prepare, self.env = name, argv, prepare, env
        self.rounds, self.divide = rounds, divide
        self.runs, self.error = [], None

    def once(self, log, floor):
        if self.prepare:
            self.prepare()
        argv = self.argv() if callable(self.argv) else self.argv
        one = measure(argv, self.env, log, floor)
        one["wall"] /= self.divide
        one["cpu"] /= self.divide
        self.runs.append(one)


def alternate(contenders, rounds, log, floor, warm):
    """All of them in turn, so that all meet the same load. A failure drops the contender, not the workload."""
    for i in range(-1 if warm else 0, rounds):
        for c in contenders:
            if c.error or (c.rounds is not None and not 0 <= i < c.rounds):
                continue
            try:
                c.once(log, floor)
                if i < 0:
                    c.runs.pop()
            except (Failed, OSError) as e:
                c.error = str(e)
                print(f"  {c.name}: {e}", file=sys.stderr)


def summary(contenders):
    rows = []
    for c in contenders:
        row = {"name": c.name, "n": len(c.runs), "error": c.error}
        for key in ("wall", "cpu"):
            if c.runs:
                row[key] = statistics.median(r[key] for r in c.runs)
        if c.runs:
            row["mib"] = max(r["mib"] for r in c.runs)
            row["walls"] = [round(r["wall"], 6) for r in c.runs]
        rows.append(row)
    return rows


def seconds(x):
    return "-" if x is None else f"{x * 1000:.1f} ms" if x < 1 else f"{x:.2f} s"


def ratio(a, b):
    return None if not a or not b else a / b


class Table:
    """The result: one line for each workload and contender, printed as it comes."""

    widths = (7, 34, 10, 10, 8, 10, 12, 3)
    heads = ("id", "who", "wall", "cpu", "MiB", "x floor", "x cooper", "n")

    def __init__(self):
        self.results = []
        self.line(self.heads)

    def line(self, cells):
        print("".join(str(c).ljust(w) if i < 2 else str(c).rjust(w) for i, (c, w) in enumerate(zip(cells, self.widths))), flush=True)

    def add(self, name, what, limits, contenders):
        rows = summary(contenders)
        find = lambda who: next((r.get("wall") for r in rows if r["name"].startswith(who)), None)
        floor, cooper = find("floor"), find("cooper")
        print(f"\n{name}: {what}" + (f"   [{limits}]" if limits else ""), flush=True)
        for r in rows:
            wall = r.get("wall")
            x_floor = ratio(wall, floor) if not r["name"].startswith("floor") else None
            x_cooper = ratio(wall, cooper) if not r["name"].startswith("cooper") else None
            r["x_floor"], r["x_cooper"] = x_floor, x_cooper
            note = "failed" if r["error"] and not r["n"] else r["n"]
            self.line((name, r["name"], seconds(wall), seconds(r.get("cpu")), f"{r['mib']:.0f}" if "mib" in r else "-",
                       f"{x_floor:.2f}" if x_floor else "", f"{x_cooper:.2f}" if x_cooper else "", note))
        self.results.append({"id": name, "what": what, "limits": limits, "rows": rows})
