"""What handlers work with, and what they give back."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from chat.commands import Command
from chat.incoming import Address, Incoming
from chat.messages import Message
from chat.replies import Final, ReplyState
from handlers.access import Access
from handlers.settings import LimitsSettings, ModelSettings
from messengers.base import Chat
from messengers.live_reply import LiveReply
from providers.base import Provider
from storage.base import Store, Turn
from texts import Language, Texts


@dataclass(frozen=True, slots=True)
class Model:
    """A model that people may use: its name in the config, its settings, and who answers."""

    name: str
    settings: ModelSettings
    provider: Provider


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a handler gives back: the answer in its final form (None: nothing to say) and what the history becomes."""

    final: Final | None = None
    reply: ReplyState = field(default_factory=ReplyState)
    history: Sequence[Message] = ()
    failed: bool = False
    again: Turn | None = None  # a reopened turn, to be run once more


@dataclass(frozen=True, slots=True)
class Running:
    """A reply that is being made."""

    turn: int
    incoming: Incoming
    live: LiveReply


@dataclass(frozen=True, slots=True)
class Services:
    """What every handler may use; put together in bot.py."""

    store: Store
    texts: Texts
    access: Access
    limits: LimitsSettings
    models: Mapping[str, Model]
    system_prompt: str
    timezone: ZoneInfo
    open_chat: Callable[[Address], Chat]
    delivered: Callable[[str], Awaitable[None]]  # waits for a conversation's earlier answers
    running: dict[int, Running] = field(default_factory=dict)

    def language(self, incoming: Incoming) -> Language:
        """The language of whoever this is from."""
        return self.texts.of(incoming.sender.language)

    def model_of(self, conversation: str) -> Model:
        """The model that a conversation uses: the first of the config, until people can choose."""
        del conversation
        return next(iter(self.models.values()))

    def may_command(self, who: Incoming, asked: Incoming) -> bool:
        """Whether `who` may stop or retry the answer to `asked`: its asker, at the same place, or an admin."""
        same = who.sender.id == asked.sender.id and who.address.conversation == asked.address.conversation
        return same or self.access.is_admin(who)


Handler = Callable[[Turn, Services], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True)
class Registration:
    """A command and who handles it."""

    command: Command
    handle: Handler
