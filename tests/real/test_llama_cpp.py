"""The OpenAI and Anthropic providers against the real llama.cpp server, which speaks both, with a tiny random model."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from chat.errors import ContextTooLong
from chat.events import Completed, TextDelta
from chat.messages import Message
from providers.anthropic import Anthropic, AnthropicSettings
from providers.base import JsonValue, Provider, ReplyRequest
from providers.local import Candidate, Found, local_servers
from providers.openai import OpenAI, OpenAISettings
from tests.providers.asking import all_events, no_status
from tests.real.conftest import installed
from tests.real.programs import free_port, running
from tests.real.promises import answers_side_by_side, answers_whole, is_unreachable, lists
from tests.real.venvs import version_of

pytestmark = [pytest.mark.real, pytest.mark.timeout(400)]

REQUIREMENTS = ("xllamacpp==2026.10.11549", "gguf==0.19.0")


@dataclass(frozen=True)
class Server:
    """llama.cpp, running."""

    url: str
    version: str = ""

    def provider(self, protocol: str) -> Provider:
        if protocol == "anthropic":
            return Anthropic("real", AnthropicSettings.model_validate({"base_url": self.url}))
        settings = {"preset": "llama.cpp", "base_url": f"{self.url}/v1"}
        return OpenAI("real", OpenAISettings.model_validate(settings))

    async def busy(self) -> bool:
        """Whether it is making an answer, as it says itself."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}/slots") as answer:
            return any(slot["is_processing"] for slot in json.loads(await answer.text()))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    python = installed("llama-cpp", *REQUIREMENTS)
    folder, port = tmp_path_factory.mktemp("llama"), free_port()
    source = Path(__file__).with_name("llama_server.py")
    command = [str(python), str(source), "--port", str(port), "--model", str(folder / "tiny.gguf")]
    with running(command, port, "/health", folder / "log"):
        yield Server(f"http://127.0.0.1:{port}", version_of(python, "xllamacpp"))


@pytest.fixture(params=["openai", "anthropic"])
def protocol(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def provider(server: Server, protocol: str, request: pytest.FixtureRequest) -> AsyncIterator[Provider]:
    name = str(request.node.name).partition("[")[0].removeprefix("test_").replace("_", " ")
    print(f"\n[real] llama.cpp (xllamacpp {server.version}), {protocol}: {name}", flush=True)
    async with server.provider(protocol) as provider:
        yield provider


def ask(text: str = "hi", **parameters: JsonValue) -> ReplyRequest:
    history = (Message("user", "one"), Message("assistant", "two"))
    return ReplyRequest("tiny", (*history, Message("user", text)), "Be brief.", parameters)


async def test_an_answer_comes_whole_and_says_that_it_was_cut_by_a_limit(provider: Provider) -> None:
    # By chance the first token is half a character; then llama.cpp leaves out its message_start, and the count in it.
    events = await answers_whole(provider, ask(max_tokens=12, ignore_eos=True, temperature=0))
    last = events[-1]
    assert isinstance(last, Completed)
    assert last.reason == "length"
    assert last.usage is not None
    assert last.usage.input_tokens > 10
    assert last.usage.output_tokens == 12
    assert len([event for event in events if isinstance(event, TextDelta)]) > 3


async def test_several_questions_at_once_are_answered_each(provider: Provider) -> None:
    """On connections of their own: it closes those that it promised to keep a few milliseconds after an answer."""
    await answers_side_by_side(provider, *(ask(text, max_tokens=12, ignore_eos=True) for text in ("hi", "there")))


async def test_a_question_that_is_too_long_is_told_as_that(provider: Provider) -> None:
    with pytest.raises(ContextTooLong):
        await all_events(provider, ask("too long " * 2000, max_tokens=5))


async def test_stopping_frees_the_model_within_a_second(provider: Provider, server: Server) -> None:
    endless = ask(max_tokens=-1, ignore_eos=True) if isinstance(provider, OpenAI) else ask(max_tokens=10**7)
    async with provider.stream_reply(endless, no_status) as events:
        await anext(aiter(events))
    async with asyncio.timeout(1):
        while await server.busy():
            await asyncio.sleep(0.02)


async def test_models_are_listed(provider: Provider) -> None:
    await lists(provider, "tiny")


async def test_an_answer_can_be_gone_on_with(server: Server) -> None:
    said = (Message("user", "Tell"), Message("assistant", "Once upon "))
    async with server.provider("anthropic") as provider:
        await answers_whole(provider, ReplyRequest("tiny", said, parameters={"max_tokens": 8}, continues=True))


async def test_it_is_found_on_this_computer(server: Server) -> None:
    url = f"{server.url}/v1"
    assert await local_servers([Candidate("llama.cpp", url)]) == [Found("llama.cpp", url, ("tiny",))]


async def test_nobody_there_is_unreachable(protocol: str) -> None:
    await is_unreachable(Server(f"http://127.0.0.1:{free_port()}").provider(protocol), ask())
