"""What the gateway's events mean: messages, interactions, and which places there are. Each is taken in at once."""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from hashlib import blake2b
from typing import Any

from chat.incoming import Address, Incoming, Left, Said, Sender, Unreadable
from messengers.base import Reception
from messengers.discord.answering import Answering
from messengers.discord.arrivals import Arrivals
from messengers.discord.calls import Rest
from messengers.discord.catching_up import CatchingUp
from messengers.discord.chains import Chains
from messengers.discord.client import MALFORMED
from messengers.discord.intake import Intake
from messengers.discord.interactions import Forms
from messengers.discord.places import Places
from messengers.discord.reading import Reader

log = logging.getLogger(__name__)

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Parts:
    """What events are understood and answered with."""

    rest: Rest
    answering: Answering
    forms: Forms
    chains: Chains | None
    places: Places
    reads_all: Callable[[], bool] = lambda: True  # whether the content of all messages is told


class Hearing:
    """Takes in events, as long as the messenger runs. `tasks`: what takes time is done beside."""

    def __init__(self, bot: str, parts: Parts, reception: Reception, tasks: asyncio.TaskGroup) -> None:
        self._bot = bot
        self._answering = parts.answering
        self._forms = parts.forms
        self._chains = parts.chains
        self._places = parts.places
        self._reception = reception
        self._tasks = tasks
        self._reader = Reader(bot, parts.places, parts.reads_all)
        self._intake = Intake(reception, tasks)
        self._catching_up = CatchingUp(parts.rest, parts.places)
        self._arrivals = Arrivals()

    def take(self, event: str, body: Any) -> None:
        """Take in an event. One that makes no sense is put aside, and stops nothing else."""
        try:
            self._sorted(event, body)
        except MALFORMED as error:
            self._put_aside(event, body, error)

    def _sorted(self, event: str, body: Any) -> None:
        match event:
            case "MESSAGE_CREATE":
                self._message(body)
            case "MESSAGE_UPDATE" if self._chains:
                self._chains.see(body)
            case "INTERACTION_CREATE":
                self._tasks.create_task(self._interaction(body), name="discord interaction")
            case "READY":  # a new session: what came before it was told to nobody
                self._catching_up.begin()
                for place, after in reversed(self._places.seen.items()):  # where people talked last comes first
                    self._intake.put(place, partial(self._catch_up, place, after))
                self._arrivals.expect(str(guild["id"]) for guild in body.get("guilds") or ())
            case _:
                self._about_places(event, body)

    def _about_places(self, event: str, body: Any) -> None:
        match event:
            case "GUILD_CREATE":
                self._places.guild(body, self._bot)
                self._arrivals.came(str(body["id"]))
            case "THREAD_LIST_SYNC":
                self._places.channels(body.get("threads") or (), str(body["guild_id"]))
            case "THREAD_CREATE" | "THREAD_UPDATE":
                self._places.channel(body)
            case "THREAD_DELETE" | "CHANNEL_DELETE":
                self._leave(self._places.last_heard(place=str(body["id"])))
                self._places.gone(str(body["id"]))
            case "GUILD_DELETE":
                self._arrivals.came(str(body["id"]))
                if not body.get("unavailable"):
                    self._leave(self._places.last_heard(guild=str(body["id"])))
                    self._places.forget_guild(str(body["id"]))

    def _message(self, body: Json) -> None:
        place = str(body["channel_id"])
        self._places.passed(place, str(body["id"]))
        if self._chains:
            self._chains.see(body)
        if said := self._reader.read(body):
            self._note(said)
            self._intake.put(place, partial(self._hand_in, said, body))

    async def _hand_in(self, said: Said, body: Json) -> None:
        if self._chains and not said.address.private and not self._places.parent(said.address.place):
            try:
                branch = await self._chains.branch_for(body)
            except MALFORMED as error:
                return self._put_aside("MESSAGE_CREATE", body, error)
            said = replace(said, address=replace(said.address, branch=branch))
        await self._intake.hand_in(said)
        return None

    async def _catch_up(self, place: str, after: int) -> None:
        await self._arrivals.complete()
        for message in await self._catching_up.missed(place, after):
            try:
                said = self._reader.read(message)
                if said and (guild := message.get("guild_id")):
                    member = await self._catching_up.member(str(guild), said.sender.id)
                    said = self._reader.read({**message, "member": member}) or said
            except MALFORMED as error:
                self._put_aside("MESSAGE_CREATE", message, error)
            else:
                if said:
                    self._note(said)
                    await self._hand_in(replace(said, late=True), message)

    async def _interaction(self, body: Json) -> None:
        try:
            incoming = await self._answering.take(body, self._forms, self._reception)
        except MALFORMED as error:
            self._put_aside("INTERACTION_CREATE", body, error)
        else:
            if isinstance(incoming, Said):
                self._note(incoming)

    def _note(self, said: Said) -> None:
        """Where somebody who is let in talked to the bot, it listens from now on."""
        if {"guest", "closed"}.isdisjoint(said.address.within) and self._reception.welcomes(said):
            self._places.heard(said)

    def _leave(self, heard: list[tuple[Address, Sender]]) -> None:
        """The bot was taken away from these places, or they are gone."""
        for address, sender in heard:
            key = f"discord:{self._bot}:left:{address.place}:{time.time_ns()}"
            self._put(Left(address, sender, key))
            self._places.gone(address.place)

    def _put_aside(self, event: str, body: Any, error: Exception) -> None:
        log.warning("an event of Discord's (%s) makes no sense: %s", event, type(error).__name__)
        if event in {"MESSAGE_CREATE", "INTERACTION_CREATE"}:
            payload = json.dumps(body)
            name = blake2b(f"{event} {payload}".encode(), digest_size=12).hexdigest()
            key = f"discord:{self._bot}:{name}"
            self._put(Unreadable(Address("discord", "unreadable"), key, type(error).__name__, payload))

    def _put(self, incoming: Incoming) -> None:
        self._intake.put(incoming.address.place, partial(self._intake.hand_in, incoming))
