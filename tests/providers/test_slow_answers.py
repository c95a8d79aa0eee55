"""Models that think before they say anything: how long each silence may last, and what it is called when it is over."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import aiohttp
import pytest

from chat.errors import TimedOut, Unreachable
from providers.connecting import open_session
from providers.failures import FOREIGN, from_exception
from providers.http import HttpClient, HttpSettings
from providers.patience import Patience, SlowAnswer

HEADERS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
SHORT, LONG = 0.2, 0.6  # what idle_timeout_seconds is here, and how long a model thinks


@asynccontextmanager
async def saying(*steps: bytes | float) -> AsyncIterator[str]:
    """The address of a server that says this to everybody: bytes, and pauses in seconds."""

    answering: list[asyncio.Task[None]] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.CancelledError):
            await reader.readuntil(b"\r\n\r\n")
            for step in steps:
                if isinstance(step, bytes):
                    writer.write(step)
                else:
                    await asyncio.sleep(step)
        writer.close()

    server = await asyncio.start_server(
        lambda reader, writer: answering.append(asyncio.create_task(answer(reader, writer))), "127.0.0.1", 0
    )
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        for task in answering:
            task.cancel()
        await asyncio.gather(*answering, return_exceptions=True)
        server.close()
        await server.wait_closed()


async def told(*steps: bytes | float, method: str = "POST", pauses: bool = False, **settings: float) -> bytes:
    """The body that comes of it, `pauses`: with a word of the provider's, at each chunk, that nothing is due."""
    limits = HttpSettings.model_validate({"idle_timeout_seconds": SHORT, "total_timeout_seconds": 5, **settings})
    body = b""
    async with saying(*steps) as url, HttpClient("p", limits) as http, http.exchange(method, url) as answer:
        async for chunk in answer:
            body += chunk
            if pauses:
                answer.paused()
    return body


@pytest.mark.parametrize(
    "steps",
    [
        (HEADERS, LONG, b"data: 1\n\n"),
        (LONG, HEADERS, b"data: 1\n\n"),
        (LONG, HEADERS, LONG, b"data: 1\n\n"),
        (HEADERS, b": connected\n\n", LONG, b"data: 1\n\n"),
    ],
    ids=["behind its headers", "before them", "both", "behind a comment"],
)
async def test_a_model_may_think_for_longer_than_it_may_fall_silent_in_mid_answer(steps: tuple[bytes | float]) -> None:
    assert (await told(*steps)).endswith(b"data: 1\n\n")


async def test_once_something_came_a_shorter_silence_is_enough() -> None:
    with pytest.raises(SlowAnswer, match=r"silent for 0\.2 s"):
        await told(HEADERS, b"data: 1\n\n", LONG, b"data: 2\n\n")


async def test_comments_are_signs_of_life() -> None:
    alive = [part for _ in range(5) for part in (b": keep-alive\n\n", SHORT / 2)]
    assert (await told(HEADERS, *alive, b"data: 1\n\n")).endswith(b"data: 1\n\n")


async def test_a_model_that_says_it_thinks_is_waited_for_as_before_its_first_word() -> None:
    assert await told(HEADERS, b"data: 1\n\n", LONG, b"data: 2\n\n", pauses=True) == b"data: 1\n\ndata: 2\n\n"


async def test_the_longer_patience_ends_too_and_never_below_the_shorter_one() -> None:
    with pytest.raises(SlowAnswer, match=r"silent for 0\.3 s"):
        await told(HEADERS, LONG, first_timeout_seconds=0.3)
    assert await told(HEADERS, LONG, b"x", first_timeout_seconds=0.3, idle_timeout_seconds=3) == b"x"
    with pytest.raises(SlowAnswer, match=r"not done after 0\.3 s"):
        await told(HEADERS, LONG, total_timeout_seconds=0.3)


async def test_who_never_took_the_question_may_be_dead_and_is_not_called_slow() -> None:
    with pytest.raises(TimedOut) as raised:
        await told(LONG, first_timeout_seconds=SHORT)
    assert type(raised.value) is TimedOut


async def test_who_is_only_asked_what_there_is_has_nothing_to_think_about() -> None:
    with pytest.raises(TimedOut, match=r"silent for 0\.2 s"):
        await told(LONG, HEADERS, method="GET")


async def test_a_proxy_that_never_connects_is_given_up_long_before_a_model_that_thinks() -> None:
    async with saying(5.0) as proxy, open_session(proxy, {}, cookies=False, connected=0.1) as session:
        with pytest.raises(FOREIGN) as raised:
            await session.get("https://model.example.org")
    assert isinstance(raised.value, aiohttp.ConnectionTimeoutError)
    assert type(from_exception(raised.value)) is Unreachable


async def test_one_timer_serves_a_long_patience_and_the_shorter_one_behind_it() -> None:
    patience = Patience(idle=0.05, total=10, first=5)
    await patience.wait(lambda: asyncio.sleep(0.1))
    patience.begun()
    async with asyncio.timeout(2):
        with pytest.raises(TimedOut, match=r"silent for 0\.05 s"):
            await patience.wait(asyncio.Event().wait)
    patience.close()
