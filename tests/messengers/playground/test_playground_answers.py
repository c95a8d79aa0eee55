"""What the bot says is on every open page at once, also after a restart, and a slow browser costs nothing."""

import asyncio
import json
import socket
from urllib.parse import urlsplit

import pytest

from chat.buttons import Action, Button
from messengers.base import Unsure
from messengers.budget import Priority
from messengers.playground.chat import PlaygroundDialect
from messengers.playground.journal import Journal
from messengers.playground.server import Playground
from messengers.playground.settings import PlaygroundSettings
from tests.messengers.playground.browser import ADDRESS, Browser, Inbox, page, serving

STOP = Button("Stop", Action("stop", 12))


async def test_a_reply_grows_changes_its_buttons_and_goes_away_on_an_open_page(
    playground: Playground, browser: Browser
) -> None:
    chat = playground.open(ADDRESS)
    async with browser.events() as events:
        assert await events.until_ready() == []
        await chat.typing()
        assert await events.next() == ("typing", {"seconds": chat.typing_lasts})
        message = await chat.send(page("He"), [STOP], reply=True)
        name, first = await events.next()
        assert (name, first["id"], first["who"], first["text"]) == ("upsert", message, "bot", "He")
        assert first["buttons"] == [{"label": "Stop", "action": "stop:12"}]
        await chat.edit(message, page("Hello **you**"))
        name, second = await events.next()
        assert (second["id"], second["text"], second["buttons"]) == (message, "Hello **you**", [])
        assert second["at"] == first["at"]
        assert second["revision"] > first["revision"]
        await chat.delete(message)
        assert await events.next() == ("delete", {"id": message})
        assert events.numbers == sorted(set(events.numbers))


async def test_two_browsers_see_the_same_and_one_that_comes_later_too(playground: Playground, browser: Browser) -> None:
    chat = playground.open(ADDRESS)
    async with Browser(browser.url) as other, browser.events() as here, other.events() as there:
        assert await here.until_ready() == await there.until_ready() == []
        await other.say("hello")
        message = await chat.send(page("Hi"), [STOP])
        seen = [await here.next(), await here.next()]
        assert seen == [await there.next(), await there.next()] == await browser.snapshot()
        assert [entry["text"] for _, entry in seen] == ["hello", "Hi"]
        assert seen[1][1]["id"] == message
        assert seen[0][1]["at"] < seen[1][1]["at"]


async def test_a_browser_that_was_away_learns_of_a_deleted_message(playground: Playground, browser: Browser) -> None:
    chat = playground.open(ADDRESS)
    message = await chat.send(page("Hi"))
    await chat.delete(message)
    assert await browser.snapshot() == [("delete", {"id": message})]


async def test_an_edit_that_changes_nothing_is_not_told(playground: Playground, browser: Browser) -> None:
    chat = playground.open(ADDRESS)
    message = await chat.send(page("Hi"), [STOP])
    async with browser.events() as events:
        await events.until_ready()
        await chat.edit(message, page("Hi"), [STOP])
        other = await chat.send(page("There"))
        assert (await events.next())[1]["id"] == other


async def test_a_reply_from_before_a_restart_goes_on_in_its_old_message_and_place(inbox: Inbox) -> None:
    settings = PlaygroundSettings(listen="127.0.0.1:0")
    message = await Playground(settings).open(ADDRESS).send(page("Hel"), [STOP])
    restarted = Playground(settings)
    async with serving(restarted, inbox) as url, Browser(url) as browser, browser.events() as events:
        assert await events.until_ready() == []
        newer = await restarted.open(ADDRESS).send(page("newer"))
        await events.next()
        await restarted.open(ADDRESS).edit(message, page("Hello"))
        name, entry = await events.next()
        assert (name, entry["id"], entry["text"]) == ("upsert", message, "Hello")
        assert message < newer
        assert entry["at"] == int(message)


async def test_what_is_said_after_the_server_ended_is_unsure_so_that_it_is_said_again(
    playground: Playground, inbox: Inbox
) -> None:
    chat = playground.open(ADDRESS)
    message = await chat.send(page("before the start"))
    async with serving(playground, inbox):
        await chat.edit(message, page("while it runs"))
    with pytest.raises(Unsure):
        await chat.edit(message, page("nobody would see it"))
    async with serving(playground, inbox) as url, Browser(url) as browser:
        await chat.edit(message, page("again"))
        assert [entry["text"] for _, entry in await browser.snapshot()] == ["again"]


def test_ids_are_never_given_twice_though_the_clock_stands_or_goes_back() -> None:
    times = iter([100.0, 100.0, 99.0, 100.1])
    journal = Journal(clock=lambda: next(times))
    ids = [journal.new_id() for _ in range(4)]
    assert ids == sorted(set(ids))
    assert Journal(clock=lambda: 100.2).new_id() > ids[-1]


def test_a_stalled_browser_is_told_of_each_message_once_and_dropped_ones_are_forgotten() -> None:
    journal = Journal(kept=10)
    with journal.watch() as watcher:
        for number in range(1000):
            journal.put(f"{number // 20}", "bot", f"text {number}")
        assert len(journal) == 10
        assert list(watcher.take_changes()) == [str(number) for number in range(40, 50)]


def test_a_message_that_still_changes_outlives_newer_ones_that_do_not() -> None:
    journal = Journal(kept=10)
    for number in range(1000):
        journal.put("1", "bot", f"streams {number}")
        journal.put(f"{number + 2}", "bot", "stands")
    assert (entry := journal.get("1"))
    assert entry.text == "streams 999"


async def test_a_browser_that_does_not_read_is_not_sent_every_edit(playground: Playground, url: str) -> None:
    chat, edits, size = playground.open(ADDRESS), 400, 100_000
    message = await chat.send(page("start"))
    address = urlsplit(url)
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(slow, (address.hostname, address.port))
        await loop.sock_sendall(slow, f"GET /events HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode())
        assert b"200 OK" in await loop.sock_recv(slow, 1000)
        for number in range(edits):
            await chat.edit(message, page(f"{number} " + "x" * size))
            await asyncio.sleep(0)
        await chat.edit(message, page("the end"))
        read = 0
        tail = b""
        async with asyncio.timeout(20):
            while b"the end" not in tail:
                data = await loop.sock_recv(slow, 2**20)
                assert data
                read += len(data)
                tail = tail[-20:] + data
    assert read < edits * size / 4


async def test_half_an_emoji_from_a_model_breaks_nothing(playground: Playground, browser: Browser) -> None:
    chat = playground.open(ADDRESS)
    async with browser.events() as events:
        await events.until_ready()
        await chat.send(page("a\ud83d\u2028\r\n\n: b"))
        assert (await events.next())[1]["text"] == "a?\u2028\r\n\n: b"


async def test_a_permit_is_there_at_once_and_pages_are_the_source(playground: Playground) -> None:
    async with asyncio.timeout(5):
        for priority in (Priority.TYPING, Priority.FIRST, Priority.INTERIM, Priority.FINAL):
            await playground.open(ADDRESS).budget.permit(priority)
    source, dialect = "**a** <b> 👍", PlaygroundDialect()
    for shown in (dialect.render(source, final=False), dialect.render(source, final=True), dialect.plain(source)):
        assert (shown.text, shown.size, shown.size) == (source, dialect.measure(source), len(source))
    assert dialect.limit >= 1_000_000


async def test_a_large_message_arrives_whole(playground: Playground, browser: Browser) -> None:
    text = json.dumps(["строка\n"] * 20_000)
    message = await playground.open(ADDRESS).send(page(text))
    async with browser.events() as events:
        [(_, entry)] = await events.until_ready()
    assert (entry["id"], entry["text"]) == (message, text)
