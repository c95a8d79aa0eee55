"""The playground's server talks only to its own page, in a browser on this machine, and starts and ends cleanly."""

import asyncio
import logging
import re
from pathlib import Path

import pytest

from messengers.base import Fatal, Messenger
from messengers.playground import routes
from messengers.playground.listening import host_and_port
from messengers.playground.server import Playground
from tests.messengers.playground.browser import ADDRESS, Browser, Inbox, build, page, serving

MEDIA = {"/": "text/html", ".js": "text/javascript", ".css": "text/css"}
PATHS = list(routes.page_files())


def port_of(browser: Browser) -> str:
    return browser.url.rpartition(":")[2]


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.1.2.3", "[::1]"])
async def test_every_loopback_name_is_ours(browser: Browser, host: str) -> None:
    name = f"{host}:{port_of(browser)}"
    assert (await browser.get("/", Host=name))[0] == 200
    assert await browser.say("hello", Host=name, Origin=f"http://{name.lower()}") == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example:{}",
        "127.0.0.1",
        "127.0.0.1:1",
        "localhost.evil.example:{}",
        "a@127.0.0.1:{}",
        "0.0.0.0:{}",
        "[::2]:{}",
    ],
)
@pytest.mark.parametrize("path", ["/", "/events", "/app.js", "/nowhere"])
async def test_a_foreign_name_is_403_so_that_dns_rebinding_gets_nothing(browser: Browser, host: str, path: str) -> None:
    status, body, _ = await browser.get(path, Host=host.format(port_of(browser)))
    assert (status, body) == (403, '{"error": "wrong_host"}')


async def test_a_foreign_name_can_say_nothing(browser: Browser, inbox: Inbox) -> None:
    host = f"evil.example:{port_of(browser)}"
    assert await browser.say("hello", Host=host, Origin=f"http://{host}") == 403
    assert inbox.received == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": ""},
        {"Origin": "", "Sec_Fetch_Site": "cross-site"},
        {"Origin": "", "Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "cross-site"},
    ],
)
@pytest.mark.parametrize("path", ["/say", "/press", "/files", "/login", "/logout"])
async def test_a_request_that_a_foreign_page_made_is_403(
    browser: Browser, inbox: Inbox, headers: dict[str, str], path: str
) -> None:
    body = {"id": "00000000-0000-4000-8000-000000000000", "text": "hello", "action": "stop:1"}
    assert await browser.post(path, body, **headers) == (403, '{"error": "wrong_origin"}')
    assert inbox.received == []


@pytest.mark.parametrize("site", ["same-origin", "none"])
async def test_a_browser_that_sends_no_origin_may_vouch_by_sec_fetch_site(browser: Browser, site: str) -> None:
    assert await browser.say("hello", Origin="", Sec_Fetch_Site=site) == 200


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_a_foreign_page_cannot_change_a_conversation(browser: Browser, inbox: Inbox, method: str) -> None:
    for origin in ("http://evil.example", ""):
        answer = await browser.post("/conversations/main", {"title": "x"}, method=method, Origin=origin)
        assert answer == (403, '{"error": "wrong_origin"}')
    assert inbox.received == []


async def test_a_foreign_page_cannot_read_the_events_but_may_link_to_the_page(browser: Browser) -> None:
    assert (await browser.get("/events", Origin="http://evil.example"))[0] == 403
    assert (await browser.get("/events", Sec_Fetch_Site="cross-site"))[0] == 403
    assert (await browser.get("/", Sec_Fetch_Site="cross-site"))[0] == 200


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_only_json_is_taken(browser: Browser, inbox: Inbox, content_type: str) -> None:
    assert await browser.say("hello", Content_Type=content_type) == 415
    assert inbox.received == []


@pytest.mark.parametrize(("path", "status"), [*((path, 200) for path in PATHS), ("/nowhere", 404), ("/say", 405)])
async def test_every_answer_forbids_foreign_content_sniffing_and_framing(
    browser: Browser, path: str, status: int
) -> None:
    answered, _, headers = await browser.get(path)
    policy = {part.split()[0]: part.split()[1:] for part in headers["Content-Security-Policy"].split(";")}
    assert answered == status
    assert policy["default-src"] == policy["frame-ancestors"] == ["'none'"]
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == ["'self'"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("path", PATHS)
async def test_the_page_needs_nothing_from_elsewhere_and_runs_nothing_inline(browser: Browser, path: str) -> None:
    _, text, headers = await browser.get(path)
    assert headers["Content-Type"] == f"{MEDIA[Path(path).suffix or path]}; charset=utf-8"
    assert not re.search(
        r"<script(?![^>]*\bsrc=\"/)|<style|\sstyle=|\son\w+=\"|innerHTML|insertAdjacentHTML|\beval\(", text
    )
    assert not re.search(r"(?:src|href)=\"(?!/|data:|#)|@import|url\(|from \"(?!/)", text)


def test_the_page_is_small() -> None:
    assert sum(file.stat().st_size for file in routes.page_files().values()) < 150_000


async def test_it_ends_at_once_though_pages_are_open_and_one_does_not_read(
    playground: Playground, inbox: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    running = asyncio.create_task(playground.run(inbox))
    await playground.ready.wait()
    async with Browser(playground.url) as browser, browser.events() as events:
        await events.until_ready()
        async with Browser(playground.url) as stalled, stalled.events():
            await playground.open(ADDRESS).send(page("x" * 20_000_000))
            await browser.say("hello")
            running.cancel()
            async with asyncio.timeout(3):
                await asyncio.wait([running])
    assert running.cancelled()
    assert not playground.ready.is_set()
    assert caplog.messages == []


async def test_a_browser_that_goes_away_is_forgotten_quietly(
    playground: Playground, browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        await browser.snapshot()
    for number in range(5):
        await playground.open(ADDRESS).send(page(str(number)))
        await asyncio.sleep(0.01)
    assert playground._journal._rooms == {}
    assert caplog.messages == []


async def test_a_port_in_use_is_said_in_a_sentence(url: str, inbox: Inbox, tmp_path: Path) -> None:
    listen = url.removeprefix("http://")
    with pytest.raises(Fatal, match=f"can't listen on {listen}: another program uses it"):
        await build(tmp_path, listen=listen).run(inbox)


async def test_the_page_is_served_again_at_the_same_port_after_a_restart(playground: Playground, inbox: Inbox) -> None:
    urls = []
    for _ in range(2):
        async with serving(playground, inbox) as url, Browser(url) as browser:
            assert (await browser.get("/"))[0] == 200
            urls.append(url)
    assert urls[0] == urls[1]


def test_it_is_a_messenger(playground: Playground) -> None:
    messenger: Messenger = playground
    assert messenger.name == "playground"


def test_the_address_to_listen_on_is_taken_apart(tmp_path: Path) -> None:
    assert host_and_port("127.0.0.1:8080") == ("127.0.0.1", 8080)
    assert host_and_port("[::1]:0") == ("::1", 0)
    assert build(tmp_path, listen="[::1]:80").url == "http://[::1]:80"
    for wrong in ("8080", ":8080", "localhost", "localhost:", "localhost:http", "localhost:99999"):
        with pytest.raises(ValueError, match=r"playground\.listen"):
            host_and_port(wrong)


def test_nothing_but_the_pages_own_files_is_served() -> None:
    assert {path.suffix for path in routes.page_files().values()} <= {".html", ".js", ".css"}
    assert all(path.parent == routes.PAGE for path in routes.page_files().values())


async def test_what_is_kept_is_for_this_user_alone(tmp_path: Path) -> None:
    async with build(tmp_path / "playground") as playground:
        await playground.open(ADDRESS).send(page("secret"))
    assert (tmp_path / "playground").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "playground" / "files").stat().st_mode & 0o777 == 0o700


async def test_a_folder_that_cannot_be_used_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(Fatal, match="the playground can't use its folder"):
        async with build(tmp_path / "file"):
            pass


async def test_an_archive_of_a_newer_program_is_left_alone(tmp_path: Path) -> None:
    async with build(tmp_path) as playground:
        await playground._archive.call(lambda connection: connection.execute("PRAGMA user_version=7"))
    with pytest.raises(Fatal, match="it is of version 7, this program knows versions up to 1"):
        async with build(tmp_path):
            pass
