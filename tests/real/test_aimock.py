"""The OpenAI and Anthropic providers against aimock, a mock server for both protocols that isn't ours."""

import base64
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from chat import errors
from chat.errors import ProviderError
from chat.events import Completed, ReasoningDelta, ReplyEvent
from chat.messages import Image, Message
from providers.anthropic import Anthropic, AnthropicSettings
from providers.base import ImageRequest, Provider, ReplyRequest
from providers.openai import OpenAI, OpenAISettings
from tests.providers.asking import KEY, all_events, read_into, text_of
from tests.real.conftest import installed_from_npm
from tests.real.programs import free_port, running
from tests.real.promises import answers_side_by_side, answers_whole, is_unreachable, lists
from tests.servers.model_images import tiny_png

pytestmark = [pytest.mark.real, pytest.mark.timeout(200)]

VERSION = "1.43.0"
TEXT = "Привет! ha ha ha [1, 2] done 👋"
LISTED = {"openai": "gpt-4o", "openrouter": "openai/gpt-4o", "anthropic": "claude-3-5-sonnet-20241022"}


def fixture(question: str, response: dict[str, Any], **options: Any) -> dict[str, Any]:
    """An answer of aimock's to the questions that hold this word. Pieces of 6 UTF-16 units cut the emoji in two."""
    return {"match": {"userMessage": question}, "response": response, "chunkSize": 6, **options}


def error(status: int, kind: str, message: str, **more: Any) -> dict[str, Any]:
    return {"status": status, "error": {"type": kind, "message": message}, **more}


ANSWERS = [
    fixture("hello", {"content": TEXT}),
    fixture("think", {"content": "Answer 42", "reasoning": "let me think"}),
    fixture("truncated", {"content": "one two three four"}, truncateAfterChunks=3, latency=20),
    fixture("too many", error(429, "rate_limit_error", "Rate limited", retryAfter=7)),
    fixture("busy", error(529, "overloaded_error", "Overloaded")),
    fixture("endless", error(400, "invalid_request_error", "prompt is too long: 9 tokens > 8 maximum")),
    fixture("limit", {"content": "cut by length", "finishReason": "length"}),
    {
        "match": {"userMessage": "a cat", "endpoint": "image"},
        "response": {"image": {"b64Json": base64.b64encode(tiny_png()).decode()}},
    },
]


@dataclass(frozen=True)
class Server:
    """aimock, running."""

    url: str

    def provider(self, protocol: str, key: str = KEY) -> Provider:
        """A provider of that protocol; "openrouter" is the preset, at the place where aimock does as OpenRouter."""
        if protocol == "anthropic":
            return Anthropic("real", AnthropicSettings.model_validate({"base_url": self.url, "api_key": key}))
        place = {"openai": ("", f"{self.url}/v1"), "openrouter": ("openrouter", f"{self.url}/api/v1")}[protocol]
        settings = {"preset": place[0], "base_url": place[1], "api_key": key}
        return OpenAI("real", OpenAISettings.model_validate(settings))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    program = installed_from_npm("@copilotkit/aimock", VERSION) / "dist" / "cli.js"
    folder, port = tmp_path_factory.mktemp("aimock"), free_port()
    (folder / "answers.json").write_text(json.dumps({"fixtures": ANSWERS}), encoding="utf-8")
    command = ["node", str(program), "-p", str(port), "-f", str(folder / "answers.json"), "--strict"]
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AIMOCK_API_KEYS", KEY)
        with running(command, port, "/health", folder / "log"):
            yield Server(f"http://127.0.0.1:{port}")


@pytest.fixture(params=["openai", "openrouter", "anthropic"])
def protocol(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def provider(server: Server, protocol: str, request: pytest.FixtureRequest) -> AsyncIterator[Provider]:
    name = str(request.node.name).partition("[")[0].removeprefix("test_").replace("_", " ")
    print(f"\n[real] aimock {VERSION}, {protocol}: {name}", flush=True)
    async with server.provider(protocol) as provider:
        yield provider


def ask(question: str, *images: Image) -> ReplyRequest:
    history = (Message("user", "one"), Message("assistant", "two"))
    return ReplyRequest("a-model", (*history, Message("user", question, images)), "Be brief.")


async def test_an_answer_comes_whole_with_its_split_emoji_joined(provider: Provider) -> None:
    assert text_of(await answers_whole(provider, ask("hello", Image(tiny_png(), "image/png")))) == TEXT


async def test_several_questions_at_once_are_answered_each(provider: Provider) -> None:
    await answers_side_by_side(provider, ask("hello"), ask("limit"))


async def test_thinking_is_kept_apart_from_the_answer(provider: Provider) -> None:
    events = await answers_whole(provider, ask("think"))
    assert "".join(event.text for event in events if isinstance(event, ReasoningDelta)) == "let me think"
    assert text_of(events) == "Answer 42"


async def test_a_truncated_answer_gives_its_words_and_is_cut_off(provider: Provider) -> None:
    events: list[ReplyEvent] = []
    with pytest.raises(errors.CutOff):
        await read_into(events, provider, ask("truncated"))
    assert "one two three four".startswith(text_of(events))


async def test_an_answer_cut_by_a_limit_says_so(provider: Provider) -> None:
    last = (await answers_whole(provider, ask("limit")))[-1]
    assert isinstance(last, Completed)
    assert last.reason == "length"


@pytest.mark.parametrize(
    ("question", "kind"),
    [("too many", errors.RateLimited), ("busy", errors.Overloaded), ("endless", errors.ContextTooLong)],
)
async def test_refusals_are_told_as_what_they_are(provider: Provider, question: str, kind: type[ProviderError]) -> None:
    with pytest.raises(ProviderError) as raised:
        await all_events(provider, ask(question))
    assert type(raised.value) is kind
    assert raised.value.retry_after == (7 if kind is errors.RateLimited else None)


async def test_models_are_listed(provider: Provider, protocol: str) -> None:
    await lists(provider, LISTED[protocol])


async def test_a_wrong_key_is_a_bad_key_that_is_not_told(server: Server, protocol: str) -> None:
    async with server.provider(protocol, key="sk-wrong-9876543210") as provider:
        with pytest.raises(errors.BadKey) as raised:
            await all_events(provider, ask("hello"))
    assert "sk-wrong" not in raised.value.details


async def test_nobody_there_is_unreachable(protocol: str) -> None:
    await is_unreachable(Server(f"http://127.0.0.1:{free_port()}").provider(protocol), ask("hello"))


async def test_a_picture_is_drawn(server: Server) -> None:
    async with server.provider("openai") as provider:
        assert isinstance(provider, OpenAI)
        assert await provider.draw(ImageRequest("gpt-image-1", "a cat")) == Image(tiny_png(), "image/png")
