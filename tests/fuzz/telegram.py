"""Telegram's updates, bent, as the poller takes them."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydantic import SecretStr

from chat.incoming import Incoming
from messengers.telegram.messenger import Telegram, _after, _query_of
from messengers.telegram.reading import Reader
from messengers.telegram.settings import TelegramSettings
from tests.fuzz.kept import assert_kept, store
from tests.fuzz.target import Check, Target
from tests.fuzz.trees import bent
from tests.servers.telegram import TOKEN, TelegramServer
from tests.servers.telegram_media import SAMPLES

BOT = "parley_test_bot"
PICTURE = b"\x89PNG\r\n\x1a\n" + b"\0" * 8 + (640).to_bytes(4) + (480).to_bytes(4)
COMMANDS = {"help", "stop", "image", "model"}


def recorded() -> list[dict[str, Any]]:
    """What people do at the stand-in, of every kind that the bot knows, and some that it doesn't."""
    telegram = TelegramServer()
    _in_private(telegram)
    _in_a_group(telegram)
    stop = {"draft_id": 7, "message_thread_id": 3, "chat": telegram.private().body}
    telegram.push_raw({"stopped_message_generation": stop})
    telegram.push_raw({"poll": SAMPLES["poll"]})
    return list(telegram.updates.unconfirmed)


def _in_private(telegram: TelegramServer) -> None:
    anna = telegram.private(1001, "Anna", "ru", "anna")
    question = anna.say("What is `this`? https://example.org")
    anna.say("/image --count 2 a cat")
    anna.say("and that?", reply_to=question, quote="this")
    anna.photo(PICTURE, "Who is it?", album="a1")
    anna.document(b"words", caption="read it")
    anna.forward(telegram.person(1002), "Said by Bob")
    anna.forward({"id": -100777, "type": "channel", "title": "News"}, "Told", PICTURE)
    anna.forward("Somebody", "Hidden")
    anna.press(question, data="model:4711:2")
    for kind in SAMPLES:
        anna.share(kind, "with words")
    anna.paste("long " * 1000)
    anna.block()


def _in_a_group(telegram: TelegramServer) -> None:
    friends = telegram.group(-100555, topics={42: "Talk"})
    bob = telegram.person(1002, "Bob")
    said = friends.say(f"@{BOT} hello", user=bob, thread=42)
    friends.say("and me?", user=bob, reply_to=said)
    friends.say(f"/help@{BOT} me", user=bob)
    friends.photo(PICTURE, f"@{BOT} who?", user=bob, album="a2")
    friends.post({"text": "as the group", "sender_chat": friends.body}, user=bob)


@contextmanager
def poller() -> Iterator[Check]:
    """Takes an update as polling does, into a store."""
    with asyncio.Runner() as runner, store() as connection:
        telegram = runner.run(_messenger())

        def check(update: Any) -> None:
            taken: list[Incoming] = []
            runner.run(_take(telegram, update, taken))
            assert len(taken) <= 1
            for incoming in taken:
                assert_kept(connection, incoming)

        yield check
        runner.run(telegram.__aexit__(None, None, None))


async def _messenger() -> Telegram:
    return Telegram(TelegramSettings(token=SecretStr(TOKEN)), COMMANDS, ())


async def _take(telegram: Telegram, update: Any, taken: list[Incoming]) -> None:
    async def receive(incoming: Incoming) -> None:
        taken.append(incoming)

    update = json.loads(json.dumps(update))  # as it comes off the wire
    if not isinstance(update, dict):
        return  # aiogram's own model of the answer refuses the batch
    await telegram._take(update, Reader(4200000001, BOT, COMMANDS), receive)
    _after(update, 5)
    _query_of(update)


TARGETS = (
    Target(
        "telegram-updates",
        "an update of any shape is read, put aside or left alone; what is handed in is stored and read back equal",
        bent(recorded()),
        poller,
        150,
    ),
)
