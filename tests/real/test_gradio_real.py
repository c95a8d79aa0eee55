"""The Gradio provider against real apps: what they are sent, what comes back, and what becomes of them on Stop."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest

from chat.errors import BadKey, Garbled, Overloaded, RateLimited
from chat.events import Completed, Replaced, ReplyEvent, TextDelta
from chat.messages import Message
from providers.base import ReplyRequest, Status
from providers.gradio import PRESETS, Gradio, GradioSettings
from tests.providers.asking import all_events, no_status, read_into, text_of
from tests.real.gradio_apps import KINDS, QUEUE, App, Kind, app_of

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

HISTORY = (Message("user", "[u1, 1]"), Message("assistant", "a1 a1\n\n[1, 2]"))
SLOW = {"steps": ["a"], "times": 300, "pause": 0.1}
STEPS = ("Hel", "lo", " ha", " ha", " ha", "\n[1, 2]", " [1, 2]", " — Привет 👋", "\n\n```py\nprint(1)\n```", "!")
GROWN = ["".join(STEPS[: number + 1]) for number in range(len(STEPS))]


@pytest.fixture(scope="module", params=KINDS, ids=str)
def app(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with app_of(request.param, tmp_path_factory.mktemp("gradio")) as running:
        yield running


@pytest.fixture
async def provider(app: App, request: pytest.FixtureRequest) -> AsyncIterator[Gradio]:
    name = str(request.node.name).partition("[")[0].removeprefix("test_").replace("_", " ")
    print(f"\n[real] {app.described}: {name}", flush=True)
    async with gradio(app) as provider:
        yield provider


def gradio(app: App, **settings: object) -> Gradio:
    return Gradio("real", GradioSettings.model_validate({"preset": app.preset, "base_url": app.url, **settings}))


def scripted(script: dict[str, Any], *history: Message, system: str = "", model: str = "") -> ReplyRequest:
    return ReplyRequest(model, (*history, Message("user", json.dumps(script))), system)


async def own_final_value(app: App, function: int, data: list[Any]) -> Any:
    """The conversation in the app's `process_completed`, read without anything of ours."""
    joining = {"data": data, "fn_index": function, "session_hash": "independent"}
    queue = f"{app.url}{app.prefix}/queue"
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{queue}/join", json=joining):
            pass
        async with session.get(f"{queue}/data?session_hash=independent") as answer:
            async for line in answer.content:
                message = json.loads(line[6:]) if line.startswith(b"data: ") else {}
                if message.get("msg") == "process_completed":
                    return message["output"]["data"][1]
    raise AssertionError("no process_completed")


def last_answer(value: Any) -> str:
    last = value[-1]
    content = last[1] if isinstance(last, list) else last["content"]
    content = content["text"] if isinstance(content, dict) else content
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


async def test_the_answer_is_the_apps_own_final_value_and_every_fragment_came_when_it_was_said(
    app: App, provider: Gradio
) -> None:
    clock = asyncio.get_running_loop().time
    request = scripted({"steps": GROWN, "pause": 0.05})
    came: list[tuple[float, ReplyEvent]] = []
    async with provider.stream_reply(request, no_status) as events:
        came = [(clock(), event) async for event in events]
    fragments = [event.text for _, event in came if isinstance(event, TextDelta)]
    assert fragments == list(STEPS)
    assert came[-1][1] == Completed()
    assert came[-1][0] - came[0][0] > 0.3, "they didn't come all at once"
    data = [request.messages[0].text, [], "S", *(["72B"] if app.preset == "qwen-2.5" else [])]
    function = PRESETS[app.preset].fn_index
    assert function is not None
    assert "".join(fragments) == last_answer(await own_final_value(app, function, data)) == GROWN[-1]


async def test_history_system_prompt_and_size_arrive_in_the_apps_own_form(app: App, provider: Gradio) -> None:
    request = scripted(
        {"told": True}, *HISTORY, system="Be kind.", model="Coder-7B" if app.preset == "qwen-2.5" else ""
    )
    told = json.loads(text_of(await all_events(provider, request)))
    said = [message.text for message in HISTORY]
    if app.kind.form in ("tuples", "modelscope") and "gradio 6" not in app.described:
        assert told["history"] == [said]
    else:
        assert told["history"] == [["user", said[0]], ["assistant", said[1]]]
    assert told["system"] == "Be kind."
    assert told["size"] == ("Coder-7B" if app.preset == "qwen-2.5" else "")


async def test_with_history_only_the_new_answer_is_told(provider: Gradio) -> None:
    events = await all_events(provider, scripted({"steps": GROWN, "pause": 0.02}, *HISTORY))
    assert text_of(events) == GROWN[-1]
    assert not any(isinstance(event, Replaced) for event in events)


async def test_a_rewrite_replaces_what_was_said(provider: Gradio) -> None:
    steps = ["one", "one two", "ONE TWO", "ONE TWO three", "done"]
    events = await all_events(provider, scripted({"steps": steps, "pause": 0.05}, *HISTORY))
    assert [event.text for event in events if isinstance(event, Replaced)] == ["ONE TWO", "done"]
    assert text_of(events) == "done"


@pytest.mark.parametrize("error", ["hidden", "shown"])
@pytest.mark.parametrize("after", [0, 3])
async def test_a_failure_comes_as_such_after_what_was_said(provider: Gradio, after: int, error: str) -> None:
    events: list[ReplyEvent] = []
    script = {"steps": GROWN, "pause": 0.05, "fail": after, "error": error}
    with pytest.raises(Overloaded, match="the app's own words" if error == "shown" else "doesn't say why"):
        await read_into(events, provider, scripted(script))
    assert text_of(events) == "".join(STEPS[:after])


async def test_values_above_512_kib_come_whole(provider: Gradio) -> None:
    long = Message("assistant", "word " * 150_000 + "end")
    assert text_of(await all_events(provider, scripted({"steps": GROWN}, HISTORY[0], long))) == GROWN[-1]
    huge = {"steps": ["x" * 700_000, "x" * 700_000 + "y"]}
    events = await all_events(provider, scripted(huge))
    assert text_of(events) == huge["steps"][-1]


async def test_a_full_queue_is_told_as_such_and_the_place_in_a_queue_before_it(provider: Gradio) -> None:
    told: list[Status] = []
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(provider.stream_reply(scripted(SLOW), no_status))
        waiting = [asyncio.create_task(entered(provider, told)) for _ in range(QUEUE)]
        async with asyncio.timeout(10):
            while Status("status.queued", {"position": "2"}) not in told:
                await asyncio.sleep(0.05)
        with pytest.raises(RateLimited, match="Queue is full"):
            await all_events(provider, scripted(SLOW))
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    await answers_at_once(provider)


async def test_stop_frees_the_worker(provider: Gradio) -> None:
    """The app has one worker, and the stopped answer would have taken 30 seconds."""
    clock = asyncio.get_running_loop().time
    async with provider.stream_reply(scripted(SLOW), no_status) as events:
        await anext(aiter(events))
        begun = clock()
    assert clock() - begun < 1
    await answers_at_once(provider)


async def test_stop_of_a_waiting_question_takes_it_out_of_the_queue(provider: Gradio) -> None:
    async with provider.stream_reply(scripted(SLOW), no_status):
        waiting = asyncio.create_task(entered(provider, []))
        await asyncio.sleep(0.5)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await asyncio.sleep(0.5)
    await answers_at_once(provider)


async def test_stop_while_joining_leaves_no_answer_for_nobody(provider: Gradio) -> None:
    await all_events(provider, scripted({"steps": ["ok"]}))
    for milliseconds in (1, 2, 3, 5, 10, 20):
        joining = asyncio.create_task(all_events(provider, scripted(SLOW)))
        await asyncio.sleep(milliseconds / 1000)
        joining.cancel()
        await asyncio.gather(joining, return_exceptions=True)
        await answers_at_once(provider)


async def test_a_wrong_function_is_a_clear_error(app: App, provider: Gradio) -> None:
    right = PRESETS[app.preset].fn_index
    async with gradio(app, fn_index=99) as wrong:
        with pytest.raises(Garbled, match=rf"no function 99 that chats; those that do \(fn_index\): {right}"):
            await all_events(wrong, scripted({"steps": ["ok"]}))
    asked = {"data": [], "fn_index": 99, "session_hash": "wrong"}
    async with aiohttp.ClientSession() as session, session.post(f"{app.url}{app.prefix}/queue/join", json=asked) as raw:
        assert raw.status == 500, "what the app itself says"
    assert text_of(await all_events(provider, scripted({"steps": ["ok"]}))) == "ok"


async def test_a_function_that_does_not_stream_is_heard_too(app: App, provider: Gradio) -> None:
    whole = (PRESETS[app.preset].fn_index or 0) + 3
    async with gradio(app, fn_index=whole) as forced:
        assert text_of(await all_events(forced, scripted({}))) == "not streamed"
    assert text_of(await all_events(provider, scripted({"steps": ["ok"]}))) == "ok"


@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if kind.form != "messages" or "6" in kind.environment], ids=str
)
async def test_a_login_in_the_way_is_a_bad_key(kind: Kind, tmp_path_factory: pytest.TempPathFactory) -> None:
    with app_of(kind, tmp_path_factory.mktemp("login"), "--login") as app:
        print(f"\n[real] {app.described}: behind a login", flush=True)
        async with gradio(app) as provider:
            with pytest.raises(BadKey):
                await all_events(provider, scripted({"steps": ["ok"]}))


async def entered(provider: Gradio, told: list[Status]) -> None:
    async with provider.stream_reply(scripted(SLOW), told.append):
        raise AssertionError("it should have waited")


async def answers_at_once(provider: Gradio) -> None:
    async with asyncio.timeout(5):
        async with provider.stream_reply(scripted({"steps": ["free"]}), lambda status: None) as events:
            assert text_of([event async for event in events]) == "free"
