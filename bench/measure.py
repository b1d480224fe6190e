# SPDX-License-Identifier: Apache-2.0
"""Runs commands and keeps their wall time, CPU time and peak memory."""
import os
import statistics
import subprocess
import sys
import time

LONG = 15    # seconds: who needs longer is not run once more only to be warm
BUDGET = 45  # seconds for all runs of one contender, but at least one: three runs of what is not LONG


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


def busy():
    """CPU seconds that the machine has spent on work so far."""
    with open("/proc/stat") as f:
        user, nice, system, _, _, irq, softirq, *_ = map(int, f.readline().split()[1:])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def settle(seconds):
    """Waits until the machine is idle, but no longer: daemons go on after their client has ended, which is not to be the next one's loss."""
    for _ in range(seconds * 4):
        before = busy()
        time.sleep(0.25)
        if busy() - before < 0.025:
            return


class Contender:
    """Something that does a workload: prepare() is called before each run and not measured. `daemon` says what works for it elsewhere:
    its CPU time counts too, its peak memory is told beside."""

    def __init__(self, name, argv, prepare=None, env=None, divide=1, daemon=None, peer=False):
        self.name, self.argv, self.prepare, self.env, self.divide, self.daemon, self.peer = name, argv, prepare, env, divide, daemon, peer
        self.runs, self.left, self.error = [], 1, None

    def once(self, log, floor):
        """Returns the seconds it took, of which a run's figures are a share."""
        if self.prepare:
            self.prepare()
        before = self.daemon.begin() if self.daemon else 0
        one = measure(self.argv, self.env, log, floor)
        took = one["wall"]
        if self.daemon:
            cpu, one["daemon_mib"] = self.daemon.usage()
            one["cpu"] += max(0, cpu - before)
        one["wall"] /= self.divide
        one["cpu"] /= self.divide
        self.runs.append(one)
        return took

    def first(self, rounds, log, floor, warm):
        took = self.once(log, floor)
        self.left = max(1, min(rounds, int(BUDGET / max(took, 1e-3)))) - 1
        if warm and took < LONG:
            self.runs.clear()
            self.left += 1


def alternate(contenders, rounds, log, floor, warm, calm):
    """All of them in turn, so that all meet the same load; for calm, `calm` seconds are waited at most. A failure drops the contender, not the
    workload."""
    for i in range(rounds + 1):
        for c in contenders:
            if c.error or not c.left:
                continue
            settle(calm)
            try:
                if i == 0:
                    c.first(rounds, log, floor, warm)
                else:
                    c.once(log, floor)
                    c.left -= 1
            except (Failed, OSError) as e:
                c.error = str(e)
                print(f"  {c.name}: {e}", file=sys.stderr)


def summary(c):
    """Medians of the times, the largest of the peaks, and every run."""
    row = {"name": c.name, "peer": c.peer, "n": len(c.runs), "error": c.error, "runs": [{k: round(v, 6) for k, v in r.items()} for r in c.runs]}
    for key in ("wall", "cpu"):
        if c.runs:
            row[key] = statistics.median(r[key] for r in c.runs)
    for key in ("mib", "daemon_mib"):
        values = [r[key] for r in c.runs if key in r]
        if values:
            row[key] = max(values)
    return row
