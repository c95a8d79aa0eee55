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
from aiogram.methods import EditMessageText, GetUpdates, SendMessage, TelegramMethod

from messengers.base import Fatal, MessageGone, MessengerError, PlaceGone, Refused, SlowDown, Unsure

TIMEOUT_SECONDS = 15

# Texts of Telegram's 400s, as the Bot API server writes them (Client.cpp of tdlib/telegram-bot-api).
NOT_MODIFIED = re.compile(r"message is not modified")
MESSAGE_GONE = re.compile(r"message to (edit|delete) not found|message can't be (edited|deleted)|MESSAGE_ID_INVALID")
PLACE_GONE = re.compile(
    r"chat not found|message thread not found|TOPIC_(CLOSED|DELETED)|not enough rights|have no rights|"
    r"CHAT_WRITE_FORBIDDEN|CHAT_RESTRICTED|USER_IS_BLOCKED|PEER_ID_INVALID|user is deactivated|bot was kicked"
)


class RawGetUpdates(GetUpdates):
    """Updates as plain JSON: one that aiogram can't parse must not make the whole batch unreadable."""

    __returning__ = list[dict[str, Any]]
    __api_method__ = "getUpdates"


class RawSendMessage(SendMessage):
    """The sent message as plain JSON: only its id is needed, and parsing it is most of the cost of a call."""

    __returning__ = dict[str, Any]
    __api_method__ = "sendMessage"


class RawEditMessageText(EditMessageText):
    """The edited message as plain JSON."""

    __returning__ = dict[str, Any] | bool
    __api_method__ = "editMessageText"


class Moved(MessengerError):
    """The group became a supergroup: it has another id now."""

    def __init__(self, place: int) -> None:
        super().__init__(f"the group moved to {place}")
        self.place = place


async def call(bot: Bot, method: TelegramMethod[Any], timeout: int = TIMEOUT_SECONDS) -> Any:
    """Make one call; its result as plain JSON, None where Telegram says that nothing changed.

    Raises only `MessengerError`s, `Moved` among them.
    """
    try:
        return await bot(method, request_timeout=timeout)
    except TelegramBadRequest as error:
        if NOT_MODIFIED.search(error.message):
            return None
        raise translate(error) from error
    except (AiogramError, OSError, ValueError) as error:
        raise translate(error) from error


def translate(error: Exception) -> MessengerError:
    """The `MessengerError` for an error of aiogram's. After 5xx, HTML or a broken connection it may have been done."""
    reason = error.message if isinstance(error, TelegramAPIError) else f"{type(error).__name__}: {error}"[:300]
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
            return Unsure("another program takes this bot's updates: end it, or give this bot a token of its own")
        case TelegramForbiddenError():
            return PlaceGone(reason)
        case TelegramBadRequest() if MESSAGE_GONE.search(reason):
            return MessageGone(reason)
        case TelegramBadRequest() if PLACE_GONE.search(reason):
            return PlaceGone(reason)
        case TelegramBadRequest() | TelegramEntityTooLarge():
            return Refused(reason)
        case TelegramNotFound():
            return Fatal("Telegram answers 404: check telegram.token and telegram.api_base_url in the config.")
        case _:
            return Unsure(reason)
