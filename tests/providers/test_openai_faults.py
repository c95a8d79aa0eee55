"""The OpenAI-compatible provider when things go wrong: faults, time-outs, Stop, endless answers, quiet keys."""

import asyncio
import contextlib
import traceback
import tracemalloc

import pytest

from chat import errors
from chat.errors import BotError, ProviderError
from chat.events import TextDelta
from tests.providers.asking import KEY, all_events, answered, asking, described, failure, no_status, openai_at
from tests.servers.model import Answer, Fault, ModelServer, Request

SHORT = {"idle_timeout_seconds": 0.2, "total_timeout_seconds": 5}


async def test_an_answer_ends_with_its_end_mark_and_not_with_the_connection(server: ModelServer) -> None:
    async with asyncio.timeout(1.5):
        assert await answered(server, Answer(text="all of it", fault="linger")) == "all of it"


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


@pytest.mark.parametrize("status", [429, 503, 529])
async def test_how_long_to_wait_is_kept(server: ModelServer, status: int) -> None:
    assert (await failure(server, Answer(status=status, headers={"Retry-After": "35"}))).retry_after == 35


async def test_refusals_are_raised_by_entering_and_faults_in_mid_answer_are_not(server: ModelServer) -> None:
    server.script(Answer(status=429), Answer(fault="cut"))
    async with openai_at(server) as provider:
        with pytest.raises(errors.RateLimited):
            await provider.stream_reply(asking(), no_status).__aenter__()
        async with provider.stream_reply(asking(), no_status) as events:
            assert isinstance(await anext(aiter(events)), TextDelta)
            with pytest.raises(errors.CutOff):
                assert [event async for event in events]


async def test_a_key_that_the_server_repeats_is_in_no_part_of_the_error() -> None:
    async with ModelServer(api_key="another") as server, openai_at(server) as provider:
        for call in (all_events(provider), provider.models()):
            with contextlib.suppress(BotError):
                await call
        with pytest.raises(errors.BadKey) as raised:
            await all_events(provider)
    error = raised.value
    told = (
        str(error),
        repr(error),
        error.details,
        error.arguments,
        error.__cause__,
        "".join(traceback.format_exception(error)),
    )
    assert "[key]" in error.details
    assert KEY not in str(told)


async def test_leaving_early_closes_the_request_at_once(server: ModelServer) -> None:
    """This is what Stop comes down to: a model that nobody listens to any more must not go on for money."""
    server.script(Answer(words_per_second=20))
    async with openai_at(server) as provider:
        async with provider.stream_reply(asking(), no_status) as events:
            async for _ in events:
                break
        left = asyncio.get_running_loop().time()
        request = await server.asked()
        await request.over()
    assert_left(request, left)


@pytest.mark.parametrize("answer", [Answer(fault="silent"), Answer(fault="stall", after_words=0)], ids=described)
async def test_cancelling_before_the_first_word_closes_the_request_at_once(server: ModelServer, answer: Answer) -> None:
    server.script(answer)
    async with openai_at(server) as provider:
        task = asyncio.create_task(all_events(provider))
        request = await server.asked()
        await asyncio.sleep(0.05)
        task.cancel()
        left = asyncio.get_running_loop().time()
        with pytest.raises(asyncio.CancelledError):
            await task
        await request.over()
    assert_left(request, left)


def assert_left(request: Request, when: float) -> None:
    assert request.left_early
    assert request.left_at is not None
    assert request.left_at - when < 1


@pytest.mark.parametrize("answer", [Answer(fault="silent"), Answer(fault="stall")], ids=described)
async def test_silence_is_told_as_timed_out_and_closes_the_request(server: ModelServer, answer: Answer) -> None:
    async with asyncio.timeout(3):
        error = await failure(server, answer, **SHORT)
    assert isinstance(error, errors.TimedOut)
    assert "silent for 0.2 s" in error.details
    request = await server.asked()
    await request.over()
    assert request.left_early


async def test_an_answer_that_trickles_for_ever_ends_by_the_total_time_out(server: ModelServer) -> None:
    trickle = Answer(text="word " * 1000, words_per_second=20)
    error = await failure(server, trickle, idle_timeout_seconds=5, total_timeout_seconds=0.5)
    assert isinstance(error, errors.TimedOut)
    assert "not done after 0.5 s" in error.details


async def test_an_endless_answer_does_not_grow_the_reader(server: ModelServer) -> None:
    server.script(Answer(fault="endless"))
    async with openai_at(server) as provider, provider.stream_reply(asking(), no_status) as events:
        stream = aiter(events)
        for _ in range(500):
            await anext(stream)
        tracemalloc.start()
        try:
            for _ in range(8000):
                await anext(stream)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert server.requests[0].bytes_sent > 6_000_000
    assert peak < 2_000_000


async def test_an_endless_answer_ends_by_the_total_time_out(server: ModelServer) -> None:
    assert isinstance(await failure(server, Answer(fault="endless"), total_timeout_seconds=0.3), errors.TimedOut)


async def test_a_server_is_held_back_while_nobody_reads(server: ModelServer) -> None:
    server.script(Answer(fault="endless"))
    async with openai_at(server) as provider, provider.stream_reply(asking(), no_status):
        sent = -1
        async with asyncio.timeout(10):
            while sent != server.requests[0].bytes_sent:
                sent = server.requests[0].bytes_sent
                await asyncio.sleep(0.1)
    assert sent < 32 * 2**20


async def test_a_server_that_nobody_runs_is_unreachable() -> None:
    async with ModelServer() as server:
        provider = openai_at(server)
    async with provider:
        with pytest.raises(errors.Unreachable):
            await all_events(provider)


async def test_a_server_without_tls_behind_https_is_unreachable(server: ModelServer) -> None:
    error = await failure(server, Answer(), base_url=server.url.replace("http:", "https:"))
    assert type(error) is errors.Unreachable
