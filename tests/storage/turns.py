"""Turns to store: who says what where, and how it is answered; and what a file holds of them."""

import sqlite3
from contextlib import closing
from pathlib import Path

from chat.incoming import Address, Incoming, Said, Sender
from chat.messages import Message
from chat.replies import ReplyState
from storage.base import Spent, Store, Turn

ANNA = Sender("1001", "Anna", "ru")
CHAT = Address("telegram", "1001", message="7")
THERE = Address("telegram", "5")


def said(text: str = "hello", key: str = "telegram:1:1", address: Address = CHAT) -> Said:
    return Said(address, ANNA, key, text)


async def received(store: Store, incoming: Incoming | str, address: Address = CHAT) -> Turn:
    """Something new; a text is its own key."""
    turn = await store.receive(said(incoming, incoming, address) if isinstance(incoming, str) else incoming)
    assert turn
    return turn


async def answered(store: Store, text: str, address: Address = CHAT, spent: Spent | None = None) -> Turn:
    """A question with its answer in the history, delivered."""
    turn = await received(store, text, address)
    exchange = [Message("user", text), Message("assistant", f"to {text}")]
    await store.answer(turn.id, ReplyState(), None, exchange, failed=False, spent=spent)
    return turn


async def given_up(store: Store, text: str, reason: str = "overloaded: 503", address: Address = CHAT) -> Turn:
    """A question that couldn't be answered."""
    turn = await received(store, text, address)
    await store.answer(turn.id, ReplyState(("m1",)), None, (), failed=True, reason=reason)
    return turn


async def history(store: Store, address: Address = CHAT) -> list[str]:
    """What is remembered of a conversation."""
    return [message.text for message in await store.history(address.conversation, 10**9)]


def asked(path: Path, statement: str) -> object:
    """What another program sees in the file."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(statement).fetchone()[0]
