"""/model: the list with its buttons and pages, choosing by name or button, and what a conversation remembers of it."""

import asyncio

import pytest

from chat.buttons import Action, Button, decode, encode
from chat.errors import BadKey, BotError, Overloaded
from chat.events import Completed
from chat.incoming import Address, Sender
from chat.replies import Final
from handlers.model import MOST_NAMED, PAGE, model_id, unknown
from handlers.services import Outcome
from handlers.settings import ModelSettings
from storage.base import Choices
from storage.sqlite_file import MIGRATIONS, migrate
from tests.handlers.scene import (
    ADMIN,
    ANNA,
    EVE,
    GROUP,
    PRIVATE,
    TOPIC,
    Desk,
    Scene,
    invoked,
    play,
    pressed,
    said,
)


def some(*names: str) -> dict[str, ModelSettings]:
    return {name: ModelSettings(provider="fake", model=name) for name in names}


SOME = some("Smart", "quick", "GPT-5 mini")
MANY = some(*(f"model {number}" for number in range(45)))


async def listed(scene: Scene, address: Address = PRIVATE, sender: Sender = ANNA) -> Final:
    """What /model alone says."""
    final = (await scene.handled(invoked("model", address, sender))).final
    assert final
    return final


async def press(scene: Scene, button: Button, address: Address = PRIVATE, sender: Sender = ANNA) -> Outcome:
    """What a press does, as a messenger carries it."""
    action = decode(encode(button.action))
    assert action == button.action
    assert len(encode(button.action)) <= 64, "Telegram takes no more"
    return await scene.handled(pressed(action, address, sender))


def button_of(final: Final | None, label: str) -> Button:
    assert final
    (button,) = [button for button in final.buttons if button.label.endswith(label)]
    return button


async def chosen(scene: Scene, address: Address = PRIVATE) -> str:
    return (await scene.services.model_of(address.conversation)).name


# The list


async def test_the_list_has_a_button_for_each_model_in_the_configs_order_and_marks_the_current_one() -> None:
    scene = Scene(models=SOME)
    final = await listed(scene)
    assert [button.label for button in final.buttons] == ["✅ Smart", "quick", "GPT-5 mini"]
    assert final.text == "\n\n".join([scene.say("model.current", model="Smart"), scene.say("model.choose")])
    await scene.handled(invoked("model", text="quick"))
    assert [button.label for button in (await listed(scene)).buttons] == ["Smart", "✅ quick", "GPT-5 mini"]


async def test_where_there_is_but_one_model_there_is_nothing_to_choose() -> None:
    scene = Scene(models=some("only"))
    final = await listed(scene)
    assert (final.text, final.buttons) == (scene.say("model.current", model="only"), ())


@pytest.mark.parametrize("count", [PAGE, PAGE + 1, 2 * PAGE + 5])
async def test_more_models_than_a_page_holds_are_reached_by_turning_pages_each_once(count: int) -> None:
    scene = Scene(models=some(*(f"m{number:02}" for number in range(count))))
    final, seen = await listed(scene), []
    while True:
        names = [button.label.removeprefix("✅ ") for button in final.buttons if button.action.verb == "model"]
        assert 0 < len(names) <= PAGE
        seen += names
        forward = [button for button in final.buttons if button.label == "▶"]
        if not forward:
            break
        turned = (await press(scene, forward[0])).final
        assert turned
        assert any(button.label == "◀" for button in turned.buttons)
        final = turned
    assert seen == [f"m{number:02}" for number in range(count)]


async def test_the_list_opens_at_the_page_of_the_current_model_and_pages_go_back_to_the_first() -> None:
    scene = Scene(models=MANY)
    await scene.handled(invoked("model", text="model 44"))
    final: Final | None = await listed(scene)
    assert final
    assert [button.label for button in final.buttons][-2:] == ["✅ model 44", "◀"]
    for _ in range(2):
        final = (await press(scene, button_of(final, "◀"))).final
    assert final
    assert final.buttons[0].label == "model 0"
    assert [button.label for button in final.buttons][-1] == "▶"


async def test_a_page_of_a_list_that_has_shrunk_is_the_last_one() -> None:
    scene = Scene(models=MANY)
    await listed(scene)
    final = (await scene.handled(pressed(Action("models", 1, 10**9)))).final
    assert final
    assert button_of(final, "model 44")


async def test_models_that_dont_work_at_the_moment_are_said_and_marked_until_they_answer_again() -> None:
    scene = Scene([Overloaded("503", provider="fake")], [BadKey("401")], models=SOME)
    await scene.handled(said("one"))
    await scene.handled(invoked("model", text="quick"))
    await scene.handled(said("two"))
    final = await listed(scene)
    assert [button.label for button in final.buttons] == ["⚠️ Smart", "✅ quick", "GPT-5 mini"]
    assert f"⚠️ `Smart`: {scene.say('trouble.overloaded')}" in final.text
    assert f"⚠️ `quick`: {scene.say('trouble.bad_key')}" in final.text
    await scene.handled(said("three"))
    final = await listed(scene)
    assert "quick`" not in final.text
    assert "Smart`" in final.text


@pytest.mark.parametrize("failure", [BotError("a fault of ours"), ValueError("bug")])
async def test_a_fault_of_ours_is_no_trouble_of_the_model_and_leaves_the_list_as_it_was(failure: Exception) -> None:
    scene = Scene([failure], models=SOME)
    await scene.handled(said("one"))
    assert "⚠️" not in (await listed(scene)).text
    assert "⚠️" not in await scene.told(invoked("admin", sender=ADMIN))


# Choosing


@pytest.mark.parametrize("name", ["quick", "QUICK", "  Quick  ", "gpt-5 MINI"])
async def test_a_model_is_chosen_by_its_name_in_any_case(name: str) -> None:
    scene = Scene(models=SOME)
    proper = {"quick": "quick", "gpt-5 mini": "GPT-5 mini"}[name.strip().lower()]
    assert await scene.told(invoked("model", text=name)) == scene.say("model.chosen", model=proper)
    await scene.handled(said("hello"))
    assert scene.provider.requests[0].model == proper


@pytest.mark.parametrize("name", ["slow", "qui", "smart quick", "`quick`x", "**", "Smart\nquick"])
async def test_a_name_that_there_isnt_is_told_with_those_that_there_are_and_changes_nothing(name: str) -> None:
    scene = Scene(models=SOME)
    sentence = scene.say("model.unknown", name=name.replace("`", ""), names="`Smart`, `quick`, `GPT-5 mini`")
    assert await scene.told(invoked("model", text=name)) == sentence
    assert await chosen(scene) == "Smart"


HUNDREDS = [f"vendor{number % 7}/Chat-{number}" for number in range(397)] + [
    "openai/GPT-4o",
    "x/gpt-4o-mini",
    "x/gpt-5",
]


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("gpt-4O", ["openai/GPT-4o", "x/gpt-4o-mini"]),  # has it
        ("opnai/gpt4o", ["openai/GPT-4o"]),  # is similar
        ("Chat-395", ["vendor3/Chat-395"]),
        ("~~~", HUNDREDS[:MOST_NAMED]),
        ("chat " * 800, []),
    ],
)
async def test_of_hundreds_of_models_some_are_named_the_nearest_first_with_how_many_there_are(
    name: str, first: list[str]
) -> None:
    scene = Scene(models=some(*HUNDREDS))
    told = await scene.told(invoked("model", text=name))
    start, _, names = told.removesuffix("`").partition(": `")
    assert f"{start}: " == scene.say("model.unknown_of_many", name=name.strip(), count=400, names="")
    assert names.split("`, `")[: len(first)] == first
    assert len(names.split("`, `")) <= MOST_NAMED
    assert set(names.split("`, `")) <= set(HUNDREDS)


def test_up_to_a_score_of_models_are_all_named_in_their_order() -> None:
    language = Scene().texts.of("en")
    names = HUNDREDS[:MOST_NAMED]
    assert unknown("x", names, language, mark="") == language.say("model.unknown", name="x", names=", ".join(names))


async def test_a_button_chooses_and_its_list_shows_the_change_in_the_same_message() -> None:
    scene = Scene(models=SOME)
    final = await listed(scene)
    outcome = await press(scene, button_of(final, "quick"))
    assert outcome.final
    assert outcome.reply.parts == scene.store.turns[1].reply.parts
    assert [button.label for button in outcome.final.buttons] == ["Smart", "✅ quick", "GPT-5 mini"]
    assert await chosen(scene) == "quick"


async def test_a_choice_is_for_its_conversation_alone_topics_too() -> None:
    scene = Scene(models=SOME)
    await scene.handled(invoked("model", GROUP, text="quick"))
    assert [await chosen(scene, address) for address in (GROUP, TOPIC, PRIVATE)] == ["quick", "Smart", "Smart"]


async def test_choosing_a_model_keeps_the_conversations_own_prompt() -> None:
    scene = Scene(models=SOME)
    await scene.handled(invoked("system", text="Be brief."))
    await scene.handled(invoked("model", text="quick"))
    assert await scene.store.choices(PRIVATE.conversation) == Choices("quick", "Be brief.")


# Buttons that must do nothing


async def nothing_happens(scene: Scene, action: Action, address: Address, sender: Sender) -> bool:
    outcome = await scene.handled(pressed(action, address, sender))
    conversations = {GROUP, TOPIC, PRIVATE, address}
    return outcome == Outcome() and {await chosen(scene, each) for each in conversations} == {"Smart"}


async def test_a_list_works_for_whoever_asked_for_it_and_for_admins() -> None:
    for sender, works in ((ANNA, True), (ADMIN, True), (EVE, False)):
        scene = Scene(models=SOME)
        button = button_of(await listed(scene, GROUP), "quick")
        assert await nothing_happens(scene, button.action, GROUP, sender) is not works


@pytest.mark.parametrize("address", [TOPIC, PRIVATE, Address("discord", GROUP.place), Address("telegram", "-100999")])
async def test_a_button_of_another_conversation_does_nothing(address: Address) -> None:
    scene = Scene(models=SOME)
    button = button_of(await listed(scene, GROUP), "quick")
    assert await nothing_happens(scene, button.action, address, ANNA)


@pytest.mark.parametrize("number", [0, 2, 4711, 10**18 - 1])
@pytest.mark.parametrize("verb", ["model", "models"])
async def test_a_forged_number_of_a_list_does_nothing(number: int, verb: str) -> None:
    scene = Scene(models=SOME)
    await listed(scene)
    action = Action("model" if verb == "model" else "models", number, model_id("quick"))
    assert await nothing_happens(scene, action, PRIVATE, ANNA)


@pytest.mark.parametrize("verb", ["model", "models"])
async def test_a_button_that_names_an_answer_for_a_list_leaves_the_answer_alone(verb: str) -> None:
    scene = Scene(models=SOME)
    await scene.handled(said("hello"))
    action = Action("model" if verb == "model" else "models", 1, model_id("quick"))
    assert await nothing_happens(scene, action, PRIVATE, ANNA)


async def test_a_button_for_a_model_that_is_gone_shows_the_list_as_it_is_now() -> None:
    scene = Scene(models=SOME)
    await listed(scene)
    final = (await scene.handled(pressed(Action("model", 1, model_id("removed"))))).final
    assert final
    assert [button.label for button in final.buttons] == ["✅ Smart", "quick", "GPT-5 mini"]


# Remembered


async def test_a_model_that_is_not_configured_any_more_falls_back_to_the_first() -> None:
    scene = Scene(models=SOME)
    await scene.store.choose(PRIVATE.conversation, model="removed", system_prompt="")
    final = await listed(scene)
    assert button_of(final, "Smart").label == "✅ Smart"
    await scene.handled(said("hello"))
    assert scene.provider.requests[0].model == "Smart"


async def test_choice_and_buttons_work_after_a_restart() -> None:
    before, after = Scene(models=SOME), Scene(models=SOME)
    button = button_of(await listed(before), "GPT-5 mini")
    await before.handled(invoked("model", text="quick"))
    before.store._connection.backup(after.store._connection)
    migrate(after.store._connection, MIGRATIONS)
    assert await chosen(after) == "quick"
    await press(after, button)
    assert await chosen(after) == "GPT-5 mini"


def test_the_number_of_a_model_is_the_same_in_every_run_and_different_for_different_names() -> None:
    assert model_id("gpt") == 3398355044
    names = [f"provider/model-{number}:free" for number in range(2000)]
    assert len({model_id(name) for name in names}) == len(names)


# While a reply streams


def test_it_answers_at_once_and_counts_from_the_next_answer_on() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(said("story"))
        await asyncio.sleep(1)
        await desk.hand_in(invoked("model", text="quick"))
        await asyncio.sleep(1)
        assert desk.provider.streams[0].closed_at is None, "the running answer goes on"
        assert await chosen(desk) == "quick"
        await desk.hand_in(said("next"))

    desk = play(Desk([*["word "] * 20, 30.0, "end", Completed()], models=SOME), work)
    assert [request.model for request in desk.provider.requests] == ["Smart", "quick"]


def test_a_press_right_after_the_list_appeared_is_not_lost() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(invoked("model"))
        async with asyncio.timeout(60):
            while not any(message.buttons for message in desk.chat().messages.values()):
                await asyncio.sleep(0.001)
        desk.store.failing["finish"] = 2  # the list is there, but that is not stored for a while
        await desk.hand_in(pressed(Action("model", 1, model_id("quick"))))

    desk = play(Desk(models=SOME), work)
    assert [message.buttons for message in desk.chat().messages.values()] == [("Smart", "✅ quick", "GPT-5 mini")]
