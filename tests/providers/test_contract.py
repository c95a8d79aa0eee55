"""What every provider promises (providers/base.py), held against real servers on loopback: tests/providers/cases.py.

What goes wrong is in test_contract_faults.py.
"""

import asyncio
import gc
import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from chat.errors import CutOff, ProviderError
from chat.events import Completed, ReplyEvent, TextDelta
from chat.messages import Image, Message
from providers import PROVIDERS
from providers.base import ImageProvider, ImageRequest, Provider, ReplyRequest, no_lull
from providers.wire.images import checked
from providers.wrappers import Retrying, can_draw
from tests.providers.asking import all_events, asking, no_status, read_into, text_of
from tests.providers.cases import CASES, OPTIONAL, Case, StandIn
from tests.servers.model import Answer, Drawing, ModelServer


def made(case: Case, server: StandIn, words_per_second: float = 0) -> Provider:
    """A provider whose answers come at that pace (0: at once), and break off if the question is "error"."""
    server.default = Answer(words_per_second=words_per_second)
    server.rule = lambda request: replace(server.default, fault="cut") if request.question == "error" else None
    return case.make(server)


def painter_in(case: Case, provider: Provider) -> ImageProvider:
    case.needs("pictures")
    if not can_draw(provider):
        pytest.skip("it doesn't draw")
    return provider


async def drawn(painter: ImageProvider, request: ImageRequest) -> Image:
    return await painter.draw(request)


def test_every_registered_provider_is_held_to_the_contract() -> None:
    assert {name.split()[0] for name in CASES} | OPTIONAL.keys() == PROVIDERS.keys()


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


@pytest.fixture
async def server(case: Case) -> AsyncIterator[StandIn]:
    async with case.server() as server:
        yield server


async def test_an_answer_comes_whole_with_completed_as_its_last_event(case: Case, server: StandIn) -> None:
    async with made(case, server) as provider:
        events = await all_events(provider)
    assert [event for event in events if isinstance(event, Completed)] == [events[-1]]
    assert isinstance(events[-1], Completed)
    assert events[-1].reason == "done"
    assert len(text_of(events)) > 300


async def test_an_answer_is_the_same_where_nobody_looks_at_it_meanwhile(case: Case, server: StandIn) -> None:
    async with made(case, server, 200) as provider:
        told = [text_of(await all_events(provider, replace(asking(), lull=lull))) for lull in (no_lull, lambda: 1.0)]
    assert told[0] == told[1]


async def test_words_come_as_they_are_said_and_not_all_at_the_end(case: Case, server: StandIn) -> None:
    """At this pace the whole answer takes more than four seconds."""
    clock = asyncio.get_running_loop().time
    async with made(case, server, 20) as provider:
        begun = clock()
        async with provider.stream_reply(asking(), no_status) as events:
            stream = aiter(events)
            words = [await anext(stream) for _ in range(6)]
            assert 0.2 < clock() - begun < 3
    assert all(isinstance(word, TextDelta) for word in words)
    assert 6 <= len(text_of(words).split()) < 20


async def test_text_holds_no_empty_pieces_and_nothing_is_said_twice(case: Case, server: StandIn) -> None:
    async with made(case, server) as provider:
        first, second = await all_events(provider), await all_events(provider)
    assert text_of(first) == text_of(second)
    assert all(event.text for event in first if isinstance(event, TextDelta))


async def test_a_cut_answer_gives_its_words_and_then_cut_off_with_the_providers_name(
    case: Case, server: StandIn
) -> None:
    events: list[ReplyEvent] = []
    async with made(case, server) as provider:
        with pytest.raises(CutOff) as raised:
            await read_into(events, provider, asking("error"))
    assert text_of(events)
    assert raised.value.arguments["model"] == "stand-in"
    assert raised.value.arguments["provider"] in {"local", "demo"}


async def test_answers_can_stream_side_by_side_and_one_stops_without_the_other(case: Case, server: StandIn) -> None:
    async with made(case, server, 2000) as provider, provider.stream_reply(asking("left"), no_status) as left:
        async with provider.stream_reply(asking("right"), no_status) as right:
            await anext(aiter(right))
        assert isinstance([event async for event in left][-1], Completed)


async def test_leaving_early_leaves_nothing_behind(case: Case, server: StandIn) -> None:
    async with made(case, server) as provider:
        await all_events(provider)  # connections that are kept for the next question are open by now
        server.default = Answer(words_per_second=100)
        before = asyncio.all_tasks()
        async with provider.stream_reply(asking(), no_status) as events:
            async for _ in events:
                break
        gc.collect()  # an async generator that was left open would be closed by a task of its own
        for _ in range(200):
            await asyncio.sleep(0.01)
            if asyncio.all_tasks() <= before:
                return
    pytest.fail(f"left behind: {asyncio.all_tasks() - before}")


async def test_cancelling_while_entering_or_reading_is_passed_on(case: Case, server: StandIn) -> None:
    async with made(case, server, 20) as provider:
        asking_task = asyncio.create_task(all_events(provider))
        await asyncio.sleep(0.1)
        asking_task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking_task


async def test_history_goes_in_with_the_question_in_its_order(case: Case, server: StandIn) -> None:
    said = ("the first word", "the second word", "the third word")
    history = (Message("user", said[0]), Message("assistant", said[1]), Message("user", said[2]))
    async with made(case, server) as provider:
        if not provider.capabilities.history:
            pytest.skip("it can't be given a history")
        text = text_of(await all_events(provider, ReplyRequest("stand-in", history)))
    if server.requests:
        body = json.dumps(server.requests[0].body, ensure_ascii=False)
        assert [body.count(words) for words in said] == [1, 1, 1]
        assert sorted(said, key=body.index) == list(said)
    else:
        assert "remember: 2" in text


async def test_the_system_prompt_goes_in_once(case: Case, server: StandIn) -> None:
    case.needs("a server", "a system prompt in the question")
    async with made(case, server) as provider:
        if not provider.capabilities.system_prompt:
            pytest.skip("it can't be given a system prompt")
        await all_events(provider, replace(asking("a question of mine"), system="be kind to cats"))
    body = json.dumps(server.requests[0].body)
    assert body.count("be kind to cats") == 1


async def test_it_lists_its_models_and_can_be_opened_again(case: Case, server: StandIn) -> None:
    provider = made(case, server)
    for _ in range(2):
        async with provider:
            assert [model.name for model in await provider.models()]


async def test_a_provider_that_draws_gives_one_whole_picture_wrapped_or_not(case: Case, server: StandIn) -> None:
    async with made(case, server) as provider:
        picture = await painter_in(case, provider).draw(ImageRequest("stand-in", "a cat", 64, 64, seed=1))
        assert checked(picture.data) == picture
        assert await Retrying(provider).draw(ImageRequest("stand-in", "a cat", 64, 64, seed=1)) == picture


async def test_drawing_and_answering_go_side_by_side_and_drawing_can_be_given_up(case: Case, server: StandIn) -> None:
    if isinstance(server, ModelServer):
        server.pictures.default = Drawing(delay=30)
    async with made(case, server, 30) as provider:
        drawing = asyncio.create_task(drawn(painter_in(case, provider), ImageRequest("stand-in", "a cat")))
        async with provider.stream_reply(asking(), no_status) as events:
            assert isinstance(await anext(aiter(events)), TextDelta)
        drawing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await drawing


async def test_an_answer_that_never_comes_is_a_provider_error(case: Case) -> None:
    """Where nobody listens any more."""
    case.needs("a server")
    async with case.server() as server:
        provider = made(case, server)
    async with provider:
        with pytest.raises(ProviderError):
            await all_events(provider)


async def test_a_list_of_models_that_never_comes_is_a_provider_error(case: Case) -> None:
    case.needs("a server", "a listing that fails")
    async with case.server() as server:
        provider = made(case, server)
    async with provider:
        with pytest.raises(ProviderError):
            await provider.models()
