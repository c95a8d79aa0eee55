"""The stand-in Telegram as a process of its own, steered over HTTP: POST /control/VERB with a JSON object.

private group      {user_id, first_name, language_code} | {chat_id, title, topics}: makes the chat
say press          {chat, text, user, thread, reply_to} | {chat, message, button, data, user}; user: {id, first_name}
block unblock      {chat}
delete             {chat, message}: as a person deletes it
stop_generation    {chat}: Telegram's own Stop button under the draft
knows              {drafts, rich}: whether the server has such methods
push               {update}: any update, however malformed
fault              {method, fault: {kind, seconds, applied}, chat}: the next call fails
random_faults      {rates: [[fault, probability], …], seed, methods}; calm ends all faults
flood advance      {rules of FloodRules} | {seconds}
chat calls record  {chat}: all versions of all messages | all calls | faults, refusals, updates
"""

import asyncio
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

from aiohttp import web

from tests.servers.control import add_control, read_arguments, serve
from tests.servers.telegram import TOKEN, TelegramServer
from tests.servers.telegram_faults import Fault
from tests.servers.telegram_text import Json
from tests.servers.telegram_world import Person


class ControlledTelegram(TelegramServer):
    """The stand-in with its control API on the same port."""

    def add_routes(self, app: web.Application) -> None:
        add_control(app, self, _VERBS)


def _user(wanted: Json) -> Person | None:
    return Person(**wanted["user"]) if wanted.get("user") else None


def _fault(wanted: Json) -> Fault:
    return Fault(wanted["kind"], wanted.get("seconds", 0.0), wanted.get("applied", False))


def _group(server: TelegramServer, wanted: Json) -> int:
    topics = {int(number): name for number, name in wanted.get("topics", {}).items()}
    return server.group(wanted["chat_id"], wanted.get("title", "Friends"), topics).id


def _say(server: TelegramServer, wanted: Json) -> int:
    chat, thread, reply_to = server.chats[wanted["chat"]], wanted.get("thread"), wanted.get("reply_to")
    return chat.say(wanted["text"], user=_user(wanted), thread=thread, reply_to=reply_to).id


def _press(server: TelegramServer, wanted: Json) -> str:
    chat = server.chats[wanted["chat"]]
    return chat.press(wanted["message"], wanted.get("button", 0), user=_user(wanted), data=wanted.get("data")).id


def _random_faults(server: TelegramServer, wanted: Json) -> None:
    rates = {_fault(fault): float(rate) for fault, rate in wanted["rates"]}
    server.faults.at_random(rates, seed=wanted.get("seed", 0), methods=wanted.get("methods"))


def _flood(server: TelegramServer, wanted: Json) -> None:
    counts = {"counts": frozenset(wanted["counts"])} if "counts" in wanted else {}
    server.flood.rules = replace(server.flood.rules, **{**wanted, **counts})


def _chat(server: TelegramServer, wanted: Json) -> Json:
    chat = server.chats[wanted["chat"]]
    messages = [
        {**asdict(replace(message, file=None)), "mine": message.sender == server.bot} for message in chat.everything
    ]
    drafts = [asdict(draft) for draft in chat.drafts]
    return {"shown": chat.shown_text(), "messages": messages, "actions": chat.actions, "drafts": drafts}


def _knows(server: TelegramServer, wanted: Json) -> None:
    server.api.drafts, server.api.rich = wanted.get("drafts", True), wanted.get("rich", True)


def _record(server: TelegramServer, _: Json) -> Json:
    updates = server.updates
    return {
        "injected": [{**asdict(one), "ambiguous": one.ambiguous} for one in server.faults.injected],
        "refusals": [asdict(refusal) for refusal in server.flood.refusals],
        "unconfirmed": [update["update_id"] for update in updates.unconfirmed],
        "confirmed": updates.confirmed,
        "expired": updates.expired,
        "conflicts": updates.conflicts,
    }


_VERBS: dict[str, Callable[[TelegramServer, Json], Any]] = {
    "private": lambda server, wanted: server.private(**wanted).id,
    "group": _group,
    "say": _say,
    "press": _press,
    "block": lambda server, wanted: server.chats[wanted["chat"]].block(_user(wanted)),
    "unblock": lambda server, wanted: server.chats[wanted["chat"]].unblock(_user(wanted)),
    "delete": lambda server, wanted: server.chats[wanted["chat"]].delete(wanted["message"]),
    "stop_generation": lambda server, wanted: server.chats[wanted["chat"]].stop_generation(),
    "knows": _knows,
    "push": lambda server, wanted: server.push_raw(wanted["update"]),
    "fault": lambda server, wanted: server.faults.next(
        wanted["method"], _fault(wanted["fault"]), chat=wanted.get("chat")
    ),
    "random_faults": _random_faults,
    "calm": lambda server, _: server.faults.stop(),
    "flood": _flood,
    "advance": lambda server, wanted: server.advance(wanted["seconds"]),
    "chat": _chat,
    "calls": lambda server, _: [asdict(call) for call in server.calls],
    "record": _record,
}


def main() -> None:
    """The command line."""
    chosen = read_arguments("A stand-in for Telegram's Bot API on loopback.", TOKEN)
    stand_in = ControlledTelegram(port=chosen.port, token=chosen.token)
    asyncio.run(serve(stand_in, lambda server: server.base_url))
