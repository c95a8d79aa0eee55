"""The machine that the figures are from."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from tests.program import ROOT


def facts() -> str:
    """One line: where, when and on what code this was measured."""
    cores = len(os.sched_getaffinity(0))
    busy = os.getloadavg()[0]
    return (
        f"Parley's bench: Python {platform.python_version()}, {cores} cores (load {busy:.1f} before the start), "
        f"{platform.system()} {platform.machine()}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {_commit()}"
    )


def filesystem(folder: Path) -> str:
    """The kind of file system that a folder is on: what a commit costs depends on it."""
    kinds = dict(line.split()[1:3] for line in Path("/proc/self/mounts").read_text("utf-8").splitlines())
    return next(kinds[str(path)] for path in (folder.resolve(), *folder.resolve().parents) if str(path) in kinds)


def _commit() -> str:
    # Without optional locks, for others may work in the same checkout.
    environ = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    command = ["git", "describe", "--always", "--exclude=*", "--dirty= with uncommitted changes"]
    try:
        return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
