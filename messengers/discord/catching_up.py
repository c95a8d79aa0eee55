"""Messages that were missed while there was no session: only a channel's history has them."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from messengers.base import MessengerError, PlaceGone, Refused, SlowDown
from messengers.discord.calls import Rest
from messengers.discord.client import MALFORMED
from messengers.discord.places import Places

log = logging.getLogger(__name__)

Json = Mapping[str, Any]
T = TypeVar("T")

PAGE, MOST = 100, 500  # messages that one call gives; of a place, the newest ones
OLDEST_SECONDS = 24 * 3600.0
# Commands don't wait for messages: one may have been stored while a message before it still was to be. What is fetched
# twice, the store drops.
OVERLAP_SECONDS = 5.0
ATTEMPTS, LONGEST_PAUSE_SECONDS = 7, 30.0  # a minute and a half
AT_ONCE = 4  # calls at the same time
DISCORDS_EPOCH = 1_420_070_400  # Unix seconds where ids begin to count


class CatchingUp:
    """Asks places for what came after the last message that was seen of them."""

    def __init__(self, rest: Rest, places: Places, now: Callable[[], float] = time.time) -> None:
        self._rest = rest
        self._places = places
        self._now = now
        self._members: dict[tuple[str, str], Json | None] = {}  # by guild and user
        self._some_at_once = asyncio.Semaphore(AT_ONCE)

    def begin(self) -> None:
        """A new session: what is known of members may have changed."""
        self._members.clear()

    async def missed(self, place: str, after: int) -> Sequence[Json]:
        """The messages of a place that came after that one, oldest first, as the gateway would have told them."""
        found = await self._patiently(partial(self._found, place, after), f"what was missed at channel {place}")
        return found or ()

    async def member(self, guild: str, user: str) -> Json | None:
        """Somebody as a member of a guild, which messages of a history don't tell; None where that can't be had."""
        if (guild, user) not in self._members:
            path = f"/guilds/{guild}/members/{user}"
            found = await self._patiently(partial(self._rest.told, path), "the roles of a member")
            self._members[guild, user] = found
        return self._members[guild, user]

    async def _patiently(self, ask: Callable[[], Awaitable[T]], what: str) -> T | None:
        """Ask again where that fails: what isn't found now is never asked for again."""
        for attempt in range(ATTEMPTS):
            try:
                async with self._some_at_once:
                    return await ask()
            except (Refused, PlaceGone) as refusal:
                log.info("Discord doesn't tell %s: %s", what, refusal)
                return None
            except (MessengerError, *MALFORMED) as failure:
                log.warning("%s can't be asked for at Discord: %s", what, failure)
                pause = min(LONGEST_PAUSE_SECONDS, 2.0**attempt)
                await asyncio.sleep(failure.retry_after if isinstance(failure, SlowDown) else pause)
        return None

    async def _found(self, place: str, seen: int) -> Sequence[Json]:
        after = max(before(seen), snowflake(self._now() - OLDEST_SECONDS))
        try:
            history = await self._history(place, after)
            missed = sorted((each for each in history if int(each["id"]) != seen), key=lambda each: int(each["id"]))
            if not missed:
                return ()
            channel = await self._rest.told(f"/channels/{place}")
        except PlaceGone:
            self._places.gone(place)
            return ()
        self._places.channel(channel)
        guild = {"guild_id": channel["guild_id"]} if channel.get("guild_id") else {}
        return [{**message, **guild} for message in missed]

    async def _history(self, place: str, after: int) -> list[Json]:
        """What came after that, newest first, page by page.

        Asked for what comes "after" a message, Discord would give the oldest ones: in a lively channel those that were
        seen while the bot was there, and that weren't meant for it.
        """
        history: list[Json] = []
        path = f"/channels/{place}/messages?limit={PAGE}"
        while len(history) < MOST:
            page = await self._rest.listed(path + (f"&before={history[-1]['id']}" if history else ""))
            later = [each for each in page if int(each["id"]) > after]
            history += later
            if len(later) < PAGE:
                break
        return history


def before(message: int) -> int:
    """The id that the time a little before a message has."""
    return max(0, message - (int(OVERLAP_SECONDS * 1000) << 22))


def snowflake(at: float) -> int:
    """The lowest id of that time (Unix seconds)."""
    return max(0, int((at - DISCORDS_EPOCH) * 1000)) << 22
