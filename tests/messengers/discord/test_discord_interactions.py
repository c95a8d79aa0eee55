"""Commands, buttons and forms: answered within Discord's three seconds, and handed in as what handlers know."""

import asyncio
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.buttons import Action, Button
from chat.commands import Option, read_options
from chat.incoming import Invoked, Said
from handlers.image import COMMAND as IMAGE
from messengers.base import Suggestion
from messengers.buckets import Priority
from messengers.discord.answering import label_of
from messengers.discord.client import MALFORMED
from messengers.discord.commands import Tree
from messengers.discord.interactions import Forms, as_text
from messengers.discord.messenger import Discord
from messengers.discord.places import Places
from tests.messengers.discord.incoming import MENU, TEXTS, FakeReception
from tests.servers.discord_interactions import MESSAGE
from tests.servers.discord_server import CALLBACK, Channel, DiscordServer, Fault, Message, Person, Upload
from tests.servers.discord_world import SEND, SEND_IN_THREADS, VIEW

THINKING, NO_CHANGE, PROPOSALS, FORM = 5, 6, 8, 9


async def test_a_command_is_deferred_at_once_and_its_options_become_the_text_that_handlers_read(
    discord: Discord, reception: FakeReception, anna: Person, general: Channel
) -> None:
    used = anna.slash(general, "image", {"prompt": "a cat", "ratio": "16:9", "count": 2})
    assert (await used.answered()).type == THINKING
    assert not used.ephemeral
    invoked = await reception.is_invoked()
    assert invoked.command == "image"
    assert read_options(invoked.text, IMAGE.options) == ({"ratio": "16:9", "count": "2"}, "a cat")
    assert (invoked.sender.name, invoked.sender.language) == ("Anna", "ru")
    address = invoked.address
    assert (address.place, address.message, address.token) == (str(general.id), str(used.id), used.token)
    assert 890 < address.token_expires_at - time.time() <= 900
    assert general.guild
    assert address.within == (f"guild:{general.guild.id}", f"channel:{general.id}")


@pytest.mark.parametrize(
    ("prompt", "meant"),
    [
        ("a cat --count 4 --ratio 9:16", "a cat -- count 4 -- ratio 9:16"),
        ("--model=dear a cat", "-- model=dear a cat"),
        ("a —seed 5 cat", "a — seed 5 cat"),
        ("well-known -- or not -- cats----here", "well-known -- or not -- cats----here"),
    ],
)
def test_a_prompt_in_a_form_cant_set_options(prompt: str, meant: str) -> None:
    unnamed, count = IMAGE.options[0], IMAGE.options[2]
    text = as_text(IMAGE.options, [(unnamed, prompt), (count, "1")])
    assert read_options(text, IMAGE.options) == ({"count": "1"}, meant)


def test_a_value_in_a_form_cant_set_other_options() -> None:
    model = next(option for option in IMAGE.options if option.name == "model")
    text = as_text(IMAGE.options, [(IMAGE.options[0], "a cat"), (model, "a b --count 4")])
    assert read_options(text, IMAGE.options)[0].keys() == {"model"}


def test_the_only_option_of_a_command_is_its_text() -> None:
    what = Option("what", "choice", choices=("usage",))
    assert as_text([what], [(what, "usage")]) == "usage"
    assert as_text([Option()], [(Option(), "be --brief")]) == "be --brief"
    assert as_text([what], []) == ""


@pytest.mark.parametrize(
    ("written", "hidden"),
    [("model name:gpt", True), ("help", True), ("ask question:why?", False), ("image prompt:x", False)],
)
async def test_discreet_commands_are_answered_for_the_asker_alone(
    discord: Discord, reception: FakeReception, anna: Person, general: Channel, *, written: str, hidden: bool
) -> None:
    reception.answer_with = "here it is"
    command, *options = written.split()
    used = anna.slash(general, command, dict(option.split(":") for option in options))
    message = await used.said("here it is")
    assert message.ephemeral == hidden
    assert not used.thinking
    assert ("ephemeral" in (await reception.takes()).address.within) == hidden


async def test_a_stranger_is_answered_for_themselves_alone(
    discord: Discord, server: DiscordServer, reception: FakeReception, general: Channel
) -> None:
    eve = server.person("Eve")
    reception.strangers.add(str(eve.id))
    reception.answer_with = "this bot is private"
    used = eve.slash(general, "ask", {"question": "let me in"})
    assert (await used.said("private")).ephemeral
    assert isinstance(await reception.takes(), Said)


async def test_ask_is_a_question_with_a_picture_or_a_file(
    discord: Discord, server: DiscordServer, reception: FakeReception, anna: Person, general: Channel
) -> None:
    anna.slash(general, "ask", {"question": "what is it?", "image": Upload("cat.png", b"png", "image/png")})
    said = await reception.hears()
    assert said.text == "what is it?"
    assert [file.media_type for file in said.images] == ["image/png"]
    assert said.images[0].id.startswith(server.root)
    anna.slash(general, "ask", {"question": "and this?", "image": Upload("a.py", b"x = 1", "text/x-python")})
    assert [file.name for file in (await reception.hears(2)).documents] == ["a.py"]


async def test_models_are_proposed_with_what_is_wrong_with_them(
    discord: Discord, reception: FakeReception, anna: Person, general: Channel
) -> None:
    reception.suggestions = [
        Suggestion("gpt", "gpt", current=True),
        Suggestion("h2o", "h2o", trouble="presumed gone"),
        Suggestion("x" * 101, "too long for Discord"),
    ]
    asked = anna.autocomplete(general, "model", "name", "g")
    assert (await asked.answered()).type == PROPOSALS
    assert asked.choices == [
        {"name": "✅ gpt", "value": "gpt"},
        {"name": "⚠️ h2o — presumed gone", "value": "h2o"},
    ]
    ((invoked, option),) = reception.asked
    assert (invoked.command, invoked.text, option) == ("model", "g", "")
    await anna.autocomplete(general, "image", "model", "fl", {"prompt": "a cat"}).answered()
    invoked, option = reception.asked[1]
    assert (invoked.command, invoked.text, option) == ("image", "fl", "model")
    assert reception.handed == []


def test_a_proposals_label_is_no_longer_than_discord_takes() -> None:
    assert len(label_of(Suggestion("x", "x" * 90, trouble="y" * 90))) == 100


async def test_asking_about_a_message_opens_a_form_and_brings_its_words_and_pictures(
    discord: Discord, server: DiscordServer, reception: FakeReception, anna: Person, general: Channel
) -> None:
    bob = server.person("Bob")
    message = bob.say(general, "look at this", attachments=[Upload("cat.png", b"png"), Upload("a.txt", b"text")])
    shown = anna.context_menu(message, "Ask about this")
    assert (await shown.answered()).type == FORM
    assert shown.modal
    assert shown.modal["title"] == TEXTS.of("ru").say("discord.form.title")
    sent = anna.submit_modal(shown, {"question": "what is it?"})
    assert (await sent.answered()).type == THINKING
    said = await reception.hears()
    assert said.text == "what is it?"
    assert [(quote.kind, quote.author, quote.text) for quote in said.quotes] == [("reply", "Bob", "look at this")]
    assert [file.name for file in (*said.images, *said.documents)] == ["cat.png", "a.txt"]
    assert said.address.token == sent.token
    again = anna.submit_modal(shown, {})
    assert (await again.answered()).data["content"] == TEXTS.of("ru").say("discord.outdated")


async def test_a_stranger_gets_no_form(
    discord: Discord, server: DiscordServer, reception: FakeReception, anna: Person, general: Channel
) -> None:
    eve = server.person("Eve")
    reception.strangers.add(str(eve.id))
    message = anna.say(general, "look at this")
    shown = eve.context_menu(message, "Ask about this")
    assert (await shown.answered()).type == THINKING
    assert shown.ephemeral
    await reception.hears()


async def with_button(reception: FakeReception, anna: Person, general: Channel) -> Message:
    """A message of the bot's with a button."""
    assert reception.discord
    anna.say(general, "question", mention_bot=True)
    said = await reception.hears()
    chat = reception.discord.open(said.address)
    await chat.send(chat.dialect.render("answer", final=False), [Button("Stop", Action("stop", 7))])
    return await general.wait_for_text("answer")


async def test_a_press_is_acknowledged_and_handed_in_with_its_message(
    discord: Discord, reception: FakeReception, anna: Person, general: Channel
) -> None:
    message = await with_button(reception, anna, general)
    pressed = anna.press(message, "Stop")
    assert (await pressed.answered()).type == NO_CHANGE
    handed = await reception.is_pressed(2)
    assert handed.action == Action("stop", 7)
    assert (handed.address.message, handed.address.token) == (str(message.id), pressed.token)
    chat = discord.open(handed.address)
    await chat.edit(str(message.id), chat.dialect.render("stopped", final=True))
    assert message.text == "stopped"


async def test_a_forged_button_is_acknowledged_and_does_nothing(
    discord: Discord, reception: FakeReception, anna: Person, general: Channel
) -> None:
    message = await with_button(reception, anna, general)
    for forged in ("delete:everything", "stop:-1", "about:5"):
        assert (await anna.forge(message, forged).answered()).type == NO_CHANGE
    assert len(reception.handed) == 1


async def test_storing_that_takes_long_delays_no_first_answer(
    discord: Discord, reception: FakeReception, anna: Person, general: Channel
) -> None:
    reception.seconds = 1.5
    used = anna.slash(general, "help")
    await used.answered(1.0)
    await reception.takes(1, 6)


async def test_a_first_answer_that_takes_long_delays_no_storing_and_what_is_said_waits_for_it(
    discord: Discord, server: DiscordServer, reception: FakeReception, anna: Person, general: Channel
) -> None:
    server.faults.next(CALLBACK, Fault.stall(1.0))
    used = anna.slash(general, "help")
    invoked = await reception.takes(1, 0.5)
    chat = discord.open(invoked.address)
    began = time.monotonic()
    async with asyncio.timeout(3):
        await chat.budget.permit(Priority.FINAL)
    assert time.monotonic() - began > 0.4
    await chat.send(chat.dialect.render("help", final=True), nonce="1")
    assert (await used.said("help")).ephemeral


async def test_what_cant_be_stored_is_told_in_the_answer_that_was_promised(
    discord: Discord, reception: FakeReception, anna: Person, general: Channel
) -> None:
    reception.failing, reception.seconds = 99, 0.3  # so slow that an answer is promised before the last attempt
    used = anna.slash(general, "ask", {"question": "why?"})
    await used.said(TEXTS.of("ru").say("discord.not_stored"))
    assert not used.thinking


async def test_what_cant_be_stored_is_never_promised_an_answer(
    discord: Discord, reception: FakeReception, anna: Person, general: Channel
) -> None:
    """Whoever ends the bot then leaves nobody with "thinking …"."""
    reception.failing = 99
    used = anna.slash(general, "ask", {"question": "why?"})
    answer = await used.answered()
    assert (answer.type, used.ephemeral) == (MESSAGE, True)
    assert used.text == TEXTS.of("ru").say("discord.not_stored")


async def test_an_answer_is_promised_once_the_question_is_stored(
    discord: Discord, reception: FakeReception, anna: Person, general: Channel
) -> None:
    """A kill between the two loses nothing."""
    reception.seconds = 0.3
    await anna.slash(general, "ask", {"question": "why?"}).answered()
    assert len(reception.taken) == 1


async def test_a_first_answer_whose_connection_breaks_is_tried_again(
    discord: Discord, server: DiscordServer, reception: FakeReception, anna: Person, general: Channel
) -> None:
    server.faults.next(CALLBACK, Fault.reset())
    used = anna.slash(general, "help")
    await used.answered()
    server.faults.next(CALLBACK, Fault.applied_then_reset())
    await anna.slash(general, "help").answered()
    await reception.takes(2)


async def test_in_a_users_own_installation_the_bot_is_a_guest(
    discord: Discord, server: DiscordServer, reception: FakeReception, anna: Person
) -> None:
    bob = server.person("Bob")
    anna.install()
    anna.slash(server.private(anna, bob), "ask", {"question": "who is right?"})
    said = await reception.hears()
    assert said.address.private
    assert "guest" in said.address.within
    elsewhere = server.guild("Elsewhere", has_bot=False)
    anna.slash(elsewhere.channel("general"), "ask", {"question": "and here?"})
    said = await reception.hears(2)
    assert said.address.within == (f"guild:{elsewhere.id}", f"channel:{said.address.place}", "guest")
    anna.slash(anna.dm, "ask", {"question": "and at home?"})
    assert (await reception.hears(3)).address.within == ()


async def test_a_language_that_a_command_told_is_known_when_that_person_writes(
    discord: Discord, server: DiscordServer, reception: FakeReception, anna: Person, general: Channel
) -> None:
    anna.slash(general, "help")
    await reception.takes()
    anna.say(general, "привет", mention_bot=True)
    server.person("Bob").say(general, "hello", mention_bot=True)
    assert [(await reception.hears(number)).sender.language for number in (2, 3)] == ["ru", ""]


async def test_a_command_in_a_thread_knows_its_channel(
    discord: Discord, reception: FakeReception, anna: Person, general: Channel
) -> None:
    thread = anna.thread(general)
    anna.slash(thread, "usage")
    invoked = await reception.takes()
    assert isinstance(invoked, Invoked)
    assert f"channel:{general.id}" in invoked.address.within


async def test_in_a_channel_that_the_bot_cant_write_to_only_the_token_leads_there(
    discord: Discord, reception: FakeReception, anna: Person, general: Channel
) -> None:
    thread = anna.thread(general)
    for denied, place, closed in (
        (VIEW, general, True), (SEND, general, True), (SEND, thread, False), (SEND_IN_THREADS, thread, True),
        (SEND_IN_THREADS, general, False),
    ):  # fmt: skip
        general.deny(denied)
        anna.slash(place, "ask", {"question": "are you there?"})
        assert ("closed" in (await reception.hears(len(reception.taken) + 1)).address.within) is closed
    assert discord.open(reception.taken[0].address).closes_at


async def test_the_first_answer_to_a_press_is_given_with_the_button(
    discord: Discord, reception: FakeReception, anna: Person, general: Channel
) -> None:
    anna.slash(general, "ask", {"question": "why?"})
    asked = await reception.hears()
    chat = discord.open(asked.address)
    await chat.budget.permit(Priority.FINAL)
    await chat.send(chat.dialect.render("because", final=True), [Button("Retry", Action("retry", 7))], nonce="k")
    anna.press(general.last)
    assert (await reception.is_pressed(2)).address.answered
    assert not asked.address.answered


STRANGE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["id", "name", "value"]), inner),
    max_leaves=4,
)
PARTS = ("id", "type", "token", "data", "user", "member", "channel", "channel_id", "guild_id", "message", "context")


@given(st.sampled_from([2, 3, 4, 5]), st.dictionaries(st.sampled_from(PARTS), STRANGE, max_size=3))
def test_whatever_comes_is_read_or_known_to_make_no_sense(kind: int, strange: dict[str, Any]) -> None:
    forms = Forms(1, Tree(MENU, TEXTS.section("discord")), Places({}), chains=False)
    data = {"name": "model", "custom_id": "stop:7", "components": []}
    usual = {"id": "5", "type": kind, "token": "t", "channel_id": "6", "user": {"id": "7"}, "data": data}
    with suppress(*MALFORMED):
        forms.read(usual | strange)
