"""Other programs as processes on loopback: started when a test needs them, ended with the test run."""

import http.client
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.processes import ended_afterwards

START_SECONDS = 90

# They must not talk to anybody, nor be sent through a proxy to themselves.
_ALONE = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_OFFLINE": "1",
    "NO_PROXY": "127.0.0.1,localhost",
    "no_proxy": "127.0.0.1,localhost",
}


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@contextmanager
def running(command: Sequence[str], port: int, path: str, log: Path) -> Iterator[None]:
    """The program while it runs; entering waits until `GET path` on its port is answered, whatever the status."""
    with log.open("wb") as written:
        environment = {**os.environ, **_ALONE}
        process = subprocess.Popen(command, stdout=written, stderr=subprocess.STDOUT, env=environment)
        with ended_afterwards(process):
            _wait_for(process, port, path, log)
            yield


def _wait_for(process: subprocess.Popen[bytes], port: int, path: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        if _answers(port, path):
            return
        time.sleep(0.1)
    raise RuntimeError(f"it didn't start: {log.read_text(errors='replace')[-2000:]}")


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with suppress(OSError, http.client.HTTPException):
        connection.request("GET", path)
        connection.getresponse().read()
        connection.close()
        return True
    connection.close()
    return False
