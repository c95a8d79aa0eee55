"""The OpenAI and Anthropic providers through the real LiteLLM proxy, which asks our stand-in model behind it."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest

from chat import errors
from chat.errors import ProviderError
from chat.events import Completed, ReasoningDelta, ReplyEvent, Usage
from chat.messages import Image, Message
from providers.anthropic import Anthropic, AnthropicSettings
from providers.base import Provider, ReplyRequest
from providers.openai import OpenAI, OpenAISettings
from tests.providers.asking import KEY, all_events, no_status, read_into, text_of
from tests.real.conftest import installed
from tests.real.programs import free_port, running
from tests.real.promises import answers_side_by_side, answers_whole, is_unreachable, lists
from tests.real.venvs import version_of
from tests.servers.model import Answer, ModelServer, answer_to
from tests.servers.model_images import tiny_png

pytestmark = [pytest.mark.real, pytest.mark.timeout(400)]

REQUIREMENT = "litellm[proxy]==1.106.2"


@dataclass(frozen=True)
class Proxy:
    """LiteLLM, running; the model behind it is to be at `model_port`."""

    url: str
    model_port: int = 0
    version: str = ""

    def provider(self, protocol: str, key: str = KEY) -> Provider:
        if protocol == "anthropic":
            return Anthropic("real", AnthropicSettings.model_validate({"base_url": self.url, "api_key": key}))
        return OpenAI("real", OpenAISettings.model_validate({"base_url": f"{self.url}/v1", "api_key": key}))


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    python = installed("litellm", REQUIREMENT)
    folder, port, model_port = tmp_path_factory.mktemp("litellm"), free_port(), free_port()
    behind = {"model": "hosted_vllm/stand-in", "api_base": f"http://127.0.0.1:{model_port}/v1", "api_key": "none"}
    config = {
        "model_list": [{"model_name": "stand-in", "litellm_params": behind}],
        "litellm_settings": {"num_retries": 0, "telemetry": False},
        "router_settings": {"disable_cooldowns": True},
        "general_settings": {"master_key": KEY},
    }
    (folder / "config.yaml").write_text(json.dumps(config), encoding="utf-8")
    command = [str(python.with_name("litellm")), "--config", str(folder / "config.yaml"), "--port", str(port)]
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else it asks the internet for prices
        with running([*command, "--host", "127.0.0.1"], port, "/health/liveliness", folder / "log"):
            yield Proxy(f"http://127.0.0.1:{port}", model_port, version_of(python, "litellm"))


@pytest.fixture
async def model(proxy: Proxy) -> AsyncIterator[ModelServer]:
    async with ModelServer(port=proxy.model_port) as model:
        yield model


@pytest.fixture(params=["openai", "anthropic"])
def protocol(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def provider(proxy: Proxy, protocol: str, request: pytest.FixtureRequest) -> AsyncIterator[Provider]:
    name = str(request.node.name).partition("[")[0].removeprefix("test_").replace("_", " ")
    print(f"\n[real] litellm {proxy.version}, {protocol}: {name}", flush=True)
    async with proxy.provider(protocol) as provider:
        yield provider


def ask(text: str = "How are you?", *images: Image) -> ReplyRequest:
    history = (Message("user", "one"), Message("assistant", "two"))
    return ReplyRequest("stand-in", (*history, Message("user", text, images)), "Be brief.")


async def test_an_answer_comes_whole_and_its_tokens_are_counted(provider: Provider, model: ModelServer) -> None:
    events = await answers_whole(provider, ask("What is it?", Image(tiny_png(), "image/png")))
    assert text_of(events) == answer_to("What is it?")
    assert events[-1] == Completed("done", Usage(7, model.requests[0].words))
    asked = model.requests[0].body["messages"]
    assert [message["role"] for message in asked] == ["system", "user", "assistant", "user"]
    assert "data:image/png;base64," in json.dumps(asked)


async def test_several_questions_at_once_are_answered_each(provider: Provider, model: ModelServer) -> None:
    await answers_side_by_side(provider, ask("left"), ask("right"))
    assert len(model.requests) == 3


async def test_thinking_and_the_end_reason_pass(provider: Provider, model: ModelServer) -> None:
    model.script(Answer(text="one two", reasoning="hm", finish_reason="length"))
    events = await answers_whole(provider, ask())
    assert [event.text for event in events if isinstance(event, ReasoningDelta)] == ["hm"]
    assert text_of(events) == "one two"
    assert events[-1] == Completed("length", Usage(7, 2))


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(status=429, headers={"Retry-After": "3"}), errors.RateLimited),
        (Answer(status=503), errors.Overloaded),
        (Answer(status=400, body='{"error": {"code": "context_length_exceeded"}}'), errors.ContextTooLong),
    ],
    ids=["429", "503", "too long"],
)
async def test_refusals_are_told_as_what_they_are(
    provider: Provider, model: ModelServer, answer: Answer, kind: type[ProviderError]
) -> None:
    model.script(answer)
    with pytest.raises(ProviderError) as raised:
        await all_events(provider, ask())
    assert type(raised.value) is kind


async def test_an_answer_that_breaks_off_behind_the_proxy_is_no_finished_answer(
    provider: Provider, model: ModelServer
) -> None:
    model.script(Answer(text="one two three four five", fault="cut"))
    events: list[ReplyEvent] = []
    with pytest.raises(ProviderError) as raised:
        await read_into(events, provider, ask())
    assert raised.value.transient
    assert not any(isinstance(event, Completed) for event in events)


async def test_stopping_reaches_the_model_behind_the_proxy(provider: Provider, model: ModelServer) -> None:
    model.default = Answer(words_per_second=20)
    async with provider.stream_reply(ask(), no_status) as events:
        await anext(aiter(events))
    left = asyncio.get_running_loop().time()
    request = await model.asked()
    await request.over()
    assert request.left_at is not None
    assert request.left_at - left < 2


async def test_models_are_listed(provider: Provider) -> None:
    await lists(provider, "stand-in")


async def test_a_wrong_key_is_a_refusal_in_which_the_key_is_not_told(proxy: Proxy, protocol: str) -> None:
    """Without a database LiteLLM answers a wrong key with a 400, "No connected db"."""
    async with proxy.provider(protocol, key="sk-wrong-9876543210") as provider:
        with pytest.raises(ProviderError) as raised:
            await all_events(provider, ask())
    assert type(raised.value) in (errors.BadKey, errors.RequestRefused)
    assert "sk-wrong" not in raised.value.details


async def test_nobody_there_is_unreachable(protocol: str) -> None:
    await is_unreachable(Proxy(f"http://127.0.0.1:{free_port()}").provider(protocol), ask())
