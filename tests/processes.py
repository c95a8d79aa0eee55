"""Other programs while tests run them."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

PATIENCE_SECONDS = 5


@contextmanager
def ended_afterwards(process: "subprocess.Popen[Any]") -> Iterator[None]:
    """Ask it to end when the block is left, and kill it where it doesn't."""
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
