"""The OpenAI-compatible provider where a model refuses a parameter: asked again without it, once for all its turns."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from chat import errors
from chat.errors import ProviderError
from chat.events import Completed
from providers import openai
from providers.base import JsonValue
from providers.openai import OpenAI
from tests.providers.asking import all_events, asking, no_status, openai_at, text_of
from tests.providers.refusals import ONLY_THE_DEFAULT, UNVERIFIED, USE_THE_OTHER, complaint
from tests.servers.model import Answer, ModelServer, Request

Rule = Callable[[Request], Answer | None]


def refusing(wrong: Callable[[dict[str, JsonValue]], bool], message: str, status: int = 400) -> Rule:
    """A server that says `message` to every body that is wrong."""
    return lambda request: Answer(status=status, body=complaint(message)) if wrong(request.body) else None


def reasoning_model(request: Request) -> Answer | None:
    """OpenAI's, which name one parameter at a time."""
    wrong = {"max_tokens": USE_THE_OTHER, "temperature": ONLY_THE_DEFAULT}
    said = next((wrong[name] for name in wrong if name in request.body), "")
    return Answer(status=400, body=complaint(said)) if said else None


async def text_from(provider: OpenAI, **parameters: JsonValue) -> str:
    return text_of(await all_events(provider, replace(asking(), parameters=parameters)))


async def failure_of(server: ModelServer, **parameters: JsonValue) -> ProviderError:
    async with openai_at(server) as provider:
        with pytest.raises(ProviderError) as raised:
            await all_events(provider, replace(asking(), parameters=parameters))
    return raised.value


async def test_a_model_that_refuses_parameters_answers_without_them_and_later_turns_are_plain_from_the_start(
    server: ModelServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.rule, server.default = reasoning_model, Answer(text="Forty-two.")
    async with openai_at(server) as provider:
        for _ in range(2):
            assert await text_from(provider, max_tokens=500, temperature=0.7, seed=1) == "Forty-two."
    first, *_, last = (request.body for request in server.requests)
    assert len(server.requests) == 4, "one for each of the two that are refused, and one for each turn"
    assert {key: last[key] for key in last.keys() - first.keys()} == {"max_completion_tokens": 500}
    assert first.keys() - last.keys() == {"max_tokens", "temperature"}
    (told,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert all(name in told for name in ("stand-in", "max_tokens, temperature", "max_completion_tokens"))


async def test_what_one_model_refuses_is_still_sent_to_another(server: ModelServer) -> None:
    server.script(Answer(status=400, body=complaint(ONLY_THE_DEFAULT)))
    async with openai_at(server) as provider:
        await text_from(provider, temperature=0.7)
        await all_events(provider, replace(asking(temperature=0.7), model="another"))
    assert ["temperature" in request.body for request in server.requests] == [True, False, True]


async def test_an_account_that_may_not_stream_gets_the_answer_in_one_piece(
    server: ModelServer,
) -> None:
    server.rule = refusing(lambda body: bool(body["stream"]), UNVERIFIED)
    server.default = Answer(text="All at once.")
    async with openai_at(server) as provider:
        events = await all_events(provider)
        assert text_of(events) == "All at once."
        assert isinstance(events[-1], Completed)
        await all_events(provider)
    assert [request.body["stream"] for request in server.requests] == [True, False, False]
    assert ["stream_options" in request.body for request in server.requests] == [True, False, False]


async def test_a_whole_answer_may_take_longer_than_silence_in_a_stream(server: ModelServer) -> None:
    """While it is made nothing comes: that is not the silence of a dead server."""
    server.rule = refusing(lambda body: bool(body["stream"]), UNVERIFIED)
    server.default = Answer(fault="silent")
    patience = {"first_timeout_seconds": 0.1, "idle_timeout_seconds": 0.1, "total_timeout_seconds": 0.5}
    async with openai_at(server, **patience) as provider:
        begun = asyncio.get_running_loop().time()
        with pytest.raises(errors.TimedOut):
            await all_events(provider)
    assert asyncio.get_running_loop().time() - begun > 0.4


async def test_an_account_that_may_not_use_the_model_at_all_is_told_so(server: ModelServer) -> None:
    server.rule = refusing(lambda body: True, UNVERIFIED, status=403)
    assert type(await failure_of(server)) is errors.Unverified
    assert len(server.requests) == 2


async def test_a_refused_value_is_told_as_a_fault_of_the_config_and_names_the_parameter(server: ModelServer) -> None:
    server.rule = refusing(lambda body: True, "temperature must be at most 2")
    error = await failure_of(server, top_p=1, temperature=3)
    assert type(error) is errors.ParameterRefused
    assert error.arguments == {"provider": "local", "model": "stand-in", "parameter": "temperature"}
    assert error.details.startswith(f"POST {server.url}/chat/completions: 400")
    assert len(server.requests) == 1


async def test_a_refusal_of_the_question_itself_is_not_asked_again(server: ModelServer) -> None:
    server.rule = refusing(lambda body: True, "Invalid image data")
    assert type(await failure_of(server, temperature=1)) is errors.RequestRefused
    assert len(server.requests) == 1


async def test_a_server_that_never_has_enough_is_asked_a_few_times_only_and_what_was_left_out_comes_back(
    server: ModelServer,
) -> None:
    server.rule = lambda request: Answer(status=400, body=complaint(f"'{next(iter(request.body))}' is not supported"))
    request = asking(a1=1, a2=1, a3=1, a4=1)
    async with openai_at(server) as provider:
        for _ in range(2):
            with pytest.raises(errors.ParameterRefused):
                await all_events(provider, request)
    assert len(server.requests) == 2 * (1 + openai.MOST_COMPLAINTS)
    assert len({str(request.body) for request in server.requests}) == 1 + openai.MOST_COMPLAINTS


async def test_what_was_not_seen_to_help_is_not_left_out_of_later_questions(server: ModelServer) -> None:
    """A complaint may quote a question; then nothing of it is the model's."""
    server.script(Answer(status=400, body=complaint(ONLY_THE_DEFAULT)), Answer(status=503))
    async with openai_at(server) as provider:
        with pytest.raises(errors.Overloaded):
            await text_from(provider, temperature=0.7)
        await text_from(provider, temperature=0.7)
    assert ["temperature" in request.body for request in server.requests] == [True, False, True]


async def test_a_stop_reaches_a_model_that_is_asked_again(server: ModelServer) -> None:
    server.rule = refusing(lambda body: "temperature" in body, ONLY_THE_DEFAULT)
    server.default = Answer(words_per_second=20)
    async with openai_at(server) as provider:
        async with provider.stream_reply(asking(temperature=0.7), no_status):
            pass
        await server.requests[1].over()
    assert server.requests[1].left_early


async def test_the_complaints_of_many_models_do_not_pile_up(server: ModelServer) -> None:
    """The oldest is forgotten, which costs a request; the newest are known."""
    server.rule = refusing(lambda body: "temperature" in body, ONLY_THE_DEFAULT)
    server.default = Answer(text="yes")
    async with openai_at(server) as provider:
        for number in [*range(openai.MOST_MODELS + 1), openai.MOST_MODELS, 0]:
            await all_events(provider, replace(asking(temperature=0.7), model=str(number)))
    newest = str(openai.MOST_MODELS)
    asked = [(request.body["model"], "temperature" in request.body) for request in server.requests]
    assert asked[-5:] == [(newest, True), (newest, False), (newest, False), ("0", True), ("0", False)]
