"""The messengers' stand-ins as the bench uses them: where chats ask, what they showed when, what the bot called.

Chats are named by numbers, and made when they are first used.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self

from bench.scenarios import Scenario
from tests.servers.discord_server import NO_RATES, Channel, DiscordServer, RateRules
from tests.servers.telegram import NO_FLOOD, Chat, TelegramServer

Json = dict[str, Any]


class Version(Protocol):
    """What a message showed from `at` on."""

    @property
    def at(self) -> float: ...

    @property
    def text(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Made:
    """One call of the bot that concerns a chat: "send", "edit" or "typing", or as the messenger calls it."""

    at: float
    chat: int
    kind: str


class Side(Protocol):
    """One messenger's stand-in; a context manager."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    def config(self) -> Json:
        """The messenger's section in the bot's config."""
        ...

    def listening(self) -> bool:
        """Whether the bot would hear of what is said now."""
        ...

    def ask(self, number: int, text: str) -> None:
        """Somebody asks in that chat, so that the bot answers."""
        ...

    def finished(self, number: int) -> bool:
        """Whether an answer is there without its Stop button."""
        ...

    def versions(self, number: int) -> Iterable[Version]:
        """All that the bot's messages ever showed there."""
        ...

    def text(self, number: int) -> str:
        """What the bot's messages say now."""
        ...

    def made_calls(self) -> Iterator[Made]:
        """What the bot did in chats so far, in order."""
        ...

    def refusals(self) -> int:
        """How many calls were answered with 429 so far."""
        ...

    def calm(self) -> None:
        """From now on everything is allowed."""
        ...

    def writing(self, number: int) -> Json:
        """What `bench.floor` needs to write into that chat: the addresses of its calls, and their fields."""
        ...


class _Places:
    """What the bot's messages show, by the chats' numbers."""

    def _place(self, number: int) -> Chat | Channel:
        raise NotImplementedError

    def finished(self, number: int) -> bool:
        messages = self._place(number).messages
        return bool(messages) and not messages[-1].labels

    def versions(self, number: int) -> Iterable[Version]:
        return [version for message in self._place(number).history for version in message.versions]

    def text(self, number: int) -> str:
        return self._place(number).shown_text()


class TelegramSide(_Places, TelegramServer):
    """Private chats, or groups with one asker each."""

    KINDS: Mapping[str, str] = {"sendMessage": "send", "editMessageText": "edit", "sendChatAction": "typing"}

    def __init__(self, scenario: Scenario, clock: Callable[[], float]) -> None:
        super().__init__(clock=clock, flood=scenario.flood)
        self._groups = scenario.groups
        self._only_new = scenario.flood.overall_counts is not None
        self._numbers: dict[int, int] = {}  # by the chat's id

    def config(self) -> Json:
        limit = "messages" if self._only_new else "calls"
        return {"telegram": {"token": self.token, "api_base_url": self.base_url, "overall_limit": limit}}

    def listening(self) -> bool:
        return True  # what is said is kept until it is asked for

    def _place(self, number: int) -> Chat:
        chat = (
            self.group(-1_000_000_000_000 - 2000 - number)
            if self._groups
            else self.private(2000 + number, f"P{number}")
        )
        self._numbers[chat.id] = number
        return chat

    def ask(self, number: int, text: str) -> None:
        chat = self._place(number)
        if self._groups:
            chat.say(f"@{self.bot.username} {text}", user=self.person(2000 + number, f"P{number}"))
        else:
            chat.say(text)

    def made_calls(self) -> Iterator[Made]:
        for call in self.calls:
            if call.chat in self._numbers:
                yield Made(call.at, self._numbers[call.chat], self.KINDS.get(call.method, call.method))

    def refusals(self) -> int:
        return len(self.flood.refusals)

    def calm(self) -> None:
        self.flood.rules = NO_FLOOD

    def writing(self, number: int) -> Json:
        base = f"{self.base_url}/bot{self.token}"
        return {
            "send": ("POST", f"{base}/sendMessage"),
            "edit": ("POST", f"{base}/editMessageText"),
            "fields": {"chat_id": self._place(number).id},
            "text": "text",
            "headers": {},
        }


class DiscordSide(_Places, DiscordServer):
    """Channels of one guild, with one asker each."""

    KINDS: Mapping[str, str] = {
        "POST /channels/{channel}/messages": "send",
        "PATCH /channels/{channel}/messages/{message}": "edit",
        "POST /channels/{channel}/typing": "typing",
    }

    def __init__(self, scenario: Scenario, clock: Callable[[], float]) -> None:
        super().__init__(clock=clock, rates=RateRules())
        self._channels = {number: self.channel(f"c{number}") for number in range(-1, 2 * scenario.most)}
        self._numbers = {channel.id: number for number, channel in self._channels.items()}

    def config(self) -> Json:
        return {
            "discord": {"token": self.token, "api_base_url": self.rest_url, "gateway_url": self.gateway_url},
        }

    def listening(self) -> bool:
        return self.ready

    def _place(self, number: int) -> Channel:
        return self._channels[number]

    def ask(self, number: int, text: str) -> None:
        self.person(f"P{number}").say(self._place(number), text, mention_bot=True)

    def made_calls(self) -> Iterator[Made]:
        for call in self.calls:
            if call.channel in self._numbers:
                yield Made(call.at, self._numbers[call.channel], self.KINDS.get(call.route, call.route))

    def refusals(self) -> int:
        return len(self.rates.refusals)

    def calm(self) -> None:
        self.rates.rules = NO_RATES

    def writing(self, number: int) -> Json:
        messages = f"{self.rest_url}/channels/{self._place(number).id}/messages"
        return {
            "send": ("POST", messages),
            "edit": ("PATCH", messages + "/{message}"),
            "fields": {},
            "text": "content",
            "headers": {"Authorization": f"Bot {self.token}"},
        }
