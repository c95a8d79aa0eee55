"""Whom the stand-in Discord's messages ping, and which of them a bot may read, as discord.py sees it."""

import discord
import pytest

from tests.servers import discord_world as permissions
from tests.servers.discord_client import Recorder, code_of, discord_client
from tests.servers.discord_server import Channel, DiscordServer, Upload


async def test_only_allowed_mentions_ping(server: DiscordServer, general: Channel, bot: Recorder) -> None:
    anna, channel = server.person("Anna"), bot.text_channel(general)
    server.guild().everyone |= permissions.MENTION_EVERYONE
    text = f"{anna.mention} @everyone"
    await channel.send(text)
    assert not general.last.pings
    await channel.send(text, allowed_mentions=discord.AllowedMentions(users=True))
    assert general.last.pings.users == (anna,)
    assert not general.last.pings.everyone
    await channel.send(text, allowed_mentions=discord.AllowedMentions.all())
    assert general.last.pings.everyone


async def test_replies_show_what_they_answer_and_ping_only_if_wanted(
    server: DiscordServer, bot: Recorder, general: Channel
) -> None:
    anna = server.person("Anna")
    question = anna.say(general, "why?")
    heard = await bot.hears()
    await heard.reply("because")
    assert general.last.replied is question
    assert not general.last.pings
    await heard.reply("really", mention_author=True)
    assert general.last.pings.users == (anna,)
    anna.delete(question)
    assert await code_of(heard.reply("gone?")) == 50035
    reference = discord.MessageReference.from_message(heard, fail_if_not_exists=False)
    await bot.text_channel(general).send("anyway", reference=reference)
    assert general.last.text == "anyway"


@pytest.mark.parametrize("content", [True, False])
async def test_without_the_content_intent_only_what_is_meant_for_the_bot_is_readable(
    server: DiscordServer, general: Channel, content: bool
) -> None:
    async with discord_client(server, Recorder(content=content)) as bot:
        anna = server.person("Anna")
        await bot.text_channel(general).send("mine")
        anna.say(general, "among us", attachments=[Upload("a.txt", b"a")])
        anna.say(general, "you there", mention_bot=True)
        anna.say(general, "pinging reply", reply_to=general.last)
        anna.say(general, "silent reply", reply_to=general.last, ping=False)
        anna.say(anna.dm, "direct")
        await bot.hears(5)
        texts = [message.content for message in bot.from_people]
        hidden = ["among us", "silent reply"] if content else ["", ""]
        assert texts == [hidden[0], f"<@{server.bot_id}> you there", "pinging reply", hidden[1], "direct"]
        assert len(bot.from_people[0].attachments) == content
        assert bot.heard[0].content == "mine"


@pytest.mark.parametrize("content", [True, False])
async def test_a_mention_of_the_bots_role_and_what_is_replied_to_are_readable_with_the_intent_alone(
    server: DiscordServer, general: Channel, content: bool
) -> None:
    role = server.guild().role("Parley", bot=server.bot_id)
    async with discord_client(server, Recorder(content=content)) as bot:
        anna, among_us = server.person("Anna"), server.person("Bob").say(general, "among us")
        anna.say(general, f"<@&{role.id}> you there")
        anna.say(general, "what is it?", reply_to=among_us, mention_bot=True)
        await bot.hears(3)
        _, by_role, reply = bot.from_people
        assert by_role.content == (f"<@&{role.id}> you there" if content else "")
        assert [each.id for each in by_role.role_mentions] == [role.id]
        assert reply.content == f"<@{server.bot_id}> what is it?"
        assert reply.reference
        assert isinstance(reply.reference.resolved, discord.Message)
        assert reply.reference.resolved.content == ("among us" if content else "")


async def test_a_reply_to_a_commands_answer_does_not_mention_the_bot(server: DiscordServer, general: Channel) -> None:
    async with discord_client(server, Recorder(content=False)) as bot:
        await bot.text_channel(general).send("a usual message")
        anna = server.person()
        anna.say(general, "seen", reply_to=general.last)
        general.last.application_id = server.application_id
        anna.say(general, "not seen", reply_to=general.last)
        await bot.hears(2)
        assert [message.content for message in bot.from_people] == ["seen", ""]


async def test_history_hides_content_where_the_application_may_not_read_it() -> None:
    async with DiscordServer(privileged=0) as server:
        general = server.channel()
        async with discord_client(server, Recorder(content=False)) as bot:
            server.person().say(general, "among us")
            server.person().say(general, "you", mention_bot=True)
            texts = [message.content async for message in bot.text_channel(general).history()]
            assert texts == [f"<@{server.bot_id}> you", ""]
