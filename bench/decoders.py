"""What each protocol's decoder costs for an event, over recorded answers, beside plain lines with json.loads."""

import json
import re
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from bench.table import Table
from providers.stream import ServerEvent, json_lines, server_events
from providers.wire import chat_completions, chat_ui, gradio, tgi
from providers.wire.gradio_app import ChatFunction, HistoryForm
from tests.program import ROOT

ROUNDS = 5  # of each measurement; the table has their median
EVENTS = 20_000  # of one decoder in one round, at least

RECORDINGS = ROOT / "tests/recordings"
GRADIO: dict[str, HistoryForm] = {
    "gradio_4.44.1_tuples_ok": "pairs",
    "gradio_5.50.0_tuples_ok": "pairs",
    "gradio_4.44.1_messages_ok": "messages",
    "gradio_6.31.0_ok": "parts",
    "gradio_q25_modelscope_ok": "modelscope",
}


@dataclass(frozen=True, slots=True)
class Recorded:
    """One answer: its events as they were on the wire, and a decoder for it, made anew each time it is read."""

    events: tuple[bytes, ...]
    decoder: Callable[[], Callable[[ServerEvent], Iterable[object]]] | None  # None: JSON lines of chat-ui


async def decoders() -> Table:
    """The stream reader alone and with each decoder behind it."""
    kinds = {
        "chat completions": _chat_completions(),
        "TGI": _tgi(),
        "Gradio": [_gradio(name, form) for name, form in GRADIO.items()],
        "chat-ui, modern": [_chat_ui()],
    }
    rows = [await _row(name, answers) for name, answers in kinds.items()]
    return Table(
        f"decoders: recorded answers read over and over, one event a chunk; the median of {ROUNDS} rounds",
        ("bytes/event", "plain µs", "plain MB/s", "reader µs", "reader MB/s", "decoder µs", "decoder MB/s"),
        tuple(rows),
        (
            "plain: the body cut into lines, each read with json.loads, nothing else; µs are per event",
            "reader: the stream reader alone (chat-ui: with its JSON); decoder: reader, JSON and the reply's events",
        ),
    )


async def _row(name: str, answers: Sequence[Recorded]) -> tuple[str, ...]:
    count = sum(len(answer.events) for answer in answers)
    size = sum(len(event) for answer in answers for event in answer.events)
    repeats = -(-EVENTS // count)
    plain = median([_seconds_plain(answers, repeats) for _ in range(ROUNDS)])
    reader = median([await _seconds_read(answers, repeats, decode=False) for _ in range(ROUNDS)])
    decoder = median([await _seconds_read(answers, repeats, decode=True) for _ in range(ROUNDS)])
    figures = [
        figure
        for seconds in (plain, reader, decoder)
        for figure in (f"{1e6 * seconds / count / repeats:.1f}", f"{size * repeats / seconds / 1e6:.0f}")
    ]
    return (name, f"{size / count:.0f}", *figures)


def _seconds_plain(answers: Sequence[Recorded], repeats: int) -> float:
    bodies = [b"".join(answer.events) for answer in answers]
    begun = time.perf_counter()
    for _ in range(repeats):
        for body in bodies:
            for line in body.split(b"\n"):
                text = line.removeprefix(b"data:").strip()
                if text.startswith(b"{"):
                    json.loads(text)
    return time.perf_counter() - begun


async def _seconds_read(answers: Sequence[Recorded], repeats: int, *, decode: bool) -> float:
    begun = time.perf_counter()
    for _ in range(repeats):
        for answer in answers:
            if answer.decoder:
                await _read_events(answer.events, answer.decoder() if decode else _nothing)
            else:
                await _read_lines(answer.events, chat_ui.ModernReader().read if decode else _nothing)
    return time.perf_counter() - begun


async def _read_events(events: Sequence[bytes], decode: Callable[[ServerEvent], Iterable[object]]) -> None:
    async for event in server_events(_chunks(events)):
        for _ in decode(event):
            pass


async def _read_lines(events: Sequence[bytes], decode: Callable[..., Iterable[object]]) -> None:
    async for line in json_lines(_chunks(events)):
        for _ in decode(line):
            pass


async def _chunks(events: Sequence[bytes]) -> AsyncIterator[bytes]:
    for event in events:
        yield event


def _nothing(event: object) -> Iterable[object]:
    return ()


def _chat_completions() -> Sequence[Recorded]:
    """The answers of aimock and llama.cpp that came to their end, each up to its end mark."""
    bodies = [(RECORDINGS / name).read_bytes() for name in ("aimock_wire.txt", "llamacpp_wire.txt")]
    found = [part for body in bodies for part in re.findall(rb"(?:data: \{.*\n\n)+data: \[DONE\]\n\n", body)]
    sound = [part for part in found if b'"error"' not in part and b"chat.completion.chunk" in part]
    return [Recorded(_separate(part), lambda: chat_completions.AnswerReader().events) for part in sound]


def _tgi() -> Sequence[Recorded]:
    """With the keep-alives in it."""

    def decoder() -> Callable[[ServerEvent], Iterable[object]]:
        reader = tgi.TgiReader()
        return lambda event: reader.read(event.json())

    return [Recorded(_separate((RECORDINGS / "tgi_events.txt").read_bytes()), decoder)]


def _gradio(name: str, form: HistoryForm) -> Recorded:
    text = (RECORDINGS / f"{name}.txt").read_text("utf-8")
    messages = re.findall(r"^\[.*?\] < (data: .*)$", text, re.MULTILINE)
    identity = re.findall(r'"event_id":\s*"(\w+)"', text)[0]
    function = ChatFunction(0, form, (), 1)

    def decoder() -> Callable[[ServerEvent], Iterator[object]]:
        reader = gradio.AnswerReader(function, identity)

        def read(event: ServerEvent) -> Iterator[object]:
            if not reader.ended:  # close_stream follows the end
                yield from reader.read(event.json())

        return read

    return Recorded(tuple(f"{message}\n\n".encode() for message in messages), decoder)


def _chat_ui() -> Recorded:
    text = (RECORDINGS / "chat_ui_modern.txt").read_text("utf-8").partition("[hello]")[2]
    lines = text.partition("\n##")[0].splitlines()[1:]
    return Recorded(tuple(f"{line}\n".encode() for line in lines), None)


def _separate(body: bytes) -> tuple[bytes, ...]:
    return tuple(re.findall(rb"(?:.+\n)+\n", body))
