"""The update queue of the stand-in Telegram: what getUpdates hands out, confirms, expires and refuses."""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from tests.servers.telegram_text import ApiError, Json

UPDATE_SECONDS = 24 * 3600.0
CALLBACK_SECONDS = 150.0  # after that a press can't be answered any more, and isn't handed out
NOT_BY_DEFAULT = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
CONFLICT = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
WEBHOOK_ACTIVE = (
    "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
)


@dataclass(frozen=True, slots=True)
class Update:
    """An update that waits to be confirmed: handed out until an `offset` above its id is asked for."""

    id: int
    body: Json
    expires_at: float


class Updates:
    """What happened and isn't confirmed yet. `handed_out` and `expired` are the record: update ids, in order."""

    def __init__(self, now: Callable[[], float], first_id: int = 1000) -> None:
        self._now = now
        self._next_id = first_id
        self._waiting: list[Update] = []
        self._poll: asyncio.Future[None] | None = None
        self._allowed: frozenset[str] = frozenset()
        self.webhook = ""  # the address that another program has the updates sent to; they wait here all the same
        self.handed_out: list[int] = []
        self.confirmed: list[int] = []
        self.expired: list[int] = []
        self.dropped: list[int] = []
        self.conflicts = 0

    def push(self, kind: str, body: Json) -> int | None:
        """A new update, dated now; its id, or None where the bot's `allowed_updates` leave this kind out."""
        wanted = kind in self._allowed if self._allowed else kind not in NOT_BY_DEFAULT
        if not wanted:
            return None
        lifetime = CALLBACK_SECONDS if kind == "callback_query" else UPDATE_SECONDS
        return self.push_raw({kind: body}, lifetime)

    def push_raw(self, update: Json, lifetime: float = UPDATE_SECONDS) -> int:
        """Any update at all, however malformed; an `update_id` is put in where there is none."""
        number = update.get("update_id", self._next_id)
        if isinstance(number, int):
            self._next_id = max(self._next_id, number) + 1
        else:
            number = self._next_id
        self._waiting.append(Update(number, {"update_id": number, **update}, self._now() + lifetime))
        if self._poll and not self._poll.done():
            self._poll.set_result(None)
        return int(number)

    @property
    def unconfirmed(self) -> list[Json]:
        """What the bot hasn't confirmed yet."""
        self._expire()
        return [update.body for update in self._waiting]

    @property
    def polling(self) -> bool:
        """Whether a long poll waits right now."""
        return self._poll is not None

    def drop_all(self) -> None:
        """What `drop_pending_updates` does."""
        self.dropped += [update.id for update in self._waiting]
        self._waiting.clear()

    def allow(self, kinds: Collection[str]) -> None:
        """Which kinds are kept from now on; none = all but the rare ones."""
        self._allowed = frozenset(kinds)

    async def poll(self, offset: int, limit: int, timeout: float) -> list[Json]:
        """getUpdates: confirm what is below `offset`, then wait up to `timeout` seconds for something to hand out."""
        if self.webhook:
            raise ApiError(409, WEBHOOK_ACTIVE)
        if self._poll and not self._poll.done():
            self._poll.set_exception(ApiError(409, CONFLICT))
            self.conflicts += 1
        self._confirm(offset)
        if not self.unconfirmed and timeout > 0:
            await self._wait(timeout)
        batch = self.unconfirmed[: max(1, min(limit, 100))]
        self.handed_out += [update["update_id"] for update in batch]
        return batch

    async def _wait(self, timeout: float) -> None:
        self._poll = mine = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(timeout):
                await mine
        except TimeoutError:
            return
        finally:
            if self._poll is mine:
                self._poll = None

    def _confirm(self, offset: int) -> None:
        if offset < 0 and self._waiting:
            offset = self._waiting[max(0, len(self._waiting) + offset)].id
        self.confirmed += [update.id for update in self._waiting if update.id < offset]
        self._waiting = [update for update in self._waiting if update.id >= offset]

    def _expire(self) -> None:
        now = self._now()
        self.expired += [update.id for update in self._waiting if update.expires_at <= now]
        self._waiting = [update for update in self._waiting if update.expires_at > now]


def list_of_kinds(value: Any) -> list[str]:
    """`allowed_updates` as sent; anything that isn't a list of names counts as none."""
    return [kind for kind in value if isinstance(kind, str)] if isinstance(value, list) else []
