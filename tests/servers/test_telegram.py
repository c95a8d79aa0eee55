"""Promises of the stand-in Telegram to an unmodified aiogram client: what it takes, refuses and shows."""

import asyncio

import aiohttp
import pytest
from aiogram import Bot
from aiogram.exceptions import (
    TelegramBadRequest,
    TelegramForbiddenError,
    TelegramMigrateToChat,
    TelegramNotFound,
    TelegramUnauthorizedError,
)
from aiogram.types import BotCommand, BufferedInputFile, LinkPreviewOptions, MessageEntity, ReplyParameters

from tests.servers.telegram import TelegramServer
from tests.servers.telegram_client import bold, keyboard, plain, telegram_client

# Who is asked, and by whom


async def test_the_bot_learns_who_it_is(telegram: TelegramServer, bot: Bot) -> None:
    me = await bot.get_me()
    assert (me.id, me.username, me.can_read_all_group_messages) == (telegram.bot.id, "parley_test_bot", True)


async def test_a_wrong_token_is_unauthorized(telegram: TelegramServer) -> None:
    async with telegram_client(telegram, "123:wrong") as stranger:
        with pytest.raises(TelegramUnauthorizedError, match="Unauthorized"):
            await stranger.get_me()
    assert telegram.calls[-1].outcome == "401 Unauthorized"


async def test_methods_that_it_does_not_have_are_not_found(telegram: TelegramServer, bot: Bot) -> None:
    with pytest.raises(TelegramNotFound, match="Not Found"):
        await bot.send_dice(telegram.private().id)


@pytest.mark.parametrize("way", ["query", "form", "json", "multipart"])
async def test_calls_arrive_however_they_are_encoded(telegram: TelegramServer, way: str) -> None:
    chat = telegram.private()
    fields = {"chat_id": str(chat.id), "text": "grüß 🦜"}
    form = aiohttp.FormData(fields, default_to_multipart=True)
    sent = {
        "query": {"params": fields},
        "form": {"data": fields},
        "json": {"json": fields},
        "multipart": {"data": form},
    }
    async with aiohttp.ClientSession() as http:
        method = http.get if way == "query" else http.post
        async with method(f"{telegram.base_url}/bot{telegram.token}/sendMessage", **sent[way]) as response:  # type: ignore[arg-type]  # the keywords differ by `way`
            assert (await response.json())["ok"]
    assert chat.shown_text() == "grüß 🦜"


async def test_every_call_is_logged_with_its_chat_and_outcome(telegram: TelegramServer, bot: Bot) -> None:
    chat = telegram.private()
    await bot.send_message(chat.id, "hello")
    with pytest.raises(TelegramBadRequest):
        await bot.edit_message_text("hello", chat_id=chat.id, message_id=99)
    logged = [(call.method, call.chat, call.outcome) for call in telegram.calls]
    assert logged == [
        ("sendMessage", chat.id, "ok"),
        ("editMessageText", chat.id, "400 Bad Request: message to edit not found"),
    ]
    assert telegram.made("sendMessage", chat)[0].fields["text"] == "hello"


# What people see


async def test_a_message_remembers_everything_it_showed(telegram: TelegramServer, bot: Bot) -> None:
    chat = telegram.private()
    sent = await bot.send_message(chat.id, "one", reply_markup=keyboard(("Stop", "stop:1")))
    telegram.advance(10)
    edited = await bot.edit_message_text("one two", chat_id=chat.id, message_id=sent.message_id, entities=[bold(4, 3)])
    message = chat.last
    assert message.texts == ["one", "one two"]
    assert [version.markup is None for version in message.versions] == [False, True]
    assert message.versions[1].at - message.versions[0].at >= 10
    assert message.styled("bold") == ["two"]
    assert not isinstance(edited, bool)
    assert edited.edit_date
    assert edited.text == chat.shown_text() == "one two"


async def test_a_deleted_message_is_gone_but_not_forgotten(telegram: TelegramServer, bot: Bot) -> None:
    chat = telegram.private()
    sent = await bot.send_message(chat.id, "oops")
    await bot.delete_message(chat.id, sent.message_id)
    assert chat.messages == []
    assert chat.history[0].texts == ["oops"]
    with pytest.raises(TelegramBadRequest, match="message to delete not found"):
        await bot.delete_message(chat.id, sent.message_id)


async def test_waiting_ends_when_the_text_is_there_and_else_says_what_was_shown(
    telegram: TelegramServer, bot: Bot
) -> None:
    chat = telegram.private()
    async with asyncio.TaskGroup() as group:
        group.create_task(bot.send_message(chat.id, "Hello, Anna"))
        assert (await chat.wait_for_text("Anna")).text == "Hello, Anna"
    with pytest.raises(AssertionError, match="Hello, Anna"):
        await chat.wait_for(lambda chat: "Bye" in chat.shown_text(), timeout=0.01)


async def test_typing_is_seen(telegram: TelegramServer, bot: Bot) -> None:
    group = telegram.group(topics={7: "Birds"})
    await bot.send_chat_action(group.id, "typing", message_thread_id=7)
    assert [(action, thread) for _, action, thread in group.actions] == [("typing", 7)]


# What Telegram takes and refuses


@pytest.mark.parametrize(
    ("text", "entities", "problem"),
    [
        ("", [], "message text is empty"),
        (" \n\u200b", [], "text must be non-empty"),
        ("x" * 4097, [], "message is too long"),
        ("🦜" * 2049, [], "message is too long"),
        ("aba caba", [bold(-1, 1)], "receive an entity with incorrect offset -1"),
        ("aba caba", [bold(0, -1)], "receive an entity with incorrect length -1"),
        ("aba caba", [bold(9, 1)], "entity begins after the end of the text at UTF-16 offset 9"),
        ("aba caba", [bold(3, 6)], "offset 3 ends after the end of the text at UTF-16 offset 9"),
        ("👉 👉", [bold(1, 1)], "entity begins in a middle of a UTF-16 symbol at byte offset 4"),
        ("👉 👉", [bold(0, 1)], "offset 0 ends in a middle of a UTF-16 symbol at byte offset 4"),
        ("x", [MessageEntity(type="glitter", offset=0, length=1)], "Unsupported type specified"),
        ("x", [MessageEntity(type="text_link", offset=0, length=1, url="not-a-url")], "Wrong HTTP URL"),
        ("x", [MessageEntity(type="text_link", offset=0, length=1, url="http://localhost")], "Wrong HTTP URL"),
    ],
)
async def test_texts_that_telegram_refuses(
    telegram: TelegramServer, bot: Bot, text: str, entities: list[MessageEntity], problem: str
) -> None:
    chat = telegram.private()
    with pytest.raises(TelegramBadRequest) as refused:
        await bot.send_message(chat.id, text, entities=entities)
    assert refused.value.message.startswith("Bad Request: ")
    assert refused.value.message.endswith(problem)
    assert chat.history == []


async def test_exactly_4096_units_are_taken_also_after_trimming(telegram: TelegramServer, bot: Bot) -> None:
    chat = telegram.private()
    await bot.send_message(chat.id, "  " + "🦜" * 2048 + "\n\n")
    assert chat.last.text == "🦜" * 2048


async def test_white_space_around_a_text_is_cut_and_entities_move_along(telegram: TelegramServer, bot: Bot) -> None:
    chat = telegram.private()
    text = "\n 🦜 bold\r\tand  \n"
    answer = await bot.send_message(chat.id, text, entities=[bold(4, 6), bold(14, 2), bold(0, 1)])
    assert answer.text == chat.last.text == "🦜 bold and"
    assert plain(answer) == [("bold", 3, 4)]
    assert chat.last.styled("bold") == ["bold"]


@pytest.mark.parametrize(
    "url", ["https://example.org/a?b#c", "http://user@example.org:8080", "tg://user?id=1", "mailto:a@example.org"]
)
async def test_links_that_telegram_takes_are_kept(telegram: TelegramServer, bot: Bot, url: str) -> None:
    link = MessageEntity(type="text_link", offset=0, length=4, url=url)
    answer = await bot.send_message(telegram.private().id, "here", entities=[link])
    assert answer.entities
    assert answer.entities[0].url == url


async def test_bad_links_can_be_dropped_instead_of_refused() -> None:
    link = MessageEntity(type="text_link", offset=0, length=4, url="javascript:alert(1)")
    async with TelegramServer(drop_bad_links=True) as telegram, telegram_client(telegram) as bot:
        assert not (await bot.send_message(telegram.private().id, "here", entities=[link])).entities


@pytest.mark.parametrize("body", [b'{"chat_id":1001,"text":"a\\ud800b"}', b'{"chat_id":1001,"text":"a\xffb"}'])
async def test_text_that_is_not_utf8_is_refused(telegram: TelegramServer, body: bytes) -> None:
    telegram.private(1001)
    url = f"{telegram.base_url}/bot{telegram.token}/sendMessage"
    json = {"Content-Type": "application/json"}
    async with aiohttp.ClientSession() as http, http.post(url, data=body, headers=json) as response:
        assert (await response.json())["description"] == "Bad Request: strings must be encoded in UTF-8"


@pytest.mark.parametrize(
    ("mode", "text", "problem"),
    [
        ("HTML", "a <details>b", 'Unsupported start tag "details" at byte offset 2'),
        ("HTML", "<b>bold", 'Can\'t find end tag corresponding to start tag "b"'),
        ("MarkdownV2", "Done.", "Character '.' is reserved and must be escaped with the preceding '\\'"),
        ("MarkdownV2", "é *bold", "Can't find end of Bold entity at byte offset 3"),
        ("Markdown", "snake_case", "Can't find end of the entity starting at byte offset 5"),
    ],
)
async def test_marked_up_text_that_cannot_be_parsed_is_refused(
    telegram: TelegramServer, bot: Bot, mode: str, text: str, problem: str
) -> None:
    with pytest.raises(TelegramBadRequest) as refused:
        await bot.send_message(telegram.private().id, text, parse_mode=mode)
    assert refused.value.message == f"Bad Request: can't parse entities: {problem}"


async def test_html_becomes_entities(telegram: TelegramServer, bot: Bot) -> None:
    answer = await bot.send_message(telegram.private().id, "🦜 <b>x &lt; y</b>", parse_mode="HTML")
    assert (answer.text, plain(answer)) == ("🦜 x < y", [("bold", 3, 5)])


async def test_an_edit_that_changes_nothing_is_not_modified(telegram: TelegramServer, bot: Bot) -> None:
    chat = telegram.private()
    sent = await bot.send_message(chat.id, "same", reply_markup=keyboard(("Stop", "stop:1")))
    buttons = keyboard(("Stop", "stop:1"))
    with pytest.raises(TelegramBadRequest, match="message is not modified: specified new message content and reply"):
        await bot.edit_message_text("same ", chat_id=chat.id, message_id=sent.message_id, reply_markup=buttons)
    await bot.edit_message_text("same", chat_id=chat.id, message_id=sent.message_id)
    assert chat.last.labels == []


async def test_messages_that_cannot_be_edited(telegram: TelegramServer, bot: Bot) -> None:
    chat = telegram.private()
    question = chat.say("a question")
    sent = await bot.send_message(chat.id, "an answer")
    with pytest.raises(TelegramBadRequest, match="message can't be edited"):
        await bot.edit_message_text("x", chat_id=chat.id, message_id=question.id)
    with pytest.raises(TelegramBadRequest, match="MESSAGE_TOO_LONG"):
        await bot.edit_message_text("x" * 4097, chat_id=chat.id, message_id=sent.message_id)
    chat.delete(sent.message_id)
    with pytest.raises(TelegramBadRequest, match="message to edit not found"):
        await bot.edit_message_text("x", chat_id=chat.id, message_id=sent.message_id)


async def test_button_data_is_64_bytes_at_most(telegram: TelegramServer, bot: Bot) -> None:
    chat = telegram.private()
    await bot.send_message(chat.id, "fits", reply_markup=keyboard(("A", "é" * 32)))
    with pytest.raises(TelegramBadRequest, match="Bad Request: BUTTON_DATA_INVALID"):
        await bot.send_message(chat.id, "does not", reply_markup=keyboard(("A", "é" * 33)))


async def test_places_where_nothing_can_be_said(telegram: TelegramServer, bot: Bot) -> None:
    with pytest.raises(TelegramBadRequest, match="Bad Request: chat not found"):
        await bot.send_message(5, "x")
    forum = telegram.group(-1001, topics={7: "Birds"})
    with pytest.raises(TelegramBadRequest, match="Bad Request: message thread not found"):
        await bot.send_message(forum.id, "x", message_thread_id=8)
    anna = telegram.private()
    anna.block()
    with pytest.raises(TelegramForbiddenError, match="Forbidden: bot was blocked by the user"):
        await bot.send_message(anna.id, "x")
    anna.unblock()
    await bot.send_message(anna.id, "back")
    old, new = telegram.group(-55), telegram.group(-10055)
    old.migrate(new)
    with pytest.raises(TelegramMigrateToChat, match="group chat was upgraded to a supergroup chat") as moved:
        await bot.send_message(old.id, "x")
    assert moved.value.migrate_to_chat_id == new.id


async def test_a_reply_needs_its_message_unless_it_may_go_without(telegram: TelegramServer, bot: Bot) -> None:
    chat = telegram.private()
    question = chat.say("why?")
    answer = await bot.send_message(chat.id, "because", reply_parameters=ReplyParameters(message_id=question.id))
    assert answer.reply_to_message
    assert answer.reply_to_message.text == "why?"
    chat.delete(question)
    gone = ReplyParameters(message_id=question.id)
    with pytest.raises(TelegramBadRequest, match="Bad Request: message to be replied not found"):
        await bot.send_message(chat.id, "x", reply_parameters=gone)
    gone = ReplyParameters(message_id=question.id, allow_sending_without_reply=True)
    preview = LinkPreviewOptions(is_disabled=True)
    await bot.send_message(chat.id, "x", reply_parameters=gone, link_preview_options=preview)
    assert chat.last.reply_to is None


async def test_the_menu_is_kept_and_bad_commands_are_refused(telegram: TelegramServer, bot: Bot) -> None:
    await bot.set_my_commands([BotCommand(command="new", description="Start anew")])
    assert telegram.api.commands == [{"command": "new", "description": "Start anew"}]
    with pytest.raises(TelegramBadRequest, match="BOT_COMMAND_INVALID"):
        await bot.set_my_commands([BotCommand(command="No Way", description="x")])


async def test_files_sent_along_do_no_harm(telegram: TelegramServer, bot: Bot) -> None:
    with pytest.raises(TelegramNotFound):
        await bot.send_audio(telegram.private().id, BufferedInputFile(b"ID3\xff", "a.mp3"))
