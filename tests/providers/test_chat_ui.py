"""What chat-ui is promised in both dialects: the whole answer, sessions that hold, failures that say what to do."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from chat import errors
from chat.events import Completed, ReasoningDelta, ReplyEvent
from chat.messages import Message
from providers.base import ReplyRequest
from providers.chat_ui import PUBLIC_URL, ChatUi, ChatUiSettings
from tests.providers.asking import all_events, asking, no_status, read_into, text_of
from tests.providers.chat_uis import DialectName, chat_ui_at
from tests.providers.picture_hosts import DivertedSocks
from tests.servers.chat_ui import ChatUiServer
from tests.servers.model_answers import Answer, answer_to

TEXT = "Привет! ha ha ha [1, 2] data: {data: x}\n\ndata: y <|not the end|> done 👋🏽"


@pytest.fixture(params=["legacy", "modern"])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[ChatUiServer]:
    async with ChatUiServer(request.param) as server:
        yield server


@pytest.fixture
async def legacy() -> AsyncIterator[ChatUiServer]:
    async with ChatUiServer("legacy") as server:
        yield server


@pytest.fixture
async def modern() -> AsyncIterator[ChatUiServer]:
    async with ChatUiServer("modern") as server:
        yield server


async def answered(server: ChatUiServer, request: ReplyRequest | None = None) -> str:
    async with chat_ui_at(server) as provider:
        events = await all_events(provider, request)
    assert isinstance(events[-1], Completed)
    return text_of(events)


async def failure(server: ChatUiServer, *answers: Answer, **settings: Any) -> errors.ProviderError:
    server.script(*answers)
    async with chat_ui_at(server, **settings) as provider:
        with pytest.raises(errors.ProviderError) as raised:
            await all_events(provider)
    return raised.value


@pytest.mark.parametrize(
    "how",
    [Answer(), Answer(fragment_bytes=1), Answer(split_emoji=True), Answer(keep_alives=True), Answer(fragment_bytes=7)],
    ids=["plain", "bytes", "surrogates", "keep-alives", "sevens"],
)
async def test_the_text_is_what_the_model_said_with_nothing_eaten(server: ChatUiServer, how: Answer) -> None:
    server.default = replace(how, text=TEXT)
    assert await answered(server) == TEXT


async def test_text_with_nul_and_halves_of_emoji_is_mended(server: ChatUiServer) -> None:
    server.default = Answer(pieces=("a\0b ", "\ud83d", "\udc4b ", "c"))
    assert await answered(server) == "ab 👋 c"


async def test_the_stand_in_streams_a_long_answer_word_by_word(server: ChatUiServer) -> None:
    async with chat_ui_at(server) as provider:
        events = await all_events(provider)
    assert text_of(events) == answer_to("How are you?")
    assert len(events) > 100


async def test_the_end_tells_whether_the_length_ran_out(server: ChatUiServer) -> None:
    server.default = Answer(text="one two", finish_reason="length")
    async with chat_ui_at(server) as provider:
        last = (await all_events(provider))[-1]
    assert isinstance(last, Completed)
    assert last.reason == "length"


async def test_a_session_is_opened_once_and_kept_although_the_host_is_an_address(server: ChatUiServer) -> None:
    async with chat_ui_at(server) as provider:
        for _ in range(3):
            await all_events(provider)
    assert server.url.startswith("http://127.0.0.1:")
    assert server.calls.count("POST /settings") == (1 if server.dialect == "legacy" else 0)
    assert len({conversation.session for conversation in server.made}) == 1


async def test_first_questions_at_the_same_time_share_one_session(server: ChatUiServer) -> None:
    async with chat_ui_at(server) as provider:
        answers = await asyncio.gather(*(all_events(provider, asking(f"no. {number}")) for number in range(8)))
    assert [text_of(events) for events in answers] == [answer_to(f"no. {number}") for number in range(8)]
    assert len({conversation.session for conversation in server.made}) == 1


async def test_a_provider_can_be_opened_again_with_a_session_of_its_own(server: ChatUiServer) -> None:
    provider = chat_ui_at(server)
    for _ in range(2):
        async with provider:
            assert text_of(await all_events(provider)) == answer_to("How are you?")
    assert len({conversation.session for conversation in server.made}) == 2
    assert len(server.made) == 2


async def test_the_form_of_the_documents_opens_a_legacy_session_and_shares_nothing(legacy: ChatUiServer) -> None:
    await answered(legacy)
    [form] = legacy.sessions.values()
    assert form["ethicsModalAccepted"] == "true"
    assert form["activeModel"] == "stand-in"
    assert "shareConversationsWithModelAuthors" not in form


async def test_a_session_that_the_server_forgot_is_opened_anew_once_for_all(legacy: ChatUiServer) -> None:
    async with chat_ui_at(legacy) as provider:
        await all_events(provider)
        legacy.sessions.clear()
        answers = await asyncio.gather(*(all_events(provider) for _ in range(4)))
    assert [text_of(events) for events in answers] == [answer_to("How are you?")] * 4
    assert legacy.calls.count("POST /settings") == 2


@pytest.mark.parametrize(("alias", "name"), [("falcon-7b", "falcon-7b-v3"), ("llama-13b", "open-llama-13b")])
async def test_the_documents_names_stand_for_h2os_models(alias: str, name: str) -> None:
    async with ChatUiServer("legacy", models=(f"h2oai/h2ogpt-gm-oasst1-en-2048-{name}",)) as server:
        assert await answered(server, ReplyRequest(alias, (Message("user", "Hi"),))) == answer_to("Hi")


async def test_models_are_the_documents_three_or_the_servers_own(server: ChatUiServer) -> None:
    async with chat_ui_at(server) as provider:
        names = [model.name for model in await provider.models()]
    assert names == (["falcon-40b", "falcon-7b", "llama-13b"] if server.dialect == "legacy" else ["stand-in"])


async def test_history_and_system_prompt_reach_the_model(server: ChatUiServer) -> None:
    history = (Message("user", "one"), Message("assistant", "two"), Message("user", "three"))
    assert await answered(server, ReplyRequest("stand-in", history, system="Be brief")) == answer_to("three")
    inputs = server.requests[0].body["inputs"]
    assert "user: one\nassistant: two\nuser: three\nassistant:" in inputs
    assert ("Be brief" in inputs) == (server.dialect == "legacy")
    assert server.made[0].preprompt == ("" if server.dialect == "legacy" else "Be brief")


async def test_reasoning_is_told_in_the_modern_dialect(modern: ChatUiServer) -> None:
    modern.default = Answer(text="yes", reasoning="let me think")
    async with chat_ui_at(modern) as provider:
        assert (await all_events(provider))[0] == ReasoningDelta("let me think")


async def test_a_final_answer_that_differs_replaces_the_streamed_one(modern: ChatUiServer) -> None:
    modern.default = Answer(text="four five", body="six")
    assert await answered(modern) == "six"


@pytest.mark.parametrize("fault", ["cut", "cut_cleanly", "reset"])
async def test_an_answer_without_its_end_is_cut_off_and_its_words_are_kept(server: ChatUiServer, fault: str) -> None:
    server.script(Answer(fault=fault))  # type: ignore[arg-type]  # one of its literals
    events: list[ReplyEvent] = []
    async with chat_ui_at(server) as provider:
        with pytest.raises(errors.CutOff) as raised:
            await read_into(events, provider, asking())
    assert text_of(events)
    assert raised.value.arguments == {"provider": "local", "model": "stand-in"}


async def test_an_error_in_mid_answer_is_told(server: ChatUiServer) -> None:
    error = await failure(server, Answer(fault="error"))
    assert isinstance(error, errors.Overloaded)
    assert "CUDA" in error.details or "terminated" in error.details


@pytest.mark.parametrize(
    ("answer", "kind", "seconds"),
    [
        (Answer(status=429, headers={"Retry-After": "7"}), errors.RateLimited, 7),
        (
            Answer(status=503, body='{"error": "Model x/y is currently loading", "estimated_time": 20.0}'),
            errors.Overloaded,
            20,
        ),
        (Answer(status=402), errors.NoCredit, None),
        (Answer(status=500, body='{"message":"Internal Error"}'), errors.Overloaded, None),
        (Answer(status=410, body='{"message":"Model not available anymore"}'), errors.ModelNotFound, None),
        (Answer(status=404, body='{"message":"Conversation not found"}'), errors.Overloaded, None),
        (Answer(status=405, body='{"error":"You need to accept the welcome modal first"}'), errors.Overloaded, None),
        (Answer(fault="html"), errors.Garbled, None),
        (Answer(fault="garbage"), errors.Garbled, None),
    ],
    ids=["429", "loading", "402", "500", "410", "lost", "no-session", "html", "garbage"],
)
async def test_each_refusal_becomes_its_error(
    server: ChatUiServer, answer: Answer, kind: type[errors.ProviderError], seconds: float | None
) -> None:
    error = await failure(server, answer)
    assert type(error) is kind
    assert error.retry_after == seconds
    assert error.arguments == {"provider": "local", "model": "stand-in"}


@pytest.mark.parametrize("fault", ["silent", "stall"])
async def test_a_server_that_falls_silent_is_given_up(server: ChatUiServer, fault: str) -> None:
    answer = Answer(fault=fault)  # type: ignore[arg-type]  # a literal
    error = await failure(server, answer, first_timeout_seconds=0.6, idle_timeout_seconds=0.6)
    assert isinstance(error, errors.TimedOut)


@pytest.mark.parametrize(("dialect", "other"), [("legacy", "modern"), ("modern", "legacy")])
async def test_the_wrong_dialect_is_named(dialect: DialectName, other: DialectName) -> None:
    async with ChatUiServer(dialect) as server:
        error = await failure(server, dialect=other)
    assert isinstance(error, errors.Garbled)
    assert f"dialect: {dialect}" in error.details


async def test_forms_carry_the_headers_that_sveltekit_wants(server: ChatUiServer) -> None:
    await answered(server)
    headers = server.requests[0].headers
    assert headers["Origin"] == server.url
    assert headers["Referer"] == f"{server.url}/"


async def test_a_server_of_ones_own_that_is_down_is_unreachable_and_not_presumed_gone(server: ChatUiServer) -> None:
    provider = chat_ui_at(server)
    await server.__aexit__()
    async with provider:
        with pytest.raises(errors.Unreachable) as raised:
            await all_events(provider)
    assert type(raised.value) is errors.Unreachable


def public(proxy: DivertedSocks, base_url: str) -> ChatUi:
    return ChatUi("h2o", ChatUiSettings(base_url=base_url, proxy=proxy.url))


async def test_the_public_host_that_nobody_answers_for_is_presumed_gone_with_what_to_do() -> None:
    async with DivertedSocks(1, unreachable=["gpt-gm.h2o.ai"]) as proxy, public(proxy, PUBLIC_URL) as provider:
        with pytest.raises(errors.HostGone) as raised:
            await all_events(provider)
    assert proxy.targets == [("gpt-gm.h2o.ai", 443)]
    assert not raised.value.transient
    assert raised.value.arguments == {"provider": "h2o", "model": "stand-in"}
    for word in ("presumed gone", "base_url", "h2oGPT", "OpenAI-compatible"):
        assert word in raised.value.details


async def test_a_page_in_the_place_of_the_public_host_means_gone_too() -> None:
    """A proxy's 502, or a parked domain."""

    async def page(http: web.Request) -> web.Response:
        return web.Response(status=502, text="<!DOCTYPE html><html>Bad gateway</html>", content_type="text/html")

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", page)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with (
            DivertedSocks(runner.addresses[0][1]) as proxy,
            public(proxy, PUBLIC_URL.replace("https", "http")) as provider,
        ):
            with pytest.raises(errors.HostGone):
                await all_events(provider)
    finally:
        await runner.cleanup()


async def test_a_page_of_a_server_of_ones_own_is_not_presumed_gone(server: ChatUiServer) -> None:
    error = await failure(server, Answer(status=502, body="<html>Bad gateway</html>"))
    assert type(error) is errors.Overloaded


async def test_an_unknown_model_is_refused_before_anything_is_asked(modern: ChatUiServer) -> None:
    async with chat_ui_at(modern) as provider:
        with pytest.raises(errors.RequestRefused):
            await all_events(provider, ReplyRequest("other", (Message("user", "Hi"),)))
    assert modern.requests == []


async def test_the_modern_question_is_a_form_with_json_in_it(modern: ChatUiServer) -> None:
    await answered(modern)
    assert modern.requests[0].headers["Content-Type"].startswith("multipart/form-data")
    assert modern.requests[0].body == {
        "inputs": "How are you?", "id": modern.made[0].root, "is_retry": False,
    }  # fmt: skip


async def test_leaving_at_once_is_fine(server: ChatUiServer) -> None:
    async with chat_ui_at(server) as provider:
        async with provider.stream_reply(asking(), no_status):
            pass
        await server.emptied()
