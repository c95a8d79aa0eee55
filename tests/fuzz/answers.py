"""Bent answers over real HTTP, to the providers themselves: the same promise as through their translators alone."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from chat.errors import ProviderError
from chat.events import ReplyEvent
from providers.anthropic import Anthropic, AnthropicSettings
from providers.base import Provider
from providers.huggingface import HuggingFace, HuggingFaceSettings
from providers.openai import OpenAI, OpenAISettings
from tests.fuzz.bodies import bent_body, chunk_sizes
from tests.fuzz.streams import WIRES, Said, assert_sound
from tests.fuzz.target import Check, Target
from tests.fuzz.wire import Wire, cut, section
from tests.providers.asking import asking, no_status

TRIED = ("chat completions", "anthropic", "tgi")
SECONDS = 5.0  # longer than anything here takes
PATIENCE = {"first_timeout_seconds": 1, "idle_timeout_seconds": 1, "total_timeout_seconds": 3}

# What a server may say before the body: most are honest, some tell of another type or length, one isn't HTTP.
TYPES = ("", "", "", "", "application/json", "text/html", "text/event-stream; charset=latin-1", "\xff")
LENGTHS = (
    "Connection: close",
    "Connection: close",
    "Transfer-Encoding: chunked",
    "Content-Length: 10",
    "Content-Length: x",
)
STATUSES = (*["200 OK"] * 9, "429 Slow down", "500 Oh", "301 Moved", "204 Nothing", "999 What", "")


@dataclass(frozen=True)
class Sent:
    """What the server answers, and in which chunks."""

    wire: Wire
    status: str
    media_type: str
    length: str
    body: bytes
    sizes: list[int]

    @property
    def head(self) -> bytes:
        lines = [f"HTTP/1.1 {self.status}", f"Content-Type: {self.media_type or self.wire.media_type}", self.length]
        return ("\r\n".join([*lines, "Retry-After: 7", "", ""])).encode("latin-1")


class Server:
    """Answers every request with `sent`, and hangs up."""

    def __init__(self) -> None:
        self.sent: Sent | None = None

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next((line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b":0")
            await reader.readexactly(int(length.partition(b":")[2]))
            await self._send(writer)
        except (ConnectionError, EOFError):
            pass  # the client has heard enough
        finally:
            writer.close()

    async def _send(self, writer: asyncio.StreamWriter) -> None:
        assert self.sent
        writer.write(self.sent.head)
        chunked = "chunked" in self.sent.length
        async for chunk in cut(self.sent.body, self.sent.sizes and [64, *self.sent.sizes]):
            writer.write(b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunked else chunk)
            await writer.drain()
        writer.write(b"0\r\n\r\n" if chunked else b"")
        await writer.drain()


@contextmanager
def providers() -> Iterator[Check]:
    """The providers, and the server that all of them ask."""
    with asyncio.Runner() as runner:
        server, stack = Server(), AsyncExitStack()
        asked = runner.run(_opened(server, stack))

        def check(sent: Sent) -> None:
            server.sent = sent
            said = runner.run(_said(asked[sent.wire.name]))
            assert_sound(said, sent.body)
            assert said[1] is None or said[1].arguments["provider"]

        yield check
        runner.run(stack.aclose())


async def _opened(server: Server, stack: AsyncExitStack) -> dict[str, Provider]:
    listening = await stack.enter_async_context(await asyncio.start_server(server.answer, "127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    made: Sequence[Any] = (
        OpenAI("o", OpenAISettings(base_url=url, **PATIENCE)),
        Anthropic("a", AnthropicSettings(base_url=url, **PATIENCE)),
        HuggingFace(
            "h", HuggingFaceSettings(api="tgi", base_url=url, prompt_format="generic", tgi_path="/", **PATIENCE)
        ),
    )
    return {name: await stack.enter_async_context(each) for name, each in zip(TRIED, made, strict=True)}


async def _said(provider: Provider) -> Said:
    events: list[ReplyEvent] = []
    try:
        async with asyncio.timeout(SECONDS), provider.stream_reply(asking(), no_status) as answer:
            async for event in answer:
                events.append(event)
    except ProviderError as error:
        return events, error
    return events, None


def _answers(wire: Wire) -> st.SearchStrategy[Sent]:
    whole = st.just(section("aimock_wire.txt", "openai nonstream")) if wire.name == TRIED[0] else st.nothing()
    bodies = bent_body(wire.body) | whole.flatmap(bent_body)
    status, kind, length = (st.sampled_from(each) for each in (STATUSES, TYPES, LENGTHS))
    return st.builds(Sent, st.just(wire), status, kind, length, bodies, chunk_sizes)


TARGETS = (
    Target(
        "answers-over-http",
        "whatever a server sends, a provider gives events or a failure that a person can be told of",
        st.one_of([_answers(wire) for wire in WIRES if wire.name in TRIED]),
        providers,
        60,
    ),
)
