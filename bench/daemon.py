# SPDX-License-Identifier: Apache-2.0
"""What a daemon of ours and all that it started use, from /proc: so that a builder that only talks to one is not taken for a cheap one."""
import os

TICKS = os.sysconf("SC_CLK_TCK")
RESET_PEAK = "5"  # proc(5), clear_refs


def stat(pid):
    """Fields from the third on, or None: it has ended."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()
    except OSError:
        return None


def descendants(pid):
    parents = {int(p): int(s[1]) for p in os.listdir("/proc") if p.isdigit() and (s := stat(p))}
    found = [pid]
    for one in found:
        found += [p for p, parent in parents.items() if parent == one]
    return found


def peak(pid):
    try:
        with open(f"/proc/{pid}/status") as f:
            return next((int(line.split()[1]) / 1024 for line in f if line.startswith("VmHWM:")), 0)
    except OSError:
        return 0


class Daemon:
    def __init__(self, pid):
        self.pid = pid

    def cpu(self):
        """Seconds, those of ended children too."""
        return sum(sum(map(int, s[11:15])) for p in descendants(self.pid) if (s := stat(p))) / TICKS

    def begin(self):
        """Forgets the peaks. Returns the CPU seconds so far."""
        for p in descendants(self.pid):
            try:
                with open(f"/proc/{p}/clear_refs", "w") as f:
                    f.write(RESET_PEAK)
            except OSError:
                pass
        return self.cpu()

    def usage(self):
        """CPU seconds so far, MiB of the processes' peaks since begin()."""
        return self.cpu(), sum(peak(p) for p in descendants(self.pid))
