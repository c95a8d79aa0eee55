"""What is chosen for a conversation, and what people used: as SQL over one open transaction."""

import sqlite3
from dataclasses import astuple

from storage import codec
from storage.base import Amount, Choices, Spent
from storage.sql_moves import current

Connection = sqlite3.Connection


def choices(connection: Connection, conversation: str) -> Choices:
    """What is chosen for a conversation."""
    row = connection.execute(
        "SELECT model, system_prompt FROM conversations WHERE conversation = ?", (current(connection, conversation),)
    ).fetchone()
    return Choices(*row) if row else Choices()


def choose(connection: Connection, conversation: str, *, model: str | None, system_prompt: str | None) -> None:
    """Remember what is chosen; None leaves it as it is."""
    conversation = current(connection, conversation)
    connection.execute("INSERT INTO conversations (conversation) VALUES (?) ON CONFLICT DO NOTHING", (conversation,))
    prompt = system_prompt if system_prompt is None else codec.storable(system_prompt)
    connection.execute(
        "UPDATE conversations SET model = coalesce(?, model), system_prompt = coalesce(?, system_prompt)"
        " WHERE conversation = ?",
        (model, prompt, conversation),
    )


def used(connection: Connection, day: str, who: str) -> Amount:
    """What somebody, or everybody, used on a day."""
    row = connection.execute(
        "SELECT coalesce(sum(messages), 0), coalesce(sum(images), 0), coalesce(sum(input_tokens), 0),"
        " coalesce(sum(output_tokens), 0) FROM usage WHERE day = :day AND (:who = '' OR who = :who)",
        {"day": day, "who": who},
    ).fetchone()
    return Amount(*row)


def forget_usage(connection: Connection, who: str, before: str) -> None:
    """Delete what somebody used before that day."""
    connection.execute("DELETE FROM usage WHERE who = ? AND day < ?", (who, before))


def spend(connection: Connection, spent: Spent) -> None:
    """Add an amount to what somebody used on a day."""
    connection.execute(
        "INSERT INTO usage (day, who, messages, images, input_tokens, output_tokens) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (day, who) DO UPDATE SET messages = messages + excluded.messages,"
        " images = images + excluded.images, input_tokens = input_tokens + excluded.input_tokens,"
        " output_tokens = output_tokens + excluded.output_tokens",
        (spent.day, spent.who, *astuple(spent.amount)),
    )
