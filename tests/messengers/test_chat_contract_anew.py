"""A final form that comes as new messages, before every messenger's stand-in, also where the program dies on its way.

Where new messages notify nobody, and where each costs one of few, the messages that are there are changed instead.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from chat.buttons import Action, Button
from chat.incoming import Address
from chat.replies import Anew, Final, ReplyState
from messengers.screen import Layout, Screen
from operations.delivery import Delivery, Letter
from tests.markdown_text import letters
from tests.messengers.chats import CASES, Case, World, deliver, world

pytestmark = pytest.mark.asyncio(loop_scope="module")

STOP = Button("⏹ Stop", Action("stop", 5))
LONG = "\n\n".join(f"Paragraph {number} of an answer with **bold** words in it." for number in range(120))
FINAL = Final(LONG, thoughts="> 💭 Thought for 12 s\n>\n> hm", anew=Anew(0.0, "further down"))


class KilledError(Exception):
    """The program is gone, just behind a checkpoint."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def everywhere(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with world(tmp_path_factory.mktemp("playground")) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module", params=CASES)
async def case(request: pytest.FixtureRequest, everywhere: World) -> Case:
    return await CASES[request.param](everywhere)


async def grown(case: Case) -> tuple[str, ...]:
    """Two messages of an answer in the making."""
    screen = Screen(case.chat, key="1.0")
    wanted = Layout(case.chat).pages(LONG[:4500], (STOP,), final=False)
    while screen.differs(wanted):
        await screen.step(wanted)
    return screen.parts


async def run(case: Case, state: ReplyState, dies_behind: int = 0) -> ReplyState:
    """Deliver it from that state on, until it dies behind so many checkpoints; what is stored then."""
    stored = [state]

    async def checkpoint(now: ReplyState) -> None:
        stored.append(now)
        if len(stored) - 1 == dies_behind:
            raise KilledError

    letter = Letter(1, Address("x", "1"), state, FINAL, key="1.0")
    delivery = Delivery(letter, case.chat, checkpoint)
    try:
        assert await delivery.run() == ""
    except KilledError:
        return stored[-1]
    return ReplyState(delivery.parts, stored[-1].text)


@pytest.mark.parametrize("dies_behind", [0, 1, 2, 3])
async def test_one_whole_answer_is_left_and_each_message_is_new_where_that_notifies(
    case: Case, dies_behind: int
) -> None:
    earlier = await grown(case)
    state = await run(case, ReplyState(earlier, LONG), dies_behind)
    state = await run(case, state) if dies_behind else state
    shown = await case.shown()
    assert letters("".join(shown)).endswith(letters(LONG.replace("**", "")))
    assert letters("".join(shown)).count("Paragraph0of") == 1
    assert len(shown) == len(state.parts)
    assert set(earlier).isdisjoint(state.parts) == case.chat.new_messages_notify
    await deliver(case.chat, "short", Screen(case.chat, state.parts))
    assert (await case.shown())[0] == "short", "the store knows the messages that are there"
