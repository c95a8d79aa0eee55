"""What the tests of providers share: asking a question, and taking an answer apart."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import fields

import pytest

from chat.errors import ProviderError
from chat.events import Completed, ReasoningDelta, Replaced, ReplyEvent, TextDelta
from chat.messages import Message
from providers.base import THINKING, JsonValue, Provider, ReplyRequest, Status
from providers.openai import OpenAI, OpenAISettings
from tests.servers.model import Answer, ModelServer

KEY = "sk-secret-0123456789abcdef"


def asking(text: str = "How are you?", **parameters: JsonValue) -> ReplyRequest:
    return ReplyRequest("stand-in", (Message("user", text),), parameters=parameters)


def no_status(status: Status) -> None:
    assert status.key == THINKING, f"unexpected status: {status}"


async def all_events(provider: Provider, request: ReplyRequest | None = None) -> list[ReplyEvent]:
    async with provider.stream_reply(request or asking(), no_status) as events:
        return [event async for event in events]


def text_of(events: Iterable[ReplyEvent]) -> str:
    text = ""
    for event in events:
        match event:
            case TextDelta(more):
                text += more
            case Replaced(anew):
                text = anew
            case ReasoningDelta() | Completed():
                pass
    return text


async def read_into(events: list[ReplyEvent], provider: Provider, request: ReplyRequest) -> None:
    """Like `all_events`, but what came before a failure is not lost with it."""
    async with provider.stream_reply(request, no_status) as answer:
        async for event in answer:
            events.append(event)


def described(value: object) -> str:
    """An `Answer` (or anything else) as the name of a test: only what is special in it."""
    if not isinstance(value, Answer):
        return getattr(value, "__name__", str(value))
    special = [
        f"{f.name}={getattr(value, f.name)}"
        for f in fields(value)
        if getattr(value, f.name) != getattr(Answer(), f.name)
    ]
    return ",".join(special) or "plain"


def openai_at(server: ModelServer, **settings: object) -> OpenAI:
    return OpenAI("local", OpenAISettings.model_validate({"base_url": server.url, "api_key": KEY, **settings}))


async def answered(server: ModelServer, *answers: Answer, **settings: object) -> str:
    """The text of the next answer, which must have come to its end."""
    server.script(*answers)
    async with openai_at(server, **settings) as provider:
        events = await all_events(provider)
    assert isinstance(events[-1], Completed)
    return text_of(events)


async def failure(server: ModelServer, answer: Answer, **settings: object) -> ProviderError:
    """What the next question fails with."""
    server.script(answer)
    async with openai_at(server, **settings) as provider:
        with pytest.raises(ProviderError) as raised:
            await all_events(provider)
    return raised.value


async def in_chunks(body: bytes, *ends: int) -> AsyncIterator[bytes]:
    """The body as a network may hand it over: cut at `ends`."""
    begin = 0
    for end in sorted({*ends, len(body)}):
        if chunk := body[begin:end]:
            yield chunk
        begin = max(begin, end)
