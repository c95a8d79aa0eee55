"""Calls to the Bot API: every way to fail becomes the right `MessengerError`, and none of them tells the token."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.methods import DeleteMessage, GetMe, SendChatAction

from messengers.base import Fatal, MessageGone, MessengerError, PlaceGone, Refused, SlowDown, Unsure
from messengers.telegram.calls import Conflict, Moved, RawEditMessageText, RawGetUpdates, RawSendMessage, Unknown, call
from tests.servers.telegram import Chat, Fault, TelegramServer
from tests.servers.telegram_client import bold, telegram_client
from tests.servers.telegram_text import ApiError

pytestmark = pytest.mark.asyncio(loop_scope="module")

SEND = RawSendMessage(chat_id=1001, text="hello")


@pytest.fixture
def anna(telegram: TelegramServer) -> Chat:
    """Her chat, with nothing wrong left from another test."""
    chat = telegram.private()
    chat.refusal = None
    telegram.faults.stop()
    telegram.flood.forget()
    return chat


async def failure(bot: Bot, method: object = SEND, timeout: int = 15) -> MessengerError:
    """How the call fails; the token is in no word of it."""
    with pytest.raises(MessengerError) as caught:
        await call(bot, method, timeout)  # type: ignore[arg-type]  # any method, for brevity
    assert bot.token not in f"{caught.value} {caught.value!r}"
    assert bot.token.partition(":")[2] not in str(caught.value)
    return caught.value


# What the server says


@pytest.mark.parametrize(
    ("code", "text", "meaning"),
    [
        (403, "Forbidden: bot was blocked by the user", PlaceGone),
        (403, "Forbidden: bot was kicked from the supergroup chat", PlaceGone),
        (403, "Forbidden: bot is not a member of the channel chat", PlaceGone),
        (403, "Forbidden: user is deactivated", PlaceGone),
        (403, "Forbidden: bot can't initiate conversation with a user", PlaceGone),
        (403, "Forbidden: the group chat was deleted", PlaceGone),
        (400, "Bad Request: chat not found", PlaceGone),
        (400, "Bad Request: message thread not found", PlaceGone),
        (400, "Bad Request: TOPIC_CLOSED", PlaceGone),
        (400, "Bad Request: TOPIC_DELETED", PlaceGone),
        (400, "Bad Request: not enough rights to send text messages to the chat", PlaceGone),
        (400, "Bad Request: have no rights to send a message", PlaceGone),
        (400, "Bad Request: CHAT_WRITE_FORBIDDEN", PlaceGone),
        (400, "Bad Request: CHAT_RESTRICTED", PlaceGone),
        (400, "Bad Request: USER_IS_BLOCKED", PlaceGone),
        (400, "Bad Request: PEER_ID_INVALID", PlaceGone),
        (400, "Bad Request: CHAT_SEND_PLAIN_FORBIDDEN", PlaceGone),
        (400, "Bad Request: CHAT_GUEST_SEND_FORBIDDEN", PlaceGone),
        (400, "Bad Request: USER_BANNED_IN_CHANNEL", PlaceGone),
        (400, "Bad Request: CHAT_ADMIN_REQUIRED", PlaceGone),
        (400, "Bad Request: CHANNEL_PRIVATE", PlaceGone),
        (400, "Bad Request: CHAT_ID_INVALID", PlaceGone),
        (400, "Bad Request: CHAT_FORBIDDEN", PlaceGone),
        (400, "Bad Request: ALLOW_PAYMENT_REQUIRED", PlaceGone),
        (400, "Bad Request: TOPIC_ID_INVALID", PlaceGone),
        (400, "Bad Request: need administrator rights in the channel chat", PlaceGone),
        (400, "Bad Request: Can't access the chat", PlaceGone),
        (400, "Bad Request: CHAT_SEND_PHOTOS_FORBIDDEN", Refused),
        (400, "Bad Request: CHAT_SEND_DOCS_FORBIDDEN", Refused),
        (400, "Bad Request: CHAT_SEND_MEDIA_FORBIDDEN", Refused),
        (400, "Bad Request: not enough rights to send photos to the chat", Refused),
        (400, "Bad Request: message not found", MessageGone),
        (400, "Bad Request: message to edit not found", MessageGone),
        (400, "Bad Request: message to delete not found", MessageGone),
        (400, "Bad Request: message can't be edited", MessageGone),
        (400, "Bad Request: message can't be deleted", MessageGone),
        (400, "Bad Request: message can't be deleted for everyone", MessageGone),
        (400, "Bad Request: MESSAGE_ID_INVALID", MessageGone),
        (400, "Bad Request: message is too long", Refused),
        (400, "Bad Request: MESSAGE_TOO_LONG", Refused),
        (400, "Bad Request: message text is empty", Refused),
        (400, "Bad Request: text must be non-empty", Refused),
        (400, "Bad Request: can't parse entities: Can't find end of the entity starting at byte offset 3", Refused),
        (400, "Bad Request: ENTITY_BOUNDS_INVALID", Refused),
        (400, "Bad Request: BUTTON_DATA_INVALID", Refused),
        (400, "Bad Request: message to be replied not found", Refused),
        (400, "Bad Request: there is no text in the message to edit", Refused),
        (413, "Request Entity Too Large", Refused),
        (401, "Unauthorized", Fatal),
        (404, "Not Found", Unknown),
        (409, "Conflict: terminated by other getUpdates request", Conflict),
        (500, "Internal Server Error", Unsure),
        (500, "Internal Server Error: restart", Unsure),
        (502, "Bad Gateway", Unsure),
        (504, "Gateway Timeout", Unsure),
        (429, "Too Many Requests", Unsure),
        (418, "Something new", Unsure),
    ],
)
async def test_an_error_of_the_bot_api_means_what_it_says(
    bot: Bot, anna: Chat, code: int, text: str, meaning: type[MessengerError]
) -> None:
    anna.refusal = ApiError(code, text)
    error = await failure(bot)
    assert type(error) is meaning
    if not issubclass(meaning, Fatal) and code != 409:
        assert text in str(error), "the log tells what Telegram said"


async def test_a_question_that_cannot_be_quoted_is_not_a_message_that_is_gone(bot: Bot, anna: Chat) -> None:
    anna.refusal = ApiError(400, "Bad Request: REPLY_MESSAGE_ID_INVALID")
    assert type(await failure(bot)) is Refused


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete it first", True),
        ("Conflict: terminated by setWebhook request", True),
        ("Conflict: terminated by other getUpdates request; make sure that only one bot instance is running", False),
    ],
)
async def test_of_a_conflict_the_sentence_tells_what_takes_the_updates(
    bot: Bot, anna: Chat, text: str, named: bool
) -> None:
    anna.refusal = ApiError(409, text)
    error = await failure(bot)
    assert isinstance(error, Conflict)
    assert ("webhook" in str(error)) is named


async def test_a_flood_says_how_long(bot: Bot, anna: Chat) -> None:
    anna.refusal = ApiError(429, "Too Many Requests: retry after 35", retry_after=35)
    error = await failure(bot)
    assert isinstance(error, SlowDown)
    assert error.retry_after == 35


async def test_a_group_that_became_a_supergroup_says_where_it_is_now(bot: Bot, anna: Chat) -> None:
    anna.refusal = ApiError(400, "Bad Request: group chat was upgraded", migrate_to_chat_id=-100999)
    error = await failure(bot)
    assert isinstance(error, Moved)
    assert error.place == -100999


# What the stand-in refuses by itself


async def test_what_has_no_chance_is_refused(bot: Bot, anna: Chat) -> None:
    for wrong in (
        RawSendMessage(chat_id=anna.id, text="x" * 4097),
        RawSendMessage(chat_id=anna.id, text=" \n"),
        RawSendMessage(chat_id=anna.id, text="\u200b"),
        RawSendMessage(chat_id=anna.id, text="ab", entities=[bold(0, 5)]),
        RawSendMessage(chat_id=anna.id, text="*open", parse_mode="Markdown"),
    ):
        assert type(await failure(bot, wrong)) is Refused


async def test_what_is_gone_is_gone(bot: Bot, anna: Chat) -> None:
    for gone in (
        RawEditMessageText(chat_id=anna.id, message_id=4711, text="x"),
        DeleteMessage(chat_id=anna.id, message_id=4711),
        RawEditMessageText(chat_id=anna.id, message_id=anna.say("mine").id, text="yours"),
    ):
        assert type(await failure(bot, gone)) is MessageGone
    for nowhere in (
        RawSendMessage(chat_id=5, text="x"),
        RawSendMessage(chat_id=anna.id, message_thread_id=5, text="x"),
        SendChatAction(chat_id=5, action="typing"),
    ):
        assert type(await failure(bot, nowhere)) is PlaceGone


async def test_an_edit_that_changes_nothing_is_a_success_without_a_result(bot: Bot, anna: Chat) -> None:
    sent = await call(bot, SEND)
    assert sent["text"] == "hello", "results are plain JSON"
    assert await call(bot, RawEditMessageText(chat_id=anna.id, message_id=sent["message_id"], text="hello")) is None


async def test_a_token_that_telegram_does_not_know_cannot_be_mended_by_trying_again(telegram: TelegramServer) -> None:
    async with telegram_client(telegram, "4200000002:a-token-of-somebody-else") as stranger:
        error = await failure(stranger, GetMe())
    assert isinstance(error, Fatal)
    assert "telegram.token" in str(error)


async def test_updates_are_plain_json_whatever_they_look_like(bot: Bot, telegram: TelegramServer) -> None:
    telegram.push_raw({"message": "no message at all"})
    updates = await call(bot, RawGetUpdates(timeout=0))
    assert updates[-1]["message"] == "no message at all"
    telegram.updates.drop_all()


# What happens on the way


@pytest.mark.parametrize(
    "fault",
    [
        Fault.bad_gateway(),
        Fault.bad_gateway(applied=True),
        Fault.reset(),
        Fault.applied_then_reset(),
        Fault.cut_body(),
        Fault.stall(3),
    ],
    ids=lambda fault: f"{fault.kind} {fault.applied}",
)
@pytest.mark.usefixtures("anna")
async def test_where_nobody_knows_whether_it_was_done_the_error_says_so(
    bot: Bot, telegram: TelegramServer, fault: Fault
) -> None:
    telegram.faults.next("sendMessage", fault)
    assert type(await failure(bot, timeout=1)) is Unsure


async def test_a_server_out_of_reach_is_unsure() -> None:
    session = AiohttpSession(api=TelegramAPIServer.from_base("http://127.0.0.1:1"))
    bot = Bot("42:a-token-of-a-test", session)
    assert type(await failure(bot, GetMe())) is Unsure
    await (await session.create_session()).close()


@asynccontextmanager
async def answering(raw: bytes, *, proxy: str = "") -> AsyncIterator[Bot]:
    """A client of a server that answers everything with these bytes (`PATH`: what was asked for) and hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.read(65536)
        path = head.split(b" ")[1] if b" " in head else b""
        writer.write(raw.replace(b"PATH", path))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    base = "http://127.0.0.1:1" if proxy else f"http://{address}"
    session = AiohttpSession(proxy=f"{proxy}://{address}" if proxy else None, api=TelegramAPIServer.from_base(base))
    try:
        yield Bot("42:a-token-of-a-test", session)
    finally:
        await (await session.create_session()).close()
        server.close()


def http(status: str, body: bytes) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@pytest.mark.parametrize(
    "raw",
    [
        http("200 OK", b"not JSON"),
        http("200 OK", b"[]"),
        http("200 OK", b'{"ok":false,"error_code":418}'),
        http("200 OK", b"\xff\xfe"),
        http("404 Not Found", b"<html>a proxy's page</html>"),
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=none-such\r\nContent-Length: 1\r\n\r\nx",
        b"",
    ],
    ids=range(7),
)
async def test_an_answer_that_is_not_the_bot_apis_is_unsure(raw: bytes) -> None:
    async with answering(raw) as bot:
        assert type(await failure(bot, GetMe())) is Unsure


@pytest.mark.parametrize("status", ["400 Bad Request", "500 Internal Server Error"])
async def test_an_error_without_a_description_is_a_messengers_error_too(status: str) -> None:
    async with answering(http(status, b'{"ok":false}')) as bot:
        await failure(bot, GetMe())


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 302 Found\r\nLocation: PATH\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        b"not HTTP at all\r\n\r\n",
    ],
    ids=["redirected for ever", "not HTTP"],
)
async def test_an_error_of_the_http_client_does_not_bring_the_token_along(raw: bytes) -> None:
    async with answering(raw) as bot:
        assert type(await failure(bot, GetMe())) is Unsure


@pytest.mark.parametrize("scheme", ["http", "socks5"])
@pytest.mark.parametrize("raw", [b"HTTP/1.1 407 Who are you\r\n\r\n", b"HTTP/1.1 502 Later\r\n\r\n", b""], ids=range(3))
async def test_a_proxy_that_refuses_or_hangs_up_is_unsure(scheme: str, raw: bytes) -> None:
    async with answering(raw, proxy=scheme) as bot:
        assert type(await failure(bot, GetMe())) is Unsure


@pytest.mark.parametrize("scheme", ["http", "socks5"])
async def test_a_proxy_out_of_reach_is_unsure(scheme: str) -> None:
    session = AiohttpSession(proxy=f"{scheme}://127.0.0.1:1", api=TelegramAPIServer.from_base("http://127.0.0.1:1"))
    try:
        assert type(await failure(Bot("42:a-token-of-a-test", session), GetMe())) is Unsure
    finally:
        await (await session.create_session()).close()
