"""Pictures on the playground's page: shown with their caption, kept within bounds, and nothing a browser would run."""

from pathlib import Path

import pytest

from chat.messages import Image
from messengers.base import Refused, Unsure
from messengers.playground.server import Playground
from tests.messengers.playground.browser import ADDRESS, Browser, build, page

CAT = Image(b"\x89PNG\r\n\x1a\n a cat \xff\x00", "image/png")


async def shown(browser: Browser) -> list[tuple[str, str]]:
    """The text and the picture's path of each message, as a page is told that opens now."""
    return [(entry["text"], entry["image"]) for name, entry in await browser.snapshot() if name == "upsert"]


async def test_a_picture_is_a_message_with_its_caption_and_open_pages_are_told(
    playground: Playground, browser: Browser
) -> None:
    chat = playground.open(ADDRESS)
    await chat.send(page("Here it is:"))
    async with browser.events() as events:
        await events.until_ready()
        message = await chat.send_image(CAT, "A <b>cat</b>", reply=True)
        name, entry = await events.next()
    assert (name, entry["id"], entry["who"], entry["text"]) == ("upsert", message, "bot", "A <b>cat</b>")
    assert await browser.download(entry["image"]) == (200, CAT.data, "image/png")
    assert await shown(browser) == [("Here it is:", ""), ("A <b>cat</b>", entry["image"])]


@pytest.mark.parametrize("media_type", ["image/png", "image/jpeg", "image/webp", "image/gif"])
async def test_a_picture_is_served_as_just_what_it_is(
    playground: Playground, browser: Browser, media_type: str
) -> None:
    data = b"<script>alert(1)</script>"  # whatever is in it: the browser may not guess
    await playground.open(ADDRESS).send_image(Image(data, media_type))
    [(_, path)] = await shown(browser)
    status, _, headers = await browser.get(path)
    assert (status, headers["Content-Type"]) == (200, media_type)
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.parametrize(
    "media_type", ["image/svg+xml", "text/html", "image/png; charset=utf-8", "IMAGE/PNG\r\nA: b", ""]
)
async def test_what_a_browser_might_run_is_refused(playground: Playground, browser: Browser, media_type: str) -> None:
    with pytest.raises(Refused):
        await playground.open(ADDRESS).send_image(Image(b"<svg/>", media_type))
    assert await shown(browser) == []


async def test_a_foreign_page_gets_no_picture(playground: Playground, browser: Browser) -> None:
    await playground.open(ADDRESS).send_image(CAT)
    [(_, path)] = await shown(browser)
    assert (await browser.get(path, Origin="http://evil.example"))[0] == 403
    assert (await browser.get(path, Sec_Fetch_Site="cross-site"))[0] == 403
    assert (await browser.get(path, Host="evil.example"))[0] == 403
    assert (await browser.get(path, Sec_Fetch_Site="same-origin"))[0] == 200


@pytest.mark.parametrize(
    "path",
    ["/image/", "/image/1", "/image/..%2Fapp.js", "/image/" + "x" * 32, "/image/x/2", "/image/%2e%2e%2fplayground.db"],
)
async def test_a_picture_that_there_is_not_is_404(browser: Browser, path: str) -> None:
    assert (await browser.get(path))[0] == 404


async def test_a_deleted_picture_is_gone_from_the_page_and_from_the_disk(
    playground: Playground, browser: Browser
) -> None:
    chat = playground.open(ADDRESS)
    message = await chat.send_image(CAT, "oops")
    [(_, path)] = await shown(browser)
    await chat.delete(message)
    assert await shown(browser) == []
    assert (await browser.get(path))[0] == 404
    assert list((playground._archive.folder / "files").iterdir()) == []


async def test_a_caption_may_change_and_the_picture_stays(playground: Playground, browser: Browser) -> None:
    chat = playground.open(ADDRESS)
    message = await chat.send_image(CAT, "A cat?")
    await chat.edit(message, page("A cat."))
    [(text, path)] = await shown(browser)
    assert text == "A cat."
    assert (await browser.download(path))[1] == CAT.data


async def test_only_so_many_bytes_are_kept_and_the_messages_stay(playground: Playground, browser: Browser) -> None:
    playground._files._most_bytes = 100
    for number in range(3):
        await playground.open(ADDRESS).send_image(Image(bytes(40), "image/png"), str(number))
    paths = [path for _, path in await shown(browser)]
    assert len(paths) == 3
    assert [(await browser.get(path))[0] for path in paths] == [404, 200, 200]
    assert len(list((playground._archive.folder / "files").iterdir())) == 2


async def test_a_picture_is_there_after_a_restart(tmp_path: Path) -> None:
    async with build(tmp_path) as before:
        await before.open(ADDRESS).send_image(CAT)
    [kept] = (tmp_path / "files").iterdir()
    async with build(tmp_path) as after:
        assert await after._files.read(kept.name) == CAT.data


async def test_a_picture_that_is_sent_again_with_its_nonce_is_shown_once(
    playground: Playground, browser: Browser
) -> None:
    chat = playground.open(ADDRESS)
    assert await chat.send_image(CAT, nonce="12-i0") == await chat.send_image(CAT, nonce="12-i0")
    assert len(await shown(browser)) == 1
    [(_, path)] = await shown(browser)
    assert (await browser.get(path))[0] == 200


async def test_without_the_disk_no_picture_is_taken_and_nothing_is_left(playground: Playground) -> None:
    (playground._archive.folder / "files").rmdir()
    (playground._archive.folder / "files").write_text("not a folder")
    with pytest.raises(Unsure):
        await playground.open(ADDRESS).send_image(CAT)
    (playground._archive.folder / "files").unlink()
    (playground._archive.folder / "files").mkdir()
    await playground._archive.close()
    with pytest.raises(Unsure):
        await playground.open(ADDRESS).send_image(CAT)
    assert list((playground._archive.folder / "files").iterdir()) == []
