"""The program as it is measured: its processor time and its memory, from /proc."""

from dataclasses import dataclass
from pathlib import Path

from tests.program import Program


@dataclass(frozen=True, slots=True)
class Memory:
    """Megabytes (2**20 bytes): now, and at most so far."""

    resident: float
    peak: float


def waited_seconds(process: int | str) -> float:
    """How long the first thread of a process ("self": ours) was ready to run, and no core was free."""
    return int(Path(f"/proc/{process}/schedstat").read_text("ascii").split()[1]) / 1e9


class Bot(Program):
    """The whole program in a process of its own, killed at the end."""

    def cpu_seconds(self) -> float:
        """Processor time of all its threads that still run, user and system."""
        threads = (self._proc / "task").iterdir()
        return sum(int((thread / "schedstat").read_text("ascii").split()[0]) for thread in threads) / 1e9

    def waited_seconds(self) -> float:
        """How long its first thread was ready to run, and no core was free."""
        return waited_seconds(self._proc.name)

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
