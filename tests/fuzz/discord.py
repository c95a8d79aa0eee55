"""Discord's events, bent, as the gateway hands them on; and a channel's history, as it is asked for."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from hypothesis import strategies as st

from messengers.base import MessengerError, Refused
from messengers.discord.answering import Answering
from messengers.discord.calls import Rest
from messengers.discord.chains import Chains
from messengers.discord.hearing import Hearing, Parts
from messengers.discord.interactions import Forms
from messengers.discord.places import Places
from tests.fuzz.discord_shapes import TREE, Json, Town
from tests.fuzz.kept import assert_kept, store
from tests.fuzz.target import Check, Target
from tests.fuzz.trees import bent
from tests.messengers.discord.incoming import FakeReception
from tests.virtual_time import run_virtual

TOWN = Town()
GUILD = TOWN.bodies("GUILD_CREATE")[0]["id"] if TOWN.bodies("GUILD_CREATE") else "77"
GOOD: Json = {"id": "999", "channel_id": "5", "content": "still here?", "type": 0}
GOOD |= {"author": {"id": "7", "username": "anna", "global_name": "Anna"}}


class History(Rest):
    """Discord's REST, which knows what was said in a channel, and refuses all else."""

    def __init__(self, messages: Sequence[Any] = ()) -> None:
        self._messages = list(messages)

    async def call(self, method: str, path: str, payload: object = None, files: Sequence[Any] = ()) -> Any:
        await asyncio.sleep(0)
        if "/messages?" in path:
            found, self._messages = self._messages, []
            return found
        if path.startswith("/channels/") and "/messages/" not in path:
            return {"id": path.rpartition("/")[2], "type": 0, "guild_id": GUILD}
        refusal: MessengerError = Refused("the stand-in has no more than that")
        raise refusal


async def heard(events: Sequence[Json], history: Sequence[Any], seen: dict[str, str]) -> FakeReception:
    """Take in events one after the other, as one session; what was handed in."""
    reception, rest, places = FakeReception(), History(history), Places(seen)
    chains = Chains(rest.message)
    chains.bot_id = str(TOWN.bot)
    forms = Forms(TOWN.application, TREE, places, chains=True)
    parts = Parts(rest, Answering(rest, TREE, TREE.texts), forms, chains, places)
    async with asyncio.TaskGroup() as tasks:
        hearing = Hearing(str(TOWN.bot), parts, reception, tasks)
        for event in events:
            hearing.take(event["t"], event["d"])
            await asyncio.sleep(0)
    return reception


@contextmanager
def session() -> Iterator[Check]:
    """A session that takes in what happened: it must go on, and all that it handed in must be kept."""
    with store() as connection:

        def check(example: Any) -> None:
            events, history, seen = json.loads(json.dumps(example))
            reception = run_virtual(heard([*events, {"t": "MESSAGE_CREATE", "d": GOOD}], history, seen))
            assert f"discord:{TOWN.bot}:999" in {each.key for each in reception.taken}, "what came then was not heard"
            for incoming in reception.taken:
                assert_kept(connection, incoming)

        yield check


def _named(trees: Sequence[Json]) -> Any:
    """Events of their own names: it is their bodies that are bent."""
    return st.builds(lambda name, body: {"t": name, "d": body}, st.just(trees[0]["t"]), bent([e["d"] for e in trees]))


EVENTS = st.one_of(
    [_named([e for e in TOWN.events if e["t"] == name]) for name in sorted({e["t"] for e in TOWN.events})]
)
MISSED = st.lists(bent(TOWN.bodies("MESSAGE_CREATE"), 2), max_size=4)
SEEN = st.just({"5": "10", str(TOWN.bodies("MESSAGE_CREATE")[0]["channel_id"]): "11"})

TARGETS = (
    Target(
        "discord-events",
        "an event of any shape is read, put aside or left alone; the session goes on, and what is handed in is kept",
        st.tuples(st.lists(EVENTS, min_size=1, max_size=4), st.just([]), st.just({})),
        session,
        100,
    ),
    Target(
        "discord-history",
        "a history of any shape, asked for by a new session, ends nothing; what is handed in is kept",
        st.tuples(st.just([{"t": "READY", "d": {}}]), MISSED, SEEN),
        session,
        60,
    ),
)
