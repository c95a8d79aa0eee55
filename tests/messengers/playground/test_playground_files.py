"""Uploads: pictures and text come in whole and are found again, and nothing else gets in or out."""

import asyncio
from pathlib import Path
from uuid import uuid4

import pytest

from chat.incoming import Attachment, Invoked, Said
from messengers.base import Refused
from messengers.playground import files
from messengers.playground.files import LARGEST_FILE, clean_name
from messengers.playground.server import Playground
from tests.messengers.playground.browser import ADDRESS, Browser, Inbox, build, serving

PNG = b"\x89PNG\r\n\x1a\n a cat \xff\x00"
PICTURES = [
    (PNG, "image/png"),
    (b"\xff\xd8\xff\xe0 jpeg", "image/jpeg"),
    (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
    (b"GIF89a\x01\x00\x01\x00", "image/gif"),
]


async def begin(url: str, framing: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """An upload of which only the head was sent so far."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = ["POST /files?name=a.txt HTTP/1.1", f"Host: {host}:{port}", f"Origin: {url}", framing, "", ""]
    writer.write("\r\n".join(head).encode())
    return reader, writer


def kept(playground: Playground) -> list[Path]:
    return list((playground._archive.folder / "files").iterdir())


@pytest.mark.parametrize(("data", "media_type"), PICTURES)
async def test_a_picture_is_said_with_the_question_and_fetched_for_the_model(
    playground: Playground, browser: Browser, inbox: Inbox, data: bytes, media_type: str
) -> None:
    file = await browser.upload(data, "C:\\cats\\my cat.bin", "application/octet-stream")
    assert file == {"id": file["id"], "name": "my cat.bin", "media_type": media_type, "size": len(data)}
    assert await browser.say("what is it?", files=[file["id"]]) == 200
    [said] = inbox.received
    assert isinstance(said, Said)
    assert (said.images, said.documents) == ((Attachment(file["id"], "my cat.bin", media_type, len(data)),), ())
    assert await playground.open(ADDRESS).fetch(said.images[0]) == data
    assert await browser.download(f"/files/{file['id']}") == (200, data, media_type)
    [(_, entry)] = await browser.snapshot()
    assert entry["files"] == [file]


async def test_text_is_a_document_and_comes_back_only_as_a_download(
    playground: Playground, browser: Browser, inbox: Inbox
) -> None:
    data = "<script>alert('ё')</script>".encode()
    file = await browser.upload(data, 'страница".html', "text/html")
    assert (file["media_type"], file["name"]) == ("text/plain", 'страница".html')
    assert await browser.say("", files=[file["id"]]) == 200
    [said] = inbox.received
    assert isinstance(said, Said)
    assert (said.text, said.images, said.documents[0].id) == ("", (), file["id"])
    assert await playground.open(ADDRESS).fetch(said.documents[0]) == data
    status, _, headers = await browser.get(f"/files/{file['id']}")
    assert (status, headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    assert headers["Content-Disposition"].startswith("attachment; filename*=UTF-8''%D1%81")
    assert '"' not in headers["Content-Disposition"]
    assert (await browser.listed())["main"]["title"] == 'страница".html'


async def test_a_file_is_there_after_a_restart(tmp_path: Path, inbox: Inbox) -> None:
    async with build(tmp_path) as before, serving(before, inbox) as url, Browser(url) as browser:
        file = await browser.upload(PNG)
        await browser.say("look", files=[file["id"]])
        told = await browser.snapshot()
    async with build(tmp_path) as after, serving(after, inbox) as url, Browser(url) as browser:
        assert await after.open(ADDRESS).fetch(Attachment(file["id"])) == PNG
        assert await browser.snapshot() == told
        assert (await browser.get(f"/files/{file['id']}"))[0] == 200


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"%PDF-1.7 \xe2\xe3",
        b"PK\x03\x04\x14\x00\x00\x00",
        b"a\x00b",
        b"\xff\xfe" + "text".encode("utf-16-le"),
        "не юникод".encode("cp1251"),
        "ends in the middle of я".encode()[:-1],
        b"RIFF\xff\x00\x00\x00WAVE",
    ],
)
async def test_what_is_neither_a_picture_nor_utf_8_is_415_whatever_it_calls_itself(
    playground: Playground, browser: Browser, data: bytes
) -> None:
    assert await browser.post("/files?name=a.png", data, Content_Type="image/png") == (415, '{"error": "not_usable"}')
    assert kept(playground) == []


async def test_the_largest_file_is_taken_and_one_byte_more_is_413(playground: Playground, browser: Browser) -> None:
    assert (await browser.upload(b"x" * LARGEST_FILE, "a.txt"))["size"] == LARGEST_FILE
    assert (await browser.post("/files?name=b.txt", b"x" * (LARGEST_FILE + 1)))[0] == 413
    assert len(kept(playground)) == 1


async def test_a_file_that_does_not_say_how_large_it_is_is_cut_off_at_the_limit(
    playground: Playground, url: str
) -> None:
    """Chunked, and endless: the limit is checked while it is read, and nothing of it stays."""
    reader, writer = await begin(url, "Transfer-Encoding: chunked")

    async def pour() -> None:
        while True:
            writer.write(b"100000\r\n" + b"x" * 2**20 + b"\r\n")
            await writer.drain()

    pouring = asyncio.create_task(pour())
    async with asyncio.timeout(10):
        assert b" 413 " in await reader.readline()
    pouring.cancel()
    await asyncio.gather(pouring, return_exceptions=True)
    writer.close()
    assert kept(playground) == []


async def test_a_file_that_says_that_it_is_too_large_is_refused_before_any_of_it_comes(url: str) -> None:
    reader, writer = await begin(url, f"Content-Length: {LARGEST_FILE + 1}")
    async with asyncio.timeout(5):
        assert b" 413 " in await reader.readline()
    writer.close()


async def test_an_upload_that_breaks_off_leaves_nothing(playground: Playground, url: str) -> None:
    _, writer = await begin(url, "Content-Length: 1000")
    writer.write(b"x" * 10)
    async with asyncio.timeout(5):
        while not kept(playground):
            await asyncio.sleep(0.01)
        writer.close()
        while kept(playground):
            await asyncio.sleep(0.01)


async def test_an_upload_that_takes_too_long_is_408_which_the_page_does_not_repeat(
    playground: Playground, url: str
) -> None:
    playground._files._upload_seconds = 0.1
    reader, writer = await begin(url, "Content-Length: 1000")
    writer.write(b"x" * 10)
    async with asyncio.timeout(5):
        assert b" 408 " in await reader.readline()
    writer.close()
    assert kept(playground) == []


@pytest.mark.parametrize(
    "path", ["../playground.db", "..%2Fplayground.db", "%2e%2e/playground.db", "x", "x" * 33, "x" * 31 + "%2F", ""]
)
async def test_no_path_leads_out_of_the_folder(playground: Playground, browser: Browser, path: str) -> None:
    for folder in ("files", "image"):
        assert (await browser.get(f"/{folder}/{path}"))[0] == 404
    with pytest.raises(Refused):
        await playground.open(ADDRESS).fetch(Attachment(path))


async def test_ids_of_files_cannot_be_guessed(browser: Browser) -> None:
    ids = {(await browser.upload(PNG))["id"] for _ in range(20)}
    assert len(ids) == 20
    assert {len(each) for each in ids} == {32}  # 24 random bytes


async def test_more_than_ten_files_and_unknown_ones_are_refused(browser: Browser, inbox: Inbox) -> None:
    file = (await browser.upload(PNG))["id"]
    assert await browser.say("look", files=[file] * 10) == 200
    assert await browser.say("look", files=[file] * 11) == 400
    body = {"id": str(uuid4()), "text": "look", "files": [file, "x" * 32]}
    assert await browser.post("/say", body) == (400, '{"error": "unknown_file"}')
    assert len(inbox.received) == 1


async def test_a_question_by_command_has_its_files_too(browser: Browser, inbox: Inbox) -> None:
    file = (await browser.upload(PNG))["id"]
    assert await browser.say("/ask what is it?", files=[file]) == 200
    assert await browser.say("/help me", files=[file]) == 200
    asked, helped = inbox.received
    assert isinstance(asked, Said)
    assert (asked.text, [each.id for each in asked.images]) == ("what is it?", [file])
    assert isinstance(helped, Invoked)


async def test_files_go_with_their_conversation(playground: Playground, browser: Browser) -> None:
    said, unsaid = (await browser.upload(PNG))["id"], (await browser.upload(PNG))["id"]
    await browser.say("look", conversation="cats", files=[said])
    await browser.post("/conversations/cats", method="DELETE")
    assert (await browser.get(f"/files/{said}"))[0] == 404
    assert [path.name for path in kept(playground)] == [unsaid]


async def test_the_oldest_go_when_all_are_too_large(playground: Playground, browser: Browser) -> None:
    playground._files._most_bytes = 100
    ids = [(await browser.upload(b"x" * 40, "a.txt"))["id"] for _ in range(4)]
    assert [(await browser.get(f"/files/{file}"))[0] for file in ids] == [404, 404, 200, 200]
    assert {path.name for path in kept(playground)} == set(ids[2:])


async def test_a_start_sweeps_up_what_nothing_leads_to(tmp_path: Path, inbox: Inbox) -> None:
    now = 1000.0
    async with build(tmp_path, clock=lambda: now) as before, serving(before, inbox) as url, Browser(url) as browser:
        said, unsaid = (await browser.upload(PNG))["id"], (await browser.upload(PNG))["id"]
        await browser.say("look", files=[said])
    (tmp_path / "files" / "left by a crash").write_bytes(b"x")
    async with build(tmp_path, clock=lambda: now) as soon:
        assert {path.name for path in kept(soon)} == {said, unsaid}
    now += files.UNUSED_SECONDS + 1
    async with build(tmp_path, clock=lambda: now) as later:
        assert {path.name for path in kept(later)} == {said}


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("a.png", "a.png"),
        ("../../etc/passwd", "passwd"),
        ("C:\\x\\b.txt", "b.txt"),
        ("a\r\nSet-Cookie: b", "aSet-Cookie: b"),
        ("\u202egnp.exe", "gnp.exe"),
        ("", "file"),
        ("..", "file"),
        ("x" * 500, "x" * 120),
    ],
)
def test_a_name_is_only_a_name(name: str, clean: str) -> None:
    assert clean_name(name) == clean
