"""Sending: what was written goes at once, also with files on their way, and what can't go comes back or is told."""

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.browser.conftest import Site
from tests.browser.page import Page
from tests.servers.model import Answer, ModelServer, marks

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

WRITTEN = "document.getElementById('text').value"
NOTICE = "document.getElementById('notice').innerText"
SAID = "[...document.querySelectorAll('.you .bubble')].map(each => each.innerText)"
PENDING = "document.querySelector('.you.pending')"
SLOWLY = 8000  # bytes a second; of a text file the bot takes 20,000 characters
KILOBYTE = 1000


async def add(page: Page, kilobytes: int, name: str, filling: str = "a") -> None:
    """Drop a text file onto the page, and wait until its upload is under way."""
    await page.js(
        f"((data, dropped) => {{ data.items.add(new File([{json.dumps(filling * KILOBYTE)}.repeat({kilobytes})],"
        f" {json.dumps(name)}, {{type: 'text/plain'}}));"
        " document.dispatchEvent(new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true})); })"
        "(new DataTransfer())"
    )
    await page.until("document.querySelector('#files li[aria-busy]')")


async def uploads(page: Page, bytes_per_second: int) -> None:
    """How fast they go; -1: as fast as they can."""
    await page.call(
        "Network.emulateNetworkConditions",
        offline=False,
        latency=0,
        downloadThroughput=-1,
        uploadThroughput=bytes_per_second,
    )


async def test_what_is_said_while_a_file_is_uploaded_is_shown_at_once_and_writing_goes_on(
    page: Page, model: ModelServer
) -> None:
    model.default = Answer(text="In short: a.")
    await uploads(page, SLOWLY)
    await add(page, 16, "big.txt")
    await page.say("Summarise this.")
    await page.until(f"{PENDING}?.innerText.includes('Summarise this.') && {PENDING}.innerText.includes('uploading')")
    assert await page.js(f"{WRITTEN} === '' && document.getElementById('files').hidden")
    await page.write("And mind the second chapter.")
    await page.answered("In short")
    assert await page.js(WRITTEN) == "And mind the second chapter."
    assert "a" * KILOBYTE in json.dumps((await model.asked()).body["messages"][-1])
    assert await page.js(f"{PENDING} === null && document.querySelector('.you a.file').innerText") == "big.txt"


async def test_it_goes_though_another_conversation_is_opened_where_nothing_has_to_wait(
    page: Page, model: ModelServer
) -> None:
    model.default = Answer(text="In short: a.")
    there = await page.js("location.hash")
    await uploads(page, SLOWLY)
    await add(page, 19, "second.txt")
    await page.say("Sent with a file")
    await page.js("location.hash = '#meanwhile'")
    await page.say("Quick one")
    await page.answered("In short")
    await page.js(f"location.hash = '{there}'")
    await page.until(f"{PENDING}?.innerText.includes('uploading')")
    await page.answered("In short")
    assert await page.js(SAID) == ["Sent with a file\nsecond.txt"]


async def test_a_file_that_is_uploaded_waits_in_the_conversation_that_it_is_for(page: Page) -> None:
    there = await page.js("location.hash")
    await uploads(page, SLOWLY)
    await add(page, 10, "mine.txt")
    await page.js("location.hash = '#elsewhere'")
    await page.until("document.getElementById('files').hidden")
    await page.js(f"location.hash = '{there}'")
    await page.until("document.querySelector('#files li[aria-busy] .name')?.innerText === 'mine.txt'")
    await page.until("document.querySelector('#files li:not([aria-busy]) .name')?.innerText === 'mine.txt'")


async def test_what_was_said_with_a_file_that_cant_be_used_comes_back_before_what_was_written_since(page: Page) -> None:
    await uploads(page, SLOWLY)
    await add(page, 10, "odd.bin", filling="\0")
    await page.say("With an odd file")
    await page.until(PENDING)
    await page.write("Go on")
    await page.until(f"{NOTICE}.includes('text files')")
    await page.until(f"{WRITTEN} === 'With an odd file\\nGo on'")
    assert await page.js(f"{SAID}.length === 0 && document.getElementById('files').hidden")


async def test_what_was_said_comes_back_where_the_page_was_left_before_its_file_had_arrived(page: Page) -> None:
    await uploads(page, SLOWLY)
    await add(page, 200, "lost.txt")
    await page.say("Not so fast")
    await page.until(PENDING)
    await page.reload()
    await page.until(f"{WRITTEN} === 'Not so fast'")
    assert await page.js(SAID) == []


async def test_removing_a_file_ends_its_upload(page: Page, site: Site) -> None:
    await uploads(page, SLOWLY)
    folder = site.program.folder / "data" / "playground" / "files"
    before = names(folder)
    await add(page, 400, "long.txt")  # which takes 50 seconds
    async with asyncio.timeout(8):
        while names(folder) <= before:
            await asyncio.sleep(0.05)
        await page.click("#files button")
        while names(folder) - before:
            await asyncio.sleep(0.05)
    await asyncio.sleep(0.6)  # in which it would be tried again
    assert sum("/files?name=long.txt" in url for url in page.requests) == 1
    assert await page.js(f"document.getElementById('files').hidden && {NOTICE}") == ""


async def test_that_nothing_can_be_stored_is_told_until_it_can(page: Page, site: Site) -> None:
    with closing(sqlite3.connect(site.program.folder / "data" / "playground" / "playground.db")) as archive:
        archive.execute("CREATE TRIGGER full BEFORE INSERT ON messages BEGIN SELECT RAISE(ABORT, 'full'); END")
        try:
            await page.say("nobody can store this")
            await page.until(f'{NOTICE}.includes("can\'t store") && {PENDING}')
        finally:
            archive.execute("DROP TRIGGER full")
    await page.answered(marks("nobody can store this")[-1])
    assert await page.js("document.getElementById('notice').hidden")
    assert len(await page.answers()) == 1


def names(folder: Path) -> set[str]:
    """What is in it."""
    return {path.name for path in folder.iterdir()}
