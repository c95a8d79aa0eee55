"""What is proposed while a command is typed: what fits, the best first, and nothing to people who aren't let in."""

from handlers.access import AccessSettings
from handlers.settings import ModelSettings
from handlers.suggesting import MOST, suggest
from messengers.base import Suggestion
from tests.handlers.scene import ADMIN, ANNA, GROUP, FakePainter, Scene, invoked

MODELS = {name: ModelSettings(provider="fake", model=name) for name in ("big-qwen", "qwen", "gpt")}


async def values(scene: Scene, command: str, option: str, typed: str = "") -> list[str]:
    return [each.value for each in await suggest(invoked(command, text=typed), option, scene.services)]


async def test_models_are_proposed_with_the_one_in_use_and_what_is_wrong_with_them() -> None:
    scene = Scene(models=MODELS)
    scene.services.bot.trouble["gpt"] = "overloaded"
    await scene.store.choose("telegram:1001", model="qwen")
    assert await suggest(invoked("model"), "", scene.services) == [
        Suggestion("big-qwen", "big-qwen"),
        Suggestion("qwen", "qwen", current=True),
        Suggestion("gpt", "gpt", trouble=scene.say("trouble.overloaded")),
    ]


async def test_what_begins_with_the_typed_text_comes_before_what_only_has_it() -> None:
    assert await values(Scene(models=MODELS), "model", "", "QWEN") == ["qwen", "big-qwen"]
    assert await values(Scene(models=MODELS), "model", "", "claude") == []


async def test_never_more_than_a_messenger_shows() -> None:
    many = {f"model-{number}": ModelSettings(provider="fake", model="x") for number in range(40)}
    assert len(await values(Scene(models=many), "model", "")) == MOST


async def test_of_hundreds_the_one_in_use_is_always_seen_and_each_is_found_by_typing() -> None:
    """A chooser shows what is proposed where nothing is typed; the model in use is among it."""
    names = [f"vendor/model-{number}" for number in range(400)]
    scene = Scene(models={name: ModelSettings(provider="fake", model=name) for name in names})
    await scene.store.choose("telegram:1001", model=names[333])
    assert await values(scene, "model", "") == [*names[: MOST - 1], names[333]]
    assert await values(scene, "model", "", "model-33") == ["vendor/model-33", *names[330:340]]
    assert names[333] not in await values(scene, "model", "", "model-1"), "it must fit, too"
    for name in names[::50]:
        assert (await values(scene, "model", "", name))[0] == name


async def test_models_that_draw_and_prompts_are_proposed_too() -> None:
    scene = Scene(painter=FakePainter(), prompts={"poet": "Rhyme."})
    assert await values(scene, "image", "model") == ["flux", "sketch"]
    assert await values(scene, "system", "") == ["poet", "reset"]
    assert await values(scene, "image", "ratio") == []
    assert await values(scene, "help", "") == []


async def test_prompts_are_proposed_only_to_whom_may_choose_one() -> None:
    scene = Scene(prompts={"poet": "Rhyme."})
    assert await suggest(invoked("system", GROUP, ANNA), "", scene.services) == []
    assert len(await suggest(invoked("system", GROUP, ADMIN), "", scene.services)) == 2


async def test_a_stranger_learns_nothing() -> None:
    assert await values(Scene(models=MODELS, access=AccessSettings()), "model", "") == []
