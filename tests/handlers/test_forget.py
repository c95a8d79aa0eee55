"""/forget: all rows of this conversation go, and only those; /forget usage: the asker's own figures of earlier days."""

from datetime import timedelta

import pytest

from chat.incoming import Address, Incoming
from handlers.settings import LimitsSettings
from storage.base import Amount, Spent
from tests.handlers.scene import ADMIN, ANNA, BOB, GROUP, PRIVATE, TOPIC, Scene, invoked, said

ANNA_IS, BOB_IS = "telegram:1001", "telegram:5"
NEIGHBOUR = Address("telegram", "10011")
TABLES = ("turns", "history", "conversations")


async def lived_in(*addresses: Address) -> Scene:
    """A bot that was used there: said something, chose something, began anew."""
    scene = Scene()
    for address in addresses:
        for number in range(2):
            await scene.handled(said(f"secret {number}", address, key=f"{address} {number}"))
        await scene.handled(invoked("new", address))
        await scene.handled(said("secret 3", address, key=f"{address} 3"))
        await scene.store.choose(address.conversation, model="smart", system_prompt="secret prompt")
    return scene


def rows(scene: Scene, address: Address) -> dict[str, int]:
    """How many rows of each table are about a conversation."""
    count = "SELECT count(*) FROM {} WHERE conversation = ?"
    connection = scene.store._connection
    return {table: connection.execute(count.format(table), (address.conversation,)).fetchone()[0] for table in TABLES}


def everything(scene: Scene) -> str:
    """All that is stored, as text."""
    return "\n".join(scene.store._connection.iterdump())


async def test_nothing_of_the_conversation_is_left_but_the_command_itself() -> None:
    scene = await lived_in(PRIVATE)
    assert all(rows(scene, PRIVATE).values())
    assert await scene.told(invoked("forget")) == scene.say("forget.done")
    assert rows(scene, PRIVATE) == {"turns": 1, "history": 0, "conversations": 0}
    assert "secret" not in everything(scene)
    assert "All right." not in everything(scene)


@pytest.mark.parametrize("other", [GROUP, TOPIC, NEIGHBOUR, Address("discord", PRIVATE.place)])
async def test_other_conversations_stay_whole(other: Address) -> None:
    scene = await lived_in(PRIVATE, other)
    before = rows(scene, other)
    await scene.handled(invoked("forget"))
    assert rows(scene, other) == before


async def test_a_group_forgets_without_its_topics_and_a_topic_without_its_group() -> None:
    scene = await lived_in(GROUP, TOPIC)
    await scene.handled(invoked("forget", TOPIC, ADMIN))
    assert rows(scene, TOPIC)["history"] == 0
    assert rows(scene, GROUP)["history"] > 0
    await scene.handled(invoked("forget", GROUP, ADMIN))
    assert rows(scene, GROUP)["history"] == 0


async def test_afterwards_the_bot_is_as_new_there() -> None:
    scene = await lived_in(PRIVATE)
    await scene.handled(invoked("forget"))
    await scene.handled(said("hello"))
    request = scene.provider.requests[-1]
    assert ([message.text for message in request.messages], request.system) == (["hello"], "Be kind.")
    await scene.handled(invoked("forget"))
    assert await scene.told(invoked("retry")) == scene.say("retry.nothing")


async def test_in_a_group_only_admins_may() -> None:
    scene = await lived_in(GROUP)
    before = rows(scene, GROUP)
    assert await scene.told(invoked("forget", GROUP)) == scene.say("access.owner", command="forget")
    assert rows(scene, GROUP) == before | {"turns": before["turns"] + 1}


async def test_what_was_said_after_it_and_waits_is_not_forgotten() -> None:
    scene = Scene()
    command: Incoming = invoked("forget")
    await scene.receive(command)
    waiting = await scene.receive(said("hello"))
    await scene.store.forget(PRIVATE.conversation, 1)
    assert await scene.store.turn(waiting.id), "a crash now must not lose it"


# Figures


async def spend(scene: Scene, who: str, days_ago: int) -> None:
    day = f"{scene.services.now() - timedelta(days=days_ago):%Y-%m-%d}"
    turn = await scene.receive(said("x", key=f"{who} {days_ago}"))
    await scene.store.answer(turn.id, turn.reply, None, (), failed=False, spent=Spent(day, who, Amount(1)))


def figures(scene: Scene) -> list[tuple[str, int]]:
    """Whose figures are stored, and of how many days."""
    found = scene.store._connection.execute("SELECT who, count(*) FROM usage GROUP BY who ORDER BY who")
    return [(who, days) for who, days in found]


@pytest.mark.parametrize("text", ["usage", " USAGE\n"])
async def test_the_askers_own_figures_of_earlier_days_go_and_todays_still_limit_them(text: str) -> None:
    scene = await lived_in(PRIVATE)
    before = rows(scene, PRIVATE)
    for who in (ANNA_IS, BOB_IS):
        for days_ago in range(3):
            await spend(scene, who, days_ago)
    before = rows(scene, PRIVATE)
    assert await scene.told(invoked("forget", text=text)) == scene.say("forget.usage")
    assert figures(scene) == [(ANNA_IS, 1), (BOB_IS, 3)]
    assert rows(scene, PRIVATE) == before | {"turns": before["turns"] + 1}, "the conversation stays"


async def test_forgetting_gives_no_messages_back() -> None:
    scene = Scene(limits=LimitsSettings(messages_per_day=1))
    await scene.handled(said("one"))
    await scene.handled(invoked("forget"))
    await scene.handled(invoked("forget", text="usage"))
    assert (await scene.told(said("two"))).startswith("⏳")
    assert len(scene.provider.requests) == 1


async def test_each_person_forgets_only_for_themselves() -> None:
    scene = Scene()
    await spend(scene, ANNA_IS, 1)
    await scene.handled(invoked("forget", Address("telegram", "5"), BOB, "usage"))
    assert figures(scene) == [(ANNA_IS, 1)]
    await scene.handled(invoked("forget", PRIVATE, ANNA, "usage"))
    assert figures(scene) == []
