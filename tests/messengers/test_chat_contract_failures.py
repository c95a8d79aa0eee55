"""What `Chat` promises, of every messenger, when things go wrong: replies that break off, floods, broken connections.

What arrived is seen in the end, whole and once. The cases are in chats.py.
"""

from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio

from chat.buttons import Action, Button
from chat.errors import CutOff
from chat.events import Completed, Replaced
from chat.replies import ReplyState
from messengers.base import SlowDown, Unsure
from messengers.live_reply import LiveReply, Shown
from messengers.screen import Layout, Screen
from tests.fakes import FakeStream, Step
from tests.markdown_text import letters, said
from tests.messengers.chats import CASES, FAMILY, WITH_A_SERVER, WORDS, Call, Case, Fault, World, deliver, page, world

pytestmark = pytest.mark.asyncio(loop_scope="module")

STOP, MODEL = Button("⏹ Stop", Action("stop", 5)), Button("gpt", Action("model", 4711, 99))

with_a_server = pytest.mark.parametrize("case", WITH_A_SERVER, indirect=True)
on_the_way = pytest.mark.parametrize(
    ("case", "fault"),
    [
        *((name, fault) for name in WITH_A_SERVER for fault in ("gateway", "reset", "applied")),
        ("playground", "applied"),  # there is no wire: a disk that fails is all
    ],
    indirect=["case"],
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def everywhere(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with world(tmp_path_factory.mktemp("playground")) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module", params=CASES)
async def case(request: pytest.FixtureRequest, everywhere: World) -> Case:
    return await CASES[request.param](everywhere)


# Replies that grow


async def forget(_: ReplyState) -> None:
    """A checkpoint that nobody needs."""


async def streamed(case: Case, steps: Sequence[Step]) -> Shown:
    """A live reply, and then its final form."""
    reply = LiveReply(case.chat, forget, buttons=[STOP], key="answer")
    shown = await reply.show(FakeStream(steps).open())
    parts = await shown.settled() if shown.settled else ()
    await deliver(case.chat, shown.state.text, Screen(case.chat, parts, key="answer"))
    return shown


RICH = "\n\n".join(
    f"## Part {number}\n\nSome **bold** and _slanted_ text, `code_{number}` and {FAMILY} שלום $5.\n\n"
    f"- item {number}\n  - nested a_b_c\n\n```python\nprint({number})\n```"
    for number in range(80)
)[:10_000]
SHORT = RICH[:700]

STREAMS: dict[str, list[Step]] = {
    "10,000 tiny fragments": [step for character in RICH for step in (character, 0.0)],
    "all the text at once": [RICH, Completed()],
    "empty first fragments": ["", " ", "\n", "", *SHORT, Completed()],
    "a pause after the first characters": ["He", 0.1, "llo", Completed()],
    "replaced": ["Nonsense", 0.05, Replaced(SHORT), Completed()],
    "shorter than what was shown": [RICH, 0.05, Replaced("Sorry."), Completed()],
    "none at all": [Completed()],
    "nothing that anybody sees": ["\u200b", 0.05, "\u200d\ufeff", Completed()],
    "a failure at once": [CutOff("cut")],
    "a failure after one fragment": ["Hello", CutOff("cut")],
    "a failure after many": [*SHORT, 0.05, CutOff("cut")],
}


@pytest.mark.parametrize("name", STREAMS)
async def test_the_visible_letters_are_those_of_the_source_however_it_comes(case: Case, name: str) -> None:
    steps = STREAMS[name]
    shown = await streamed(case, [*steps, Completed()])
    replaced = [step.text for step in steps if isinstance(step, Replaced)]
    source = replaced[-1] if replaced else "".join(step for step in steps if isinstance(step, str))
    assert shown.end == ("failed" if "failure" in name else "done")
    assert letters("".join(await case.shown())) == said(source)


# What goes wrong


async def attempt(case: Case, call: Call, message: str) -> None:
    match call:
        case "send":
            await case.chat.send(page(case.chat, "hello"), nonce="a.0")
        case "edit":
            await case.chat.edit(message, page(case.chat, "hello"))
        case "typing":
            await case.chat.typing()


async def prepared(case: Case, call: Call) -> str:
    """The message to edit, if that is to be tried."""
    return await case.chat.send(page(case.chat, "before"), nonce="a.0") if call == "edit" else ""


@pytest.mark.parametrize("seconds", [1, 35, 250, 14_000])
@pytest.mark.parametrize("call", ["send", "edit"])
@with_a_server
async def test_a_flood_says_for_how_long_and_after_it_the_call_succeeds(case: Case, call: Call, seconds: int) -> None:
    message = await prepared(case, call)
    async with case.failing(call, "flood", seconds):
        with pytest.raises(SlowDown) as slow:
            await attempt(case, call, message)
    assert slow.value.retry_after == seconds
    await attempt(case, call, message)
    assert await case.shown() == ["hello"]


@pytest.mark.parametrize("case", ["telegram", "discord channel"], indirect=True)
async def test_a_flood_of_typing_says_so_too(case: Case) -> None:
    async with case.failing("typing", "flood", 35):
        with pytest.raises(SlowDown) as slow:
            await case.chat.typing()
    assert slow.value.retry_after == 35
    await case.chat.typing()


@with_a_server
async def test_a_flood_at_an_interim_or_the_last_edit_leaves_what_was_shown(case: Case) -> None:
    """It is whole once the flood is over."""
    screen, layout = Screen(case.chat, key="answer"), Layout(case.chat)
    await screen.step(layout.pages("Half an", final=False))
    for source, final in (("Half an ans", False), ("Half an answer, whole.", True)):
        pages = layout.pages(source, final=final)
        async with case.failing("edit", "flood", 35):
            with pytest.raises(SlowDown):
                await screen.step(pages, final=final)
            assert await case.shown() == ["Half an"]
    await deliver(case.chat, "Half an answer, whole.", screen)
    assert await case.shown() == ["Half an answer, whole."]


@on_the_way
@pytest.mark.parametrize("call", ["send", "edit"])
async def test_what_fails_on_its_way_is_unsure_and_tried_again_it_succeeds(
    case: Case, call: Call, fault: Fault
) -> None:
    message = await prepared(case, call)
    async with case.failing(call, fault):
        with pytest.raises(Unsure):
            await attempt(case, call, message)
    await attempt(case, call, message)
    shown = await case.shown()
    assert set(shown) == {"hello"}
    if case.chat.sends_are_idempotent or fault != "applied" or call == "edit":
        assert shown == ["hello"]


@pytest.mark.parametrize("case", ["discord channel", "playground"], indirect=True)
async def test_where_sends_are_idempotent_one_that_is_repeated_shows_once_with_the_newest_text(case: Case) -> None:
    assert case.chat.sends_are_idempotent
    async with case.failing("send", "applied"):
        with pytest.raises(Unsure):
            await case.chat.send(page(case.chat, "half"), [STOP], nonce="a.0")
    message = await case.chat.send(page(case.chat, "whole"), [MODEL], nonce="a.0")
    assert await case.shown() == ["whole"]
    assert await case.chat.send(page(case.chat, "whole"), [MODEL], nonce="a.0") == message
    await case.chat.send(page(case.chat, "another"), nonce="a.1", previous=message)
    assert await case.shown() == ["whole", "another"]


@on_the_way
async def test_a_final_text_is_whole_exactly_once_whatever_became_of_its_first_send(case: Case, fault: Fault) -> None:
    screen = Screen(case.chat, key="answer")
    async with case.failing("send", fault):
        with pytest.raises(Unsure):
            await deliver(case.chat, "All of the answer.", screen)
    await deliver(case.chat, "All of the answer.", screen)
    shown = await case.shown()
    assert shown.count("All of the answer.") == 1
    assert shown[-1] == "All of the answer."


async def attempt_the_rest(case: Case, fault: Fault, seconds: float = 0) -> list[str]:
    """What people see of a text of two messages where the send of the second failed at first."""
    source = WORDS[: case.chat.dialect.limit * 3 // 2] + "x"
    screen, pages = Screen(case.chat, key="answer"), Layout(case.chat).pages(source, final=True)
    while screen.differs(pages[:1]):
        await screen.step(pages[:1], final=True)
    async with case.failing("further", fault, seconds):
        with pytest.raises((SlowDown, Unsure)):
            await screen.step(pages, final=True)
    await deliver(case.chat, source, screen)
    shown = await case.shown()
    assert f"{shown[0]} {shown[-1]}" == source
    return shown


@on_the_way
async def test_the_rest_of_a_text_is_there_exactly_once_whatever_became_of_its_send(case: Case, fault: Fault) -> None:
    shown = await attempt_the_rest(case, fault)
    assert shown.count(shown[-1]) == 1
    assert len(shown) == 2 or (fault == "applied" and not case.chat.sends_are_idempotent)


@with_a_server
async def test_a_flood_at_the_send_of_the_rest_only_delays_it(case: Case) -> None:
    assert len(await attempt_the_rest(case, "flood", 35)) == 2
