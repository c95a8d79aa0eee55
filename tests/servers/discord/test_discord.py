"""The stand-in Discord's messages, driven by an unmodified discord.py client: what it takes, shows and refuses."""

import io

import discord
import pytest

from tests.servers import discord_world as permissions
from tests.servers.discord_client import Recorder, code_of, discord_client
from tests.servers.discord_server import Channel, DiscordServer, Upload


async def test_a_client_logs_in_and_finds_guilds_channels_threads_and_roles(server: DiscordServer) -> None:
    """Everything that was there before it came is in its cache when it is ready."""
    friends = server.guild("Freunde", "de")
    thread = server.person().thread(friends.channel("general"), "ideas")
    role = friends.role("moderators", permissions.MANAGE_MESSAGES)
    async with discord_client(server, Recorder()) as bot:
        guild = bot.get_guild(friends.id)
        assert guild
        assert (guild.name, guild.preferred_locale) == ("Freunde", discord.Locale.german)
        assert [channel.name for channel in guild.text_channels] == ["general"]
        assert guild.get_thread(thread.id)
        assert [one.id for one in guild.roles] == [friends.id, role.id]
        assert bot.user
        assert (bot.user.id, bot.application_id) == (server.bot_id, server.application_id)
        assert bot.application_flags.gateway_message_content_limited


async def test_a_wrong_token_is_refused(server: DiscordServer) -> None:
    server.token = "another"
    with pytest.raises(discord.LoginFailure):
        async with discord_client(server, Recorder()):
            pass
    assert [call.outcome for call in server.calls] == ["0 401: Unauthorized"]
    assert len(server.rates.invalid) == 1


async def test_what_a_person_says_arrives_with_who_where_and_what(
    server: DiscordServer, bot: Recorder, general: Channel
) -> None:
    role = server.guild().role("readers")
    anna = server.person("Anna")
    server.guild().join(anna, role)
    anna.say(general, "look", attachments=[Upload("notes.txt", b"a note")])
    message = await bot.hears()
    assert (message.content, message.author.id, message.channel.id) == ("look", anna.id, general.id)
    assert isinstance(message.author, discord.Member)
    assert role.id in [one.id for one in message.author.roles]
    file = message.attachments[0]
    assert (file.filename, file.size, file.content_type) == ("notes.txt", 6, "text/plain")
    assert await file.read() == b"a note"


async def test_direct_messages_arrive_without_a_guild_and_are_answered_there(
    server: DiscordServer, bot: Recorder
) -> None:
    anna = server.person("Anna")
    anna.say(anna.dm, "psst")
    message = await bot.hears()
    assert message.guild is None
    await message.channel.send("yes?")
    assert anna.dm.last.text == "yes?"
    opened = await (await bot.fetch_user(anna.id)).create_dm()
    assert opened.id == anna.dm.id


async def test_every_version_of_a_message_is_kept_and_told(
    server: DiscordServer, bot: Recorder, general: Channel
) -> None:
    sent = await bot.text_channel(general).send("one")
    await sent.edit(content="two")
    await sent.edit(content="three")
    shown = general.last
    assert shown.texts == ["one", "two", "three"]
    assert shown.versions[0].at <= shown.versions[2].at
    await bot.until(lambda client: len(client.edited) == 2)
    assert bot.edited[1].message.content == "three"
    await sent.delete()
    assert general.messages == []
    assert general.history == [shown]
    await bot.until(lambda client: client.deleted == [shown.id])


async def test_people_edit_and_delete_what_they_wrote(server: DiscordServer, bot: Recorder, general: Channel) -> None:
    message = server.person().say(general, "helo")
    server.person().edit(message, "hello")
    await bot.until(lambda client: client.edited)
    assert bot.edited[0].message.content == "hello"
    server.person().delete(message)
    await bot.until(lambda client: client.deleted == [message.id])


async def test_texts_longer_than_2000_code_points_and_empty_ones_are_refused(bot: Recorder, general: Channel) -> None:
    channel = bot.text_channel(general)
    await channel.send("😀" * 2000)
    assert await code_of(channel.send("x" * 2001)) == 50035
    assert await code_of(channel.send("  \n")) == 50006
    sent = await channel.send("right")
    assert await code_of(sent.edit(content="")) == 50006
    assert general.last.text == "right"


async def test_what_is_not_there_or_not_allowed_is_refused_by_its_number(
    server: DiscordServer, bot: Recorder, general: Channel
) -> None:
    channel, anna = bot.text_channel(general), server.person("Anna")
    message = anna.say(general, "mine")
    assert await code_of(channel.fetch_message(1)) == 10008
    assert await code_of(bot.get_partial_messageable(7).send("?")) == 10003
    assert await code_of(channel.get_partial_message(message.id).edit(content="yours")) == 50005
    assert await code_of(channel.get_partial_message(message.id).delete()) == 50013
    general.deny(permissions.SEND)
    assert await code_of(channel.send("x")) == 50013
    general.deny(permissions.VIEW)
    assert await code_of(channel.send("x")) == 50001
    anna.refuse_messages()
    assert await code_of(bot.get_partial_messageable(anna.dm.id).send("x")) == 50007


async def test_a_deleted_message_can_not_be_edited_and_a_locked_thread_not_written_to(
    server: DiscordServer, bot: Recorder, general: Channel
) -> None:
    sent = await bot.text_channel(general).send("streaming")
    server.person().delete(general.last)
    assert await code_of(sent.edit(content="more")) == 10008
    thread = server.person().thread(general, "ideas")
    place = bot.get_partial_messageable(thread.id)
    written = await place.send("awake")
    thread.archive()
    assert await code_of(written.edit(content="y")) == 50083
    assert thread.archived
    await place.send("awake again")
    assert not thread.archived
    thread.archive(locked=True)
    assert await code_of(place.send("x")) == 50083
    assert await code_of(written.delete()) == 50083


async def test_denied_permissions_are_seen_in_the_clients_cache(bot: Recorder, general: Channel) -> None:
    """A bot that looks before it writes sees the same as the API decides."""
    channel = bot.text_channel(general)
    assert channel.permissions_for(channel.guild.me).send_messages
    general.deny(permissions.SEND)
    await bot.until(lambda client: not channel.permissions_for(channel.guild.me).send_messages)


async def test_a_repeated_nonce_returns_the_same_message(
    server: DiscordServer, bot: Recorder, general: Channel
) -> None:
    """For some minutes, and in the same channel only."""
    channel = bot.text_channel(general)
    first = await channel.send("once", nonce="abc-1")
    again = await channel.send("once", nonce="abc-1")
    assert (first.id, len(general.messages), len(server.repeated)) == (again.id, 1, 1)
    assert (await channel.send("two", nonce="abc-2")).id != first.id
    server.advance(600)
    assert (await channel.send("once", nonce="abc-1")).id != first.id
    assert await code_of(channel.send("long", nonce="x" * 26)) == 50035


async def test_history_is_paged_after_a_message(server: DiscordServer, bot: Recorder, general: Channel) -> None:
    """discord.py asks for pages of 100; all of them come, in order."""
    anna = server.person()
    first = anna.say(general, "0")
    for number in range(1, 151):
        anna.say(general, str(number))
    after = discord.Object(first.id)
    texts = [message.content async for message in bot.text_channel(general).history(after=after, limit=None)]
    assert texts == [str(number) for number in range(1, 151)]
    newest = [message.content async for message in bot.text_channel(general).history(limit=2)]
    assert newest == ["150", "149"]


async def test_odd_messages_and_malformed_events_arrive_as_they_are(
    server: DiscordServer, bot: Recorder, general: Channel
) -> None:
    anna, other = server.person("Anna"), server.person("Helper", is_bot=True)
    anna.share(general, {"type": 7})
    anna.share(general, {"sticker_items": [{"id": "5", "name": "wave", "format_type": 1}]})
    other.say(general, "beep")
    await bot.hears(3)
    joined, sticker, beep = bot.from_people
    assert joined.type == discord.MessageType.new_member
    assert sticker.stickers[0].name == "wave"
    assert beep.author.bot
    server.push_raw("SOMETHING_NEW", {"odd": True})
    await bot.until(lambda client: "SOMETHING_NEW" in client.log)


async def test_files_are_stored_and_served_and_too_large_ones_refused(
    server: DiscordServer, bot: Recorder, general: Channel
) -> None:
    channel = bot.text_channel(general)
    sent = await channel.send("rest", file=discord.File(io.BytesIO(b"# more"), "answer.md"))
    assert await sent.attachments[0].read() == b"# more"
    assert [(file.name, file.data) for file in general.last.attachments] == [("answer.md", b"# more")]
    await sent.edit(content="still there")
    assert len(general.last.attachments) == 1
    await sent.edit(attachments=[])
    assert not general.last.attachments
    server.answers.largest_upload = 1000
    assert await code_of(channel.send(file=discord.File(io.BytesIO(b"x" * 1001), "big"))) == 40005


async def test_buttons_are_shown_by_their_labels_and_checked(bot: Recorder, general: Channel) -> None:
    view = discord.ui.View(timeout=None)
    view.add_item(discord.ui.Button(label="Stop", custom_id="stop:1"))
    sent = await bot.text_channel(general).send("streaming", view=view)
    assert general.last.labels == ["Stop"]
    await sent.edit(view=None)
    assert general.last.labels == []
    twice = discord.ui.View(timeout=None)
    for _ in range(2):
        twice.add_item(discord.ui.Button(label="x", custom_id="same"))
    assert await code_of(bot.text_channel(general).send("x", view=twice)) == 50035


async def test_typing_threads_reactions_and_suppressed_embeds_are_noted(
    server: DiscordServer, bot: Recorder, general: Channel
) -> None:
    channel = bot.text_channel(general)
    async with channel.typing():
        assert len(general.typings) == 1
    sent = await channel.send("https://example.org", suppress_embeds=True)
    assert general.last.flags & 4
    await sent.add_reaction("👍")
    assert general.last.reactions == ["👍"]
    thread = await sent.create_thread(name="more")
    await thread.send("inside")
    made = server.places.channel(thread.id)
    assert made
    assert (made.parent, made.last.text) == (general, "inside")


async def test_guilds_and_channels_come_and_go(server: DiscordServer, bot: Recorder, general: Channel) -> None:
    others = server.guild("Others")
    await bot.until(lambda client: client.get_guild(others.id))
    thread = server.person().thread(general, "short")
    await bot.until(lambda client: client.get_channel(thread.id))
    thread.delete()
    await bot.until(lambda client: not client.get_channel(thread.id))
    general.delete()
    await bot.until(lambda client: not client.get_channel(general.id))
    assert await code_of(bot.get_partial_messageable(general.id).send("x")) == 10003
    others.expel_bot()
    await bot.until(lambda client: not client.get_guild(others.id))
    assert await code_of(bot.get_partial_messageable(others.channel().id).send("x")) == 50001
