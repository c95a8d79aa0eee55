"""The program as it is measured: its processor time and its memory, from /proc."""

import os
from dataclasses import dataclass
from pathlib import Path

from tests.program import Program


@dataclass(frozen=True, slots=True)
class Memory:
    """Megabytes (2**20 bytes): now, and at most so far."""

    resident: float
    peak: float


class Bot(Program):
    """The whole program in a process of its own, killed at the end."""

    def cpu_seconds(self) -> float:
        """Processor time of all its threads so far, user and system; counted in ticks (10 ms as a rule)."""
        fields = (self._proc / "stat").read_text("utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> Memory:
        """Its memory, code of shared libraries included."""
        lines = (self._proc / "status").read_text("utf-8").splitlines()
        status = dict(line.split(":", 1) for line in lines)
        resident, peak = (int(status[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))
        return Memory(resident, peak)

    @property
    def _proc(self) -> Path:
        assert self._process
        return Path("/proc") / str(self._process.pid)
