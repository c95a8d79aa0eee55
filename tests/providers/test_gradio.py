"""The Gradio provider against a stand-in app: what the contract tests don't say of it."""

import asyncio
from collections.abc import Callable

import pytest
from pydantic import ValidationError

from chat.errors import BadKey, Garbled, ModelNotFound, Overloaded, RateLimited
from chat.events import Completed, ReplyEvent, TextDelta
from chat.messages import Message
from providers.base import ReplyRequest, Status
from providers.gradio import PRESETS, Gradio, GradioSettings
from tests.providers.asking import KEY, all_events, asking, no_status, read_into, text_of
from tests.providers.gradios import gradio_at
from tests.servers.gradio import QUEUE_FULL, GradioServer
from tests.servers.gradio_answers import FN_INDEX, Form
from tests.servers.model import Answer

HISTORY = (Message("user", "u1"), Message("assistant", "[1, 2] a1"), Message("user", "u2"))
SIZES = PRESETS["qwen-2.5"].models


@pytest.mark.parametrize("form", ["pairs", "modelscope", "messages", "parts"])
async def test_history_system_prompt_and_repeated_words_survive_in_every_form(form: Form) -> None:
    async with GradioServer(form) as app:
        app.default = Answer(pieces=("ha ", "ha ", "ha ", "[1, 2]", " [1, 2]", " end."))
        async with gradio_at(app) as provider:
            events = await all_events(provider, ReplyRequest("m", HISTORY, "be kind"))
        said = [(message["role"], message["content"]) for message in app.requests[0].body["messages"]]
        assert said == [(message.role, message.text) for message in HISTORY]
        assert app.requests[0].body["system"] == "be kind"
    assert [event.text for event in events if isinstance(event, TextDelta)] == [*app.default.pieces]
    assert events[-1] == Completed()


async def test_each_question_has_a_hash_of_its_own_the_same_for_join_and_data() -> None:
    async with GradioServer() as app, gradio_at(app) as provider:
        for _ in range(3):
            await all_events(provider)
        joined = [request.session for request in app.requests if hasattr(request, "session")]
        assert app.listened == joined
        assert len(set(joined)) == 3


async def test_the_config_is_read_once_and_anew_after_a_failure() -> None:
    async with GradioServer() as app, gradio_at(app) as provider:
        await all_events(provider)
        await all_events(provider)
        assert app.listings == 1
        app.script(Answer(status=500))
        with pytest.raises(Overloaded):
            await all_events(provider)
        await all_events(provider)
        assert app.listings == 2


async def test_a_place_in_the_queue_is_told_while_waiting() -> None:
    told: list[Status] = []
    async with GradioServer() as app, gradio_at(app) as provider:
        app.ranks = (2, 1, 0)
        async with provider.stream_reply(asking(), told.append):
            assert told == [Status("status.queued", {"position": place}) for place in ("3", "2", "1")]


async def test_a_full_queue_may_pass() -> None:
    async with GradioServer() as app, gradio_at(app) as provider:
        app.script(QUEUE_FULL)
        with pytest.raises(RateLimited, match="Queue is full") as raised:
            await all_events(provider)
        assert raised.value.arguments == {"provider": "local", "model": "stand-in"}
        assert text_of(await all_events(provider))


@pytest.mark.parametrize("fn_index", [0, FN_INDEX + 2, 99])
async def test_a_wrong_function_is_told_with_the_right_ones_and_not_tried(fn_index: int) -> None:
    async with GradioServer() as app, gradio_at(app, fn_index=fn_index) as provider:
        with pytest.raises(Garbled, match=f"no function {fn_index} .*: {FN_INDEX}, {FN_INDEX + 1}") as raised:
            await all_events(provider)
        assert not raised.value.transient
        assert app.requests == []


async def test_a_function_that_moved_is_found_again() -> None:
    """The app was changed while its config was known: it answers 500, once."""
    async with GradioServer() as app, gradio_at(app) as provider:
        right = app.config["dependencies"][FN_INDEX]["id"]
        app.config["dependencies"][FN_INDEX]["id"] = 7
        with pytest.raises(Overloaded):
            await all_events(provider)
        app.config["dependencies"][FN_INDEX]["id"] = right
        assert text_of(await all_events(provider))


async def test_a_login_in_the_way_is_a_bad_key() -> None:
    async with GradioServer(api_key="another key") as app, gradio_at(app) as provider:
        with pytest.raises(BadKey) as raised:
            await all_events(provider)
        assert KEY not in raised.value.details
        app.listing = Answer(status=401, body='{"detail":"Not authenticated"}')
        with pytest.raises(BadKey):
            await all_events(provider)
        with pytest.raises(BadKey):
            await provider.models()


async def test_the_key_goes_in_the_header_of_private_spaces() -> None:
    async with GradioServer(api_key=KEY) as app, gradio_at(app) as provider:
        assert text_of(await all_events(provider))


async def test_a_failure_without_words_comes_after_what_was_said() -> None:
    events: list[ReplyEvent] = []
    async with GradioServer() as app, gradio_at(app) as provider:
        app.script(Answer(text="one two three four", fault="error", body="null"))
        with pytest.raises(Overloaded, match="doesn't say why"):
            await read_into(events, provider, asking())
    assert text_of(events) == "one two three "


async def test_a_stream_of_another_kind_is_garbled() -> None:
    async with GradioServer() as app, gradio_at(app) as provider:
        app.script(Answer(fault="json"))
        with pytest.raises(Garbled, match="application/json in the place of text/event-stream"):
            await all_events(provider)


async def test_stopping_in_mid_answer_cancels_it_by_name() -> None:
    async with GradioServer("parts") as app, gradio_at(app) as provider:
        app.default = Answer(words_per_second=20)
        async with provider.stream_reply(asking(), no_status) as events:
            await anext(aiter(events))
        request = await app.asked()
        await request.over()
        assert vars(request)["cancelled"]


async def test_stopping_a_question_that_waits_in_the_queue_only_closes_its_stream() -> None:
    """Gradio 4 and 5 say that they cancel it, and then run it when its turn comes."""
    async with GradioServer() as app, gradio_at(app) as provider:
        app.queued_seconds = 30
        task = asyncio.create_task(all_events(provider))
        request = await app.asked()
        while not app.listened:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await request.over()
        assert request.left_early
        assert not vars(request)["cancelled"]


async def test_stopping_while_the_question_joins_drops_what_may_have_been_queued() -> None:
    """A session that nobody ever listened to would be answered to the end, for nobody."""
    async with GradioServer() as app, gradio_at(app) as provider:
        await all_events(provider)
        app.joining = 0.3
        task = asyncio.create_task(all_events(provider))
        request = await app.asked(2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert app.listened[1:] == [vars(request)["session"]]


@pytest.mark.parametrize("deaf", ["cancel", "queue/data"])
async def test_an_app_that_does_not_react_delays_no_stop_for_more_than_a_second_or_two(deaf: str) -> None:
    async with GradioServer() as app, gradio_at(app) as provider:
        app.default = Answer(words_per_second=20)
        app.deaf_to = deaf
        task = asyncio.create_task(all_events(provider))
        await app.asked()
        await asyncio.sleep(0.2)
        begun = asyncio.get_running_loop().time()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asyncio.get_running_loop().time() - begun < 1.5


async def test_values_above_what_aiohttp_reads_in_a_line_come_whole() -> None:
    long = Message("assistant", "x" * 600_000)
    async with GradioServer("modelscope") as app, gradio_at(app) as provider:
        app.default = Answer(pieces=("so ", "it ", "is."))
        events = await all_events(provider, ReplyRequest("m", (HISTORY[0], long, HISTORY[2])))
        assert text_of(events) == "so it is."
        assert app.requests[0].body["messages"][1]["content"] == long.text


@pytest.mark.parametrize(("model", "sent"), [("7B", "7B"), ("Math-72B", "Math-72B"), ("qwen-2.5", "72B"), ("", "72B")])
async def test_every_size_is_a_model_and_the_default_is_the_largest(model: str, sent: str) -> None:
    async with GradioServer("modelscope", sizes=SIZES) as app, gradio_at(app, preset="qwen-2.5") as provider:
        assert tuple(each.name for each in await provider.models()) == SIZES
        await all_events(provider, ReplyRequest(model, (HISTORY[0],)))
        assert app.requests[0].body["model"] == sent
        assert app.requests[0].body["system"] == PRESETS["qwen-2.5"].system_prompt


async def test_a_size_that_the_app_does_not_have_is_told_with_those_it_has() -> None:
    app = GradioServer("modelscope", sizes=("72B", "7B"))
    async with app, gradio_at(app, preset="qwen-2.5") as provider:
        with pytest.raises(ModelNotFound, match="there are: 72B, 7B") as raised:
            await all_events(provider, ReplyRequest("700B", HISTORY))
        assert raised.value.arguments == {"provider": "local", "model": "700B"}


@pytest.mark.parametrize(
    ("settings", "asked", "system"),
    [
        ({}, "", "the app's own"),
        ({}, "theirs", "theirs"),
        ({"default_system_prompt": "mine"}, "", "mine"),
        ({"default_system_prompt": "mine"}, "theirs", "theirs"),
        ({"preset": "qwen-2-72b"}, "", "the app's own"),
        ({"preset": "qwen-2.5"}, "", PRESETS["qwen-2.5"].system_prompt),
        ({"preset": "qwen-2.5", "default_system_prompt": "mine"}, "", "mine"),
        ({"preset": "qwen-2.5", "default_system_prompt": ""}, "", "the app's own"),
    ],
)
async def test_the_system_prompt_is_the_questions_the_configs_the_presets_or_the_apps(
    settings: dict[str, object], asked: str, system: str
) -> None:
    async with GradioServer(sizes=("72B",)) as app, gradio_at(app, **settings) as provider:
        await all_events(provider, ReplyRequest("72B", HISTORY, asked))
        assert app.requests[0].body["system"] == system


async def test_an_app_that_is_no_preset_is_one_model_by_its_title() -> None:
    async with GradioServer(sizes=("72B",)) as app:
        async with gradio_at(app) as provider:
            assert [model.name for model in await provider.models()] == ["A stand-in"]
        async with gradio_at(app, preset="qwen-2-72b") as provider:
            assert [model.name for model in await provider.models()] == ["qwen-2-72b"]


def test_a_preset_brings_its_documented_address_which_a_base_url_replaces() -> None:
    assert GradioSettings(preset="qwen-2-72b").address == "https://qwen-qwen2-72b-instruct.hf.space"
    assert GradioSettings(preset="qwen-2.5").address == "https://qwen-qwen2-5.hf.space"
    assert GradioSettings(preset="qwen-2.5", base_url="http://localhost:7860/").address == "http://localhost:7860"


@pytest.mark.parametrize(
    "fields", [{}, {"base_url": "ftp://x"}, {"preset": "qwen-9"}, {"base_url": "http://x", "fn_index": -1}]
)
def test_settings_that_lead_nowhere_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        GradioSettings.model_validate(fields)


@pytest.mark.parametrize("make", [Gradio])
async def test_it_does_no_io_before_it_is_entered(make: Callable[[str, GradioSettings], Gradio]) -> None:
    assert make("local", GradioSettings(base_url="http://127.0.0.1:1")).capabilities.history
