"""What the bot says is on every open page at once, also after a restart, and a slow browser costs nothing."""

import asyncio
import json
import socket
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from chat.buttons import Action, Button
from chat.incoming import Address
from messengers.base import Chat, MessageGone, Refused, Unsure
from messengers.buckets import Priority
from messengers.playground import records
from messengers.playground.chat import PlaygroundDialect
from messengers.playground.entries import Entry
from messengers.playground.journal import Room
from messengers.playground.server import Playground
from messengers.playground.watching import Watcher
from tests.messengers.playground.browser import ADDRESS, Browser, Inbox, build, page, serving

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


async def test_a_reply_from_before_a_restart_goes_on_in_its_old_message_and_place(tmp_path: Path, inbox: Inbox) -> None:
    async with build(tmp_path) as before:
        message = await before.open(ADDRESS).send(page("Hel"), [STOP])
    async with (
        build(tmp_path) as restarted,
        serving(restarted, inbox) as url,
        Browser(url) as browser,
        browser.events() as events,
    ):
        [(_, first)] = await events.until_ready()
        assert (first["id"], first["text"], first["buttons"]) == (
            message,
            "Hel",
            [{"label": "Stop", "action": "stop:12"}],
        )
        newer = await restarted.open(ADDRESS).send(page("newer"))
        await events.next()
        await restarted.open(ADDRESS).edit(message, page("Hello"))
        name, entry = await events.next()
        assert (name, entry["id"], entry["text"], entry["at"]) == ("upsert", message, "Hello", first["at"])
        assert entry["revision"] > first["revision"]
        assert message < newer


async def test_a_reply_whose_archive_was_lost_comes_back_at_its_old_place(tmp_path: Path, inbox: Inbox) -> None:
    async with build(tmp_path / "lost") as before:
        message = await before.open(ADDRESS).send(page("Hel"), [STOP])
    async with build(tmp_path / "new") as after, serving(after, inbox) as url, Browser(url) as browser:
        await after.open(ADDRESS).edit(message, page("Hello"))
        [(_, entry)] = await browser.snapshot()
        assert (entry["id"], entry["text"], entry["at"]) == (message, "Hello", int(message))


async def test_a_send_that_is_repeated_with_its_nonce_shows_once_also_after_a_crash(tmp_path: Path) -> None:
    async with build(tmp_path) as before:
        first = await before.open(ADDRESS).send(page("Hel"), [STOP], nonce="12-0")
    async with build(tmp_path) as after:
        chat = after.open(ADDRESS)
        assert await chat.send(page("Hello"), nonce="12-0") == first
        other = await chat.send(page("Hello"), nonce="12-1")
        elsewhere = await after.open(Address("playground", "other")).send(page("Hello"), nonce="12-0")
        assert len({first, other, elsewhere}) == 3
        assert await chat.send(page("Hello")) != await chat.send(page("Hello"))
        await chat.delete(first)
        assert await chat.send(page("once more"), nonce="12-0") != first


async def test_a_deleted_message_stays_deleted_whoever_edits_it(playground: Playground) -> None:
    chat = playground.open(ADDRESS)
    message = await chat.send(page("Hi"), [STOP])
    await chat.delete(message)
    await chat.delete(message)
    with pytest.raises(MessageGone):
        await chat.edit(message, page("still here"))


async def test_before_the_start_and_after_the_end_all_is_unsure_so_that_it_is_tried_again(tmp_path: Path) -> None:
    playground = build(tmp_path)
    chat = playground.open(ADDRESS)
    with pytest.raises(Unsure):
        await chat.send(page("too early"))
    async with playground:
        message = await chat.send(page("in time"))
    for call in (chat.edit(message, page("late")), chat.send(page("late")), chat.delete(message)):
        with pytest.raises(Unsure):
            await call


async def test_ids_are_never_given_twice_though_the_clock_stands_or_is_set_back(tmp_path: Path) -> None:
    sent: list[str] = []
    for seconds in (100.0, 50.0):
        async with build(tmp_path, clock=lambda now=seconds: now) as playground:
            sent += [await playground.open(ADDRESS).send(page(str(number))) for number in range(3)]
    assert sent == sorted(set(sent))


def test_a_stalled_browser_is_told_of_each_message_once_and_dropped_ones_are_forgotten() -> None:
    room, watcher = Room(kept=10), Watcher()
    room.watchers.append(watcher)
    for number in range(1000):
        entry = Entry(f"{number // 20}", "main", "bot", f"text {number}", number, number)
        room.change({entry.id: entry})
        watcher.mark(messages=[entry.id])
    assert len(room.entries) == 10
    assert list(watcher.messages.take()) == [str(number) for number in range(40, 50)]


async def test_a_page_shows_the_latest_500_messages_and_the_disk_keeps_all(
    playground: Playground, browser: Browser
) -> None:
    for number in range(510):
        await playground.open(ADDRESS).send(page(str(number)))
    assert [entry["text"] for _, entry in await browser.snapshot()] == [str(number) for number in range(10, 510)]
    kept = await playground._archive.call(lambda connection: records.messages(connection, "main", 1000, 10**9))
    assert len(kept.entries) == 510


async def earlier(browser: Browser, before: int) -> tuple[list[str], int]:
    """What the messages before then say, and from when on they are."""
    _, text, _ = await browser.get(f"/earlier?conversation=main&before={before}")
    found = json.loads(text)
    return [entry["text"] for entry in found["messages"]], found["earlier"]


async def test_every_message_can_be_reached_however_many_there_are(playground: Playground, browser: Browser) -> None:
    """Also while a page follows and an old message changes: what it was not told, it can ask for."""
    chat = playground.open(ADDRESS)
    messages = [await chat.send(page(str(number))) for number in range(1010)]
    async with browser.events() as events:
        told = [entry["text"] for _, entry in await events.until_ready()]
        before = events.ready["earlier"]
        await chat.edit(messages[0], page("0 changed"))
        await chat.send(page("1010"))
        async with browser.events() as later:
            told_later = [entry["text"] for _, entry in await later.until_ready()]
            before_later = later.ready["earlier"]
    latest, rest = await earlier(browser, before), await earlier(browser, (await earlier(browser, before))[1])
    assert rest == (["0 changed", *(str(number) for number in range(1, 10))], 0)
    assert rest[0] + latest[0] + told == ["0 changed", *(str(number) for number in range(1, 1010))]
    [*_, last], _ = await earlier(browser, before_later)
    assert set(told_later) == {"0 changed", *(str(number) for number in range(int(last) + 1, 1011))}
    assert (await browser.get("/earlier?before=x"))[0] == 400


async def test_deleted_messages_take_no_others_place(playground: Playground, browser: Browser) -> None:
    chat = playground.open(ADDRESS)
    messages = [await chat.send(page(str(number))) for number in range(520)]
    for message in messages[200:300]:
        await chat.delete(message)
    async with browser.events() as events:
        told = [data["text"] for name, data in await events.until_ready() if name == "upsert"]
    assert told == [str(number) for number in (*range(200), *range(300, 520))]
    assert events.ready == {"earlier": 0}


async def test_of_huge_messages_fewer_are_shown_but_always_the_latest(playground: Playground) -> None:
    for number in range(5):
        await playground.open(ADDRESS).send(page(str(number) * 1000))

    async def shown(characters: int) -> list[str]:
        work = partial(records.messages, place="main", most=10, most_characters=characters)
        return [entry.text[0] for entry in (await playground._archive.call(work)).entries.values() if entry]

    assert await shown(3500) == ["2", "3", "4"]
    assert await shown(1) == ["4"]


async def test_a_browser_that_does_not_read_is_not_sent_every_edit(playground: Playground, url: str) -> None:
    chat, edits, size = playground.open(ADDRESS), 400, 100_000
    message = await chat.send(page("start"))
    address = urlsplit(url)
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(slow, (address.hostname, address.port))
        await loop.sock_sendall(
            slow, f"GET /events?conversation=main HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode()
        )
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
        await chat.send(page("a\ud83d\u2028\r\n\n: b"), [Button("\ud83d", Action("retry", 1))])
        assert (await events.next())[1]["text"] == "a?\u2028\r\n\n: b"


async def test_a_permit_is_there_at_once_and_pages_are_the_source(playground: Playground) -> None:
    async with asyncio.timeout(5):
        for priority in (Priority.TYPING, Priority.FIRST, Priority.INTERIM, Priority.FINAL):
            await playground.open(ADDRESS).budget.permit(priority)
    source, dialect = "**a** <b> 👍", PlaygroundDialect()
    for shown in (dialect.render(source, final=False), dialect.render(source, final=True), dialect.plain(source)):
        assert (shown.text, shown.size, shown.size) == (source, dialect.measure(source), len(source))
    assert dialect.limit >= 1_000_000


async def test_there_is_room_for_every_answer_at_any_time(playground: Playground) -> None:
    chat: Chat = playground.open(ADDRESS)
    assert (chat.most_messages, chat.closes_at, await chat.earlier()) == (0, 0, None)
    with pytest.raises(Refused):
        await chat.send_rest("the rest", nonce="12-9")


async def test_a_large_message_arrives_whole(playground: Playground, browser: Browser) -> None:
    text = json.dumps(["строка\n"] * 20_000)
    message = await playground.open(ADDRESS).send(page(text))
    async with browser.events() as events:
        [(_, entry)] = await events.until_ready()
    assert (entry["id"], entry["text"]) == (message, text)
