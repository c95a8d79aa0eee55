"""Headless Chromium as a process: found, or installed with apt-get where that is possible."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.processes import ended_afterwards

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
INSTALL_SECONDS = 240
START_SECONDS = 20
FLAGS = (
    "--headless", "--disable-gpu", "--no-first-run", "--no-default-browser-check", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-extensions", "--mute-audio", "--no-proxy-server",
    "--hide-scrollbars", "--font-render-hinting=none", "--disable-dev-shm-usage", "--remote-debugging-port=0",
)  # fmt: skip


class NoChromiumError(Exception):
    """There is no Chromium, and none could be installed; the text says why."""


def find_chromium() -> str:
    """The program, installed if need be. Raises `NoChromiumError`."""
    named = os.environ.get("CHROMIUM", "")
    found = shutil.which(named) if named else next(filter(None, map(shutil.which, NAMES)), None)
    if found:
        return found
    if named:
        raise NoChromiumError(f"$CHROMIUM names {named!r}, which isn't there")
    return _install()


def _install() -> str:
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise NoChromiumError("no chromium on the PATH, and only root on Debian could install it; set CHROMIUM")
    print("\n[browser] installing chromium …", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (("update",), ("install", "-y", "--no-install-recommends", "chromium")):
        try:
            subprocess.run(
                ("apt-get", *command), check=True, capture_output=True, timeout=INSTALL_SECONDS, env=environment
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise NoChromiumError(f"apt-get {command[0]} failed: {error}") from None
    if found := shutil.which("chromium"):
        return found
    raise NoChromiumError("apt-get installed chromium, but it isn't on the PATH")


@contextmanager
def running_chromium(profile: Path) -> Iterator[str]:
    """Chromium while it runs; gives the address of its DevTools (a WebSocket). Raises `NoChromiumError`."""
    flags = [*FLAGS, f"--user-data-dir={profile}", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    process = subprocess.Popen(
        [find_chromium(), *flags, "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    with ended_afterwards(process):
        yield _devtools(process, profile / "DevToolsActivePort")


def _devtools(process: "subprocess.Popen[bytes]", written: Path) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        lines = written.read_text().split() if written.exists() else []
        if len(lines) == 2:
            return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
        time.sleep(0.05)
    raise NoChromiumError(f"chromium didn't start (exit code {process.poll()})")
