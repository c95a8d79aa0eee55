"""The Anthropic provider against a real local server: what it asks, going on with an answer, ends, models, settings.

Beyond the contract; what is written and read is in test_anthropic_wire.py.
"""

import asyncio
from collections.abc import AsyncIterator

import pytest
from pydantic import ValidationError

from chat import errors
from chat.events import Completed, ReasoningDelta, TextDelta, Usage
from chat.messages import Message
from providers.anthropic import Anthropic, AnthropicSettings
from providers.base import ModelInfo, ReplyRequest
from providers.wire.anthropic import GO_ON
from tests.providers.asking import KEY, all_events, asking, described, text_of
from tests.servers.anthropic import AnthropicServer
from tests.servers.model import Answer, Fault

CUT = ReplyRequest("stand-in", (Message("user", "Tell"), Message("assistant", "Once upon \n")), continues=True)


@pytest.fixture
async def server() -> AsyncIterator[AnthropicServer]:
    async with AnthropicServer() as server:
        yield server


def anthropic_at(server: AnthropicServer, **settings: object) -> Anthropic:
    given = {"base_url": server.url, "api_key": KEY, **settings}
    return Anthropic("local", AnthropicSettings.model_validate(given))


async def test_the_request_is_one_that_anthropic_knows(server: AnthropicServer) -> None:
    async with anthropic_at(server, max_tokens=99, base_url=f"{server.url}/v1/") as provider:
        await all_events(provider)
    (seen,) = server.requests
    assert seen.path == "/v1/messages"
    assert (seen.headers["x-api-key"], seen.headers["anthropic-version"]) == (KEY, "2023-06-01")
    assert "Authorization" not in seen.headers
    assert (seen.body["max_tokens"], seen.body["stream"]) == (99, True)


async def test_thinking_usage_and_the_end_reason_arrive(server: AnthropicServer) -> None:
    server.script(Answer(text="one two", reasoning="hm", keep_alives=True))
    server.stop_reason = "max_tokens"
    async with anthropic_at(server) as provider:
        events = await all_events(provider)
    assert events == [ReasoningDelta("hm"), TextDelta("one "), TextDelta("two"), Completed("length", Usage(127, 2))]


async def test_an_answer_in_one_piece_is_an_answer(server: AnthropicServer) -> None:
    server.script(Answer(text="all of it", fault="json"))
    async with anthropic_at(server, api_key="") as provider:
        assert await all_events(provider) == [TextDelta("all of it"), Completed("done", Usage(7, 3))]
    assert "x-api-key" not in server.requests[0].headers


@pytest.mark.parametrize("fault", ["linger", "cut"])
async def test_a_complete_text_is_an_answer_although_its_end_mark_never_comes(
    server: AnthropicServer, fault: Fault
) -> None:
    server.script(Answer(text="all of it", fault=fault, end_mark=False))
    async with asyncio.timeout(4), anthropic_at(server) as provider:
        assert text_of(await all_events(provider)) == "all of it"


async def test_a_tool_that_nobody_offered_is_refused_clearly(server: AnthropicServer) -> None:
    server.blocks = ({"type": "tool_use", "id": "t", "name": "bash", "input": {}},)
    async with anthropic_at(server) as provider:
        with pytest.raises(errors.Garbled, match="a tool"):
            await all_events(provider)


async def test_an_answer_is_gone_on_with_where_it_was_cut(server: AnthropicServer) -> None:
    server.script(Answer(pieces=(" ", "\na time")))
    async with anthropic_at(server) as provider:
        assert provider.capabilities.continuing
        text = text_of(await all_events(provider, CUT))
    assert server.requests[0].body["messages"][-1] == {
        "role": "assistant", "content": [{"type": "text", "text": "Once upon"}]
    }  # fmt: skip
    assert "Once upon \n" + text == "Once upon \na time"


async def test_a_model_that_takes_no_open_answer_is_asked_to_go_on(server: AnthropicServer) -> None:
    server.no_prefill.add("stand-in")
    server.script(Answer(text="a time"))
    async with anthropic_at(server) as provider:
        assert text_of(await all_events(provider, CUT)) == "a time"
    assert [request.question for request in server.requests] == ["Once upon", GO_ON]


async def test_another_refusal_is_not_asked_again(server: AnthropicServer) -> None:
    server.script(Answer(status=400))
    async with anthropic_at(server) as provider:
        with pytest.raises(errors.RequestRefused):
            await all_events(provider, CUT)
    assert len(server.requests) == 1


async def test_stopping_an_answer_that_is_gone_on_with_closes_its_request(server: AnthropicServer) -> None:
    server.default = Answer(words_per_second=20)
    async with anthropic_at(server) as provider:
        async with provider.stream_reply(CUT, lambda status: None) as events:
            await anext(aiter(events))
        await server.requests[0].over()
    assert server.requests[0].left_early


async def test_a_long_conversation_costs_two_marks(server: AnthropicServer) -> None:
    said = (Message("user", "long " * 1000), Message("assistant", "b"), Message("user", "c"))
    async with anthropic_at(server) as provider:
        await all_events(provider, ReplyRequest("stand-in", said, "rule " * 1000))
    async with anthropic_at(server, prompt_caching=False) as provider:
        await all_events(provider, ReplyRequest("stand-in", said, "rule " * 1000))
    assert [str(request.body).count("cache_control") for request in server.requests] == [2, 0]


async def test_all_pages_of_models_are_listed(server: AnthropicServer) -> None:
    async with anthropic_at(server) as provider:
        assert list(await provider.models()) == [ModelInfo("stand-in"), ModelInfo("stand-in-2")]
    assert [request.query.get("after_id") for request in server.listed] == [None, "stand-in"]


async def test_529_is_overloaded_with_its_time_to_wait(server: AnthropicServer) -> None:
    server.script(Answer(status=529, headers={"retry-after": "7"}))
    async with anthropic_at(server) as provider:
        with pytest.raises(errors.Overloaded) as raised:
            await all_events(provider, asking())
    assert raised.value.retry_after == 7


@pytest.mark.parametrize(
    "wrong",
    [{"base_url": "api.anthropic.com"}, {"base_url": ""}, {"max_tokens": 0}, {"anthropic_version": "a\nb"},
     {"api_key": "two\nlines"}, {"preset": "x"}],
    ids=described,
)  # fmt: skip
def test_settings_that_cannot_work_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        AnthropicSettings.model_validate(wrong)
