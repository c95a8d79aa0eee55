"""Each provider's recorded answers, and its translators at work on a body as they are in the provider."""

import re
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from chat.errors import CutOff
from chat.events import ReplyEvent
from providers import failures
from providers.base import Status
from providers.stream import ServerEvent, json_lines, server_events
from providers.wire import anthropic, chat_completions, chat_ui, gradio, tgi
from providers.wire.gradio_app import ChatFunction, Field, HistoryForm
from tests.program import ROOT

RECORDINGS = ROOT / "tests" / "recordings"
GRADIO: Mapping[str, HistoryForm] = {
    "4.44.1_tuples_ok": "pairs", "4.44.1_messages_ok": "messages", "4.44.1_tuples_raise3": "pairs",
    "5.50.0_tuples_rewrite": "pairs", "6.31.0_ok": "parts", "6.31.0_grerr": "parts",
    "q25_modelscope_ok": "modelscope",
}  # fmt: skip

Events = AsyncGenerator[ReplyEvent, None]
Chunks = AsyncIterable[bytes]


@dataclass(frozen=True)
class Wire:
    """A recorded body, and what reads it: `read` is what a provider does with the chunks of a streamed answer."""

    name: str
    body: bytes
    read: Callable[[Chunks], Events]
    media_type: str = "text/event-stream"


def _chat_completions(chunks: Chunks) -> Events:
    reader = chat_completions.AnswerReader()
    return _completed(reader, reader.events, chunks)


def _anthropic(chunks: Chunks) -> Events:
    reader = anthropic.AnswerReader()
    return _completed(reader, lambda said: reader.read(said.json()) if said.data.strip() else (), chunks)


async def _completed(
    reader: chat_completions.AnswerReader | anthropic.AnswerReader,
    read: Callable[[ServerEvent], Iterable[ReplyEvent]],
    chunks: Chunks,
) -> Events:
    """As in providers whose answers are complete only with a mark of their own."""
    async for said in server_events(chunks):
        for event in read(said):
            yield event
        if reader.ended:
            break
    if not reader.finished:
        raise CutOff("no end mark")
    yield reader.completed()


async def _tgi(chunks: Chunks) -> Events:
    reader = tgi.TgiReader()
    async for said in server_events(chunks):
        if said.name == "error":
            raise failures.from_error(said.data)
        for event in reader.read(said.json()):
            yield event
        if reader.ended:
            return


async def _chat_ui(chunks: Chunks) -> Events:
    reader = chat_ui.ModernReader()
    async for line in json_lines(chunks):
        for event in reader.read(line):
            yield event
        if reader.ended:
            return


def _gradio(form: HistoryForm, event_id: str) -> Callable[[Chunks], Events]:
    async def read(chunks: Chunks) -> Events:
        function = ChatFunction(0, form, (Field("textbox"), Field("chatbot")), 1)
        reader = gradio.AnswerReader(function, event_id)
        async for message in server_events(chunks):
            for event in reader.read(message.json()):
                if not isinstance(event, Status):
                    yield event
            if reader.ended:
                return

    return read


def section(file: str, name: str) -> bytes:
    """One "## name" of a recording, without the HTTP head that some have."""
    text = (RECORDINGS / file).read_text("utf-8").split(f"## {name}\n", 1)[1].split("\n## ", 1)[0]
    return (text.split("\n\n", 1)[1] if text.startswith("HTTP/") else text).encode()


def recorded_wires() -> Sequence[Wire]:
    """Every streamed answer that was recorded."""
    hello = "POST /conversation/id [hello] 200 application/jsonl"
    return [
        Wire("chat completions", section("aimock_wire.txt", "openai stream"), _chat_completions),
        Wire("reasoning", section("aimock_wire.txt", "reasoning"), _chat_completions),
        Wire("llama.cpp", section("llamacpp_wire.txt", "stream"), _chat_completions),
        Wire("anthropic", section("aimock_wire.txt", "anthropic stream"), _anthropic),
        Wire("tgi", (RECORDINGS / "tgi_events.txt").read_bytes(), _tgi),
        Wire("chat-ui", section("chat_ui_modern.txt", hello), _chat_ui, "application/jsonl"),
        *(_gradio_wire(name, form) for name, form in GRADIO.items()),
    ]


def _gradio_wire(name: str, form: HistoryForm) -> Wire:
    text = (RECORDINGS / f"gradio_{name}.txt").read_text("utf-8")
    messages = re.findall(r"< (data: .*)", text)
    event_id = re.search(r'"event_id":"(\w+)"', messages[0])
    assert event_id
    return Wire(f"gradio {name}", "".join(f"{each}\n\n" for each in messages).encode(), _gradio(form, event_id[1]))


async def cut(body: bytes, ends: Sequence[int]) -> AsyncIterator[bytes]:
    """The body in chunks, each as long as the next of `ends` says, in turn; in one piece without any."""
    begin, turn = 0, 0
    while begin < len(body):
        size = ends[turn % len(ends)] if ends else len(body)
        yield body[begin : begin + size]
        begin, turn = begin + size, turn + 1
