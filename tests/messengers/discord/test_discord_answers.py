"""Answers to interactions: by their token while it is good, then by the channel; for guests, and for one person."""

import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from chat.buttons import Action, Button
from chat.messages import Image
from messengers.base import MessageGone, MessengerError, Page, PlaceGone, SlowDown
from messengers.discord.calls import Json, Rest
from messengers.discord.chains import Chains
from messengers.live_reply import SECONDS_TO_FINISH
from messengers.screen import Layout, Screen
from tests.messengers.discord.answers import DIALECT, KEEP, answer_to, deferred, logged_in, opened
from tests.servers.discord_faults import FOLLOW_UP, WEBHOOK_EDIT, Fault
from tests.servers.discord_interactions import Interaction
from tests.servers.discord_messages import EPHEMERAL, SUPPRESS_EMBEDS
from tests.servers.discord_server import Channel, DiscordServer, Person
from tests.servers.discord_world import VIEW

STOP = Button("⏹ Stop", Action("stop", 5))
ORIGINAL = "PATCH /webhooks/{application}/{token}/messages/{message}"
POST = "POST /channels/{channel}/messages"


@pytest.fixture
async def rest(server: DiscordServer) -> AsyncIterator[Rest]:
    async with logged_in(server) as rest:
        yield rest


@pytest.fixture
async def asked(rest: Rest, anna: Person, general: Channel) -> Interaction:
    """/ask, in a guild where the bot is a member, with "thinking …" shown."""
    return await deferred(rest, anna.slash(general, "ask"))


@pytest.fixture
async def elsewhere(rest: Rest, server: DiscordServer, anna: Person) -> Interaction:
    """/ask where the bot isn't a member."""
    anna.install()
    return await deferred(rest, anna.slash(server.private(anna, server.person("Boris")), "ask"))


def page(source: str) -> Page:
    return DIALECT.render(source, final=True)


def texts(interaction: Interaction) -> list[str]:
    return [message.text for message in interaction.messages]


async def test_an_answer_to_a_command_in_a_thread_that_was_archived_is_sent_anew(
    rest: Rest, anna: Person, general: Channel
) -> None:
    thread = anna.thread(general)
    chat = opened(rest, answer_to(await deferred(rest, anna.slash(thread, "ask"))))
    number = await chat.send(page("the beginn"), [STOP])
    thread.archive()
    screen, wanted = Screen(chat, (number,), key="k"), Layout(chat).pages("the beginning and the end", final=True)
    while screen.differs(wanted, final=True):
        await screen.step(wanted, final=True)
    assert [(message.text, message.labels) for message in thread.messages] == [("the beginning and the end", [])]


async def test_an_answer_that_begins_in_a_thread_that_was_archived_meanwhile_opens_it(
    rest: Rest, anna: Person, general: Channel
) -> None:
    thread = anna.thread(general)
    chat = opened(rest, answer_to(await deferred(rest, anna.slash(thread, "ask"))))
    thread.archive()
    await chat.send(page("the answer"))
    assert (thread.last.text, thread.archived) == ("the answer", False)
    await chat.edit(str(thread.last.id), page("the whole answer"))
    assert thread.last.text == "the whole answer"


async def test_the_first_message_takes_the_place_of_thinking_and_the_next_ones_follow(
    server: DiscordServer, rest: Rest, asked: Interaction
) -> None:
    chat = opened(rest, answer_to(asked))
    assert not chat.sends_are_idempotent
    first = await chat.send(page("one"), [STOP], nonce="k.0")
    assert not asked.thinking
    second = await chat.send(page("two"), previous=first, nonce="k.1")
    await chat.edit(first, page("ONE"))
    await chat.edit(second, page("TWO"), [STOP])
    assert texts(asked) == ["ONE", "TWO"]
    assert all(message.flags & SUPPRESS_EMBEDS for message in asked.messages)
    assert [message.labels for message in asked.messages] == [[], ["⏹ Stop"]]
    assert not server.made(POST)


async def test_a_first_message_that_is_repeated_shows_once(
    server: DiscordServer, rest: Rest, asked: Interaction
) -> None:
    server.faults.next(WEBHOOK_EDIT, Fault.applied_then_reset())
    with pytest.raises(MessengerError):
        await opened(rest, answer_to(asked)).send(page("a"), nonce="k.0")
    await opened(rest, answer_to(asked)).send(page("a"), nonce="k.0")
    assert texts(asked) == ["a"]


async def test_another_answer_by_a_token_is_a_message_of_its_own(
    rest: Rest, elsewhere: Interaction, asked: Interaction
) -> None:
    """/retry and Continue, where nothing but a token leads there."""
    for interaction in (elsewhere, asked):
        address = answer_to(interaction, "guest")
        assert opened(rest, address).most_messages == 6
        await opened(rest, address).send(page("first"), nonce="k.0")
        again = opened(rest, replace(address, answered=True))
        await again.send(page("again"), nonce="k+1.0")
        assert texts(interaction) == ["first", "again"]
        assert again.most_messages == 5


async def test_what_is_sent_by_a_press_never_takes_the_place_of_the_message_with_the_button(
    rest: Rest, elsewhere: Interaction, anna: Person
) -> None:
    await opened(rest, answer_to(elsewhere, "guest")).send(page("half"), [STOP], nonce="k.0")
    pressed = await deferred(rest, anna.press(elsewhere.messages[0]), KEEP)
    chat = opened(rest, replace(answer_to(pressed, "guest"), answered=True))
    await chat.send(page("the rest"), nonce="k+1.0")
    assert (texts(elsewhere), texts(pressed)) == (["half"], ["the rest"])


async def test_a_failed_answer_is_made_again_in_its_place_by_the_press_of_retry_long_after_its_own_token(
    server: DiscordServer, rest: Rest, elsewhere: Interaction, anna: Person
) -> None:
    number = await opened(rest, answer_to(elsewhere, "guest")).send(page("it failed"), [STOP], nonce="k.0")
    server.advance(16 * 60)
    pressed = await deferred(rest, anna.press(elsewhere.messages[0]), KEEP)
    chat = opened(rest, replace(answer_to(pressed, "guest"), answered=True))
    await chat.edit(number, page("it works"))
    await chat.send(page("and more"), previous=number, nonce="k.1")
    assert texts(elsewhere) + texts(pressed) == ["it works", "and more"]


async def test_pictures_are_messages_of_their_own_also_after_a_restart(rest: Rest, asked: Interaction) -> None:
    progress = await opened(rest, answer_to(asked)).send(page("1 of 2"), nonce="k.0")
    await opened(rest, answer_to(asked)).send_image(Image(b"png", "image/png"), "cat", nonce="k.i0")
    fresh = Rest(rest._client)
    later = opened(fresh, answer_to(asked))
    await later.send_image(Image(b"png", "image/png"), "cat", nonce="k.i1")
    await later.edit(progress, page("2 of 2"))
    await fresh.session.close()
    assert texts(asked) == ["2 of 2", "cat", "cat"]
    assert [len(message.attachments) for message in asked.messages] == [0, 1, 1]


async def test_a_picture_that_comes_before_any_text_keeps_its_place(rest: Rest, asked: Interaction) -> None:
    chat = opened(rest, answer_to(asked))
    await chat.send_image(Image(b"png", "image/png"), "cat", nonce="k.i0")
    await chat.send(page("1 of 2"), nonce="k.0")
    await chat.send_image(Image(b"png", "image/png"), "cat", nonce="k.i1")
    assert not asked.thinking
    assert [message.attachments[0].data for message in asked.messages] == [b"png", b"png"]


async def test_where_the_bot_cant_see_the_channel_an_answer_ends_with_its_token(
    server: DiscordServer, rest: Rest, asked: Interaction, general: Channel
) -> None:
    general.deny(VIEW)
    chat = opened(rest, answer_to(asked, "closed", seconds=50))
    assert 40 < chat.closes_at - time.time() <= 50, "so it is brought to its final form before that"
    assert chat.most_messages == 0
    number = await chat.send(page("half"), nonce="k.0")
    await chat.edit(number, page("all that there was time for"))
    assert texts(asked) == ["all that there was time for"]


async def test_a_deleted_thinking_is_told(rest: Rest, asked: Interaction, anna: Person) -> None:
    assert asked.original
    anna.delete(asked.original)
    with pytest.raises(MessageGone):
        await opened(rest, answer_to(asked)).send(page("answer"), nonce="k.0")


async def test_an_answer_that_outlives_its_token_goes_on_in_the_channel(
    server: DiscordServer, rest: Rest, asked: Interaction, general: Channel
) -> None:
    address = answer_to(asked)
    first = await opened(rest, address).send(page("one"), nonce="k.0")
    server.advance(1000)  # Discord's clock: the chat learns of it by a refusal
    chat = opened(rest, address)
    await chat.edit(first, page("ONE"), [STOP])
    assert chat.sends_are_idempotent
    await chat.send(page("two"), previous=first, nonce="k.1")
    assert [message.text for message in general.messages] == ["ONE", "two"]
    refused = [call for call in server.calls if call.status == 401]
    assert len(refused) == 1, "a dead token is asked once: 401s lead to a ban"


async def test_a_token_that_is_nearly_over_is_not_used(
    server: DiscordServer, rest: Rest, asked: Interaction, general: Channel
) -> None:
    chat = opened(rest, answer_to(asked, seconds=50))
    await chat.send(page("one"), nonce="k.0")
    assert chat.sends_are_idempotent
    assert (general.last.text, len(server.made(POST))) == ("one", 1)


async def test_a_message_that_the_token_does_not_know_is_edited_by_the_channel(
    rest: Rest, asked: Interaction, general: Channel
) -> None:
    """A button under the last part of an answer was pressed: the press's token is none for the parts before it."""
    chat = opened(rest, answer_to(asked, seconds=0))
    number = await chat.send(page("of before"))
    await opened(rest, answer_to(asked)).edit(number, page("edited"))
    assert general.last.text == "edited"
    await chat.delete(number)
    with pytest.raises(MessageGone):
        await opened(rest, answer_to(asked)).edit(number, page("again"))


async def test_a_press_edits_the_message_with_the_button(
    server: DiscordServer, rest: Rest, anna: Person, general: Channel
) -> None:
    number = await opened(rest, answer_to(anna.slash(general, "ask"), seconds=0)).send(page("choose"), [STOP])
    pressed = await deferred(rest, anna.press(general.last), KEEP)
    chat = opened(rest, answer_to(pressed))
    await chat.edit(number, page("chosen"))
    assert (general.last.text, general.last.labels) == ("chosen", [])
    assert server.calls[-1].route == ORIGINAL


async def test_deleting_and_typing(server: DiscordServer, rest: Rest, asked: Interaction, general: Channel) -> None:
    chat = opened(rest, answer_to(asked))
    await chat.typing()
    first = await chat.send(page("one"), nonce="k.0")
    second = await chat.send(page("two"), previous=first)
    for _ in range(2):
        await chat.delete(second)
    assert texts(asked) == ["one"]
    assert not general.typings, "“thinking …” is shown already"


async def test_what_one_person_alone_is_to_see_stays_theirs(
    server: DiscordServer, rest: Rest, anna: Person, general: Channel
) -> None:
    asked = await deferred(rest, anna.slash(general, "ask"), flags=EPHEMERAL)
    chat = opened(rest, answer_to(asked, "ephemeral"))
    first = await chat.send(page("one"), nonce="k.0")
    second = await chat.send(page("two"), previous=first, nonce="k.1")
    await chat.edit(first, page("ONE"))
    await chat.edit(second, page("TWO"))
    assert texts(asked) == ["ONE", "TWO"]
    assert all(message.ephemeral for message in asked.messages)
    assert abs(chat.closes_at - time.time() - 900) < 5
    server.advance(1000)
    for call in (chat.send(page("three"), previous=second), chat.edit(first, page("x"))):
        with pytest.raises(PlaceGone):
            await call
    assert not server.made(POST), "it must never become public"


async def test_an_ephemeral_answer_after_a_restart_past_its_end_is_given_up_without_a_call(
    server: DiscordServer, rest: Rest, asked: Interaction
) -> None:
    chat, before = opened(rest, answer_to(asked, "ephemeral", seconds=-1)), len(server.calls)
    for call in (chat.send(page("a")), chat.edit("5", page("a")), chat.delete("5")):
        with pytest.raises(PlaceGone):
            await call
    assert len(server.calls) == before


async def test_a_long_answer_to_a_guest_is_six_messages_the_last_of_them_a_file(
    rest: Rest, elsewhere: Interaction
) -> None:
    chat = opened(rest, answer_to(elsewhere, "guest"))
    assert chat.most_messages == 6
    assert chat.closes_at > time.time() + SECONDS_TO_FINISH
    source = "\n\n".join(f"Paragraph {number}: " + "word " * 150 for number in range(40))
    screen, wanted = Screen(chat, key="k"), Layout(chat).pages(source, (STOP,), final=True)
    while screen.differs(wanted, final=True):
        await screen.step(wanted)
    assert len(elsewhere.messages) == 6
    assert not elsewhere.refused
    *pages, file = elsewhere.messages
    assert file.attachments[0].name == "answer.md"
    rest_of_it = file.attachments[0].data.decode()
    assert all(f"Paragraph {number}:" in "".join(texts(elsewhere)) + rest_of_it for number in range(40))
    assert "Paragraph 39:" in rest_of_it
    assert all(message.text for message in pages)


async def test_a_guests_answer_of_an_earlier_run_is_edited_and_a_channel_is_never_touched(
    server: DiscordServer, rest: Rest, elsewhere: Interaction
) -> None:
    first = await opened(rest, answer_to(elsewhere, "guest")).send(page("beginning"), nonce="k.0")
    chat = opened(rest, answer_to(elsewhere, "guest"))  # as after a restart
    await chat.edit(first, page("all of it"))
    assert texts(elsewhere) == ["all of it"]
    await chat.typing()
    await chat.delete(first)
    await chat.delete(first)
    assert not [call for call in server.calls if call.route.startswith(("POST /channels", "PATCH /channels"))]


async def test_a_flood_of_one_token_is_told(server: DiscordServer, rest: Rest, asked: Interaction) -> None:
    chat = opened(rest, answer_to(asked))
    first = await chat.send(page("one"), nonce="k.0")
    server.faults.next(FOLLOW_UP, Fault.flood(3))
    with pytest.raises(SlowDown):
        await chat.send(page("two"), previous=first)


async def test_nobody_is_pinged_by_an_answer(rest: Rest, asked: Interaction, anna: Person) -> None:
    chat = opened(rest, answer_to(asked))
    text = f"@everyone <@{anna.id}>"
    first = await chat.send(Page(text, len(text)), nonce="k.0")
    await chat.send(Page(text, len(text)), previous=first)
    assert not any(message.pings for message in asked.messages)


async def test_a_post_notifies_people_and_what_a_token_sends_or_a_chain_is_made_of_doesnt(
    rest: Rest, asked: Interaction
) -> None:
    """So only posts are replaced by new ones in the end: a link of a chain may have been replied to already."""
    by_token = answer_to(asked)
    posted = replace(by_token, token="", token_expires_at=0.0)

    async def nothing(place: str, message: str) -> Json:
        return {}

    chains = Chains(nothing)
    assert opened(rest, posted).new_messages_notify
    assert not opened(rest, by_token).new_messages_notify
    assert not opened(rest, replace(posted, branch="7"), chains=chains).new_messages_notify
    assert opened(rest, posted, chains=chains).new_messages_notify
