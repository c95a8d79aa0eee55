"""Anthropic's own API, `POST /v1/messages`, and servers that imitate it (LiteLLM, Jan, llama.cpp, …)."""

import logging
from collections.abc import AsyncGenerator, AsyncIterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Literal, Self
from urllib.parse import urlencode

from pydantic import Field, SecretStr, field_validator

from chat.errors import CutOff, ProviderError, TimedOut
from chat.events import ReplyEvent
from providers.answers import asked_until_taken, opened
from providers.base import Capabilities, ModelInfo, ReplyRequest, StatusSink
from providers.http import Exchange, HttpClient, HttpSettings, checked_base_url, checked_key
from providers.stream import ServerEvent, server_events
from providers.wire import anthropic
from providers.wire.anthropic_manners import USUAL, Manner

log = logging.getLogger(__name__)

TRAILER_SECONDS = 2.0  # how long the end mark may take once the text is complete
MOST_PAGES = 10
MODELS_PER_PAGE = 1000  # the most that the API gives


class AnthropicSettings(HttpSettings, frozen=True, extra="forbid"):
    """`type: anthropic`. `base_url` is what stands before `/v1/messages`; an empty key sends none."""

    type: Literal["anthropic"] = "anthropic"
    base_url: str = "https://api.anthropic.com"
    api_key: SecretStr = SecretStr("")
    anthropic_version: str = Field(default="2023-06-01", pattern=r"^[\w.-]+$")
    max_tokens: int = Field(default=16_000, ge=1)  # of an answer, where the model's parameters don't say
    prompt_caching: bool = True  # have long prompts kept for five minutes; see wire/anthropic.py

    _api_key = field_validator("api_key")(checked_key)

    @field_validator("base_url")
    @classmethod
    def _base_url(cls, base_url: str) -> str:
        return checked_base_url(base_url).removesuffix("/v1")


class Anthropic:
    """One server. `name` is its name in the config; every error carries it as `provider`, beside `model`."""

    Settings = AnthropicSettings

    def __init__(self, name: str, settings: AnthropicSettings) -> None:
        key = settings.api_key.get_secret_value()
        self._name = name
        self._manners: dict[str, Manner] = {}  # of models that refused the usual one
        self._settings = settings
        headers = {"anthropic-version": settings.anthropic_version} | ({"x-api-key": key} if key else {})
        self._http = HttpClient(name, settings, headers=headers, secrets=(key,), redirects=False)

    @property
    def capabilities(self) -> Capabilities:
        """What the protocol can carry; a model may take less (`vision` in the config)."""
        return Capabilities(vision=True, continuing=True)

    def stream_reply(
        self, request: ReplyRequest, status: StatusSink
    ) -> AbstractAsyncContextManager[AsyncIterable[ReplyEvent]]:
        """As in the contract; this protocol tells `status` that the model thinks.

        An answer is gone on with by leaving it open. Models since Claude 4.6 refuse that, those since 4.7 some
        parameters, and old ones an answer of so many tokens: each is asked as it wants to be, in another request that
        counts as none, for the first was refused before it cost anything.
        """
        return opened(self._answer(request), status, provider=self._name, model=request.model)

    async def models(self) -> Sequence[ModelInfo]:
        """What `GET /v1/models` lists now, all its pages."""
        names: dict[str, None] = {}
        after = ""
        for _ in range(MOST_PAGES):
            query = urlencode({"limit": MODELS_PER_PAGE} | ({"after_id": after} if after else {}))
            async with self._http.exchange("GET", f"{self._settings.base_url}/v1/models?{query}") as answer:
                listing = await answer.json()
            names |= dict.fromkeys(anthropic.model_names(listing))
            after = anthropic.next_page(listing)
            if not after:
                break
        return [ModelInfo(name) for name in names]

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._http.__aexit__(*exc)

    def _answer(self, request: ReplyRequest) -> AsyncGenerator[ReplyEvent, None]:
        """In a manner that the model takes: each that it refuses is tried once."""
        refused: list[str] = []

        def other(manner: Manner, error: ProviderError) -> Manner:
            found = manner.after(request, error.details)
            if found is None:
                raise error
            refused.append(found[1])
            return found[0]

        def taken(manner: Manner) -> None:
            if refused:
                log.warning("%s refuses %s: from now on it is asked without", request.model, ", ".join(refused))
                self._manners[request.model] = manner

        usual = self._manners.get(request.model, USUAL)
        return asked_until_taken(usual, lambda manner: self._ask(request, manner), other, taken)

    async def _ask(self, request: ReplyRequest, manner: Manner) -> AsyncGenerator[ReplyEvent, None]:
        settings, url = self._settings, f"{self._settings.base_url}/v1/messages"
        body = anthropic.request_body(
            request, max_tokens=settings.max_tokens, caching=settings.prompt_caching, manner=manner
        )
        open_ended = request.continues and manner.prefills and not anthropic.thinks(manner.kept(request))
        reader = anthropic.AnswerReader(anthropic.open_end(request) if open_ended else "")
        headers = {"Accept": "text/event-stream"}
        async with self._http.exchange(
            "POST", url, model=request.model, body=body, headers=headers, lull=request.lull
        ) as answer:
            if answer.media_type == "application/json":
                for event in reader.whole(await answer.json()):
                    yield event
                return
            try:
                async for said in server_events(answer):
                    for event in _read(reader, said, answer):
                        yield event
                    if reader.ended:
                        break
            except (CutOff, TimedOut):
                if not reader.finished:
                    raise
            if not reader.finished:
                raise CutOff("neither a stop_reason nor message_stop")
            yield reader.completed()


def _read(reader: anthropic.AnswerReader, said: ServerEvent, answer: Exchange) -> list[ReplyEvent]:
    events = list(reader.read(said.json())) if said.data.strip() else []
    if reader.finished:
        answer.hurry(TRAILER_SECONDS)
    elif reader.thinking:
        answer.paused()
    return events
