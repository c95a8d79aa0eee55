"""What a server's failure means: HTTP statuses, error objects and network exceptions to the errors of chat/errors.py.

Foreign errors are translated here and nowhere else, by the words in providers/wording.py. Nothing in here does I/O, so
that every wording can be tested.
The errors made here are bare; providers/http.py puts the request and the provider's name to them (`Asked.told`).
"""

import email.utils
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp_socks import ProxyConnectionError, ProxyError, ProxyTimeoutError
from yarl import URL

from chat.errors import CutOff, Garbled, ProviderError, TimedOut, Unreachable
from chat.secrecy import basic_credentials, forms
from providers.base import JsonValue
from providers.wording import kind_of, wait_in

# Everything that a request over aiohttp may raise (SSL errors and time-outs are OSErrors).
FOREIGN = (
    aiohttp.ClientError,
    HttpProcessingError,
    ProxyError,
    ProxyConnectionError,
    ProxyTimeoutError,
    OSError,
    EOFError,
)

DETAILS_LENGTH = 500


@dataclass(frozen=True, slots=True)
class Complaint:
    """What an error body says. `names`: its codes and types; `seconds`: when it expects to be ready.

    `page`: it is one of HTML, which says nothing about models.
    """

    message: str = ""
    names: str = ""
    status: int | None = None
    seconds: float | None = None
    page: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, as errors and the log tell of it: never with a key, a query or the user info of an address."""

    provider: str
    method: str
    url: URL
    model: str = ""
    secrets: tuple[str, ...] = ()

    def told(self, error: ProviderError) -> ProviderError:
        """The same failure with the request, the provider and the model put to it."""
        address = self.url.with_user(None).with_query(None).with_fragment(None)
        details = without_secrets(f"{self.method} {address}: {error.details}", (*self.secrets, *self._user_info()))
        arguments = {"provider": self.provider, "model": self.model, **error.arguments}
        shown = " ".join(details.split())[: DETAILS_LENGTH + len(str(address))]
        return type(error)(shown, retry_after=error.retry_after, **arguments)

    def _user_info(self) -> frozenset[str]:
        """What stands before the @ of the address, also as the header that aiohttp makes of it."""
        user, password = self.url.user or "", self.url.password or ""
        # A user without a password is a token.
        return basic_credentials(user, password) | {password or user} if user or password else frozenset()


def without_secrets(text: str, secrets: tuple[str, ...]) -> str:
    """The text with "[key]" in the place of every secret, however it was written (see `chat.secrecy`)."""
    for form in forms(secrets):
        text = text.replace(form, "[key]")
    return text


def from_status(status: int, headers: Mapping[str, str], body: bytes, now: datetime | None = None) -> ProviderError:
    """The failure that an HTTP answer other than 2xx stands for. `headers` must not care for case, as aiohttp's."""
    complaint, text = _complaint_in(body), body.decode("utf-8", "replace")
    kind = kind_of(status, complaint.message, complaint.names, page=complaint.page)
    target = f" to {headers['Location'].partition('?')[0]}" if "Location" in headers else ""
    seconds = retry_after(headers, now or datetime.now(UTC))
    return kind(f"{status}{target} {text}", retry_after=_wait(complaint, text) if seconds is None else seconds)


def from_error(payload: JsonValue) -> ProviderError:
    """The failure that an error object inside an answer stands for: the whole chunk, or what its `error` holds."""
    complaint = read_complaint(payload)
    shown = payload if isinstance(payload, str) else json.dumps(payload, ensure_ascii=False)
    kind = kind_of(complaint.status, complaint.message, complaint.names)
    return kind(shown, retry_after=_wait(complaint, shown))


def from_exception(error: BaseException, *, answering: bool = False) -> ProviderError:
    """The failure that one of `FOREIGN` stands for; `answering`: the answer had begun.

    The exception itself must not be chained: aiohttp's carry the request's headers.
    """
    details = f"{type(error).__name__}: {error}"
    match error:
        case aiohttp.ClientHttpProxyError():  # its text has the proxy's address in it, and that may have a password
            return Unreachable(f"{type(error).__name__}: {error.status} {error.message}")
        case aiohttp.ConnectionTimeoutError():
            return Unreachable(details)
        case TimeoutError():
            return TimedOut(details)
        case aiohttp.ClientResponseError() | HttpProcessingError() | aiohttp.InvalidURL():
            return Garbled(f"{type(error).__name__}: {error.message if hasattr(error, 'message') else error}")
        case _:
            return CutOff(details) if answering else Unreachable(details)


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds to wait, from `retry-after-ms` or `Retry-After` (seconds or a date, RFC 9110 §10.2.3)."""
    milliseconds = _seconds(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    said = headers.get("Retry-After", "")
    seconds = _seconds(said)
    if seconds is not None or not said:
        return seconds
    try:
        date = email.utils.parsedate_to_datetime(said)
    except (ValueError, OverflowError):
        return None
    return max(0.0, (date.replace(tzinfo=date.tzinfo or UTC) - now).total_seconds())


def read_complaint(payload: JsonValue, depth: int = 4) -> Complaint:
    """An error body in any of the usual shapes: `{"error": {…}}`, `{"error": "…"}`, `{"detail": …}`, `[{…}]`, text."""
    match payload:
        case str():
            return Complaint(payload)
        case [first, *_] if depth:
            return read_complaint(first, depth - 1)
        case dict():
            around = _flat_complaint(payload)
            inner = payload.get("error")
            within = read_complaint(inner, depth - 1) if depth and inner else Complaint()
            return Complaint(
                within.message or around.message,
                f"{within.names} {around.names}".strip(),
                within.status or around.status,
                within.seconds if around.seconds is None else around.seconds,
            )
        case _:
            return Complaint()


def _flat_complaint(fields: Mapping[str, JsonValue]) -> Complaint:
    message = next((fields[key] for key in ("message", "detail", "msg") if fields.get(key)), "")
    codes = [fields.get(key) for key in ("code", "type", "status", "error_type")]
    numbers = [int(code) for code in map(str, codes) if code.isascii() and code.isdigit() and len(code) == 3]
    estimated = fields.get("estimated_time")
    return Complaint(
        message if isinstance(message, str) else json.dumps(_unquoted(message)),
        " ".join(code for code in codes if isinstance(code, str)),
        next((number for number in numbers if 400 <= number < 600), None),
        _seconds(str(estimated)) if isinstance(estimated, int | float) else None,
    )


def _unquoted(said: JsonValue) -> JsonValue:
    """Without `input`, in which pydantic's complaints quote the question."""
    match said:
        case dict():
            return {key: _unquoted(value) for key, value in said.items() if key != "input"}
        case list():
            return [_unquoted(each) for each in said]
        case _:
            return said


def _complaint_in(body: bytes) -> Complaint:
    try:
        return read_complaint(json.loads(body))
    except (ValueError, RecursionError):
        text = body.decode("utf-8", "replace").strip()
        page = text[:14].lower().startswith(("<!doctype html", "<html"))
        return Complaint(page=page) if text.startswith("<") else Complaint(text)


def _wait(complaint: Complaint, text: str) -> float | None:
    return wait_in(text) if complaint.seconds is None else complaint.seconds


def _seconds(said: str | None) -> float | None:
    try:
        seconds = float(said or "")
    except ValueError:
        return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
