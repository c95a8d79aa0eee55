"""What people write on Discord, over the stand-in's real gateway: what is meant for the bot, and what it becomes."""

import asyncio

import pytest

from chat.incoming import Left, Quote, Unreadable
from messengers.discord.catching_up import OVERLAP_SECONDS
from messengers.discord.messenger import Discord
from messengers.discord.reading import BARE, HIDDEN, UNREADABLE
from tests.messengers.discord.incoming import FakeReception, discord_running
from tests.servers.discord_server import Channel, DiscordServer, Person, Upload
from tests.servers.discord_sessions import MESSAGE_CONTENT

WITH_AND_WITHOUT_CONTENT = pytest.mark.parametrize("privileged", [MESSAGE_CONTENT, 0], ids=["content", "no content"])


async def nothing_comes(reception: FakeReception, server: DiscordServer, count: int = 0) -> None:
    await asyncio.sleep(0.15)
    assert len(reception.handed) == count


@WITH_AND_WITHOUT_CONTENT
async def test_a_mention_in_a_channel_is_a_question_without_the_mention(
    discord: Discord, server: DiscordServer, reception: FakeReception, anna: Person, general: Channel
) -> None:
    message = anna.say(general, "what is this?", mention_bot=True)
    said = await reception.hears()
    assert said.text == "what is this?"
    assert said.key == f"discord:{server.bot_id}:{message.id}"
    assert (said.sender.id, said.sender.name) == (str(anna.id), "Anna")
    address = said.address
    assert (address.place, address.message, address.thread) == (str(general.id), str(message.id), "")
    assert not address.private
    assert general.guild
    assert address.within == (f"guild:{general.guild.id}", f"channel:{general.id}")
    assert address.token == ""


@WITH_AND_WITHOUT_CONTENT
async def test_what_people_say_to_each_other_in_a_channel_is_not_the_bots_business(
    discord: Discord, server: DiscordServer, reception: FakeReception, anna: Person, general: Channel
) -> None:
    bob = server.person("Bob")
    first = anna.say(general, "hello everybody")
    bob.say(general, "hello", reply_to=first)
    anna.say(general, "/model gpt")
    await nothing_comes(reception, server)


@WITH_AND_WITHOUT_CONTENT
async def test_a_direct_message_needs_no_mention(
    discord: Discord, reception: FakeReception, anna: Person, server: DiscordServer
) -> None:
    anna.say(anna.dm, "hello")
    said = await reception.hears()
    assert said.text == "hello"
    assert said.address.private
    assert said.address.within == ()


@WITH_AND_WITHOUT_CONTENT
@pytest.mark.parametrize("ping", [True, False])
@pytest.mark.parametrize("of_command", [True, False])
async def test_a_reply_to_the_bot_is_meant_for_it_and_quotes_nothing(
    discord: Discord,
    reception: FakeReception,
    anna: Person,
    general: Channel,
    privileged: int,
    *,
    ping: bool,
    of_command: bool,
) -> None:
    reception.answer_with = "an answer"
    anna.say(general, "question", mention_bot=True)
    answer = await general.wait_for_text("an answer")
    if of_command:
        answer.application_id = 1
    anna.say(general, "and now?", reply_to=answer, ping=ping)
    said = await reception.hears(2)
    reads = privileged or (ping and not of_command)
    assert (said.text, said.other) == (("and now?", "") if reads else ("", HIDDEN))
    assert said.quotes == ()


@WITH_AND_WITHOUT_CONTENT
async def test_a_mention_alone_is_handed_in_as_one(
    discord: Discord, reception: FakeReception, anna: Person, general: Channel
) -> None:
    anna.say(general, mention_bot=True)
    said = await reception.hears()
    assert (said.text, said.other) == ("", BARE)


@WITH_AND_WITHOUT_CONTENT
async def test_a_mention_in_a_reply_to_somebody_brings_their_words_along(
    discord: Discord,
    server: DiscordServer,
    reception: FakeReception,
    anna: Person,
    general: Channel,
    *,
    privileged: int,
) -> None:
    bob = server.person("Bob")
    first = bob.say(general, f"the sky is green, {anna.mention}")
    anna.say(general, "is that so?", reply_to=first, mention_bot=True)
    said = await reception.hears()
    assert said.text == "is that so?"
    assert said.quotes == (Quote("reply", "Bob", "the sky is green, @Anna" if privileged else UNREADABLE),)


async def test_in_a_thread_where_the_bot_was_asked_no_mention_is_needed_again(
    discord: Discord, server: DiscordServer, reception: FakeReception, anna: Person, general: Channel
) -> None:
    thread = anna.thread(general)
    anna.say(thread, "not for the bot")
    anna.say(thread, "but this", mention_bot=True)
    await reception.hears()
    anna.say(thread, "and this")
    said = await reception.hears(2)
    assert [each.text for each in (await reception.hears(1), said)] == ["but this", "and this"]
    assert said.address.place == str(thread.id)
    assert general.guild
    assert said.address.within == (f"guild:{general.guild.id}", f"channel:{thread.id}", f"channel:{general.id}")


async def test_a_thread_that_only_a_stranger_mentioned_the_bot_in_is_not_listened_to(
    discord: Discord, server: DiscordServer, reception: FakeReception, anna: Person, general: Channel
) -> None:
    eve = server.person("Eve")
    reception.strangers.add(str(eve.id))
    thread = anna.thread(general)
    eve.say(thread, "listen to us", mention_bot=True)
    await reception.takes()
    anna.say(thread, "between us")
    await nothing_comes(reception, server, 1)


async def test_a_thread_of_before_the_restart_needs_no_mention_either(
    server: DiscordServer, anna: Person, general: Channel
) -> None:
    thread = anna.thread(general)
    before = anna.say(thread, "asked before", mention_bot=True)
    server.advance(2 * OVERLAP_SECONDS)
    reception = FakeReception({str(thread.id): str(before.id)})
    async with discord_running(server, reception):
        anna.say(thread, "and now?")
        assert (await reception.hears()).text == "and now?"


async def test_pictures_text_files_and_what_cant_be_used_are_told_apart(
    discord: Discord, reception: FakeReception, anna: Person
) -> None:
    files = [
        Upload("cat.png", b"png"),
        Upload("notes.txt", b"text"),
        Upload("song.mp3", b"mp3"),
        Upload("code.ts", b"let x", "video/mp2t"),
    ]
    message = anna.say(anna.dm, "look", attachments=files)
    said = await reception.hears()
    assert [(file.name, file.media_type, file.size) for file in said.images] == [("cat.png", "image/png", 3)]
    assert [file.name for file in said.documents] == ["notes.txt", "code.ts"]
    assert said.other == "audio"
    assert said.images[0].id == f"{anna.dm.id}/{message.id}/{message.attachments[0].id}"


@WITH_AND_WITHOUT_CONTENT
async def test_roles_are_handed_in_as_access_names_them(
    discord: Discord, server: DiscordServer, reception: FakeReception, anna: Person, general: Channel
) -> None:
    assert general.guild
    role = general.guild.role("Friends of the bot")
    general.guild.join(anna, role)
    anna.say(general, "hello", mention_bot=True)
    assert (await reception.hears()).sender.roles == (f"role:{role.id}",)


async def test_what_cant_be_stored_is_handed_in_again_and_in_order(
    discord: Discord, reception: FakeReception, anna: Person
) -> None:
    reception.failing = 1
    for number in range(3):
        anna.say(anna.dm, f"message {number}")
    await reception.hears(3)
    assert [said.text for said in reception.taken if hasattr(said, "text")] == [f"message {n}" for n in range(3)]


async def test_an_event_that_makes_no_sense_is_put_aside_and_ends_nothing(
    discord: Discord, server: DiscordServer, reception: FakeReception, anna: Person
) -> None:
    for event in ("MESSAGE_CREATE", "INTERACTION_CREATE", "GUILD_CREATE"):
        server.world.sessions.dispatch(event, {"id": "1", "nonsense": True})
    anna.say(anna.dm, "still there?")
    await reception.takes(3)
    assert sorted(each.kind for each in reception.taken) == ["said", "unreadable", "unreadable"]
    assert all("nonsense" in each.payload for each in reception.taken if isinstance(each, Unreadable))
    assert len(server.gateway.identifies) == 1


async def test_a_channel_that_is_deleted_and_a_guild_that_removes_the_bot_are_left(
    discord: Discord, server: DiscordServer, reception: FakeReception, anna: Person, general: Channel
) -> None:
    other = server.channel("other")
    for channel in (general, other):
        anna.say(channel, "hello", mention_bot=True)
    await reception.takes(2)
    other.delete()
    left = await reception.takes(3)
    assert isinstance(left, Left)
    assert (left.address.place, left.sender.id) == (str(other.id), str(anna.id))
    assert general.guild
    general.guild.outage()
    await nothing_comes(reception, server, 3)
    general.guild.expel_bot()
    left = await reception.takes(4)
    assert isinstance(left, Left)
    assert left.address.place == str(general.id)


async def test_three_people_in_one_channel_are_handed_in_in_the_order_in_which_they_spoke(
    discord: Discord, server: DiscordServer, reception: FakeReception, general: Channel
) -> None:
    for number in range(9):
        server.person(f"P{number % 3}").say(general, str(number), mention_bot=True)
    await reception.hears(9)
    assert [said.text for said in reception.taken if hasattr(said, "text")] == list("012345678")


@WITH_AND_WITHOUT_CONTENT
async def test_the_bots_own_role_is_known_from_its_guild(
    server: DiscordServer, reception: FakeReception, anna: Person, general: Channel, privileged: int
) -> None:
    role = server.guild().role("Parley", bot=server.bot_id)
    async with discord_running(server, reception):
        anna.say(general, f"<@&{role.id}> hello")
        said = await reception.hears()
        assert (said.text, said.other) == (("hello", "") if privileged else ("", HIDDEN))
