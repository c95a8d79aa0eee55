"""/new: the model isn't told any more what was said before; it stays stored, and only this conversation is meant."""

import sqlite3

from chat.incoming import Address
from storage.base import Choices
from tests.handlers.scene import GROUP, PRIVATE, TOPIC, Scene, invoked, said


async def told_to_the_model(scene: Scene, text: str, address: Address = PRIVATE) -> list[str]:
    await scene.handled(said(text, address, key=f"{text} {address}"))
    return [message.text.removeprefix("Anna: ") for message in scene.provider.requests[-1].messages]


def stored(connection: sqlite3.Connection) -> list[str]:
    return [text for (text,) in connection.execute("SELECT text FROM history ORDER BY turn, position")]


async def test_the_history_is_empty_from_here_on_and_grows_again() -> None:
    scene = Scene()
    await told_to_the_model(scene, "one")
    assert await scene.told(invoked("new")) == scene.say("new.done")
    assert await told_to_the_model(scene, "two") == ["two"]
    assert await told_to_the_model(scene, "three") == ["two", "All right.", "three"]


async def test_what_was_said_stays_stored() -> None:
    scene = Scene()
    await told_to_the_model(scene, "one")
    await scene.handled(invoked("new"))
    assert stored(scene.store._connection) == ["one", "All right."]


async def test_other_conversations_go_on_topics_of_the_same_group_too() -> None:
    scene = Scene()
    for address in (PRIVATE, GROUP, TOPIC):
        await told_to_the_model(scene, "one", address)
    await scene.handled(invoked("new", GROUP))
    assert await told_to_the_model(scene, "two", PRIVATE) == ["one", "All right.", "two"]
    assert await told_to_the_model(scene, "two", TOPIC) == ["one", "All right.", "two"]
    assert await told_to_the_model(scene, "two", GROUP) == ["two"]


async def test_model_and_instructions_stay_as_they_were_chosen() -> None:
    scene = Scene()
    chosen = Choices("smart", "Be brief.")
    await scene.store.choose(PRIVATE.conversation, model=chosen.model, system_prompt=chosen.system_prompt)
    await scene.handled(invoked("new"))
    assert await scene.store.choices(PRIVATE.conversation) == chosen
    await scene.store.choose(PRIVATE.conversation, model="smart", system_prompt="")
    assert await told_to_the_model(scene, "two") == ["two"], "nor does choosing bring the history back"


async def test_twice_is_as_good_as_once_and_before_the_first_word_it_is_no_failure() -> None:
    scene = Scene()
    for _ in range(2):
        assert await scene.told(invoked("new")) == scene.say("new.done")
    assert await told_to_the_model(scene, "one") == ["one"]
