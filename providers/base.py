"""What every provider offers. These docstrings are the contract; tests/providers holds each provider to it."""

from collections.abc import AsyncIterable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol, Self, runtime_checkable

from chat.events import ReplyEvent
from chat.messages import Image, Message

JsonValue = None | bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"]

Lull = Callable[[], float]
"""For how many seconds from now nobody can be shown new text anyway: what comes meanwhile may be read in one go."""


def no_lull() -> float:
    """Every fragment is wanted as soon as it comes."""
    return 0.0


@dataclass(frozen=True, slots=True)
class ReplyRequest:
    """A question to a model: history and question in order (the last message is the question), system prompt apart.

    `parameters` go to the server as they are (`temperature`, `max_tokens`, …), so that new ones need no release.
    `attempts`: how many requests may be made for it, retries and fallbacks together. A provider itself makes one.
    `lull`: see `Lull`; for `providers.http`, which is the cheaper the more comes at once.
    """

    model: str
    messages: tuple[Message, ...]
    system: str = ""
    parameters: Mapping[str, JsonValue] = field(default_factory=dict)
    continues: bool = False  # the last message is the assistant's, cut short: go on with it (`Capabilities.continuing`)
    attempts: int = 1
    lull: Lull = no_lull


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a provider can do; what it can't is left out of the request by the caller."""

    history: bool = True
    system_prompt: bool = True
    streaming: bool = True
    vision: bool = False
    continuing: bool = False


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model that a provider offers, by the name that the provider takes."""

    name: str


@dataclass(frozen=True, slots=True)
class Status:
    """Something worth showing while no answer is there yet: a text key (`status.queued`) and its placeholders."""

    key: str
    arguments: Mapping[str, str] = field(default_factory=dict)


StatusSink = Callable[[Status], None]
THINKING = "status.thinking"  # the model reasons: there is an answer, but nothing of it to be shown
SUPPOSED = Status(THINKING, {"supposed": "nothing came yet"})  # nobody said so; it is what models do that are silent


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """A picture to be drawn: one at a time, so that each can be shown when it is ready. Sizes in pixels.

    `attempts`: how many requests may be made for it, as in `ReplyRequest`; `again` is called for each after the first,
    so that one budget can be for several pictures.
    """

    model: str
    prompt: str
    width: int = 1024
    height: int = 1024
    seed: int | None = None
    parameters: Mapping[str, JsonValue] = field(default_factory=dict)
    attempts: int = 1
    again: Callable[[], None] = field(default=lambda: None, compare=False)


@runtime_checkable
class ImageProvider(Protocol):
    """Somebody who draws."""

    async def draw(self, request: ImageRequest) -> Image:
        """One picture, its bytes checked to be one. Raises `ProviderError`."""
        ...


class Provider(Protocol):
    """Somebody who answers. An async context manager: its connections live from enter to exit."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        ...

    def stream_reply(
        self, request: ReplyRequest, status: StatusSink
    ) -> AbstractAsyncContextManager[AsyncIterable[ReplyEvent]]:
        """Ask, and stream the answer.

        Entering returns when the first of the answer's text is in hand: every refusal is raised there, as a
        `ProviderError`, so it is the only place to retry or fall back. "Queued", "the model is loading", "it thinks"
        (`THINKING`) go to `status` meanwhile.
        Iterating yields events as they come, `Completed` last; a stream cut before its end mark raises `CutOff`.
        Leaving, early or not, closes the connection, which makes the server stop.
        """
        ...

    async def models(self) -> Sequence[ModelInfo]:
        """What the server offers now. Raises `ProviderError`."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *exc: object) -> None: ...
