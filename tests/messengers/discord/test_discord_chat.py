"""One Discord channel: what is sent, edited and deleted is what people see, pings nobody and is never there twice."""

from collections.abc import AsyncIterator, Sequence

import pytest

from chat.buttons import Action, Button, decode
from chat.messages import Image
from messengers.base import MessageGone, MessengerError, Page, PlaceGone, Refused
from messengers.discord.calls import Rest
from messengers.discord.chains import Chains
from messengers.discord.chat import DiscordChat
from messengers.screen import Layout, Screen, Wanted
from tests.messengers.discord.answers import DIALECT, logged_in, opened, place_of
from tests.servers.discord_faults import CREATE, EDIT, Fault
from tests.servers.discord_messages import SUPPRESS_EMBEDS
from tests.servers.discord_server import Channel, DiscordServer, Person

STOP, RETRY = Button("⏹ Stop", Action("stop", 5)), Button("🔁 Retry", Action("retry", 5))


@pytest.fixture
async def rest(server: DiscordServer) -> AsyncIterator[Rest]:
    async with logged_in(server) as rest:
        yield rest


def page(source: str) -> Page:
    return DIALECT.render(source, final=True)


async def sent(chat: DiscordChat, source: str, buttons: Sequence[Button] = ()) -> str:
    return await chat.send(page(source), buttons)


async def test_a_message_has_its_text_and_its_buttons_and_shows_no_previews(rest: Rest, general: Channel) -> None:
    number = await sent(opened(rest, place_of(general)), "**bold** https://a.b", [STOP, RETRY])
    message = general.last
    assert number == str(message.id)
    assert message.text == "**bold** https://a.b"
    assert [(button["label"], button["custom_id"]) for button in message.buttons] == [
        ("⏹ Stop", "stop:5"),
        ("🔁 Retry", "retry:5"),
    ]
    assert message.flags & SUPPRESS_EMBEDS


async def test_an_edit_shows_the_new_page_and_just_its_buttons(rest: Rest, general: Channel) -> None:
    chat = opened(rest, place_of(general))
    number = await sent(chat, "first", [STOP])
    await chat.edit(number, page("second"), [RETRY])
    assert (general.last.text, general.last.labels) == ("second", ["🔁 Retry"])
    await chat.edit(number, page("third"))
    assert (general.last.text, general.last.labels) == ("third", [])
    assert general.last.flags & SUPPRESS_EMBEDS


async def test_buttons_stand_in_rows_of_five_and_no_more_than_25(rest: Rest, general: Channel) -> None:
    many = [Button(f"{'long ' * 30}{number}", Action("model", 7, number)) for number in range(30)]
    await sent(opened(rest, place_of(general)), "choose", many)
    rows = general.last.components
    assert [len(row["components"]) for row in rows] == [5] * 5
    assert decode(general.last.buttons[24]["custom_id"]) == Action("model", 7, 24)


async def test_nobody_is_pinged_whatever_the_text_says(
    server: DiscordServer, rest: Rest, general: Channel, anna: Person
) -> None:
    asked = anna.say(general, "hello")
    role = server.guild().role("helpers")
    text = f"@everyone @here <@{anna.id}> <@!{anna.id}> <@&{role.id}>"
    chat = opened(rest, place_of(general, asked.id))
    for shown in (page(text), Page(text, len(text))):  # rendered, and as the model wrote it
        number = await chat.send(shown, reply=True)
        await chat.edit(number, shown)
        assert not general.last.pings
    await chat.send_image(Image(b"png", "image/png"), text, reply=True)
    assert not general.last.pings


async def test_a_reply_quotes_the_question_also_where_that_is_gone(rest: Rest, general: Channel, anna: Person) -> None:
    asked = anna.say(general, "hello")
    chat = opened(rest, place_of(general, asked.id))
    await chat.send(page("one"), reply=True)
    assert general.last.replied is asked
    await chat.send(page("two"))
    assert general.last.replied is None
    anna.delete(asked)
    await chat.send(page("three"), reply=True)
    assert general.last.text == "three"


async def test_without_the_right_to_read_the_history_it_answers_without_a_quote(
    server: DiscordServer, rest: Rest, general: Channel, anna: Person
) -> None:
    asked = anna.say(general, "hello")
    server.faults.next(CREATE, Fault.refusal(400, 160002))
    await opened(rest, place_of(general, asked.id)).send(page("answer"), reply=True)
    assert (general.last.text, general.last.replied) == ("answer", None)


@pytest.mark.parametrize(
    "fault", [Fault.applied_then_reset(), Fault.reset(), Fault.html(502, applied=True), Fault.cut_body()], ids=str
)
async def test_a_send_that_is_repeated_shows_once(
    server: DiscordServer, rest: Rest, general: Channel, anna: Person, fault: Fault
) -> None:
    asked = anna.say(general, "hello")
    server.faults.next(CREATE, fault)
    chat = opened(rest, place_of(general, asked.id))
    assert chat.sends_are_idempotent
    with pytest.raises(MessengerError):
        await chat.send(page("answer"), nonce="4711.0")
    again = opened(rest, place_of(general, asked.id))  # as after a restart
    number = await again.send(page("answer"), nonce="4711.0")
    assert [message.text for message in general.messages] == ["answer"]
    assert number == str(general.last.id)
    await again.send(page("next"), nonce="4711.1")
    assert [message.text for message in general.messages] == ["answer", "next"]


@pytest.mark.parametrize("fault", [Fault.applied_then_reset(), Fault.cut_body()], ids=str)
async def test_what_is_sent_by_the_name_of_a_send_that_was_done_after_all_is_what_people_see(
    server: DiscordServer, rest: Rest, general: Channel, fault: Fault
) -> None:
    """The first text was lost on its way, the final one takes its name: Discord answers with the old message."""
    server.faults.next(CREATE, fault)
    with pytest.raises(MessengerError):
        await opened(rest, place_of(general, "7")).send(page("The beginn"), [STOP], nonce="k.0")
    number = await opened(rest, place_of(general, "7")).send(page("The beginning, and the end."), nonce="k.0")
    (message,) = general.messages
    assert (message.text, message.labels, str(message.id)) == ("The beginning, and the end.", [], number)


async def test_where_the_text_is_the_same_nothing_is_edited(
    server: DiscordServer, rest: Rest, general: Channel
) -> None:
    for _ in range(2):
        await opened(rest, place_of(general, "7")).send(Page(" same \n", 7), [STOP], nonce="k.0")
    assert not server.made("PATCH /channels/{channel}/messages/{message}")


async def test_a_send_by_the_name_of_a_message_that_was_deleted_is_a_new_one(
    server: DiscordServer, rest: Rest, general: Channel
) -> None:
    """A failed answer had two messages, of which the final form needed one; made again, it needs two."""
    chat = opened(rest, place_of(general, "7"))
    first = await chat.send(page("half"), nonce="k.0")
    await chat.delete(await chat.send(page("of it"), previous=first, nonce="k.1"))
    server.faults.next(CREATE, Fault.applied_then_reset(), skip=1)
    with pytest.raises(MessengerError):
        await chat.send(page("the rest"), previous=first, nonce="k.1")
    await chat.send(page("the rest"), previous=first, nonce="k.1")
    assert [message.text for message in general.messages] == ["half", "the rest"]


async def test_where_an_old_message_was_edited_too_often_a_new_one_takes_its_place(
    server: DiscordServer, rest: Rest, general: Channel
) -> None:
    number = await sent(opened(rest, place_of(general)), "it failed", [RETRY])
    server.advance(3700)
    server.faults.next(EDIT, Fault.refusal(429, 30046), Fault.refusal(429, 30046))
    chat = opened(rest, place_of(general))
    screen, wanted = Screen(chat, (number,), key="k"), Layout(chat).pages("now it works", final=True)
    while screen.differs(wanted, final=True):
        await screen.step(wanted, final=True)
    assert [(message.text, message.labels) for message in general.messages] == [("now it works", [])]


async def brought(screen: Screen, wanted: Sequence[Wanted]) -> None:
    while screen.differs(wanted, final=True):
        await screen.step(wanted, final=True)


async def test_in_an_archived_thread_a_new_message_takes_the_place_of_the_old_one_and_opens_it(
    rest: Rest, anna: Person, general: Channel
) -> None:
    thread = anna.thread(general)
    chat = opened(rest, place_of(thread))
    number = await sent(chat, "the beginn", [STOP])
    thread.archive()
    await brought(Screen(chat, (number,), key="k"), Layout(chat).pages("the beginning and the end", final=True))
    assert [(message.text, message.labels) for message in thread.messages] == [("the beginning and the end", [])]
    assert not thread.archived


async def test_in_a_locked_thread_nothing_can_be_said_any_more(rest: Rest, anna: Person, general: Channel) -> None:
    thread = anna.thread(general)
    chat = opened(rest, place_of(thread))
    number = await sent(chat, "the beginn", [STOP])
    thread.archive(locked=True)
    with pytest.raises(PlaceGone):
        await brought(Screen(chat, (number,), key="k"), Layout(chat).pages("the beginning and the end", final=True))
    assert thread.shown_text() == "the beginn"


async def test_where_one_of_several_old_messages_was_edited_too_often_none_of_them_stays_twice(
    server: DiscordServer, rest: Rest, general: Channel
) -> None:
    chat = opened(rest, place_of(general))
    texts = ["one", "two", "three"]
    numbers = [await chat.send(page(text), nonce=f"k.{index}") for index, text in enumerate(texts)]
    server.advance(3700)
    server.faults.next(EDIT, Fault.refusal(429, 30046), skip=1)
    screen = Screen(opened(rest, place_of(general)), numbers, key="k")
    wanted = [Wanted(text, page(text)) for text in ("one", "TWO", "three")]
    while screen.differs(wanted, final=True):
        await screen.step(wanted, final=True)
    assert [message.text for message in general.messages] == ["one", "TWO", "three"]


async def test_the_same_name_under_another_question_is_another_message(rest: Rest, general: Channel) -> None:
    for question in ("1", "2"):
        await opened(rest, place_of(general, question)).send(page(question), nonce="x.0")
    assert [message.text for message in general.messages] == ["1", "2"]


async def test_a_message_of_the_whole_limit_is_taken(rest: Rest, general: Channel) -> None:
    await sent(opened(rest, place_of(general)), "a" * 2000)
    assert general.last.text == "a" * 2000


async def test_deleting_is_done_once_it_is_gone(rest: Rest, general: Channel) -> None:
    chat = opened(rest, place_of(general))
    number = await sent(chat, "a")
    await chat.delete(number)
    await chat.delete(number)
    assert not general.messages


async def test_a_deleted_message_and_a_lost_place_are_told(server: DiscordServer, rest: Rest, general: Channel) -> None:
    chat = opened(rest, place_of(general))
    number = await sent(chat, "a")
    await chat.delete(number)
    with pytest.raises(MessageGone):
        await chat.edit(number, page("b"))
    server.faults.next(EDIT, Fault.refusal(403, 50001))
    with pytest.raises(PlaceGone):
        await chat.edit(number, page("b"))
    with pytest.raises(PlaceGone):
        await opened(rest, place_of(server.guild("Elsewhere", has_bot=False).channel("general"))).send(page("a"))


async def test_typing_is_shown(rest: Rest, general: Channel) -> None:
    await opened(rest, place_of(general)).typing()
    assert len(general.typings) == 1


async def test_a_picture_is_sent_with_its_caption_and_not_twice(
    server: DiscordServer, rest: Rest, general: Channel
) -> None:
    chat = opened(rest, place_of(general, "7"))
    server.faults.next(CREATE, Fault.applied_then_reset())
    with pytest.raises(MessengerError):
        await chat.send_image(Image(b"png!", "image/png"), "a *cat*", nonce="k.i0")
    await chat.send_image(Image(b"png!", "image/png"), "a *cat*", nonce="k.i0")
    (message,) = general.messages
    assert (message.text, message.attachments[0].name, message.attachments[0].data) == (
        "a \\*cat\\*",
        "image.png",
        b"png!",
    )


async def test_a_picture_larger_than_discord_takes_is_refused_unsent(rest: Rest, general: Channel) -> None:
    with pytest.raises(Refused):
        await opened(rest, place_of(general)).send_image(Image(bytes(10 * 2**20 + 1), "image/png"))
    assert not general.messages


async def test_in_chains_each_message_answers_the_one_before(rest: Rest, general: Channel, anna: Person) -> None:
    chains = Chains(rest.message)
    asked = anna.say(general, "hello")
    chat = opened(rest, place_of(general, asked.id, branch=str(asked.id)), chains=chains)
    first = await chat.send(page("one"))
    second = await chat.send(page("two"), previous=first)
    one, two = general.messages
    assert (one.replied, two.replied) == (asked, one)
    assert chains.branch_of(first) == chains.branch_of(second) == str(asked.id)


async def test_what_was_said_before_is_the_chain_or_what_the_store_knows(
    server: DiscordServer, rest: Rest, general: Channel, anna: Person
) -> None:
    chains = Chains(rest.message)
    chains.bot_id = str(server.bot_id)
    asked = anna.say(general, "first")
    address = place_of(general, asked.id, branch=str(asked.id))
    number = await opened(rest, address, chains=chains).send(page("answer"))
    again = anna.say(general, "second", reply_to=general.last)
    chat = opened(rest, place_of(general, again.id, branch=str(asked.id)), chains=chains)
    assert [message.role for message in await chat.earlier() or ()] == ["user", "assistant"]
    assert number == str(general.messages[0].id)
    assert await opened(rest, address).earlier() is None
