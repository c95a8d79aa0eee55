"""Every chat app made with Gradio, on a Hugging Face Space or elsewhere: the two Qwen Spaces are presets.

The wire, seen on 4.44.1, 5.50.0 and 6.31.0: `GET /config`, `POST {prefix}/queue/join`, `GET {prefix}/queue/data` with
the same session hash, and `POST {prefix}/cancel` to stop early.
"""

import asyncio
import secrets
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from chat.errors import CutOff, Garbled, ModelNotFound, ProviderError
from chat.events import ReplyEvent
from providers.answers import opened
from providers.base import Capabilities, JsonValue, Lull, ModelInfo, ReplyRequest, Status, StatusSink, no_lull
from providers.http import Exchange, HttpClient, HttpSettings, checked_base_url, checked_base_url_or_none, checked_key
from providers.spaces import Hub, SpaceWait, may_sleep
from providers.stream import ServerEvent, server_events
from providers.wire.gradio import AnswerReader, session_failure
from providers.wire.gradio_app import ChatFunction, chosen, entries_before, join_data, read_config

EVENT_STREAM = "text/event-stream"
LEAVING_SECONDS = 1.0  # how long a stop may take to tell the app

PresetName = Literal["", "qwen-2-72b", "qwen-2.5"]


@dataclass(frozen=True, slots=True)
class Preset:
    """What is documented of a Space. `models`: the values of its field for the model, the default first."""

    base_url: str = ""
    fn_index: int | None = None
    system_prompt: str = ""
    models: tuple[str, ...] = ()


PRESETS: Mapping[str, Preset] = {
    "": Preset(),
    "qwen-2-72b": Preset("https://qwen-qwen2-72b-instruct.hf.space", 0),
    "qwen-2.5": Preset(
        "https://qwen-qwen2-5.hf.space",
        3,
        "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.",
        (
            *("72B", "32B", "14B", "7B", "3B", "1.5B", "0.5B"),
            *("Math-72B", "Math-7B", "Math-1.5B", "Coder-7B", "Coder-1.5B"),
        ),
    ),
}


class GradioSettings(HttpSettings, frozen=True, extra="forbid"):
    """`type: gradio`. Without a `base_url` the preset's documented Space is asked; `api_key` is for private Spaces."""

    type: Literal["gradio"] = "gradio"
    preset: PresetName = ""
    base_url: str = ""
    fn_index: int | None = Field(default=None, ge=0)  # which function to ask, where the app has several that chat
    api_key: SecretStr = SecretStr("")
    hub_url: str = "https://huggingface.co"  # asked for the state of hosted Spaces
    waking_timeout_seconds: float = Field(default=60, gt=0, allow_inf_nan=False)  # how long such a one may take to wake
    default_system_prompt: str | None = None  # where a question comes without one; None = the preset's

    _api_key = field_validator("api_key")(checked_key)
    _base_url = field_validator("base_url")(checked_base_url_or_none)
    _hub_url = field_validator("hub_url")(checked_base_url)

    @model_validator(mode="after")
    def _some_address(self) -> Self:
        if not self.address:
            raise ValueError("a base_url or a preset is needed")
        return self

    @property
    def documented(self) -> Preset:
        """What is known of the preset."""
        return PRESETS[self.preset]

    @property
    def address(self) -> str:
        """Where the app is."""
        return self.base_url or self.documented.base_url


@dataclass(frozen=True, slots=True)
class _Session:
    """A question that waits in the app's queue."""

    function: ChatFunction
    hash: str
    event_id: str


class Gradio:
    """One app. `name` is its name in the config; every error carries it as `provider`, beside `model`."""

    Settings = GradioSettings

    def __init__(self, name: str, settings: GradioSettings) -> None:
        self._key = settings.api_key.get_secret_value()
        self._name = name
        self._settings = settings
        headers = {"X-HF-Authorization": f"Bearer {self._key}"} if self._key else None
        self._http = HttpClient(name, settings, headers=headers, secrets=(self._key,), redirects=not self._key)
        self._hub = Hub(self._http, settings.hub_url, self._key)
        self._function: ChatFunction | None = None

    @property
    def capabilities(self) -> Capabilities:
        """Text both ways; a system prompt or history that an app has no place for is told in the question."""
        return Capabilities()

    def stream_reply(
        self, request: ReplyRequest, status: StatusSink
    ) -> AbstractAsyncContextManager[AsyncIterable[ReplyEvent]]:
        """As in the contract; `status` hears `status.queued`, and `status.waking` or `status.starting` of a Space."""
        return opened(self._ask(request, status), provider=self._name, model=request.model)

    async def models(self) -> Sequence[ModelInfo]:
        """The preset's sizes, as the app offers them now; else the one that the app is."""
        function = await self._read_function("")
        documented = self._settings.documented.models
        names = (function.choices or documented) if documented else ()
        return [ModelInfo(name) for name in names or (self._settings.preset or function.title or "app",)]

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._http.__aexit__(*exc)

    async def _ask(self, request: ReplyRequest, status: StatusSink) -> AsyncGenerator[ReplyEvent, None]:
        try:
            session = await self._join_awake(request, status)
            before = entries_before(session.function.form, request.messages)
            reader = AnswerReader(session.function, session.event_id, before)
            async with self._listening(session, reader, request) as messages:
                async for message in messages:
                    for event in reader.read(message.json()):
                        if isinstance(event, Status):
                            status(event)
                        else:
                            yield event
                    if reader.ended:
                        return
                raise CutOff("the stream ended before process_completed")
        except ProviderError:
            self._function = None  # the app may be another one by now
            raise

    async def _join_awake(self, request: ReplyRequest, status: StatusSink) -> _Session:
        """A place in the queue; a Space that sleeps is waited for."""
        seconds = self._settings.waking_timeout_seconds
        waiting = SpaceWait(self._hub, self._settings.address, status, seconds)
        while True:
            try:
                function = self._function or await self._read_function(request.model)
            except ProviderError as failure:
                await self._until_awake(waiting, failure)
                continue
            size = self._size(function, request.model)  # who says that there is no such model isn't asleep
            try:
                return await self._join(request, function, size)
            except ProviderError as failure:
                await self._until_awake(waiting, failure)

    async def _until_awake(self, waiting: SpaceWait, failure: ProviderError) -> None:
        self._function = None
        if not may_sleep(failure):
            raise failure
        await waiting.after(failure)

    async def _join(self, request: ReplyRequest, function: ChatFunction, size: str) -> _Session:
        session_hash = secrets.token_hex(6)
        system = request.system or self._settings.default_system_prompt
        system = self._settings.documented.system_prompt if system is None else system
        data = join_data(function, request, system, size)
        body: JsonValue = {"data": data, "fn_index": function.fn_index, "session_hash": session_hash}
        url = self._url(function, "queue/join")
        try:
            async with self._http.exchange("POST", url, model=request.model, body=body) as answer:
                return _Session(function, session_hash, _event_id(await answer.json()))
        except ProviderError as failure:
            raise session_failure(failure) from None
        except asyncio.CancelledError:
            await self._abandon(function, session_hash)
            raise

    @asynccontextmanager
    async def _listening(
        self, session: _Session, reader: AnswerReader, request: ReplyRequest
    ) -> AsyncIterator[AsyncIterator[ServerEvent]]:
        """The session's messages. Left before the app is done, it is told to stop: a queued question only by closing,
        for gradio 4 and 5 answer the cancelling of one, and then run it all the same (seen)."""
        async with self._data(session.function, session.hash, request.model, request.lull) as answer:
            if answer.media_type != EVENT_STREAM:
                raise Garbled(f"{answer.media_type or 'nothing'} in the place of {EVENT_STREAM}")
            try:
                yield server_events(answer)
            finally:
                if reader.started and not reader.ended:
                    await self._cancel(session)

    async def _cancel(self, session: _Session) -> None:
        body: JsonValue = {
            "session_hash": session.hash,
            "fn_index": session.function.fn_index,
            "event_id": session.event_id,
        }
        url, headers = self._url(session.function, "cancel"), {"Connection": "close"}
        with suppress(ProviderError, TimeoutError):
            async with asyncio.timeout(LEAVING_SECONDS), self._http.exchange("POST", url, body=body, headers=headers):
                pass

    async def _abandon(self, function: ChatFunction, session_hash: str) -> None:
        """Drop what may have been queued: an app drops a session whose listener leaves, but not one without any."""
        with suppress(ProviderError, TimeoutError):
            async with asyncio.timeout(LEAVING_SECONDS), self._data(function, session_hash):
                pass

    def _data(
        self, function: ChatFunction, session_hash: str, model: str = "", lull: Lull = no_lull
    ) -> AbstractAsyncContextManager[Exchange]:
        url = f"{self._url(function, 'queue/data')}?session_hash={session_hash}"
        return self._http.exchange("GET", url, model=model, headers={"Accept": EVENT_STREAM}, lull=lull)

    async def _read_function(self, model: str) -> ChatFunction:
        async with self._http.exchange("GET", f"{self._settings.address}/config", model=model) as answer:
            config = await answer.json()
            wanted, documented = self._settings.fn_index, self._settings.documented.fn_index
            self._function = read_config(config, wanted, documented)
            return self._function

    def _size(self, function: ChatFunction, model: str) -> str:
        """What goes into the field for the model; empty = what the app has there."""
        documented = self._settings.documented.models
        if not documented:
            return ""
        try:
            return chosen(model, function.choices or documented, (self._settings.preset,))
        except ModelNotFound as unknown:
            raise ModelNotFound(unknown.details, retry_after=None, provider=self._name, model=model) from None

    def _url(self, function: ChatFunction, path: str) -> str:
        return f"{self._settings.address}{function.prefix}/{path}"


def _event_id(answer: JsonValue) -> str:
    match answer:
        case {"event_id": str() as event_id}:
            return event_id
        case _:
            raise Garbled(f"no event_id: {str(answer)[:200]}")
