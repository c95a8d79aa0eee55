"""The log: readable lines or JSON, one event a line, and never a secret in it."""

import json
import logging
import re
import sys
import threading
import time
from collections.abc import Collection
from contextlib import suppress
from types import TracebackType
from typing import Any

from chat.secrecy import forms
from operations.settings import LogSettings

# What a terminal obeys (escape sequences: "erase the line above"), what ends a line for other programs, what turns the
# direction of reading around, and halves of characters, which can't be written.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

log = logging.getLogger("parley")


class RedactingFormatter(logging.Formatter):
    """Formats a record, tracebacks included, and blacks out every secret in the result."""

    def __init__(self, secrets: Collection[str], *, as_json: bool) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%Y-%m-%d %H:%M:%S")
        self.secrets = frozenset(secrets)
        self._forms = forms(secrets)  # once, for they are searched for in every line
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        """One line, or one and its traceback."""
        return self._json(record) if self._as_json else self.redacted(super().format(record))

    def redacted(self, text: str) -> str:
        """The text without the secrets, and with nothing in it that acts instead of being seen: it is from outside."""
        for form in self._forms:
            text = text.replace(form, "[secret]")
        return _UNSEEN.sub(lambda found: ascii(found[0])[1:-1], text)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the standard library's name
        """The line itself: line breaks in it are escaped, so that no text from outside can pretend to be a line."""
        record.message = self.redacted(record.message).replace("\n", "\\n")
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:  # noqa: N802 - the standard library's name
        """A traceback, every line of it indented: an exception's own text can't pretend to be a line of the log."""
        return "\n".join(f"    {line}" for line in self.redacted(super().formatException(ei)).splitlines())

    def _json(self, record: logging.LogRecord) -> str:
        event = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname.lower(),
            "logger": self.redacted(record.name),
            "message": self.redacted(record.getMessage()),
        }
        if record.exc_info:
            event["traceback"] = self.redacted(self.formatException(record.exc_info))
        return json.dumps(event, ensure_ascii=False)


class _Handler(logging.StreamHandler[Any]):
    """To standard error. A line that can't be made is told without what it was made of: that may be a secret."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the standard library's name
        """Python's own way writes the arguments as they are. Where nothing can be written (a full disk), so be it."""
        with suppress(OSError, ValueError):
            sys.stderr.write(f"a line of the log was lost: {record.name}, {record.pathname}:{record.lineno}\n")


def set_up_log(settings: LogSettings, secrets: Collection[str]) -> None:
    """Send the log of this program and its libraries to standard error, and with it what nobody catches.

    What was secret in an earlier config stays secret: connections that are open still use it.
    """
    root = logging.getLogger()
    earlier = [handler.formatter for handler in root.handlers if isinstance(handler.formatter, RedactingFormatter)]
    known = frozenset(secrets).union(*(formatter.secrets for formatter in earlier))
    handler = _Handler()
    handler.setFormatter(RedactingFormatter(known, as_json=settings.format == "json"))
    root.handlers = [handler]
    sys.excepthook, threading.excepthook, sys.unraisablehook = _uncaught, _ended_a_thread, _unraisable
    root.setLevel(settings.level.upper())
    for chatty in ("aiogram", "aiohttp.access", "asyncio"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))


def _uncaught(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """Python itself would write the traceback as it is, with whatever the error's text holds."""
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, traceback)
        return
    log.critical("ended by a fault of its own", exc_info=(kind, error, traceback))


def _ended_a_thread(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_value:
        log.error("a thread ended by a fault", exc_info=(ended.exc_type, ended.exc_value, ended.exc_traceback))


def _unraisable(fault: "sys.UnraisableHookArgs") -> None:
    if fault.exc_value:
        log.error("a fault while cleaning up", exc_info=(fault.exc_type, fault.exc_value, fault.exc_traceback))
