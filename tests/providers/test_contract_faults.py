"""What every provider promises when things go wrong: told as what it is, in time, in bounded memory, with no key in it.

Each is asked through a server of its kind (tests/providers/cases.py), which fails as it is told to.
"""

import asyncio
import traceback
import tracemalloc
from collections.abc import AsyncIterator

import pytest

from chat import errors
from chat.errors import ProviderError
from chat.events import Completed, ReplyEvent, TextDelta
from providers.base import Provider
from tests.providers.asking import KEY, all_events, asking, described, no_status, read_into, text_of
from tests.providers.cases import CASES, Case, StandIn
from tests.providers.proxies import HttpProxy, Proxy, SocksProxy
from tests.servers.model import Answer, Fault, Request


@pytest.fixture(params=[name for name, case in CASES.items() if "a server" not in case.cannot])
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


@pytest.fixture
async def server(case: Case) -> AsyncIterator[StandIn]:
    async with case.server() as server:
        yield server


async def failing(case: Case, server: StandIn, answer: Answer, **settings: object) -> ProviderError:
    """What the next question fails with, which never tells the key."""
    server.script(answer)
    async with case.make(server, **settings) as provider:
        with pytest.raises(ProviderError) as raised:
            await all_events(provider)
    error = raised.value
    assert error.arguments == {"provider": "local", "model": "stand-in"}
    told = [error.details, repr(error), repr(error.__cause__), *traceback.format_exception(error)]
    assert KEY not in "".join(told)
    return error


async def text_from(case: Case, server: StandIn, answer: Answer, **settings: object) -> str:
    """The text of the next answer, which must have come to its end."""
    server.script(answer)
    async with case.make(server, **settings) as provider:
        events = await all_events(provider)
    assert isinstance(events[-1], Completed)
    return text_of(events)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.RequestRefused),
        (401, errors.BadKey),
        (402, errors.NoCredit),
        (403, errors.BadKey),
        (404, errors.ModelNotFound),
        (410, errors.ModelNotFound),
        (413, errors.BodyTooLarge),
        (422, errors.RequestRefused),
        (424, errors.Overloaded),
        (429, errors.RateLimited),
        (500, errors.Overloaded),
        (502, errors.Overloaded),
        (503, errors.Overloaded),
    ],
)
async def test_each_status_is_told_as_what_it_is(
    case: Case, server: StandIn, status: int, kind: type[ProviderError]
) -> None:
    case.needs("a refusal with a status")
    assert type(await failing(case, server, Answer(status=status))) is kind


@pytest.mark.parametrize("status", [429, 503])
async def test_how_long_to_wait_is_kept(case: Case, server: StandIn, status: int) -> None:
    case.needs("a refusal with a status", "a time to wait")
    assert (await failing(case, server, Answer(status=status, headers={"Retry-After": "35"}))).retry_after == 35


async def test_a_key_that_the_server_repeats_is_in_no_part_of_the_error(case: Case, server: StandIn) -> None:
    case.needs("a refusal with a status", "a key")
    error = await failing(case, server, Answer(status=401, body=f'{{"error": "not a key of ours: {KEY}"}}'))
    assert "[key]" in error.details


@pytest.mark.parametrize("fault", ["cut", "cut_cleanly", "reset", "error"])
async def test_an_answer_that_breaks_off_gives_its_words_first(case: Case, server: StandIn, fault: Fault) -> None:
    if fault == "error":
        case.needs("an error in mid-answer")
    server.script(Answer(text="one two three four five", fault=fault))
    events: list[ReplyEvent] = []
    async with case.make(server) as provider:
        with pytest.raises(ProviderError) as raised:
            await read_into(events, provider, asking())
    assert type(raised.value) is (case.breaks if fault == "error" else errors.CutOff)
    if fault != "reset":  # what a reset throws away on its way is not ours to give
        assert text_of(events).split() == ["one", "two", "three"]


async def test_an_answer_of_nothing_at_all_is_cut_off(case: Case, server: StandIn) -> None:
    assert type(await failing(case, server, Answer(fault="cut_cleanly", after_words=0))) is errors.CutOff


@pytest.mark.parametrize("fault", ["html", "garbage"])
async def test_what_is_no_answer_is_garbled(case: Case, server: StandIn, fault: Fault) -> None:
    case.needs("a page of HTML")
    assert type(await failing(case, server, Answer(fault=fault))) is errors.Garbled


async def test_refusals_are_raised_by_entering(case: Case, server: StandIn) -> None:
    case.needs("a refusal with a status")
    server.script(Answer(status=429))
    async with case.make(server) as provider:
        with pytest.raises(errors.RateLimited):
            await provider.stream_reply(asking(), no_status).__aenter__()


@pytest.mark.parametrize(
    "answer",
    [
        Answer(text="Ещё **слова** и эмодзи 👋 — a_b\n\n1 < 2", fragment_bytes=1),
        Answer(text="Ещё **слова** и эмодзи 👋 — a_b\n\n1 < 2", keep_alives=True),
        Answer(pieces=("ha ", "ha ", "ha ", "[1, 2]", " data: x", '\n{"error": 1}', "\r\n", "end.")),
        Answer(pieces=("a long line ", "x" * 700_000)),
    ],
    ids=["byte by byte", "keep-alives", "repeated and bracketed", "above what aiohttp takes"],
)
async def test_however_an_answer_is_sent_it_comes_whole_and_once(case: Case, server: StandIn, answer: Answer) -> None:
    case.needs("any text in any pieces")
    assert await text_from(case, server, answer) == ("".join(answer.pieces) or answer.text)


async def test_halves_of_emoji_are_joined_and_nul_is_dropped(case: Case, server: StandIn) -> None:
    case.needs("halves of emoji")
    assert await text_from(case, server, Answer(pieces=("a\0b ", "\ud83d", "\udc4b", " c\ud83d"))) == "ab 👋 c\ufffd"


async def test_an_answer_ends_with_its_end_mark_and_not_with_the_connection(case: Case, server: StandIn) -> None:
    case.needs("an answer that ends without its connection")
    async with asyncio.timeout(1.5):
        assert await text_from(case, server, Answer(text="all of it", fault="linger")) == "all of it"


async def test_leaving_early_closes_the_request_at_once(case: Case, server: StandIn) -> None:
    """This is what Stop comes down to: a model that nobody listens to any more must not go on for money."""
    server.script(Answer(words_per_second=20))
    async with case.make(server) as provider:
        async with provider.stream_reply(asking(), no_status) as events:
            async for _ in events:
                break
        await left_soon(server)


@pytest.mark.parametrize("answer", [Answer(fault="silent"), Answer(fault="stall", after_words=0)], ids=described)
async def test_cancelling_before_the_first_word_closes_the_request_at_once(
    case: Case, server: StandIn, answer: Answer
) -> None:
    server.script(answer)
    async with case.make(server) as provider:
        task = asyncio.create_task(all_events(provider))
        await server.asked()
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await left_soon(server)


async def left_soon(server: StandIn) -> None:
    left = asyncio.get_running_loop().time()
    request: Request = await server.asked()
    await request.over()
    assert request.left_early
    assert request.left_at is not None
    assert request.left_at - left < 1


@pytest.mark.parametrize("answer", [Answer(fault="silent"), Answer(fault="stall")], ids=described)
async def test_silence_is_told_as_timed_out_and_closes_the_request(case: Case, server: StandIn, answer: Answer) -> None:
    async with asyncio.timeout(8):
        patience = {"first_timeout_seconds": 0.8, "idle_timeout_seconds": 0.8, "total_timeout_seconds": 8}
        error = await failing(case, server, answer, **patience)
    assert isinstance(error, errors.TimedOut)
    request = await server.asked()
    await request.over()
    assert request.left_early


async def test_an_answer_that_trickles_for_ever_ends_by_the_total_time_out(case: Case, server: StandIn) -> None:
    trickle = Answer(text="word " * 1000, words_per_second=20)
    async with asyncio.timeout(8):
        error = await failing(case, server, trickle, idle_timeout_seconds=5, total_timeout_seconds=0.6)
    assert isinstance(error, errors.TimedOut)


async def test_an_endless_answer_does_not_grow_the_reader_and_ends_by_the_total_time_out(
    case: Case, server: StandIn
) -> None:
    case.needs("an endless answer")
    server.script(Answer(fault="endless"))
    async with case.make(server) as provider, provider.stream_reply(asking(), no_status) as events:
        stream = aiter(events)
        await some(stream, 500)
        tracemalloc.start()
        try:
            await some(stream, 5000)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert server.requests[0].bytes_sent > 3_000_000
    assert peak < 2_000_000
    endless = Answer(fault="endless")
    assert isinstance(await failing(case, server, endless, total_timeout_seconds=0.4), errors.TimedOut)


async def some(stream: AsyncIterator[ReplyEvent], count: int) -> None:
    for _ in range(count):
        assert isinstance(await anext(stream), TextDelta)


async def test_a_server_is_held_back_while_nobody_reads(case: Case, server: StandIn) -> None:
    case.needs("an endless answer")
    server.script(Answer(fault="endless"))
    async with case.make(server) as provider, provider.stream_reply(asking(), no_status):
        sent = -1
        async with asyncio.timeout(10):
            while sent != server.requests[0].bytes_sent:
                sent = server.requests[0].bytes_sent
                await asyncio.sleep(0.1)
    assert sent < 32 * 2**20


async def test_an_event_of_absurd_length_is_garbled(case: Case, server: StandIn) -> None:
    case.needs("a huge event")
    assert type(await failing(case, server, Answer(fault="huge_line"))) is errors.Garbled


@pytest.mark.parametrize("kind", [HttpProxy, SocksProxy])
async def test_every_request_goes_through_the_proxy_that_is_set(case: Case, server: StandIn, kind: type[Proxy]) -> None:
    case.needs("a proxy of its own")
    async with kind() as proxy:
        assert await text_from(case, server, Answer(text="by proxy"), proxy=proxy.url) == "by proxy"
        through = len(proxy.targets)
    assert through >= 1
    async with case.make(server, proxy=proxy.url) as provider:  # where the proxy is gone, nothing goes around it
        with pytest.raises(errors.Unreachable):
            await all_events(provider)
    assert len(server.requests) == 1


async def test_a_server_that_nobody_runs_is_unreachable(case: Case) -> None:
    async with case.server() as server:
        provider: Provider = case.make(server)
    async with provider:
        with pytest.raises(errors.Unreachable):
            await all_events(provider)
