"""Requests to the playground, bent: whatever comes, its answer is JSON, and never a fault of its own."""

import asyncio
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from tests.fuzz.bodies import bent_body
from tests.fuzz.kept import assert_kept, store
from tests.fuzz.target import Check, Target
from tests.fuzz.trees import bent, texts
from tests.messengers.playground.browser import SECONDS, Browser, Inbox, build, serving

ID = "0b6f3c3e-9d5c-4d8e-8a52-0c9c1b7b1a11"
SAY = {"id": ID, "conversation": "main", "text": "/image a cat", "files": []}
ROUTES: Sequence[tuple[str, str, Any]] = (
    ("POST", "/say", SAY),
    ("POST", "/say", SAY | {"text": "Hello\n```py\nx\n```", "conversation": "c-2"}),
    ("POST", "/say", SAY | {"files": ["A" * 32]}),
    ("POST", "/press", {"id": ID, "conversation": "main", "action": "stop:7"}),
    ("PATCH", "/conversations/main", {"title": "Cats"}),
    ("DELETE", "/conversations/c-2", {}),
    ("POST", "/login", {"password": "correct horse"}),
    ("POST", "/logout", {}),
    ("POST", "/files?name=notes.txt", "words in a file"),
    ("GET", "/earlier?before=1795258990000000&conversation=main", {}),
    ("GET", "/suggest?command=model&option=&text=g", {}),
    ("GET", "/start", {}),
)
HEADERS: Mapping[str, Sequence[str]] = {
    "Content-Type": ("application/json", "application/json", "application/json; charset=utf-99", "text/plain", ";", ""),
    "Accept-Language": ("ru-RU", "\xff", "x" * 4000, ""),
    "Cookie": ("", "parley_session=\xff; =", "a" * 2000),
}

LONGEST_PATH = 4000  # above 8190 bytes aiohttp itself refuses a head, in plain text


@dataclass(frozen=True)
class Asked:
    """A request as it goes over the wire; its head is HTTP, all else may be anything."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def wire(self, origin: str) -> bytes:
        sent = {"Host": urlsplit(origin).netloc, "Origin": origin, "Connection": "close", **dict(self.headers)}
        sent["Content-Length"] = str(len(self.body))
        lines = [f"{self.method} {self.path} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items()), "", ""]
        return "\r\n".join(lines).encode("latin-1") + self.body


@st.composite
def requests(draw: DrawFn) -> Asked:
    """A request of the page's, changed in its path, its headers and its body."""
    method, path, body = draw(st.sampled_from(ROUTES))
    data = json.dumps(draw(bent([body]))).encode()
    headers = tuple((name, draw(st.sampled_from(values))) for name, values in HEADERS.items())
    odd = draw(st.just("") | texts)
    tail = quote(odd.encode("utf-8", "surrogatepass")[:2000]) if odd else ""
    where = draw(st.sampled_from([path, path + tail, path.replace("main", tail or "x"), path.replace("=", f"={tail}")]))
    how = draw(st.just(method) | st.sampled_from(["GET", "PUT", "HEAD", "OPTIONS"]))
    return Asked(how, where[:LONGEST_PATH], headers, draw(st.just(data) | bent_body(data)))


@contextmanager
def playground() -> Iterator[Check]:
    """A playground that runs; what it hands in must be kept, and at the end its page must still be told of all."""
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner() as runner, store() as connection:
        stack, inbox = AsyncExitStack(), Inbox()
        url = runner.run(_opened(stack, Path(folder), inbox))

        def check(asked: Asked) -> None:
            runner.run(_answered(url, asked))
            for incoming in inbox.received:
                assert_kept(connection, incoming)
            inbox.received.clear()

        yield check
        runner.run(_told(url))
        runner.run(stack.aclose())


async def _opened(stack: AsyncExitStack, folder: Path, inbox: Inbox) -> str:
    running = await stack.enter_async_context(build(folder))
    return await stack.enter_async_context(serving(running, inbox))


async def _answered(url: str, asked: Asked) -> None:
    place = urlsplit(url)
    async with asyncio.timeout(SECONDS):
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        try:
            writer.write(asked.wire(url))
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        finally:
            writer.close()
    first, _, headers = head.partition(b"\r\n")
    status, told = int(first.split()[1]), BytesHeaderParser().parsebytes(headers)
    assert 200 <= status < 300 or 400 <= status < 500, first
    assert told.get_content_type() == "application/json", told["Content-Type"]
    if asked.method != "HEAD":
        answer = json.loads(body)
        assert 200 <= status < 300 or isinstance(answer["error"], str)


async def _told(url: str) -> None:
    async with Browser(url) as browser:
        await browser.snapshot()


TARGETS = (
    Target(
        "playground-requests",
        "a request of any shape gets a JSON answer of 2xx or 4xx; what is handed in is kept; the page goes on",
        requests(),
        playground,
        60,
    ),
)
