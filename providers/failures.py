"""What a server's failure means: HTTP statuses, error objects and network exceptions to the errors of chat/errors.py.

Foreign errors are translated here and nowhere else. Nothing in here does I/O, so that every wording can be tested.
The errors made here are bare; providers/http.py puts the request and the provider's name to them (`Asked.told`).
"""

import email.utils
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp_socks import ProxyConnectionError, ProxyError, ProxyTimeoutError
from yarl import URL

from chat.errors import (
    BadKey,
    Blocked,
    BodyTooLarge,
    ContextTooLong,
    CutOff,
    Garbled,
    ModelNotFound,
    NoCredit,
    Overloaded,
    PicturesTooLarge,
    ProviderError,
    RateLimited,
    RequestRefused,
    TimedOut,
    Unreachable,
)
from chat.secrecy import basic_credentials, forms
from providers.base import JsonValue

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

Kind = type[ProviderError]

_STATUSES: Mapping[int, Kind] = {
    401: BadKey,
    402: NoCredit,
    403: BadKey,
    404: ModelNotFound,
    407: Unreachable,  # a proxy wants to know who we are
    408: TimedOut,
    410: ModelNotFound,
    413: BodyTooLarge,
    424: Overloaded,  # TGI: the generation failed
    425: Overloaded,
    429: RateLimited,
}

# Words that say more than the status, in the order in which they are believed: OpenAI, Anthropic, Gemini, llama.cpp,
# vLLM, TGI, Ollama, OpenRouter, DeepSeek, xAI and Hugging Face were read for them.
_TELLING: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    (
        Blocked,
        re.compile(
            r"content_filter|content_policy|responsibleaipolicy|requires moderation|moderation_blocked|safety system"
            r"|content filtering policy"
        ),
    ),
    (
        NoCredit,
        re.compile(
            r"insufficient_quota|billing_(hard_limit|not_active)"
            r"|insufficient (credit|balance)|credit balance is too low"
        ),
    ),
    # Anthropic's limits of bytes (of base64) and pixels have changed more than once: its own words know them best
    (
        PicturesTooLarge,
        re.compile(
            r"image exceeds .{0,30}maximum|image dimensions exceed|image_too_large|image.{0,20} is too (large|big)"
        ),
    ),
    (BadKey, re.compile(r"invalid_api_key|api key not valid|(incorrect|invalid) api key")),
    (
        ModelNotFound,
        re.compile(r"model_not_(found|supported)|model\b.{0,100}\b(not found|does not exist)|not a valid model"),
    ),
)
_TOO_LONG = re.compile(
    r"context_length_exceeded|exceed_context_size|context_window_exceeded"
    r"|(maximum|model'?s?|available) context (length|size|window)|context (length|size|window) (is |was )?exceeded"
    r"|(exceeds?|longer than|larger than|fit (in|into)).{0,40}context (length|size|window)"
    r"|too many (input |prompt )?tokens|(prompt|input|request|conversation) is too long"
    r"|(input|prompt) (token count|tokens?|length).{0,60}exceeds?|reduce the length of the (messages|prompt|input)"
    r"|exceeds? the (maximum|model'?s?|max)( allowed)?( number of)?( input)? tokens?"
    r"|max_new_tokens\W{0,3}must be <=|inputs\W{0,3}must have less than \d+ tokens"
)
# Error objects in the middle of a stream have no status: these words stand in its place.
_NAMED: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    (BadKey, re.compile(r"authentication|permission|unauthenticated|unauthori[sz]ed|forbidden")),
    (RateLimited, re.compile(r"rate_?limit|resource_exhausted|too_many_requests|throttl")),
    (ModelNotFound, re.compile(r"not_found")),
    (RequestRefused, re.compile(r"invalid_request|invalid_argument|validation")),
)


@dataclass(frozen=True, slots=True)
class Complaint:
    """What an error body says. `names`: its codes and types; `seconds`: when it expects to be ready."""

    message: str = ""
    names: str = ""
    status: int | None = None
    seconds: float | None = None


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
    complaint = _complaint_in(body)
    seconds = retry_after(headers, now or datetime.now(UTC))
    kind = _kind(status, complaint)
    target = f" to {headers['Location'].partition('?')[0]}" if "Location" in headers else ""
    shown = f"{status}{target} {body.decode('utf-8', 'replace')}"
    return kind(shown, retry_after=complaint.seconds if seconds is None else seconds)


def from_error(payload: JsonValue) -> ProviderError:
    """The failure that an error object inside an answer stands for: the whole chunk, or what its `error` holds."""
    complaint = read_complaint(payload)
    shown = payload if isinstance(payload, str) else json.dumps(payload, ensure_ascii=False)
    return _kind(complaint.status, complaint)(shown, retry_after=complaint.seconds)


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
    except ValueError:
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
        message if isinstance(message, str) else json.dumps(message),
        " ".join(code for code in codes if isinstance(code, str)),
        next((number for number in numbers if 400 <= number < 600), None),
        _seconds(str(estimated)) if isinstance(estimated, int | float) else None,
    )


def _complaint_in(body: bytes) -> Complaint:
    try:
        return read_complaint(json.loads(body))
    except (ValueError, RecursionError):
        text = body.decode("utf-8", "replace").strip()
        return Complaint() if text.startswith("<") else Complaint(text)  # a page of HTML says nothing about models


def _kind(status: int | None, complaint: Complaint) -> Kind:
    words = f"{complaint.names} {complaint.message[:4000]}".lower()
    if status is None or 400 <= status < 500:
        for kind, pattern in _TELLING:
            if pattern.search(words):
                return kind
    if status not in (401, 403, 429) and _TOO_LONG.search(words):
        return ContextTooLong
    if status is None:
        names = complaint.names.lower()
        return next((kind for kind, pattern in _NAMED if pattern.search(names)), Overloaded)
    if status >= 500:
        return Overloaded
    return _STATUSES.get(status, RequestRefused)


def _seconds(said: str | None) -> float | None:
    try:
        seconds = float(said or "")
    except ValueError:
        return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
