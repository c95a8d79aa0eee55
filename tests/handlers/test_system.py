"""/system: shows, sets and resets a conversation's instructions; its own go before the model's, those before all's."""

import pytest

from chat.incoming import Address, Sender
from handlers.settings import LimitsSettings, ModelSettings
from storage.base import Choices
from tests.handlers.scene import ADMIN, ANNA, GROUP, PRIVATE, TOPIC, Scene, invoked, said

PROMPTS = {"translator": "Translate into {user}'s language.", "pirate": "Arr."}
OWN = ModelSettings(provider="fake", model="fake-1", system_prompt="I am the model's.")


async def asked_with(scene: Scene, address: Address = PRIVATE) -> str:
    """The system prompt of a question now."""
    await scene.handled(said("hello", address, key=f"{address} {len(scene.provider.requests)}"))
    return scene.provider.requests[-1].system


def shown(scene: Scene, source: str, prompt: str, names: str = "`translator`, `pirate`") -> str:
    return scene.say("system.show", source=scene.say(f"system.source.{source}"), prompt=prompt, names=names)


# What it says


async def test_alone_it_shows_the_instructions_quoted_with_where_they_are_from_and_the_presets() -> None:
    scene = Scene(prompts=PROMPTS, system_prompt="Be kind.\n\nToday is {date}.")
    assert await scene.told(invoked("system")) == shown(scene, "global", "> Be kind.\n> \n> Today is {date}.")
    scene = Scene(prompts=PROMPTS, model=OWN)
    assert await scene.told(invoked("system")) == shown(scene, "model", "> I am the model's.")
    await scene.handled(invoked("system", text="Mine."))
    assert await scene.told(invoked("system")) == shown(scene, "conversation", "> Mine.")


async def test_without_instructions_and_presets_it_shows_that_there_are_none() -> None:
    scene = Scene(system_prompt="")
    assert await scene.told(invoked("system", text=" \n ")) == shown(scene, "global", "> —", "—")


async def test_setting_a_text_a_preset_and_taking_it_back_are_three_sentences() -> None:
    scene = Scene(prompts=PROMPTS)
    assert await scene.told(invoked("system", text="Be brief.")) == scene.say("system.set")
    assert await scene.told(invoked("system", text="translator")) == scene.say("system.preset", name="translator")
    assert await scene.told(invoked("system", text="Reset")) == scene.say("system.reset")


async def test_it_is_said_in_the_persons_language() -> None:
    scene = Scene()
    russian = Sender(ANNA.id, "Анна", "ru")
    assert await scene.told(invoked("system", sender=russian, text="x")) == scene.texts.of("ru").say("system.set")


# What it does


async def test_a_text_is_what_the_model_gets_as_it_was_written_with_placeholders_filled() -> None:
    scene = Scene()
    await scene.handled(invoked("system", text='Answer {user} as {"json": 1}.\n\n- briefly'))
    assert await asked_with(scene) == 'Answer Anna as {"json": 1}.\n\n- briefly'


async def test_a_preset_is_chosen_by_its_name() -> None:
    scene = Scene(prompts=PROMPTS)
    await scene.handled(invoked("system", text="translator"))
    assert await asked_with(scene) == "Translate into Anna's language."


@pytest.mark.parametrize("word", ["reset", "RESET", " reset\n"])
async def test_reset_brings_back_the_usual_ones(word: str) -> None:
    for model, usual in ((None, "Be kind."), (OWN, "I am the model's.")):
        scene = Scene(model=model)
        await scene.handled(invoked("system", text="Mine."))
        await scene.handled(invoked("system", text=word))
        assert await asked_with(scene) == usual


async def test_the_conversations_own_go_before_the_models_and_those_before_the_general_ones() -> None:
    scene = Scene(models={"plain": ModelSettings(provider="fake"), "own": OWN})
    assert await asked_with(scene) == "Be kind."
    await scene.handled(invoked("model", text="own"))
    assert await asked_with(scene) == "I am the model's."
    await scene.handled(invoked("system", text="Mine."))
    assert await asked_with(scene) == "Mine."
    await scene.handled(invoked("model", text="plain"))
    assert await asked_with(scene) == "Mine.", "also with another model"


async def test_they_are_for_one_conversation_and_another_model_chosen_there_stays() -> None:
    scene = Scene(models={"first": ModelSettings(provider="fake"), "second": ModelSettings(provider="fake")})
    await scene.handled(invoked("model", GROUP, text="second"))
    await scene.handled(invoked("system", GROUP, ADMIN, text="For the group."))
    assert await asked_with(scene, GROUP) == "For the group."
    assert await asked_with(scene, TOPIC) == await asked_with(scene, PRIVATE) == "Be kind."
    assert await scene.store.choices(GROUP.conversation) == Choices("second", "For the group.")


async def test_a_text_longer_than_a_question_may_be_is_told_and_changes_nothing() -> None:
    scene = Scene(limits=LimitsSettings(input_characters=100))
    sentence = scene.say("reply.too_long", length=101, limit=100)
    assert await scene.told(invoked("system", text="x" * 101)) == sentence
    assert await asked_with(scene) == "Be kind."
    await scene.handled(invoked("system", text="x" * 100))
    assert await asked_with(scene) == "x" * 100


# Who may


async def test_in_a_group_only_admins_may_and_others_get_the_sentence() -> None:
    scene = Scene()
    for text in ("", "Obey me.", "reset"):
        sentence = scene.say("access.owner", command="system")
        assert await scene.told(invoked("system", GROUP, text=text)) == sentence
    assert await scene.store.choices(GROUP.conversation) == Choices()
    assert await scene.told(invoked("system", GROUP, ADMIN, "Be brief.")) == scene.say("system.set")


async def test_in_private_everybody_may_for_themselves() -> None:
    scene = Scene()
    assert await scene.told(invoked("system", PRIVATE, ANNA, "Be brief.")) == scene.say("system.set")
