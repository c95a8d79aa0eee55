"""Virtual environments and npm packages of other programs, installed once and kept in a cache outside the checkout.

`PARLEY_CACHE` names the folder; else it is `~/.cache/parley-tests`. `PARLEY_INSTALL_SECONDS` is how long one run may
spend on installing: what comes after that is skipped, and installed by the next run.
"""

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

INSTALL_SECONDS = 300

_spent: list[float] = []  # seconds on installing, in this process


class NotInstalledError(Exception):
    """A program that can't be had here; the text says why."""


def cache() -> Path:
    """Where what is installed is kept."""
    return Path(os.environ.get("PARLEY_CACHE") or Path.home() / ".cache" / "parley-tests")


def python_with(name: str, *requirements: str) -> Path:
    """The Python of an environment that has these requirements, installed if it isn't there yet.

    Raises `NotInstalledError` with the last words of pip.
    """
    wanted = "\n".join((sys.version, *requirements))
    folder = cache() / f"{name}-{hashlib.sha256(wanted.encode()).hexdigest()[:8]}"
    python = folder / "bin" / "python"
    done = folder / "installed"
    if not done.exists():
        print(f"\n[real] installing {name} into {folder} …", flush=True)
        begun = time.monotonic()
        _run(name, sys.executable, "-m", "venv", "--clear", str(folder))
        _run(name, str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements)
        done.write_text(wanted)
        print(f"[real] installed {name} in {time.monotonic() - begun:.0f} s", flush=True)
    return python


def node_package(name: str, version: str) -> Path:
    """The folder of an npm package, installed if it isn't there yet. Raises `NotInstalledError`, as without npm."""
    folder = cache() / f"npm-{name.replace('/', '-').lstrip('@')}-{version}"
    package = folder / "node_modules" / name
    done = folder / "installed"
    if not done.exists():
        print(f"\n[real] installing {name} into {folder} …", flush=True)
        folder.mkdir(parents=True, exist_ok=True)
        quietly = ("--no-audit", "--no-fund", "--no-save", "--ignore-scripts")
        _run(name, "npm", "install", *quietly, "--prefix", str(folder), f"{name}@{version}")
        done.write_text(version)
    return package


def version_of(python: Path, package: str) -> str:
    """The version that is really there."""
    code = f"import importlib.metadata as m; print(m.version({package!r}))"
    return subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def _run(name: str, *command: str) -> None:
    begun, most = time.monotonic(), float(os.environ.get("PARLEY_INSTALL_SECONDS", "inf"))
    if sum(_spent) > most:
        raise NotInstalledError(f"{name}: {most:g} s were spent on installing others, run it again for this one")
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    except subprocess.CalledProcessError as error:
        said = (error.stderr or error.stdout or "").strip().splitlines()
        raise NotInstalledError(f"{name}: {said[-1] if said else error}") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalledError(f"{name}: {error}") from None
    finally:
        _spent.append(time.monotonic() - begun)
