"""How chat-ui is asked in its legacy (0.4) and in its modern dialect (0.20): one conversation for each turn."""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from typing import Protocol
from urllib.parse import quote

from aiohttp import FormData

from chat.errors import BadKey, Garbled, Overloaded, ProviderError, RequestRefused
from chat.events import ReplyEvent
from providers.base import JsonValue, ModelInfo, ReplyRequest
from providers.http import HttpClient
from providers.stream import json_lines, server_events
from providers.wire import chat_ui as wire
from providers.wire.tgi import TgiReader

STOP_SECONDS = 2.0  # how long "stop" may take before the conversation is deleted all the same


class Dialect(Protocol):
    """What is said to a chat-ui. All of it raises `ProviderError`."""

    async def begin(self, request: ReplyRequest) -> str:
        """Make a conversation for this request; its id."""
        ...

    def ask(self, conversation: str, request: ReplyRequest) -> AsyncGenerator[ReplyEvent, None]:
        """Put the question; the events of the answer, `Completed` last."""
        ...

    async def leave(self, conversation: str, *, finished: bool) -> None:
        """Delete the conversation; where the answer wasn't `finished`, have the server stop first."""
        ...

    async def models(self) -> Sequence[ModelInfo]:
        """What the server offers."""
        ...


class Legacy:
    """chat-ui 0.4, as H2o ran it: a form opens the session, answers are TGI's events."""

    def __init__(self, http: HttpClient, base_url: str) -> None:
        self._http = http
        self._url = base_url
        self._session = 0  # how often one was opened
        self._opening = asyncio.Lock()

    async def begin(self, request: ReplyRequest) -> str:
        """See `Dialect`. A session that the server has forgotten (405, 403) is opened anew, once."""
        model = wire.ALIASES.get(request.model, request.model)
        session = self._session or await self._open_session(0, request, model)
        try:
            return await self._create(request, model)
        except (RequestRefused, BadKey):
            await self._open_session(session, request, model)
            return await self._create(request, model)

    async def ask(self, conversation: str, request: ReplyRequest) -> AsyncGenerator[ReplyEvent, None]:
        """See `Dialect`."""
        url, body = self._address(conversation), wire.legacy_question(request)
        reader = TgiReader()
        async with self._http.exchange("POST", url, model=request.model, body=body, lull=request.lull) as answer:
            async for event in server_events(answer):
                for said in reader.read(event.json()):
                    yield said
                if reader.ended:
                    return

    async def leave(self, conversation: str, *, finished: bool) -> None:
        """See `Dialect`; this one stops when its connection closes."""
        await _delete(self._http, self._address(conversation))

    async def models(self) -> Sequence[ModelInfo]:
        """Those of the documents: this dialect has no list."""
        return [ModelInfo(name) for name in wire.ALIASES]

    async def _open_session(self, stale: int, request: ReplyRequest, model: str) -> int:
        """Accept the terms, unless somebody else did since session `stale`; the number of the session that holds."""
        async with self._opening:
            if self._session == stale:
                await self._accept(request, model)
                self._session += 1
        return self._session

    async def _accept(self, request: ReplyRequest, model: str) -> None:
        headers = {"Accept": "application/json"}  # a browser's form would be answered with a redirect
        form = wire.acceptance(model)
        try:
            async with self._http.exchange(
                "POST", f"{self._url}/settings", model=request.model, form=form, headers=headers
            ) as answer:
                await answer.read()
        except Overloaded as error:
            raise _other_dialect(error, "errorId", "modern") from None

    async def _create(self, request: ReplyRequest, model: str) -> str:
        return await _create(self._http, self._url, request, {"model": model})

    def _address(self, conversation: str) -> str:
        return f"{self._url}/conversation/{quote(conversation, safe='')}"


class Modern:
    """chat-ui 0.20: cookies by themselves, the question in a multipart form, answers in JSON lines."""

    def __init__(self, http: HttpClient, base_url: str) -> None:
        self._http = http
        self._url = base_url
        self._known = False  # whether the server gave us a cookie
        self._introducing = asyncio.Lock()

    async def begin(self, request: ReplyRequest) -> str:
        """See `Dialect`. Two first requests at once would get a cookie each, and one's conversation be lost."""
        if self._known:
            return await self._create(request)
        async with self._introducing:
            conversation = await self._create(request)
            self._known = True
            return conversation

    async def ask(self, conversation: str, request: ReplyRequest) -> AsyncGenerator[ReplyEvent, None]:
        """See `Dialect`."""
        async with self._http.exchange("GET", self._address(conversation), model=request.model) as answer:
            parent = wire.last_message_id(await answer.json())
        form = FormData(default_to_multipart=True)
        form.add_field("data", json.dumps(wire.modern_question(request, parent)))
        reader = wire.ModernReader()
        url = f"{self._url}/conversation/{quote(conversation, safe='')}"
        async with self._http.exchange("POST", url, model=request.model, form=form, lull=request.lull) as answer:
            async for line in json_lines(answer):
                for said in reader.read(line):
                    yield said
                if reader.ended:
                    return

    async def leave(self, conversation: str, *, finished: bool) -> None:
        """See `Dialect`; a closed connection alone doesn't stop this one."""
        if not finished:
            url = f"{self._url}/conversation/{quote(conversation, safe='')}/stop-generating"
            with suppress(ProviderError, TimeoutError):
                async with asyncio.timeout(STOP_SECONDS), self._http.exchange("POST", url):
                    pass
        await _delete(self._http, self._address(conversation))

    async def models(self) -> Sequence[ModelInfo]:
        """See `Dialect`."""
        async with self._http.exchange("GET", f"{self._url}/api/v2/models") as answer:
            return [ModelInfo(name) for name in wire.model_names(await answer.json())]

    async def _create(self, request: ReplyRequest) -> str:
        body: dict[str, JsonValue] = {"model": request.model}
        if request.system:
            body["preprompt"] = request.system
        try:
            return await _create(self._http, self._url, request, body)
        except RequestRefused as error:
            raise _other_dialect(error, "welcome modal", "legacy") from None

    def _address(self, conversation: str) -> str:
        return f"{self._url}/api/v2/conversations/{quote(conversation, safe='')}"


async def _create(http: HttpClient, url: str, request: ReplyRequest, body: Mapping[str, JsonValue]) -> str:
    async with http.exchange("POST", f"{url}/conversation", model=request.model, body=dict(body)) as answer:
        return wire.conversation_id(await answer.json())


async def _delete(http: HttpClient, url: str) -> None:
    # The last that is said in a turn: its connection is not kept, or every stopped answer would leave one behind.
    async with http.exchange("DELETE", url, headers={"Connection": "close"}):
        pass


def _other_dialect(error: ProviderError, sign: str, dialect: str) -> ProviderError:
    """The same failure, or where `sign` shows that the server speaks the other dialect, one that says so."""
    if sign not in error.details:
        return error
    details = f"it seems to be a chat-ui that needs `dialect: {dialect}`: {error.details}"
    return Garbled(details, retry_after=None, **error.arguments)
