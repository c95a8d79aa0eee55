"""One HTTP exchange with a model's server: proxy, time-outs, bounded bodies, and every failure translated.

A provider opens one `HttpClient` for its lifetime and one `exchange` for each request; leaving the exchange closes
its connection unless the answer was read to its end.
"""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Self

import aiohttp
from pydantic import BaseModel, Field, SecretStr, field_validator
from yarl import URL

from chat.errors import Garbled, ProviderError
from providers import failures
from providers.base import JsonValue, Lull, no_lull
from providers.connecting import READ_BUFFER_BYTES, open_session
from providers.patience import Patience
from providers.stream import read_json

MAX_BODY_BYTES = 64 * 2**20
MAX_ERROR_BYTES = 2**16
ERROR_BODY_SECONDS = 5.0
# A reader that is woken for every word spends most of its time on waking up. The end of an answer comes without notice,
# and is late by so much at most.
LONGEST_REST_SECONDS = 0.1
SHORTEST_REST_SECONDS = 0.02
BEFORE_LULL_ENDS_SECONDS = 0.005  # to have read what has come when it is wanted

_PROXY_SCHEMES = ("http", "https", "socks4", "socks5", "socks5h")


class HttpSettings(BaseModel, frozen=True, extra="forbid"):
    """What can be set for every provider that is reached over HTTP."""

    proxy: str = Field(default="", repr=False)  # http://… or socks5://…; may hold a password
    # Nothing came yet, the headers or the answer: models think for minutes. Never less than the next one.
    first_timeout_seconds: float = Field(default=300, gt=0, allow_inf_nan=False)
    idle_timeout_seconds: float = Field(default=60, gt=0, allow_inf_nan=False)  # nothing came for so long, in between
    total_timeout_seconds: float = Field(default=600, gt=0, allow_inf_nan=False)  # from the question to the end
    max_concurrent: int = Field(default=32, ge=1, le=10_000)  # answers at once; the others wait in a line

    @field_validator("proxy")
    @classmethod
    def _known_proxy(cls, proxy: str) -> str:
        if proxy and not ((url := URL(proxy)).scheme in _PROXY_SCHEMES and url.host and url.port):
            raise ValueError("a proxy is http://host:port or socks5://host:port")
        return proxy


def checked_base_url(base_url: str) -> str:
    """The address of a server without a slash at its end. Raises `ValueError` for anything but http:// and https://."""
    url = URL(base_url.strip())
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError("an address begins with http:// or https:// and a host")
    if url.query_string or url.fragment:
        raise ValueError("an address has neither a query nor a fragment here")
    return str(url).rstrip("/")


def checked_base_url_or_none(base_url: str) -> str:
    """As `checked_base_url`, but nothing, or white space alone, is nothing."""
    return checked_base_url(base_url) if base_url.strip() else ""


def checked_key(key: SecretStr) -> SecretStr:
    """A key fit for a header, without white space around it. Raises `ValueError`."""
    text = key.get_secret_value().strip()
    if not text.isprintable():
        raise ValueError("a key has no line breaks or control characters in it")
    return SecretStr(text)


class Exchange:
    """An answer whose headers are there; iterating it gives the chunks of its body as they come."""

    def __init__(self, response: aiohttp.ClientResponse, patience: Patience, lull: Lull = no_lull) -> None:
        self._response = response
        self._content = response.content
        self._patience = patience
        self._lull = lull
        self._much = False  # more came at once than a rest could save
        self._paused: asyncio.ReadTransport | None = None  # until the alarm
        self._alarm: asyncio.TimerHandle | None = None

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self._response.status

    @property
    def headers(self) -> Mapping[str, str]:
        """The answer's headers, in any case."""
        return self._response.headers

    @property
    def media_type(self) -> str:
        """`text/event-stream`, in lower case and without parameters; empty where the server named none."""
        return self._response.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    def paused(self) -> None:
        """Nothing is to be expected for a while, for the model thinks: wait as long as for the first chunk."""
        self._patience.paused()

    def hurry(self, seconds: float) -> None:
        """Wait at most so long for what is left; `TimedOut` after that."""
        self._patience.hurry(seconds)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        lull = 0.0 if self._much else self._lull()
        if lull > SHORTEST_REST_SECONDS:
            self._rest(min(LONGEST_REST_SECONDS, lull - BEFORE_LULL_ENDS_SECONDS))
        try:
            with self._patience:
                chunk = await self._content.readany()  # what iter_any() does
        except failures.FOREIGN as error:
            raise failures.from_exception(error, answering=True) from None
        finally:
            self._go_on()
        if not chunk:
            raise StopAsyncIteration
        if not chunk.startswith(b":"):  # a comment between server-sent events is a sign of life, and no answer
            self._patience.begun()
        self._much = len(chunk) >= READ_BUFFER_BYTES
        return chunk

    def _rest(self, seconds: float) -> None:
        """Leave what comes in the system's buffer. If aiohttp's own is full, its pause is left alone: it ends that."""
        connection = self._response.connection  # None: all of the body is here
        transport = connection.transport if connection else None
        if not isinstance(transport, asyncio.ReadTransport) or not transport.is_reading():
            return
        transport.pause_reading()
        self._paused = transport
        # By a timer, not by a sleep: waking up this task only to let it wait again costs as much as reading does.
        self._alarm = asyncio.get_running_loop().call_later(seconds, self._go_on)

    def _go_on(self) -> None:
        """End a rest, if there is one."""
        if self._alarm and self._paused:
            self._alarm.cancel()
            if not self._paused.is_closing():
                self._paused.resume_reading()
        self._alarm = self._paused = None

    async def read(self, limit: int = MAX_BODY_BYTES) -> bytes:
        """The whole body. Raises `Garbled` where it has more than `limit` bytes."""
        body = bytearray()
        async for chunk in self:
            body += chunk
            if len(body) > limit:
                raise Garbled(f"a body of more than {limit} bytes: {bytes(body[:100])!r}…")
        return bytes(body)

    async def json(self, limit: int = MAX_BODY_BYTES) -> JsonValue:
        """The whole body as JSON. Raises `Garbled`."""
        return read_json(await self.read(limit))

    async def beginning(self, limit: int = MAX_ERROR_BYTES) -> bytes:
        """As much of the body as comes, up to about `limit` bytes: never fails, for it is to explain a failure."""
        body = bytearray()
        self.hurry(ERROR_BODY_SECONDS)
        try:
            async for chunk in self:
                body += chunk
                if len(body) > limit:
                    break
        except ProviderError:
            pass  # the status is known; a body that breaks off must not hide it
        return bytes(body)


class HttpClient:
    """The HTTP side of one provider: an async context manager that owns its session.

    `provider` is the name in the config; `secrets` never appear in an error. With `cookies` the server's cookies are
    kept, also those of a server without a host name. Without `redirects` none is followed: on the way to another host
    aiohttp drops Authorization and cookies, but no other header that holds a key.
    """

    def __init__(
        self,
        provider: str,
        settings: HttpSettings,
        *,
        headers: Mapping[str, str] | None = None,
        secrets: tuple[str, ...] = (),
        cookies: bool = False,
        redirects: bool = True,
    ) -> None:
        self._redirects = redirects
        self._provider = provider
        self._settings = settings
        self._headers = {"User-Agent": "Parley", "Accept-Encoding": "identity", **(headers or {})}
        self._secrets = (*secrets, URL(settings.proxy).password or "")
        self._cookies = cookies
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = open_session(self._settings.proxy, self._headers, cookies=self._cookies)
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._session:
            await self._session.close()
            self._session = None

    @asynccontextmanager
    async def exchange(
        self,
        method: str,
        url: str,
        *,
        model: str = "",
        body: JsonValue = None,
        form: Any = None,
        headers: Mapping[str, str] | None = None,
        lull: Lull = no_lull,
    ) -> AsyncIterator[Exchange]:
        """Ask with a JSON `body` or a `form` (aiohttp's FormData or a dict); enter with the answer's headers in hand.

        In a `lull` the body is read seldom. Who is only asked what there is (`GET`) has nothing to think about, and
        the shorter patience.

        Raises a `ProviderError` for every status but 2xx, for a page of HTML, and for every network failure; those
        raised by the caller inside are told with the request, the provider and the model as well.
        """
        secrets = (*self._secrets, URL(url).password or "")
        asked = failures.Asked(self._provider, method, URL(url), model, secrets)
        patience = _patience(self._settings, thinks=method != "GET")
        try:
            response = await self._begin(patience, method, url, _options(body, form, headers or {}))
            try:
                answer = Exchange(response, patience, lull)
                await _refuse_failures(answer)
                patience.accepted()
                yield answer
            finally:
                response.close()  # a connection whose answer was read to its end is back in the pool by now
        except ProviderError as error:
            raise asked.told(error) from None
        finally:
            patience.close()

    async def _begin(
        self, patience: Patience, method: str, url: str, options: Mapping[str, Any]
    ) -> aiohttp.ClientResponse:
        if self._session is None:
            raise RuntimeError("an HttpClient is used between enter and exit")
        session = self._session
        # A redirect turns a POST into a GET: the person is to be told of the right address instead.
        follow = method == "GET" and self._redirects
        try:
            return await patience.wait(lambda: session.request(method, url, allow_redirects=follow, **options))
        except failures.FOREIGN as error:
            raise failures.from_exception(error) from None


def _patience(settings: HttpSettings, *, thinks: bool) -> Patience:
    first = settings.first_timeout_seconds if thinks else 0.0
    return Patience(settings.idle_timeout_seconds, settings.total_timeout_seconds, first)


def _options(body: JsonValue, form: Any, headers: Mapping[str, str]) -> dict[str, Any]:
    if body is None:
        return {"data": form, "headers": headers}
    # As a file, for aiohttp warns of large bodies in one piece, and images make large bodies.
    encoded = io.BytesIO(json.dumps(body, ensure_ascii=False).encode("utf-8", "replace"))
    return {"data": encoded, "headers": {"Content-Type": "application/json", **headers}}


async def _refuse_failures(answer: Exchange) -> None:
    if not 200 <= answer.status < 300:
        raise failures.from_status(answer.status, answer.headers, await answer.beginning())
    if answer.media_type == "text/html":
        raise Garbled(f"a page of HTML: {(await answer.beginning()).decode('utf-8', 'replace')}")
