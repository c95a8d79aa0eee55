"""Calls to the Bot API: answers left as plain JSON, and aiogram's errors translated, in this one place."""

import re
from typing import Any

from aiogram import Bot
from aiogram.exceptions import (
    AiogramError,
    TelegramAPIError,
    TelegramBadRequest,
    TelegramConflictError,
    TelegramEntityTooLarge,
    TelegramForbiddenError,
    TelegramMigrateToChat,
    TelegramNotFound,
    TelegramRetryAfter,
    TelegramUnauthorizedError,
)
from aiogram.methods import (
    EditMessageText,
    GetUpdates,
    SendDocument,
    SendMessage,
    SendPhoto,
    SendRichMessage,
    TelegramMethod,
)
from aiogram.methods.base import Response
from aiohttp_socks import ProxyConnectionError, ProxyError, ProxyTimeoutError

from messengers.base import Fatal, MessageGone, MessengerError, PlaceGone, PlaceMoved, Refused, SlowDown, Unsure

TIMEOUT_SECONDS = 15
LONGEST_REASON = 300  # characters

# What a call on its way may end with. None of a proxy's refusals is an OSError, and one that hangs up is an EOFError;
# an error that has no description is a TypeError of aiogram's.
PROXY_FAILURES = (ProxyError, ProxyConnectionError, ProxyTimeoutError, EOFError)
WAYS_TO_FAIL = (AiogramError, OSError, ValueError, TypeError, *PROXY_FAILURES)

# Texts of Telegram's 400s, as the Bot API server writes them (Client.cpp of tdlib/telegram-bot-api).
NOT_MODIFIED = re.compile(r"message is not modified")
MESSAGE_GONE = re.compile(
    r"message to (edit|delete) not found|\bmessage not found|message can't be (edited|deleted)|\bMESSAGE_ID_INVALID"
)
# Where only pictures are forbidden (CHAT_SEND_PHOTOS_FORBIDDEN and its like), something can still be said.
PLACE_GONE = re.compile(
    r"chat not found|message thread not found|TOPIC_(CLOSED|DELETED|ID_INVALID)|have no rights|"
    r"not enough rights(?! to send (photos|documents))|need administrator rights|Can't access the chat|"
    r"CHAT_(WRITE_FORBIDDEN|SEND_PLAIN_FORBIDDEN|GUEST_SEND_FORBIDDEN|FORBIDDEN|RESTRICTED|ADMIN_REQUIRED|ID_INVALID)|"
    r"CHANNEL_PRIVATE|USER_BANNED_IN_CHANNEL|USER_IS_BLOCKED|ALLOW_PAYMENT_REQUIRED|"
    r"PEER_ID_INVALID|user is deactivated|bot was kicked"
)

# What is behind a 409, and what to do about it.
POLLED_ELSEWHERE = (
    "another program takes this bot's updates: end it (another Parley, on another computer?), or give this Telegram "
    "bot a token of its own (telegram.token in the config)"
)
WEBHOOK_SET = (
    "another program has this bot's updates sent to a webhook: end it and start this one again, which removes the "
    "webhook, or give this Telegram bot a token of its own (telegram.token in the config)"
)


class RawGetUpdates(GetUpdates):
    """Updates as plain JSON: one that aiogram can't parse must not make the whole batch unreadable."""

    __returning__ = list[dict[str, Any]]
    __api_method__ = "getUpdates"


class RawSendMessage(SendMessage):
    """The sent message as plain JSON: only its id is needed, and parsing it is most of the cost of a call."""

    __returning__ = dict[str, Any]
    __api_method__ = "sendMessage"


class RawSendRichMessage(SendRichMessage):
    """The sent message as plain JSON."""

    __returning__ = dict[str, Any]
    __api_method__ = "sendRichMessage"


class RawEditMessageText(EditMessageText):
    """The edited message as plain JSON."""

    __returning__ = dict[str, Any] | bool
    __api_method__ = "editMessageText"


class RawSendPhoto(SendPhoto):
    """The sent message as plain JSON."""

    __returning__ = dict[str, Any]
    __api_method__ = "sendPhoto"


class RawSendDocument(SendDocument):
    """The sent message as plain JSON."""

    __returning__ = dict[str, Any]
    __api_method__ = "sendDocument"


# aiogram asks for these classes with each answer: pydantic forgets those that nobody holds, and takes 3 ms to make one.
ANSWERS = [
    Response[method.__returning__]  # type: ignore[name-defined]
    for method in (RawGetUpdates, RawSendMessage, RawSendRichMessage, RawEditMessageText, RawSendPhoto, RawSendDocument)
]


class Conflict(Unsure):
    """Another program takes the updates of this bot: `str()` says what to do about it."""


class Unknown(Fatal):
    """Telegram answers 404: there is no such method there, or no such bot."""


class Moved(PlaceMoved):
    """The group became a supergroup: it has another id now."""

    def __init__(self, place: int) -> None:
        super().__init__(f"the group moved to {place}")
        self.place = place


async def call(bot: Bot, method: TelegramMethod[Any], timeout: int = TIMEOUT_SECONDS) -> Any:
    """Make one call; its result as plain JSON, None where Telegram says that nothing changed.

    Raises only `MessengerError`s, `Moved` among them; none of them has the token in it, nor has one that it came from.
    """
    try:
        return await bot(method, request_timeout=timeout)
    except TelegramBadRequest as error:
        if NOT_MODIFIED.search(error.message or ""):
            return None
        raise translate(error) from error
    except WAYS_TO_FAIL as error:
        if bot.token not in str(error):
            raise translate(error) from error
        reason = str(error).replace(bot.token, "[token]")
    raise Unsure(reason[:LONGEST_REASON])


def translate(error: Exception) -> MessengerError:
    """The `MessengerError` for an error of aiogram's. After 5xx, HTML or a broken connection it may have been done."""
    text = error.message if isinstance(error, TelegramAPIError) else f"{type(error).__name__}: {error}"
    reason = (text or "no reason given")[:LONGEST_REASON]
    match error:
        case TelegramRetryAfter():
            return SlowDown(error.retry_after)
        case TelegramMigrateToChat():
            return Moved(error.migrate_to_chat_id)
        case TelegramUnauthorizedError():
            return Fatal(
                "Telegram doesn't know this bot's token: check telegram.token in the config (@BotFather has it)."
            )
        case TelegramConflictError():
            return Conflict(WEBHOOK_SET if "webhook" in reason.lower() else POLLED_ELSEWHERE)
        case TelegramForbiddenError():
            return PlaceGone(reason)
        case TelegramBadRequest():
            return _bad_request(reason)
        case TelegramEntityTooLarge():
            return Refused(reason)
        case TelegramNotFound():
            return Unknown("Telegram answers 404: check telegram.token and telegram.api_base_url in the config.")
        case _:
            return Unsure(reason)


def _bad_request(reason: str) -> MessengerError:
    if MESSAGE_GONE.search(reason):
        return MessageGone(reason)
    if PLACE_GONE.search(reason):
        return PlaceGone(reason)
    return Refused(reason)
