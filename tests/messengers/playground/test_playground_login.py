"""A playground with a password lets in whoever knows it, and nobody else sees or changes anything."""

import json
from http.cookies import SimpleCookie
from pathlib import Path
from uuid import uuid4

import pytest

from messengers.playground import routes
from messengers.playground.sessions import MOST_SESSIONS, SESSION_SECONDS, Attempts
from tests.messengers.playground.browser import ADDRESS, PASSWORD, Browser, Inbox, build, page, serving

CLOSED = [
    ("GET", "/events"),
    ("GET", "/earlier?before=1"),
    ("GET", "/suggest?command=model"),
    ("GET", "/files/" + "x" * 32),
    ("GET", "/image/" + "x" * 32),
    ("GET", "/nowhere"),
    ("POST", "/say"),
    ("POST", "/press"),
    ("POST", "/files?name=a"),
    ("POST", "/logout"),
    ("PATCH", "/conversations/main"),
    ("DELETE", "/conversations/main"),
]
SAY = {"id": str(uuid4()), "text": "hello", "title": "x", "action": "stop:1"}


def cookie_of(headers: object) -> SimpleCookie:
    assert hasattr(headers, "get")
    return SimpleCookie(headers.get("Set-Cookie"))


@pytest.mark.parametrize(("method", "path"), CLOSED)
@pytest.mark.parametrize("cookie", ["", "parley_session=", "parley_session=wrong"])
async def test_without_a_session_all_but_the_page_is_401(
    locked: Browser, inbox: Inbox, method: str, path: str, cookie: str
) -> None:
    body = b"" if method == "GET" else SAY
    assert await locked.post(path, body, method=method, Cookie=cookie) == (401, '{"error": "login"}')
    assert inbox.received == []


def test_the_list_above_has_every_route(tmp_path: Path) -> None:
    open_to_all = {*routes.page_files(), "/start", "/login"}
    playground = build(tmp_path, password=PASSWORD)
    app = routes.Routes(
        playground._journal, playground._files, playground._sessions, Inbox(), playground._commands
    ).application(playground._login)
    there = {resource.canonical for resource in app.router.resources()} - open_to_all
    listed = {path.partition("?")[0].replace("x" * 32, "{file}").replace("main", "{place}") for _, path in CLOSED}
    assert there == listed - {"/nowhere"}


async def test_the_page_itself_and_its_sentences_are_there_for_logging_in(locked: Browser) -> None:
    for path in routes.page_files():
        assert (await locked.get(path))[0] == 200
    status, text, headers = await locked.get("/start", Accept_Language="ru")
    assert (status, json.loads(text)) == (401, {"error": "login", "language": "ru", "texts": {"send": "Отправить"}})
    assert "default-src 'none'" in headers["Content-Security-Policy"]


async def test_the_password_opens_everything_and_logging_out_closes_it(locked: Browser, inbox: Inbox) -> None:
    assert await locked.login() == 200
    assert json.loads((await locked.get("/start"))[1])["login"] is True
    assert await locked.say("hello") == 200
    async with locked.events() as events:
        assert len(await events.until_ready()) == 1
    _, _, headers = await locked.answer("/login", {"password": PASSWORD})
    token = cookie_of(headers)["parley_session"].value
    assert await locked.post("/logout") == (200, "{}")
    assert await locked.say("hello again") == 401
    # the server has ended it, whoever kept a copy of the cookie
    assert (await locked.post("/say", SAY, Cookie=f"parley_session={token}"))[0] == 401
    assert len(inbox.received) == 1


async def test_the_cookie_is_for_this_page_only_and_for_30_days(locked: Browser) -> None:
    _, _, headers = await locked.answer("/login", {"password": PASSWORD})
    cookie = cookie_of(headers)["parley_session"]
    assert cookie["httponly"] is True
    assert (cookie["samesite"], cookie["path"], cookie["max-age"]) == ("Strict", "/", str(30 * 24 * 3600))
    assert not cookie["secure"]
    assert not cookie["domain"]
    _, _, headers = await locked.answer("/login", {"password": PASSWORD}, X_Forwarded_Proto="https")
    assert cookie_of(headers)["parley_session"]["secure"] is True


@pytest.mark.parametrize("password", ["", "wrong", PASSWORD + "x", PASSWORD[:-1], PASSWORD.upper(), "ё" * 14])
async def test_a_wrong_password_is_403_and_gives_no_cookie(locked: Browser, password: str) -> None:
    status, text, headers = await locked.answer("/login", {"password": password})
    assert (status, text) == (403, '{"error": "wrong_password"}')
    assert "Set-Cookie" not in headers


async def test_after_five_wrong_passwords_even_the_right_one_waits(locked: Browser) -> None:
    assert [await locked.login("wrong") for _ in range(5)] == [403] * 5
    status, text, headers = await locked.answer("/login", {"password": PASSWORD})
    assert (status, text) == (429, '{"error": "too_many"}')
    assert 50 <= int(headers["Retry-After"]) <= 60
    # an address that somebody claims to have is no other address
    forged = await locked.post("/login", {"password": PASSWORD}, X_Forwarded_For="203.0.113.9", Forwarded="for=x")
    assert forged[0] == 429


def test_wrong_attempts_are_counted_by_address_and_overall_and_forgotten_after_a_minute() -> None:
    now = 1000.0
    attempts = Attempts(lambda: now)
    for number in range(6):
        for _ in range(5):
            assert attempts.wait(f"10.0.0.{number}") == 0
            attempts.failed(f"10.0.0.{number}")
            now += 0.1
    assert attempts.wait("10.0.0.0") == pytest.approx(57.0)
    assert attempts.wait("192.0.2.1") == pytest.approx(57.0)
    assert len(attempts._wrong) == 30
    now += 58
    assert attempts.wait("192.0.2.1") == 0
    assert attempts.wait("10.0.0.5") > 0
    now += 3
    assert attempts.wait("10.0.0.5") == 0
    assert len(attempts._wrong) == 0


def test_a_clock_that_is_set_back_locks_nobody_out() -> None:
    now = 1000.0
    attempts = Attempts(lambda: now)
    for _ in range(5):
        attempts.failed("10.0.0.1")
    now = 10.0
    assert attempts.wait("10.0.0.1") == 0


async def test_a_session_survives_a_restart_for_30_days_unless_the_password_changes(
    tmp_path: Path, inbox: Inbox
) -> None:
    async with build(tmp_path, password=PASSWORD, clock=lambda: 1000.0) as first:
        token = await first._sessions.begin()
    rows = (tmp_path / "playground.db").read_bytes()
    assert token.encode() not in rows
    for password, elapsed, known in (
        (PASSWORD, SESSION_SECONDS - 5, True),
        ("other password", SESSION_SECONDS - 5, False),
        (PASSWORD, SESSION_SECONDS + 5, False),
    ):
        async with build(tmp_path, password=password, clock=lambda now=1000.0 + elapsed: now) as later:
            assert later._sessions.knows(token) is known


async def test_a_session_ends_after_30_days_though_the_program_runs_on(tmp_path: Path) -> None:
    now = 1000.0
    async with build(tmp_path, password=PASSWORD, clock=lambda: now) as playground:
        token = await playground._sessions.begin()
        now += SESSION_SECONDS - 1
        assert playground._sessions.knows(token)
        now += 2
        assert not playground._sessions.knows(token)


async def test_only_so_many_sessions_are_kept_the_latest(tmp_path: Path) -> None:
    async with build(tmp_path, password=PASSWORD) as playground:
        tokens = [await playground._sessions.begin() for _ in range(3)]
        playground._sessions._expires |= {str(number): 2**40 for number in range(MOST_SESSIONS - 3)}
        tokens.append(await playground._sessions.begin())
        assert [playground._sessions.knows(token) for token in tokens] == [False, True, True, True]


async def test_an_open_stream_tells_nothing_more_after_logging_out(tmp_path: Path, inbox: Inbox) -> None:
    async with (
        build(tmp_path, password=PASSWORD) as playground,
        serving(playground, inbox) as url,
        Browser(url) as browser,
    ):
        await browser.login()
        async with browser.events() as events:
            await events.until_ready()
            await browser.post("/logout")
            await playground.open(ADDRESS).send(page("secret"))
            with pytest.raises(EOFError):
                await events.next()


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_behind_a_password_the_name_may_be_any_but_the_page_must_be_of_it(
    locked: Browser, inbox: Inbox, scheme: str
) -> None:
    await locked.login()
    cookie = "; ".join(f"{each.key}={each.value}" for each in locked._session.cookie_jar)
    ours = {"Host": "chat.example", "Cookie": cookie}
    assert await locked.say("hello", Origin=f"{scheme}://chat.example", **ours) == 200
    for origin in ("evil.example", "chat.example.evil.example", "chat.example:8443"):
        assert await locked.say("hello", Origin=f"{scheme}://{origin}", **ours) == 403
    assert await locked.say("hello", Origin="null", **ours) == 403
    assert await locked.say("hello", Origin="", **ours) == 403
    assert await locked.say("hello", Origin="http://a b", Host="a b", Cookie=cookie) in {400, 403}
    assert len(inbox.received) == 1


async def test_a_foreign_page_cannot_log_anybody_in(locked: Browser) -> None:
    body = {"password": PASSWORD}
    assert (await locked.post("/login", body, Origin="http://evil.example"))[0] == 403
    assert (await locked.post("/login", body, Origin="", Sec_Fetch_Site="cross-site"))[0] == 403
    assert (await locked.post("/login", body, Content_Type="text/plain"))[0] == 415
    assert (await locked.post("/login", {"password": 5}))[0] == 400


async def test_only_without_a_password_the_person_is_an_admin(tmp_path: Path, locked: Browser, inbox: Inbox) -> None:
    open_one, closed_one = build(tmp_path), build(tmp_path, password=PASSWORD)
    assert (open_one.trusted, open_one.admitted) == (True, False)
    assert (closed_one.trusted, closed_one.admitted) == (False, True)
    await locked.login()
    names = [each["name"] for each in json.loads((await locked.get("/start"))[1])["commands"]]
    assert "model" in names
    assert "admin" not in names


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0", "192.0.2.1:80", "chat.example:80"])
def test_it_is_never_open_to_the_network_without_a_password(tmp_path: Path, listen: str) -> None:
    with pytest.raises(ValueError, match=r"needs playground\.password"):
        build(tmp_path, listen=listen)
    assert build(tmp_path, listen=listen, password=PASSWORD)


async def test_without_a_password_logging_in_and_out_changes_nothing(browser: Browser) -> None:
    assert await browser.login("whatever") == 200
    assert (await browser.post("/logout"))[0] == 200
    assert await browser.say("hello") == 200
