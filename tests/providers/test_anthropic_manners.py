"""Models that refuse how they are asked: each is asked again as it wants to be, once, and from then on at first."""

import logging
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from chat import errors
from chat.events import Completed, TextDelta
from chat.messages import Message
from providers.anthropic import Anthropic, AnthropicSettings
from providers.base import THINKING, JsonValue, ReplyRequest, Status
from tests.providers.asking import KEY, all_events, asking, text_of
from tests.servers.anthropic import AnthropicServer
from tests.servers.model import Answer

# In the API's own words
DEPRECATED = "`{}` is deprecated for this model."
NO_BUDGET = (
    '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and "output_config.effort"'
    " to control thinking behavior."
)
TOO_MANY = "max_tokens: {} > 8192, which is the maximum allowed number of output tokens for claude-3-5-haiku-20241022"
ENABLED: JsonValue = {"type": "enabled", "budget_tokens": 8000}


@pytest.fixture
async def server() -> AsyncIterator[AnthropicServer]:
    async with AnthropicServer() as server:
        yield server


def anthropic_at(server: AnthropicServer, **settings: object) -> Anthropic:
    return Anthropic("local", AnthropicSettings.model_validate({"base_url": server.url, "api_key": KEY, **settings}))


def with_parameters(given: Mapping[str, JsonValue]) -> ReplyRequest:
    return replace(asking(), parameters=given)


def refusing(*names: str) -> Callable[[Any], str]:
    """A model that takes none of these, and complains of one at a time."""
    return lambda body: next((DEPRECATED.format(name) for name in names if name in body), "")


def without_budgets(body: Any) -> str:
    return NO_BUDGET if body.get("thinking") == ENABLED else ""


def at_most_8192(body: Any) -> str:
    return TOO_MANY.format(body["max_tokens"]) if body["max_tokens"] > 8192 else ""


@pytest.mark.parametrize(
    ("complain", "given", "kept"),
    [
        (refusing("temperature"), {"temperature": 0.5, "stop_sequences": ["x"]}, {"stop_sequences": ["x"]}),
        (refusing("temperature", "top_p", "top_k"), {"top_k": 5, "top_p": 0.9, "temperature": 1}, {}),
        (without_budgets, {"thinking": ENABLED, "temperature": 1}, {"temperature": 1}),
    ],
    ids=["temperature", "all of them", "budget"],
)
async def test_a_parameter_that_a_model_does_not_take_is_left_out_from_then_on_and_the_log_says_so_once(
    server: AnthropicServer,
    caplog: pytest.LogCaptureFixture,
    complain: Callable[[Any], str],
    given: dict[str, JsonValue],
    kept: dict[str, JsonValue],
) -> None:
    server.complain = complain
    left_out = set(given) - set(kept)
    async with anthropic_at(server) as provider:
        with caplog.at_level(logging.WARNING):
            for _ in range(2):
                assert text_of(await all_events(provider, with_parameters(given)))
    assert len(server.requests) == 1 + len(left_out) + 1
    for request in server.requests[-2:]:
        assert {name: value for name, value in request.body.items() if name in given} == kept
        assert request.body["max_tokens"] == 16_000, "room for the answer alone"
    (line,) = caplog.messages
    assert line.startswith("stand-in refuses ")
    assert all(name in line for name in left_out)


async def test_an_old_model_gives_as_long_an_answer_as_it_can(server: AnthropicServer) -> None:
    server.complain = at_most_8192
    async with anthropic_at(server) as provider:
        for most in (16_000, 16_000, 9000, 50):
            assert text_of(await all_events(provider, with_parameters({} if most == 16_000 else {"max_tokens": most})))
    assert [request.body["max_tokens"] for request in server.requests] == [16_000, 8192, 8192, 8192, 50]


async def test_what_one_model_refuses_is_sent_to_the_others(server: AnthropicServer) -> None:
    server.complain = lambda body: refusing("temperature")(body) if body["model"] == "stand-in" else ""
    async with anthropic_at(server) as provider:
        await all_events(provider, asking(temperature=1))
        await all_events(provider, ReplyRequest("other", (Message("user", "Hi"),), parameters={"temperature": 1}))
    assert ["temperature" in request.body for request in server.requests] == [True, False, True]


async def test_a_model_may_refuse_several_things_of_one_question(server: AnthropicServer) -> None:
    server.no_prefill.add("stand-in")
    server.complain = lambda body: at_most_8192(body) or refusing("temperature")(body)
    cut = ReplyRequest(
        "stand-in", (Message("user", "Tell"), Message("assistant", "Once")), parameters={"temperature": 1},
        continues=True,
    )  # fmt: skip
    async with anthropic_at(server) as provider:
        assert text_of(await all_events(provider, cut))
    assert len(server.requests) == 4


@pytest.mark.parametrize(
    "complaint",
    [
        "`max_tokens` must be greater than `thinking.budget_tokens`.", "temperature: Input should be less than 1",
        "tools: not supported", "top_p is deprecated for this model",
    ],
    ids=["too few", "a wrong value", "something else", "nothing that was sent"],
)  # fmt: skip
async def test_other_refusals_are_told_and_nothing_is_asked_again(server: AnthropicServer, complaint: str) -> None:
    server.complain = lambda body: complaint
    async with anthropic_at(server) as provider:
        with pytest.raises(errors.RequestRefused):
            await all_events(provider, asking(temperature=7, thinking=ENABLED))
    assert len(server.requests) == 1


async def test_a_model_that_refuses_all_the_same_is_asked_once_more_and_not_remembered(server: AnthropicServer) -> None:
    server.complain = lambda body: DEPRECATED.format("temperature")
    async with anthropic_at(server) as provider:
        with pytest.raises(errors.RequestRefused):
            await all_events(provider, asking(temperature=1))
        assert len(server.requests) == 2
        server.complain = lambda body: ""
        await all_events(provider, asking(temperature=1))
    assert server.requests[-1].body["temperature"] == 1


@pytest.mark.parametrize(
    "block", [{"type": "thinking", "thinking": "", "signature": ""}, {"type": "redacted_thinking", "data": "EmwKAhgB"}]
)
async def test_thinking_of_which_nothing_is_sent_is_told_and_no_time_out_for_silence_in_mid_answer(
    server: AnthropicServer, block: dict[str, str]
) -> None:
    told: list[Status] = []
    server.blocks = (block,)
    server.script(Answer(text="Yes", words_per_second=2))
    async with (
        anthropic_at(server, idle_timeout_seconds=0.2) as provider,
        provider.stream_reply(asking(), told.append) as events,
    ):
        assert [type(event) async for event in events] == [TextDelta, Completed]
    assert told == [Status(THINKING)]
