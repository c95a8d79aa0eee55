"""The OpenAI-compatible provider when things go wrong in ways of its own; the rest is the contract's."""

import asyncio

import pytest

from chat import errors
from chat.errors import ProviderError
from chat.events import TextDelta
from tests.providers.asking import answered, asking, described, failure, no_status, openai_at
from tests.servers.model import Answer, Fault, ModelServer


@pytest.mark.parametrize("fault", ["linger", "cut"])
async def test_a_complete_text_is_an_answer_although_its_end_mark_never_comes(
    server: ModelServer, fault: Fault
) -> None:
    async with asyncio.timeout(4):
        assert await answered(server, Answer(text="all of it", fault=fault, end_mark=False)) == "all of it"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(fault="cut"), errors.CutOff),
        (Answer(fault="cut_cleanly"), errors.CutOff),
        (Answer(fault="cut_cleanly", after_words=0), errors.CutOff),
        (Answer(fault="reset"), errors.CutOff),
        (Answer(fault="error"), errors.Overloaded),
        (Answer(fault="error", body='{"error": {"message": "slow down", "code": 429}}'), errors.RateLimited),
        (Answer(fault="html"), errors.Garbled),
        (Answer(fault="garbage"), errors.Garbled),
        (Answer(status=500, body="<html>nginx"), errors.Overloaded),
        (Answer(status=502, body="<html>nginx"), errors.Overloaded),
        (Answer(status=400), errors.RequestRefused),
        (Answer(status=401), errors.BadKey),
        (Answer(status=402), errors.NoCredit),
        (Answer(status=404), errors.ModelNotFound),
        (Answer(status=308, headers={"Location": "https://example.org/v1?token=t0ken"}), errors.RequestRefused),
        (Answer(status=400, body='{"error": {"code": "context_length_exceeded"}}'), errors.ContextTooLong),
        (Answer(status=400, body='{"error": {"code": "content_filter"}}'), errors.Blocked),
    ],
    ids=described,
)
async def test_each_fault_is_told_as_what_it_is(server: ModelServer, answer: Answer, kind: type[ProviderError]) -> None:
    error = await failure(server, answer)
    assert type(error) is kind
    assert error.arguments == {"provider": "local", "model": "stand-in"}
    assert error.details.startswith(f"POST {server.url}/chat/completions: ")
    assert "t0ken" not in error.details


async def test_refusals_are_raised_by_entering_and_faults_in_mid_answer_are_not(server: ModelServer) -> None:
    server.script(Answer(status=429), Answer(fault="cut"))
    async with openai_at(server) as provider:
        with pytest.raises(errors.RateLimited):
            await provider.stream_reply(asking(), no_status).__aenter__()
        async with provider.stream_reply(asking(), no_status) as events:
            assert isinstance(await anext(aiter(events)), TextDelta)
            with pytest.raises(errors.CutOff):
                assert [event async for event in events]


async def test_a_server_without_tls_behind_https_is_unreachable(server: ModelServer) -> None:
    error = await failure(server, Answer(), base_url=server.url.replace("http:", "https:"))
    assert type(error) is errors.Unreachable
