"""Strangers who only hold connections take neither the bot's file descriptors nor anybody's place at the page."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from messengers.playground.door import MOST_CONNECTIONS, Door
from messengers.playground.guard import Refusal
from messengers.playground.requests import SayRequest, read_body
from messengers.playground.server import Playground
from tests.messengers.playground.browser import PASSWORD, Browser, Inbox, build, serving


@asynccontextmanager
async def crowd(url: str, count: int, said: bytes = b"") -> AsyncIterator[list[asyncio.StreamReader]]:
    """Connections on which that is said and no more."""
    host, port = url.removeprefix("http://").split(":")
    pairs = []
    try:
        for _ in range(count):
            pairs.append(await asyncio.open_connection(host, int(port)))
            pairs[-1][1].write(said)
        yield [reader for reader, _ in pairs]
    finally:
        for _, writer in pairs:
            writer.close()


async def ended(reader: asyncio.StreamReader) -> bool:
    """Whether the server has hung up, or does so within 2 seconds."""
    try:
        async with asyncio.timeout(2):
            await reader.read()
    except ConnectionError:
        return True
    except TimeoutError:
        return False
    return True


def narrow(playground: Playground, **more: float) -> None:
    """A door with these limits."""
    playground._door = Door(playground._sessions, **more)  # type: ignore[arg-type]  # most is an int


async def test_there_are_never_more_connections_than_may_be(playground: Playground, url: str) -> None:
    async with crowd(url, MOST_CONNECTIONS + 60) as readers:
        assert await ended(readers[0])
        assert len(playground._door._visits) == MOST_CONNECTIONS
    async with Browser(url) as browser:
        assert (await browser.get("/"))[0] == 200


@pytest.mark.parametrize("said", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: a\r\n"])
async def test_a_connection_without_a_request_ends_and_one_with_a_request_stays(
    playground: Playground, inbox: Inbox, said: bytes
) -> None:
    narrow(playground, silent_seconds=0.2)
    async with serving(playground, inbox) as url, Browser(url) as browser, browser.events() as events:
        await events.until_ready()
        async with crowd(url, 1, said) as [silent]:
            assert await ended(silent)
        await browser.say("still there")
        assert (await events.next())[1]["text"] == "still there"


async def test_a_crowd_of_strangers_ends_no_connection_of_somebody_who_is_logged_in(
    tmp_path: Path, inbox: Inbox
) -> None:
    async with build(tmp_path, password=PASSWORD) as playground:
        narrow(playground, most=8)
        async with serving(playground, inbox) as url, Browser(url) as browser:
            await browser.login()
            async with browser.events() as events:
                await events.until_ready()
                polite = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
                async with crowd(url, 20, polite), Browser(url) as newcomer:
                    assert await newcomer.login() == 200
                    await browser.say("still there")
                    assert (await events.next())[1]["text"] == "still there"


async def test_a_body_that_does_not_come_is_408() -> None:
    async def handler(request: web.Request) -> web.Response:
        try:
            await read_body(SayRequest, request, seconds=0.1)
        except Refusal as refused:
            return web.Response(status=refused.status)
        return web.Response()

    app = web.Application()
    app.router.add_post("/say", handler)
    async with TestServer(app) as server:
        head = b"POST /say HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{"
        async with crowd(str(server.make_url("")).rstrip("/"), 1, head) as [reader], asyncio.timeout(5):
            assert b" 408 " in await reader.readline()
