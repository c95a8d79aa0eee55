"""The log: readable lines or JSON, one event a line, and never a secret in it."""

import json
import logging
import time
from collections.abc import Collection
from typing import Any

from operations.settings import LogSettings

SHORTEST_SECRET = 8  # shorter ones ("none", a local server's key) would black out ordinary words


class RedactingFormatter(logging.Formatter):
    """Formats a record, tracebacks included, and blacks out every secret in the result."""

    def __init__(self, secrets: Collection[str], *, as_json: bool) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%Y-%m-%d %H:%M:%S")
        written = {form for secret in secrets if len(secret) >= SHORTEST_SECRET for form in _forms(secret)}
        # The longest first: a secret may be part of another one (a token inside a URL).
        self._secrets = sorted(written, key=len, reverse=True)
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        """One line, or one and its traceback."""
        return self._json(record) if self._as_json else self.redacted(super().format(record))

    def redacted(self, text: str) -> str:
        """The text without the secrets."""
        for secret in self._secrets:
            text = text.replace(secret, "[secret]")
        return text

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the standard library's name
        """The line itself: line breaks in it are escaped, so that no text from outside can pretend to be a line."""
        record.message = self.redacted(record.message).replace("\r", "\\r").replace("\n", "\\n")
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


def _forms(secret: str) -> set[str]:
    """A secret as it is, and as `repr` writes it, between either kind of quotes."""
    return {secret, repr(secret)[1:-1], repr(secret + "'")[1:-2], repr(secret + "\"'")[1:-4]}


def set_up_log(settings: LogSettings, secrets: Collection[str]) -> None:
    """Send the log of this program and its libraries to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(RedactingFormatter(secrets, as_json=settings.format == "json"))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.level.upper())
    for chatty in ("aiogram", "aiohttp.access", "asyncio"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))
