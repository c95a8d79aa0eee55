"""What the page shows survives `kill -9`, and a full disk shows nothing that isn't kept."""

import asyncio
import os
import sqlite3
import sys
import threading
import time
from pathlib import Path

import pytest

from chat.buttons import Action, Button
from chat.incoming import Address
from messengers.base import Unsure
from messengers.playground import records
from messengers.playground.archive import Archive, ArchiveError
from messengers.playground.server import Playground
from tests.messengers.playground.browser import ADDRESS, Browser, Inbox, build, page, serving
from tests.program import ROOT

STOP = Button("Stop", Action("stop", 12))
WRITER = """
import asyncio, sys
from pathlib import Path
from tests.messengers.playground.browser import ADDRESS, build, page

async def main():
    async with build(Path(sys.argv[1])) as playground:
        chat = playground.open(ADDRESS)
        message = await chat.send(page("start"))
        for number in range(10**9):
            await chat.edit(message, page(str(number)))
            print(number, flush=True)

asyncio.run(main())
"""


async def test_what_a_call_returned_from_survives_kill_9(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITER, str(tmp_path), cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout
    async with asyncio.timeout(20):
        for _ in range(50):
            assert await process.stdout.readline()
        process.kill()
        told = (await process.stdout.read()).splitlines()
        await process.wait()
    async with build(tmp_path) as after:
        [entry] = (await after._archive.call(lambda c: records.messages(c, "main", 10, 10**6))).entries.values()
    assert entry
    assert int(entry.text) >= max([49, *(int(line) for line in told if line.isdigit())])


def database(folder: Path) -> bytes:
    """All that its files have in them."""
    return b"".join(file.read_bytes() for file in folder.glob("playground.db*"))


async def test_no_file_has_a_piece_of_a_conversation_that_was_deleted(tmp_path: Path, inbox: Inbox) -> None:
    secret = "unmistakable-secret-42"
    async with build(tmp_path) as playground, serving(playground, inbox) as url, Browser(url) as browser:
        await browser.say(secret, conversation="cats")
        await playground.open(Address("playground", "cats")).send(page(f"{secret} " * 3000))
        await playground._archive.empty_log()  # so that it is in the database itself, too
        await playground.open(Address("playground", "cats")).send(page(secret))
        assert secret.encode() in database(tmp_path)
        assert (await browser.post("/conversations/cats", method="DELETE"))[0] == 200
        assert secret.encode() not in database(tmp_path)


async def fill(playground: Playground) -> None:
    """From now on the disk has no room for the database."""
    await playground._archive.call(lambda connection: connection.execute("PRAGMA max_page_count=1"))


async def free(playground: Playground) -> None:
    await playground._archive.call(lambda connection: connection.execute("PRAGMA max_page_count=1000000"))


async def test_with_a_full_disk_nothing_is_shown_that_is_not_kept_and_all_works_again_after_it(
    playground: Playground, browser: Browser, inbox: Inbox
) -> None:
    chat, large = playground.open(ADDRESS), "x" * 50_000
    message = await chat.send(page("Hel"), [STOP])
    await fill(playground)
    for call in (chat.send(page(large)), chat.edit(message, page(large))):
        with pytest.raises(Unsure):
            await call
    assert await browser.say(large) == 503
    assert inbox.received == []
    assert [entry["text"] for _, entry in await browser.snapshot()] == ["Hel"]
    await free(playground)
    assert await browser.say(large) == 200
    await chat.edit(message, page(large))
    assert [len(entry["text"]) for _, entry in await browser.snapshot()] == [50_000, 50_000]


async def test_requests_are_503_while_the_archive_fails(playground: Playground, browser: Browser, inbox: Inbox) -> None:
    await playground._archive.close()
    assert await browser.say("hello") == 503
    assert (await browser.get("/events"))[0] == 503
    assert (await browser.post("/files?name=a.txt", b"text"))[0] == 503
    assert (await browser.post("/conversations/main", {"title": "x"}, method="PATCH"))[0] == 503
    assert inbox.received == []


async def test_a_transaction_that_fails_leaves_nothing_and_tells_its_caller_why(tmp_path: Path) -> None:
    archive, told = Archive(tmp_path), list[str]()
    await archive.open()

    def fails(connection: sqlite3.Connection) -> None:
        connection.execute("UPDATE conversations SET title = 'half'")
        raise LookupError("a fault")

    with pytest.raises(LookupError):
        await archive.call(fails, lambda _: told.append("published"))
    with pytest.raises(ArchiveError):
        await archive.call(lambda connection: connection.execute("nonsense"))
    (title,) = await archive.call(lambda c: c.execute("SELECT title FROM conversations").fetchone())
    assert (title, told) == ("", [])
    await archive.close()


async def test_the_event_loop_goes_on_while_the_disk_is_slow(playground: Playground, url: str) -> None:
    async def slow() -> None:
        def wait(connection: sqlite3.Connection) -> None:
            connection.create_function("wait", 0, lambda: time.sleep(0.3))
            connection.execute("SELECT wait()")

        await playground._archive.call(wait)

    waiting = asyncio.create_task(slow())
    sending = asyncio.create_task(playground.open(ADDRESS).send(page("Hi")))
    async with Browser(url) as browser:
        assert (await browser.get("/"))[0] == 200
    assert not sending.done()
    await asyncio.gather(waiting, sending)


async def test_what_is_committed_is_told_though_its_caller_was_cancelled(playground: Playground) -> None:
    begun, go_on, told = threading.Event(), threading.Event(), asyncio.Event()

    def work(_: sqlite3.Connection) -> None:
        begun.set()
        go_on.wait(5)

    calling = asyncio.create_task(playground._archive.call(work, lambda _: told.set()))
    await asyncio.to_thread(begun.wait, 5)
    calling.cancel()
    await asyncio.wait([calling])
    go_on.set()
    async with asyncio.timeout(5):
        await told.wait()
    assert calling.cancelled()


async def test_a_message_stands_above_its_answer_however_slow_the_store_is(
    playground: Playground, browser: Browser, inbox: Inbox
) -> None:
    inbox.let_through = asyncio.Event()
    saying = asyncio.create_task(browser.say("question"))
    async with asyncio.timeout(5):
        while not await browser.snapshot():
            await asyncio.sleep(0.01)
    await playground.open(ADDRESS).send(page("answer"))
    inbox.let_through.set()
    assert await saying == 200
    told = [entry for _, entry in await browser.snapshot()]
    assert [entry["text"] for entry in sorted(told, key=lambda each: each["at"])] == ["question", "answer"]
