"""`conversation: chain`: a history of its own for each chain of replies, walked back from message to message."""

import asyncio
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from chat.messages import Message, Role
from messengers.base import MessengerError
from messengers.discord.contents import name_of, words_of

Json = Mapping[str, Any]
Fetch = Callable[[str, str], Awaitable[Json]]  # channel, message → the message; raises MessengerError

LONGEST = 50  # messages of a chain that a model is told of
REMEMBERED = 2000  # messages, with their text
BRANCHES = 20_000
UNREADABLE = "[a message that can't be read any more]"  # to the model
SECONDS = 20.0  # to walk a chain back; what came until then is told


@dataclass(frozen=True, slots=True)
class Link:
    """A message of a chain: who said what, and the message that it answers ("" = it begins the chain).

    `command`: the command that it answers, which is no message.
    """

    role: Role
    text: str
    answers: str
    command: str = ""


class Chains:
    """Which chain a message belongs to, and what was said in it. Chains are named by their first message."""

    def __init__(self, fetch: Fetch) -> None:
        self.bot_id = ""  # known once the bot is logged in
        self._fetch = fetch
        self._branches: OrderedDict[str, str] = OrderedDict()
        self._links: OrderedDict[str, Link] = OrderedDict()

    def branch_of(self, message: str) -> str:
        """The chain that a message belongs to; "" where that isn't known."""
        return self._branches.get(message, "")

    def note(self, message: str, branch: str) -> None:
        """A message was said in this chain."""
        _keep(self._branches, message, branch, BRANCHES)

    def see(self, message: Json) -> None:
        """A message came by, or was changed: it needn't be asked for later."""
        if "author" in message and "content" in message:
            _keep(self._links, str(message["id"]), self._link(message), REMEMBERED)

    async def branch_for(self, message: Json) -> str:
        """The chain of a message that just came in; one that answers nothing begins a new one."""
        name = step = str(message["id"])
        answers = answered_by(message)
        if answers and not self.branch_of(answers):
            walked = await self._walk(str(message["channel_id"]), answers)
            step = (walked[-1][1].command or walked[-1][0]) if walked else answers
        branch = self.branch_of(answers) or self.branch_of(step) or step
        self.note(name, branch)
        return branch

    async def earlier(self, channel: str, message: str) -> list[Message] | None:
        """What was said in the chain before this message, oldest first. A message that is gone ends the walk.

        None where the chain begins with a command: what was asked by it is no message, only the store has it.
        """
        links = [link for _, link in await self._walk(channel, message)][1:]
        if links and links[-1].command:
            return None
        if links and links[-1].role == "assistant":  # as an answer to nothing, it would be left out
            links.append(Link("user", UNREADABLE, ""))
        told = groupby(reversed(links), key=lambda link: link.role)
        merged = [(role, "\n".join(link.text for link in said if link.text.strip())) for role, said in told]
        return [Message(role, text) for role, text in merged if text]

    async def _walk(self, channel: str, message: str) -> list[tuple[str, Link]]:
        """The chain from this message back to its beginning, as far as it can be had."""
        found: list[tuple[str, Link]] = []
        try:
            async with asyncio.timeout(SECONDS):
                while message and len(found) <= LONGEST:
                    link = self._links.get(message) or await self._asked(channel, message)
                    found.append((message, link))
                    message = link.answers
        except (MessengerError, TimeoutError, LookupError, TypeError):
            pass  # what is gone, or out of reach, ends the chain
        return found

    async def _asked(self, channel: str, message: str) -> Link:
        fetched = await self._fetch(channel, message)
        self.see(fetched)
        if answered := fetched.get("referenced_message"):
            self.see(answered)
        return self._links[message]

    def _link(self, message: Json) -> Link:
        author = message["author"]
        text = words_of({**message, "content": re.sub(rf"\s*<@!?{self.bot_id}>\s*", " ", message["content"])}).strip()
        if str(author["id"]) == self.bot_id:
            command = str((message.get("interaction_metadata") or {}).get("id") or "")
            return Link("assistant", text, answered_by(message), command)
        # as questions from among several people are put to the model
        said = f"{name_of(author, message.get('member'))}: {text}" if text else ""
        return Link("user", said, answered_by(message))


def answered_by(message: Json) -> str:
    """The id of the message that this one replies to; "" for none. A forwarded message is no reply."""
    reference = message.get("message_reference") or {}
    return "" if reference.get("type") else str(reference.get("message_id") or "")


def _keep(kept: OrderedDict[str, Any], key: str, value: object, most: int) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > most:
        kept.popitem(last=False)
