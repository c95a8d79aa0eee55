"""What handlers work with, and what they give back."""

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from chat.incoming import Address, Incoming
from chat.messages import Message
from chat.replies import Final, ReplyState
from handlers.access import Access
from handlers.settings import ImageModelSettings, LimitsSettings, ModelSettings, RepliesSettings
from messengers.base import Chat
from messengers.live_reply import Settled
from providers.base import ImageProvider, Provider
from storage.base import Amount, Spent, Store, Turn
from texts import Language, Texts


@dataclass(frozen=True, slots=True)
class Model:
    """A model that people may use: its name in the config, its settings, and who answers."""

    name: str
    settings: ModelSettings
    provider: Provider


@dataclass(frozen=True, slots=True)
class ImageModel:
    """A model that draws."""

    name: str
    settings: ImageModelSettings
    provider: ImageProvider


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a handler gives back: the answer in its final form (None: nothing to say) and what the history becomes."""

    final: Final | None = None
    reply: ReplyState = field(default_factory=ReplyState)
    history: Sequence[Message] = ()
    failed: bool = False
    reason: str = ""  # why, for the operator: `overloaded: 503`
    spent: Spent | None = None
    again: Turn | None = None  # a reopened turn, to be run once more
    settled: Settled | None = None  # see `messengers.live_reply.Shown`


class Stoppable(Protocol):
    """What /stop and the Stop button end."""

    def stop(self) -> None:
        """End it here."""
        ...


@dataclass(frozen=True, slots=True)
class Running:
    """A reply that is being made, or prepared."""

    incoming: Incoming
    live: Stoppable


@dataclass(frozen=True, slots=True)
class Bot:
    """The parts of the program that outlive a reload of the config."""

    store: Store
    open_chat: Callable[[Address], Chat]
    delivered: Callable[[Address], Awaitable[None]]  # waits for the earlier answers of a conversation
    reload: Callable[[], Awaitable[Sequence[str]]]  # reads the config again; the faults, if it can't be used
    poll_ages: Callable[[], Mapping[str, float]]  # messenger → seconds since its server was heard
    reserved: Counter[tuple[str, str]] = field(default_factory=Counter)  # (who, kind) → what runs, and isn't spent yet
    running: dict[int, Running] = field(default_factory=dict)
    trouble: MutableMapping[str, str] = field(default_factory=dict)  # model → the text key of what is wrong with it
    started_at: float = field(default_factory=time.time)


@dataclass(frozen=True, slots=True)
class Services:
    """What every handler may use: the bot, and what the config makes of it. Put together in bot.py."""

    bot: Bot
    texts: Texts
    access: Access
    limits: LimitsSettings
    models: Mapping[str, Model]
    image_models: Mapping[str, ImageModel]
    prompts: Mapping[str, str]
    system_prompt: str
    timezone: ZoneInfo
    replies: RepliesSettings = field(default_factory=RepliesSettings)

    @property
    def store(self) -> Store:
        """What is remembered."""
        return self.bot.store

    def language(self, incoming: Incoming) -> Language:
        """The language of whoever this is from."""
        return self.texts.of(incoming.sender.language)

    async def model_of(self, room: str) -> Model:
        """The model that was chosen for a room; the config's first one, where that isn't there any more."""
        chosen = (await self.store.choices(room)).model
        return self.models.get(chosen) or next(iter(self.models.values()))

    def may_command(self, who: Incoming, asked: Incoming) -> bool:
        """Whether `who` may stop or retry the answer to `asked`: its asker, or an admin, in the same room."""
        here = self.in_one_room(who.address, asked.address)
        return here and (who.sender.id == asked.sender.id or self.access.is_admin(who))

    def in_one_room(self, here: Address, there: Address) -> bool:
        """Whether two addresses are of one room, also where the place has another name by now."""
        return self.access.moves.room(here) == self.access.moves.room(there)

    def owns(self, incoming: Incoming) -> bool:
        """Whether the sender decides about this conversation: an admin, or whoever a private chat is with."""
        return incoming.address.private or self.access.is_admin(incoming)

    def now(self) -> datetime:
        """The time where the bot is at home."""
        return datetime.now(self.timezone)

    def spent(self, incoming: Incoming, amount: Amount) -> Spent:
        """An amount that the sender used today."""
        return Spent(f"{self.now():%Y-%m-%d}", who(incoming), amount)


Handler = Callable[[Turn, Services], Awaitable[Outcome]]


def who(incoming: Incoming) -> str:
    """The sender as the store and the config name them: `telegram:1001`."""
    return f"{incoming.address.messenger}:{incoming.sender.id}"
