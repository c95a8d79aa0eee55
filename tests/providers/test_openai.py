"""The OpenAI-compatible provider against a real local server: what it asks, what it makes of answers, and proxies."""

import asyncio
from dataclasses import replace

import pytest
from pydantic import ValidationError

from chat import errors
from chat.events import Completed, ReasoningDelta, TextDelta, Usage
from chat.messages import Image, Message
from providers.base import ModelInfo, ReplyRequest
from providers.openai import OpenAISettings
from tests.providers.asking import KEY, all_events, answered, asking, described, failure, no_status, openai_at
from tests.providers.proxies import HttpProxy, Proxy, SocksProxy
from tests.servers.model import Answer, ModelServer, answer_to, marks


async def test_the_request_is_one_that_an_openai_server_knows(server: ModelServer) -> None:
    picture = Image(b"\x89PNG" * 500_000, "image/png")  # more than aiohttp likes to send in one piece
    request = ReplyRequest("gpt", (Message("user", "Что это? \ud83d", (picture,)),), "Be brief.", {"temperature": 0})
    async with openai_at(server) as provider:
        await all_events(provider, request)
    seen = server.requests[0]
    assert seen.path == "/v1/chat/completions"
    assert seen.headers["Authorization"] == f"Bearer {KEY}"
    assert seen.headers["Content-Type"] == "application/json"
    assert (seen.body["model"], seen.body["stream"], seen.body["temperature"]) == ("gpt", True, 0)
    assert seen.question == "Что это? ?"  # half an emoji is not UTF-8
    assert len(seen.body["messages"][1]["content"][1]["image_url"]["url"]) > 2_000_000


async def test_an_empty_key_sends_no_authorization(server: ModelServer) -> None:
    await answered(server, api_key="")
    assert "Authorization" not in server.requests[0].headers


async def test_usage_reasoning_and_the_end_reason_arrive(server: ModelServer) -> None:
    server.script(Answer(text="one two", reasoning="hm", finish_reason="length", keep_alives=True))
    async with openai_at(server) as provider:
        events = await all_events(provider)
    assert events == [ReasoningDelta("hm"), TextDelta("one "), TextDelta("two"), Completed("length", Usage(7, 2))]


@pytest.mark.parametrize(
    "answer",
    [
        Answer(),
        Answer(fragment_bytes=1),
        Answer(split_emoji=True),
        Answer(fault="json"),
        Answer(end_mark=False),
        Answer(finish_reason=""),
    ],
    ids=described,
)
async def test_however_an_answer_is_sent_it_comes_whole_and_once(server: ModelServer, answer: Answer) -> None:
    text = await answered(server, answer)
    assert text == answer_to("How are you?")
    assert all(text.count(mark) == 1 for mark in marks("How are you?"))


async def bursts(server: ModelServer, lull: float) -> int:
    """How often an answer of 100 words in half a second wakes whoever reads it."""
    clock, times = asyncio.get_running_loop().time, set()
    server.script(Answer(text=" ".join(["word"] * 100), words_per_second=200))
    request = replace(asking(), lull=lambda: lull)
    async with openai_at(server) as provider, provider.stream_reply(request, no_status) as events:
        async for _ in events:
            times.add(round(clock(), 2))
    return len(times)


async def test_in_a_lull_words_are_read_many_at_a_time(server: ModelServer) -> None:
    assert 2 * await bursts(server, 0.5) < await bursts(server, 0.0)


async def test_a_model_that_names_its_role_and_then_thinks_is_waited_for(server: ModelServer) -> None:
    assert await answered(server, Answer(text="Yes", words_per_second=2), idle_timeout_seconds=0.2) == "Yes"


async def test_halves_of_emoji_are_joined_and_nul_is_dropped(server: ModelServer) -> None:
    assert (
        await answered(server, Answer(pieces=("\0", "a\0b \ud83d", "\udc4b", "\udc4b \ud83d"))) == "ab 👋\ufffd \ufffd"
    )


async def test_a_line_far_above_what_aiohttp_takes_is_read(server: ModelServer) -> None:
    text = await answered(server, Answer(fault="huge_line", after_words=1, huge_bytes=4 * 2**20))
    assert text.count("x") >= 4 * 2**20


async def test_a_line_of_absurd_length_is_garbled(server: ModelServer) -> None:
    assert isinstance(await failure(server, Answer(fault="huge_line")), errors.Garbled)


@pytest.mark.parametrize("kind", [HttpProxy, SocksProxy])
async def test_requests_go_through_the_proxy_that_is_set(server: ModelServer, kind: type[Proxy]) -> None:
    async with kind() as proxy:
        assert await answered(server, proxy=proxy.url) == answer_to("How are you?")
        assert proxy.targets == [("127.0.0.1", server.port)]


async def test_stop_reaches_the_model_through_a_proxy(server: ModelServer) -> None:
    server.script(Answer(words_per_second=20))
    async with SocksProxy() as proxy, openai_at(server, proxy=proxy.url) as provider:
        async with provider.stream_reply(asking(), no_status):
            pass
        await server.requests[0].over()
        assert server.requests[0].left_early


async def test_the_proxies_of_the_environment_are_not_used(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert await answered(server)


@pytest.mark.parametrize("scheme", ["http", "socks5"])
async def test_a_proxy_that_is_down_is_unreachable_and_its_password_stays_quiet(
    server: ModelServer, scheme: str
) -> None:
    async with Proxy() as free:
        port = free._port
    error = await failure(server, Answer(), proxy=f"{scheme}://me:hunter2222@127.0.0.1:{port}")
    assert type(error) is errors.Unreachable
    assert "hunter2222" not in str((error, error.details, repr(error)))


async def test_a_proxy_gets_its_credentials_and_says_when_they_are_missing(server: ModelServer) -> None:
    async with HttpProxy("me", "hunter2222") as proxy:
        assert await answered(server, proxy=proxy.url)
        error = await failure(server, Answer(), proxy=proxy.url.replace("me:hunter2222@", ""))
    assert type(error) is errors.Unreachable


async def test_models_are_listed_and_failures_told(server: ModelServer) -> None:
    async with openai_at(server) as provider:
        assert list(await provider.models()) == [ModelInfo("stand-in")]
        server.listing = Answer(status=429, headers={"Retry-After": "3"})
        with pytest.raises(errors.RateLimited) as raised:
            await provider.models()
    assert (raised.value.retry_after, raised.value.arguments["provider"]) == (3, "local")


def test_settings_have_the_documented_defaults() -> None:
    settings = OpenAISettings()
    assert settings.base_url == "https://api.openai.com/v1"
    assert settings.api_key.get_secret_value() == ""
    assert (settings.proxy, settings.idle_timeout_seconds, settings.total_timeout_seconds) == ("", 60, 600)


@pytest.mark.parametrize(
    "wrong",
    [
        {"base_url": "localhost:8080"}, {"base_url": "ftp://host/"}, {"base_url": ""}, {"base_url": "http://h/?a=b"},
        {"base_url": "http://h:99999/"}, {"proxy": "localhost:3128"}, {"proxy": "socks5://host"},
        {"api_key": "two\nlines"}, {"api_key": "k" * 8, "base_url": "http://me:pw@h/"},
        {"idle_timeout_seconds": 0}, {"total_timeout_seconds": "inf"}, {"apikey": "x"}, {"type": "other"},
    ],
    ids=described,
)  # fmt: skip
def test_settings_that_cannot_work_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        OpenAISettings.model_validate(wrong)


def test_settings_forgive_white_space_and_a_slash_and_never_print_a_secret() -> None:
    settings = OpenAISettings.model_validate(
        {"base_url": " http://h:1/v1/ ", "api_key": f" {KEY}\n", "proxy": "http://me:hunter2222@h:3128"}
    )
    assert settings.base_url == "http://h:1/v1"
    assert settings.api_key.get_secret_value() == KEY
    assert not any(secret in repr(settings) for secret in (KEY, "hunter2222"))
