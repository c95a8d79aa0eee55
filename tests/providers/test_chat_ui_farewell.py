"""The promise that no conversation stays on somebody's chat-ui: deleted after every turn, however it ended."""

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest

from chat.errors import ProviderError
from providers.chat_ui import FAREWELL_PAUSE_SECONDS
from tests.providers.asking import all_events, asking, no_status
from tests.providers.chat_uis import chat_ui_at
from tests.servers.chat_ui import ChatUiServer
from tests.servers.model_answers import Answer

FAULTS = ("error", "cut", "cut_cleanly", "reset", "html", "garbage", "huge_line")


@pytest.fixture(params=["legacy", "modern"])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[ChatUiServer]:
    async with ChatUiServer(request.param) as server:
        yield server


async def test_an_answer_that_came_whole(server: ChatUiServer) -> None:
    async with chat_ui_at(server) as provider:
        await all_events(provider)
        await server.emptied()
    assert len(server.made) == 1
    assert server.stopped == []


@pytest.mark.parametrize("fault", FAULTS)
async def test_an_answer_that_failed(server: ChatUiServer, fault: str) -> None:
    server.default = Answer(fault=fault)  # type: ignore[arg-type]  # one of its literals
    async with chat_ui_at(server) as provider:
        with pytest.raises(ProviderError):
            await all_events(provider)
        await server.emptied()
    assert len(server.made) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_question_that_was_refused(server: ChatUiServer, status: int) -> None:
    server.default = Answer(status=status)
    async with chat_ui_at(server) as provider:
        with pytest.raises(ProviderError):
            await all_events(provider)
        await server.emptied()
    assert len(server.made) == 1


async def test_an_answer_that_was_stopped_and_the_server_is_told_to_stop(server: ChatUiServer) -> None:
    server.default = Answer(fault="endless", after_words=1)
    async with chat_ui_at(server) as provider:
        async with provider.stream_reply(asking(), no_status) as events:
            await anext(aiter(events))
        await server.requests[0].over()
        await server.emptied()
    assert server.requests[0].left_early
    assert len(server.stopped) == (1 if server.dialect == "modern" else 0)
    if server.dialect == "modern":
        assert server.calls[-2:] == ["POST /conversation/ID/stop-generating", "DELETE /api/v2/conversations/ID"]


async def test_an_answer_whose_reader_was_cancelled_and_leaving_does_not_wait_for_it(server: ChatUiServer) -> None:
    server.default = Answer(fault="stall", after_words=1)
    async with chat_ui_at(server) as provider:
        reading = asyncio.create_task(all_events(provider))
        await server.asked()
        server.deletions.extend([Answer(status=503)])
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await server.emptied()
    assert len(server.made) == 1


async def test_a_conversation_that_was_still_being_made_when_its_reader_was_cancelled(server: ChatUiServer) -> None:
    server.creating = 0.2
    async with chat_ui_at(server) as provider:
        reading = asyncio.create_task(all_events(provider))
        async with asyncio.timeout(5):
            while not server.made:
                await asyncio.sleep(0.005)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert server.conversations
        await server.emptied()
    assert server.requests == []


async def test_closing_the_provider_waits_for_what_is_still_to_be_deleted(server: ChatUiServer) -> None:
    async with chat_ui_at(server) as provider:
        await all_events(provider)
    assert server.conversations == {}


async def test_a_deletion_that_failed_is_tried_again(server: ChatUiServer) -> None:
    server.deletions.append(Answer(status=503))
    async with chat_ui_at(server) as provider:
        await all_events(provider)
    assert server.conversations == {}


async def test_a_deletion_that_is_refused_is_told_to_the_log_and_to_nobody_else(
    server: ChatUiServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.deletions.append(Answer(status=403))
    async with chat_ui_at(server) as provider:
        await all_events(provider)
    assert "local: a conversation may be left on the server" in caplog.text


async def test_a_conversation_that_is_gone_already_is_fine(
    server: ChatUiServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with chat_ui_at(server) as provider, provider.stream_reply(asking(), no_status) as events:
        server.conversations.clear()
        assert [event async for event in events]
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_a_server_that_never_answers_delays_closing_for_a_bounded_time_only(
    server: ChatUiServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.deletions.extend([Answer(status=503)] * 100)
    clock = asyncio.get_running_loop().time
    async with chat_ui_at(server, farewell_seconds=0.2) as provider:
        await all_events(provider)
        left = clock()
    assert clock() - left < 2
    assert "not done after 0.2 s" in caplog.text


async def test_the_end_of_the_answer_does_not_wait_for_the_deletion(server: ChatUiServer) -> None:
    server.deletions.extend([Answer(status=503)] * 2)  # two pauses
    clock = asyncio.get_running_loop().time
    async with chat_ui_at(server) as provider:
        begun = clock()
        await all_events(provider)
        assert clock() - begun < FAREWELL_PAUSE_SECONDS
        assert server.conversations
    assert server.conversations == {}
