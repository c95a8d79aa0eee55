"""Several conversations: each on its own, with a title, in a list that every open page has, and gone when deleted."""

import asyncio
import json
from pathlib import Path
from uuid import uuid4

import pytest

from chat.buttons import Action, Button
from chat.incoming import Address, Invoked, Pressed, Said
from messengers.base import PlaceGone
from messengers.playground.entries import title_of
from messengers.playground.server import Playground
from tests.messengers.playground.browser import ADDRESS, Browser, Inbox, build, page, serving

STOP = Button("Stop", Action("stop", 12))
CATS = Address("playground", "cats-1")


async def rename(browser: Browser, place: str, title: object) -> int:
    status, _ = await browser.post(f"/conversations/{place}", {"title": title}, method="PATCH")
    return status


async def delete(browser: Browser, place: str) -> int:
    status, _ = await browser.post(f"/conversations/{place}", method="DELETE")
    return status


async def test_one_is_there_from_the_start_and_others_begin_when_something_is_said(
    browser: Browser, inbox: Inbox
) -> None:
    assert await browser.listed() == {"main": {"id": "main", "title": "", "at": 0, "busy": False}}
    async with browser.events("cats-1") as events:
        assert await events.until_ready() == []
    assert list(await browser.listed()) == ["main"]
    assert await browser.say("About cats", conversation="cats-1") == 200
    listed = await browser.listed()
    assert {place: each["title"] for place, each in listed.items()} == {"main": "", "cats-1": "About cats"}
    assert listed["cats-1"]["at"] > 0
    [said] = inbox.received
    assert isinstance(said, Said)
    assert said.address.conversation == "playground:cats-1"


async def test_a_page_is_told_of_its_own_conversation_and_of_the_list_of_all(
    playground: Playground, browser: Browser
) -> None:
    async with browser.events() as here, browser.events("cats-1") as there:
        assert await here.until_ready() == await there.until_ready() == []
        await browser.say("About cats", conversation="cats-1")
        answer = await playground.open(CATS).send(page("Meow"), [STOP])
        await playground.open(CATS).typing()
        mine = await playground.open(ADDRESS).send(page("for main"))
        assert (await here.next())[1]["id"] == mine
        assert [(await there.next())[1]["text"] for _ in range(2)] == ["About cats", "Meow"]
        assert here.listed["cats-1"]["title"] == "About cats"
        assert here.listed["cats-1"]["busy"]
        await playground.open(CATS).edit(answer, page("Meow."))
        assert not (await here.news())["busy"]


async def test_a_button_belongs_to_its_conversation(browser: Browser, inbox: Inbox) -> None:
    assert await browser.press("stop:12", conversation="cats-1") == 200
    [pressed] = inbox.received
    assert isinstance(pressed, Pressed)
    assert pressed.address == CATS


async def test_whether_an_answer_is_written_is_known_after_a_restart(tmp_path: Path, inbox: Inbox) -> None:
    async with build(tmp_path) as before:
        message = await before.open(ADDRESS).send(page("Hel"), [STOP])
    async with build(tmp_path) as after, serving(after, inbox) as url, Browser(url) as browser:
        assert (await browser.listed())["main"]["busy"]
        await after.open(ADDRESS).delete(message)
        assert not (await browser.listed())["main"]["busy"]


async def test_titles_and_messages_are_there_after_a_restart(tmp_path: Path, inbox: Inbox) -> None:
    async with build(tmp_path) as before, serving(before, inbox) as url, Browser(url) as browser:
        await browser.say("About cats", conversation="cats-1")
        await before.open(CATS).send(page("Meow"), [Button("Retry", Action("retry", 3))])
        assert await rename(browser, "cats-1", "  All about\n cats ") == 200
        told, listed = await browser.snapshot("cats-1"), await browser.listed()
    assert listed["cats-1"]["title"] == "All about"
    async with build(tmp_path) as after, serving(after, inbox) as url, Browser(url) as browser:
        assert (await browser.snapshot("cats-1"), await browser.listed()) == (told, listed)


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("hello", "hello"),
        ("\n  two   words \nmore", "two words"),
        ("x" * 60, "x" * 60),
        ("x" * 61, "x" * 59 + "…"),
        ("", ""),
        ("safe \u202egnp.exe\u2066", "safe gnp.exe"),
    ],
)
def test_a_title_is_one_line_of_at_most_60_characters(text: str, title: str) -> None:
    assert title_of(text) == title


async def test_a_command_that_asks_nothing_gives_no_title(browser: Browser) -> None:
    await browser.say("/model gpt")
    assert (await browser.listed())["main"]["title"] == ""
    await browser.say("/image a cat")
    assert (await browser.listed())["main"]["title"] == "a cat"
    await browser.say("About cats", conversation="cats-1")
    assert (await browser.listed())["cats-1"]["title"] == "About cats"


async def test_a_title_that_was_given_stays(browser: Browser) -> None:
    await browser.say("first")
    await rename(browser, "main", "Mine")
    await browser.say("second")
    assert (await browser.listed())["main"]["title"] == "Mine"
    assert [await rename(browser, "main", wrong) for wrong in ("", "  ", 5)] == [400, 400, 400]
    assert await rename(browser, "unknown", "x") == 404


async def test_a_deleted_conversation_is_gone_everywhere_and_the_store_forgets_it(
    playground: Playground, browser: Browser, inbox: Inbox
) -> None:
    await browser.say("About cats", conversation="cats-1")
    async with browser.events("cats-1") as events:
        await events.until_ready()
        assert await delete(browser, "cats-1") == 200
        assert await events.news() is None
        assert (await events.next())[0] == "delete"
    forget = inbox.received[-1]
    assert isinstance(forget, Invoked)
    assert (forget.command, forget.text, forget.address) == ("forget", "", CATS)
    assert [name for name, _ in await browser.snapshot("cats-1") if name == "upsert"] == []
    assert (await browser.listed())["cats-1"] is None
    rows = await playground._archive.call(lambda connection: connection.execute("SELECT * FROM messages").fetchall())
    assert rows == []


async def test_a_reply_to_a_deleted_conversation_ends_and_does_not_bring_it_back(
    playground: Playground, browser: Browser
) -> None:
    await browser.say("About cats", conversation="cats-1")
    chat = playground.open(CATS)
    streaming = await chat.send(page("Meo"), [STOP])
    await delete(browser, "cats-1")
    for call in (chat.edit(streaming, page("Meow")), chat.send(page("deleted"))):
        with pytest.raises(PlaceGone):
            await call
    assert await browser.snapshot("cats-1") == [("delete", {"id": streaming})]
    assert (await browser.listed())["cats-1"] is None


async def test_a_deleted_conversation_begins_again_when_something_is_said_in_it(
    playground: Playground, browser: Browser
) -> None:
    await browser.say("first")
    await delete(browser, "main")
    assert await browser.say("second") == 200
    await playground.open(ADDRESS).send(page("answer"))
    assert [entry["text"] for _, entry in await browser.snapshot()] == ["second", "answer"]
    assert (await browser.listed())["main"]["title"] == "second"


async def test_a_conversation_is_kept_where_the_store_could_not_be_told(browser: Browser, inbox: Inbox) -> None:
    await browser.say("hello")
    inbox.failures = 1
    assert await delete(browser, "main") == 503
    assert [entry["text"] for _, entry in await browser.snapshot()] == ["hello"]


async def test_a_conversation_whose_first_message_was_not_stored_does_not_begin(browser: Browser, inbox: Inbox) -> None:
    inbox.failures, request = 1, str(uuid4())
    assert await browser.say("hello", request, conversation="cats-1") == 503
    assert (await browser.listed())["cats-1"] is None
    assert await browser.say("hello", request, conversation="cats-1") == 200
    assert (await browser.listed())["cats-1"]["title"] == "hello"


async def test_a_page_that_was_away_is_told_what_was_deleted(browser: Browser) -> None:
    await browser.say("hello", conversation="cats-1")
    await delete(browser, "cats-1")
    async with asyncio.timeout(5):
        assert (await browser.listed())["cats-1"] is None


@pytest.mark.parametrize("place", ["UPPER", "..%2Fmain", "x" * 37, "a%20b", ""])
async def test_what_cannot_be_a_conversation_is_refused(browser: Browser, inbox: Inbox, place: str) -> None:
    assert (await browser.get(f"/events?conversation={place}"))[0] == 400
    assert (await browser.get(f"/suggest?command=model&conversation={place}"))[0] == 400
    assert await delete(browser, place) == 404
    assert inbox.received == []


async def test_values_are_proposed_for_what_is_typed(browser: Browser, inbox: Inbox) -> None:
    status, text, _ = await browser.get(
        "/suggest?conversation=cats-1&command=model&option=&text=g%20p", Accept_Language="ru"
    )
    assert (status, json.loads(text)) == (
        200,
        [
            {"value": "gpt", "label": "GPT", "current": True, "trouble": ""},
            {"value": "qwen", "label": "Qwen", "current": False, "trouble": "out of reach"},
        ],
    )
    [(asked, option)] = inbox.asked
    assert (asked.command, asked.text, option, asked.address, asked.sender.language) == ("model", "g p", "", CATS, "ru")
    assert (await browser.get("/suggest?command=rm"))[0] == 400


@pytest.mark.parametrize(
    ("header", "language", "send"),
    [("ru-RU,ru;q=0.9", "ru", "Отправить"), ("en-US", "en", "Send"), ("de", "en", "Send"), ("", "en", "Send")],
)
async def test_the_page_starts_with_its_sentences_and_the_commands(
    browser: Browser, header: str, language: str, send: str
) -> None:
    status, text, _ = await browser.get("/start", Accept_Language=header)
    start = json.loads(text)
    assert (status, start["language"], start["texts"]) == (200, language, {"send": send})
    assert [each["name"] for each in start["commands"]] == ["model", "help", "new", "ask", "image", "admin"]
    model = start["commands"][0]
    assert model["description"] == ("Выбрать" if language == "ru" else "Choose")
    assert model["options"][0] == {
        "name": "", "description": "Какую" if language == "ru" else "Which one", "kind": "text", "required": False,
        "choices": [], "suggests": True,
    }  # fmt: skip
    assert start["login"] is False
    assert start["largest_file"] == 20 * 2**20
