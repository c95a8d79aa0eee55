"""What people say and press arrives once, whatever happens on the way."""

import asyncio
from uuid import uuid4

import pytest

from chat.buttons import Action
from chat.incoming import Address, Invoked, Pressed, Said, Sender
from tests.messengers.playground.browser import Browser, Inbox

YOU = Sender("1", "You", "ru-ru")


async def test_a_message_is_handed_in_with_all_that_an_answer_needs(browser: Browser, inbox: Inbox) -> None:
    request = str(uuid4())
    assert await browser.say("Привет!\n  *как* дела?", request) == 200
    address = Address("playground", "main", message=f"you-{request}", private=True)
    assert inbox.received == [Said(address, YOU, f"playground:{request}", "Привет!\n  *как* дела?")]


async def test_a_repeated_message_keeps_its_key_and_stands_on_the_page_once(browser: Browser, inbox: Inbox) -> None:
    request = str(uuid4())
    for spelling in (request, request.upper()):
        assert await browser.say("hello", spelling) == 200
    assert {incoming.key for incoming in inbox.received} == {f"playground:{request}"}
    [(name, entry)] = await browser.snapshot()
    assert (name, entry["id"], entry["who"], entry["text"]) == ("upsert", f"you-{request}", "you", "hello")


@pytest.mark.parametrize(
    ("text", "command", "rest"),
    [("/help", "help", ""), ("/NEW about  cats", "new", "about  cats")],
)
async def test_a_known_command_is_invoked(browser: Browser, inbox: Inbox, text: str, command: str, rest: str) -> None:
    assert await browser.say(text) == 200
    [incoming] = inbox.received
    assert isinstance(incoming, Invoked)
    assert (incoming.command, incoming.text) == (command, rest)


async def test_an_unknown_command_is_a_question(browser: Browser, inbox: Inbox) -> None:
    assert await browser.say("/etc/passwd, what is it?") == 200
    [incoming] = inbox.received
    assert isinstance(incoming, Said)
    assert incoming.text == "/etc/passwd, what is it?"


@pytest.mark.parametrize(
    ("header", "language"),
    [("ru", "ru"), ("pt-BR;q=0.9", "pt-br"), ("*", ""), ("", ""), ("<script>", ""), (" en , ru", "en")],
)
async def test_the_language_is_the_one_the_browser_asks_for_first(
    browser: Browser, inbox: Inbox, header: str, language: str
) -> None:
    assert await browser.say("hello", Accept_Language=header) == 200
    assert inbox.received[0].sender == Sender("1", "You", language)


async def test_200_is_answered_only_once_the_message_is_stored(browser: Browser, inbox: Inbox) -> None:
    inbox.let_through = asyncio.Event()
    saying = asyncio.create_task(browser.say("hello"))
    await browser.snapshot()
    assert not saying.done()
    inbox.let_through.set()
    assert await saying == 200


async def test_what_could_not_be_stored_is_503_and_not_on_the_page_until_a_repeat_succeeds(
    browser: Browser, inbox: Inbox
) -> None:
    inbox.failures, request = 1, str(uuid4())
    assert await browser.post("/say", {"id": request, "text": "hello"}) == (503, '{"error": "not_stored"}')
    assert [name for name, _ in await browser.snapshot()] == ["delete"]
    assert await browser.say("hello", request) == 200
    assert [(name, entry["text"]) for name, entry in await browser.snapshot()] == [("upsert", "hello")]


async def test_a_failed_attempt_does_not_take_away_what_another_one_stored(browser: Browser, inbox: Inbox) -> None:
    inbox.failures, inbox.let_through, request = 1, asyncio.Event(), str(uuid4())
    attempts = [asyncio.create_task(browser.say("hello", request)) for _ in range(2)]
    await browser.snapshot()
    inbox.let_through.set()
    assert sorted(await asyncio.gather(*attempts)) == [200, 503]
    assert [(name, entry["text"]) for name, entry in await browser.snapshot()] == [("upsert", "hello")]


async def test_a_button_is_handed_in_with_its_action(browser: Browser, inbox: Inbox) -> None:
    request = str(uuid4())
    assert await browser.press("stop:12", request) == 200
    pressed = Pressed(Address("playground", "main"), YOU, f"playground:{request}", Action("stop", 12))
    assert inbox.received == [pressed]


async def test_a_button_that_could_not_be_stored_is_503(browser: Browser, inbox: Inbox) -> None:
    inbox.failures = 1
    assert await browser.press("stop:12") == 503


@pytest.mark.parametrize(
    "action", ["", "stop", "stop:", "stop:-1", "stop:1e3", "format:1", "stop:٣", "stop:" + "9" * 30]
)
async def test_a_forged_action_is_400_and_not_handed_in(browser: Browser, inbox: Inbox, action: str) -> None:
    assert await browser.press(action) == 400
    assert inbox.received == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[" * 50_000,
        b'"\xff"',
        {},
        {"id": "../../x", "text": "hello"},
        {"id": 7, "text": "hello"},
        {"id": str(uuid4()), "text": " \n "},
        {"id": str(uuid4()), "text": 5},
        {"id": str(uuid4()), "text": "half an emoji: \ud83d"},
        {"id": str(uuid4()), "text": "hello", "sender": "2"},
        {"id": str(uuid4()), "text": "hello", "conversation": "../x"},
        {"id": str(uuid4()), "text": "hello", "conversation": "x" * 37},
        {"id": str(uuid4()), "text": "hello", "conversation": "x\n"},
        {"id": str(uuid4()), "text": "hello", "files": ["../playground.db"]},
        {"id": str(uuid4()), "text": "hello", "files": ["a" * 32]},
        {"id": str(uuid4()), "text": "hello", "files": "a" * 32},
    ],
)
async def test_a_body_that_our_page_does_not_send_is_400(browser: Browser, inbox: Inbox, body: object) -> None:
    assert (await browser.post("/say", body))[0] == 400
    assert inbox.received == []
    assert await browser.snapshot() == []


async def test_a_message_too_large_is_413_and_the_largest_one_is_taken(browser: Browser, inbox: Inbox) -> None:
    assert await browser.say("x" * 100_000) == 413
    assert inbox.received == []
    assert await browser.say("x" * 99_000) == 200
