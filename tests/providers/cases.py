"""The providers that the contract tests hold to their promises, each with a server of its kind to talk to.

A new provider is one line in `CASES`. What its protocol can't express is declared there with the reason, and shows
as a skipped test; everything else it has to keep.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from typing import Any, Literal, Protocol

import pytest

from chat.errors import Overloaded, ProviderError
from providers.anthropic import Anthropic, AnthropicSettings
from providers.any_llm import AnyLlm, AnyLlmSettings
from providers.base import Provider
from providers.huggingface import HuggingFace, HuggingFaceSettings
from providers.offline import Offline, OfflineSettings
from providers.wrappers import Candidate, Circuit, Fallback, Limited, Observed, Retrying
from tests.providers.asking import KEY, openai_at
from tests.providers.chat_uis import chat_ui_at
from tests.providers.gradios import GRADIO_CANNOT, make_gradio
from tests.servers.anthropic import AnthropicServer
from tests.servers.chat_ui import ChatUiServer
from tests.servers.gradio import GradioServer
from tests.servers.huggingface import HuggingFaceServer
from tests.servers.model import Answer, ModelServer, Request

# What a protocol may be unable to express; each is named by the tests that need it.
Ability = Literal[
    "a server",
    "a system prompt in the question",
    "a refusal with a status",
    "a time to wait",
    "an error in mid-answer",
    "an answer that ends without its connection",
    "an endless answer",
    "a huge event",
    "a page of HTML",
    "any text in any pieces",
    "halves of emoji",
    "a key",
    "a proxy of its own",
    "a listing that fails",
    "pictures",
]


class StandIn(Protocol):
    """A server on loopback that answers as it is told, as tests/servers/model.py does (see there)."""

    requests: list[Request]  # the questions, not what a protocol needs besides
    default: Answer
    rule: Callable[[Request], Answer | None]

    @property
    def url(self) -> str: ...

    def script(self, *answers: Answer) -> None: ...

    async def asked(self, count: int = 1, seconds: float = 5.0) -> Request: ...


class Make(Protocol):
    """Makes the provider for a server. It has the key `KEY`, if it has keys; `settings` are `HttpSettings`."""

    def __call__(self, server: StandIn, **settings: object) -> Provider: ...


@dataclass(frozen=True)
class Case:
    """A provider, and how to make it do things. `breaks`: what an error in mid-answer is told as."""

    make: Make
    server: Callable[[], AbstractAsyncContextManager[StandIn]] = ModelServer
    cannot: Mapping[Ability, str] = field(default_factory=dict)
    breaks: type[ProviderError] = Overloaded

    def needs(self, *abilities: Ability) -> None:
        """Skip the test if the protocol can't express one of them."""
        for ability in abilities:
            if ability in self.cannot:
                pytest.skip(f"without {ability}: {self.cannot[ability]}")


def make_openai(server: StandIn, **settings: object) -> Provider:
    assert isinstance(server, ModelServer)
    return openai_at(server, **settings)


def make_anthropic(server: StandIn, **settings: object) -> Provider:
    given = {"base_url": server.url, "api_key": KEY, **settings}
    return Anthropic("local", AnthropicSettings.model_validate(given))


def make_wrapped(server: StandIn, **settings: object) -> Provider:
    """In all its wrappers, as bot.py asks it."""
    limited = Limited(make_openai(server, **settings), 8)
    observed = Observed(Circuit(Retrying(limited)), "local", "main", lambda _: None)
    return Fallback([Candidate("main", observed)])


def make_offline(server: StandIn, **settings: object) -> Provider:
    """It has no server: the pace is the one thing that it takes of an answer."""
    return Offline("demo", OfflineSettings(words_per_second=server.default.words_per_second or 1e6))


def huggingface_at(server: StandIn, **settings: object) -> HuggingFace:
    assert isinstance(server, HuggingFaceServer)
    given = {"base_url": server.root, "hub_url": server.root, "api_key": KEY, **settings}
    return HuggingFace("local", HuggingFaceSettings.model_validate(given))


def make_huggingface_chat(server: StandIn, **settings: object) -> Provider:
    return huggingface_at(server, api="chat", **{"base_url": server.url, **settings})


def make_huggingface_tgi(server: StandIn, **settings: object) -> Provider:
    return huggingface_at(server, api="tgi", **settings)


def make_chat_ui(server: StandIn, **settings: Any) -> Provider:
    assert isinstance(server, ChatUiServer)
    return chat_ui_at(server, **settings)


def make_any_llm(server: StandIn, **settings: object) -> Provider:
    given = {"provider": "openai", "base_url": server.url, "api_key": KEY, **settings}
    return AnyLlm("local", AnyLlmSettings.model_validate(given))


_NOBODY = "it talks to nobody"
_OFFLINE: Mapping[Ability, str] = {
    "a server": _NOBODY,
    "any text in any pieces": "it says what it says",
}

# By the provider's `type` in the config; a second word tells apart what one type speaks.
CASES: Mapping[str, Case] = {
    "openai": Case(make_openai),
    "openai wrapped": Case(make_wrapped),
    "anthropic": Case(make_anthropic, AnthropicServer),
    "offline": Case(make_offline, cannot=_OFFLINE),
    "huggingface chat": Case(make_huggingface_chat, HuggingFaceServer),
    "huggingface tgi": Case(
        make_huggingface_tgi, HuggingFaceServer, cannot={"a listing that fails": "the known models stand in for it"}
    ),
    "chat_ui legacy": Case(
        make_chat_ui,
        partial(ChatUiServer, "legacy"),
        cannot={"a key": "it has none", "a listing that fails": "the documents' three models are the list"},
    ),
    "chat_ui modern": Case(
        make_chat_ui,
        partial(ChatUiServer, "modern"),
        cannot={"a key": "it has none", "a system prompt in the question": "it goes into the conversation"},
    ),
    "gradio pairs": Case(make_gradio, partial(GradioServer, "pairs"), cannot=GRADIO_CANNOT),
    "gradio parts": Case(make_gradio, partial(GradioServer, "parts"), cannot=GRADIO_CANNOT),
}

# Those that need a package which the tests' own environment doesn't have, by that package: they are held to the
# contract where it is installed, which tests/real/test_any_llm.py sees to.
OPTIONAL: Mapping[str, str] = {"any_llm": "any_llm"}
_ANY_LLM: Mapping[Ability, str] = {
    "a page of HTML": "its package takes it for an answer without an end",
    "a huge event": "its package reads lines of any length",
    "a proxy of its own": "it takes the environment's",
}
if find_spec(OPTIONAL["any_llm"]):
    CASES = {**CASES, "any_llm": Case(make_any_llm, cannot=_ANY_LLM)}
