"""Messages that came while the bot was away: fetched from the channels that it knows, read like all others."""

import asyncio
import time

import pytest

from chat.incoming import Said
from messengers.base import Reception
from messengers.discord.arrivals import LONGEST_SECONDS, Arrivals
from messengers.discord.catching_up import OVERLAP_SECONDS, snowflake
from tests.messengers.discord.incoming import FakeReception, discord_running
from tests.servers.discord_server import Channel, DiscordServer, Fault, Person
from tests.virtual_time import run_virtual

HISTORY = "GET /channels/{channel}/messages"


def texts(reception: FakeReception) -> list[str]:
    return [said.text for said in reception.taken if hasattr(said, "text")]


async def test_what_was_said_to_the_bot_meanwhile_is_answered_oldest_first_and_before_what_comes_now(
    server: DiscordServer, anna: Person, general: Channel
) -> None:
    seen = anna.say(general, "before", mention_bot=True)
    server.advance(2 * OVERLAP_SECONDS)
    anna.say(general, "one", mention_bot=True)
    anna.say(general, "between people")
    anna.say(general, "two", mention_bot=True)
    reception = FakeReception({str(general.id): str(seen.id)})
    server.faults.next(f"GET /channels/{general.id}/messages", Fault.stall(0.3))
    async with discord_running(server, reception, wait=False):
        await server.connected()
        anna.say(general, "three", mention_bot=True)
        await reception.hears(3)
        await asyncio.sleep(0.1)
    assert texts(reception) == ["one", "two", "three"]
    assert all(said.late for said in reception.taken[:2] if isinstance(said, Said))
    assert len({said.key for said in reception.handed}) == 3


async def test_one_that_was_said_just_before_the_last_that_was_stored_is_asked_for_too(
    server: DiscordServer, anna: Person, general: Channel
) -> None:
    anna.say(general, "on its way to the store when the bot was killed", mention_bot=True)
    seen = anna.say(general, "stored", mention_bot=True)
    reception = FakeReception({str(general.id): str(seen.id)})
    async with discord_running(server, reception):
        await reception.hears(1)
    assert texts(reception) == ["on its way to the store when the bot was killed"]


async def test_missed_messages_bring_guild_roles_and_thread_along(
    server: DiscordServer, anna: Person, general: Channel
) -> None:
    assert general.guild
    role = general.guild.role("Friends of the bot")
    general.guild.join(anna, role)
    thread = anna.thread(general)
    seen = anna.say(thread, "before", mention_bot=True)
    server.advance(2 * OVERLAP_SECONDS)
    anna.say(thread, "missed, without a mention")
    thread.guild = general.guild
    reception = FakeReception({str(thread.id): str(seen.id)})
    async with discord_running(server, reception):
        said = await reception.hears()
    assert said.text == "missed, without a mention"
    assert said.address.within == (f"guild:{general.guild.id}", f"channel:{thread.id}", f"channel:{general.id}")
    assert said.sender.roles == (f"role:{role.id}",)


async def seen_long_ago(server: DiscordServer, anna: Person, general: Channel) -> FakeReception:
    """A role mention of the bot is missed in this channel."""
    role = server.guild().role("Parley", bot=server.bot_id)
    seen = anna.say(general, "before", mention_bot=True)
    server.advance(2 * OVERLAP_SECONDS)
    anna.say(general, f"<@&{role.id}> missed")
    return FakeReception({str(general.id): str(seen.id)})


async def test_a_mention_of_the_bots_role_is_caught_up_once_all_guilds_are_told(
    server: DiscordServer, anna: Person, general: Channel
) -> None:
    server.guild("Others")
    reception = await seen_long_ago(server, anna, general)
    server.gateway.guild_seconds = 0.3
    async with discord_running(server, reception):
        assert not server.made(HISTORY)
        assert (await reception.hears()).text == "missed"


async def test_a_guild_that_is_out_of_order_is_not_waited_for(
    server: DiscordServer, anna: Person, general: Channel
) -> None:
    others = server.guild("Others")
    reception = await seen_long_ago(server, anna, general)
    server.gateway.guild_seconds = 60.0
    async with discord_running(server, reception):
        server.push_raw("GUILD_CREATE", server.guild().json())
        assert not reception.taken
        others.outage()
        assert (await reception.hears()).text == "missed"


def test_guilds_that_never_come_are_waited_for_ten_seconds() -> None:
    async def waited() -> float:
        arrivals, loop = Arrivals(), asyncio.get_running_loop()
        arrivals.expect(["1", "2"])
        arrivals.came("1")
        begun = loop.time()
        await arrivals.complete()
        return loop.time() - begun

    assert run_virtual(waited()) == LONGEST_SECONDS


async def test_direct_messages_are_caught_up_too(server: DiscordServer, anna: Person) -> None:
    seen = anna.say(anna.dm, "before")
    server.advance(2 * OVERLAP_SECONDS)
    anna.say(anna.dm, "missed")
    reception = FakeReception({str(anna.dm.id): str(seen.id)})
    async with discord_running(server, reception):
        said = await reception.hears()
    assert (said.text, said.address.private) == ("missed", True)


async def test_what_is_older_than_a_day_is_left_alone() -> None:
    async with DiscordServer(clock=lambda: time.time() - 25 * 3600) as server:
        anna, general = server.person("Anna"), server.channel("general")
        seen = anna.say(general, "before", mention_bot=True)
        server.advance(2 * OVERLAP_SECONDS)
        anna.say(general, "too long ago", mention_bot=True)
        server.advance(25 * 3600)
        anna.say(general, "just now", mention_bot=True)
        reception = FakeReception({str(general.id): str(seen.id)})
        async with discord_running(server, reception):
            await reception.hears()
            await server.settled(0.1)
    assert texts(reception) == ["just now"]


async def test_a_channel_that_is_gone_is_not_asked_for_ever(server: DiscordServer, anna: Person) -> None:
    reception = FakeReception({"123456789": "1", str(anna.dm.id): "1"})
    anna.say(anna.dm, "missed")
    async with discord_running(server, reception):
        await reception.hears()
        await server.settled(0.1)
        assert len([call for call in server.made(HISTORY) if call.channel == 123456789]) == 1


async def test_a_history_that_cant_be_had_at_once_is_asked_for_again(server: DiscordServer, anna: Person) -> None:
    seen = anna.say(anna.dm, "before")
    server.advance(2 * OVERLAP_SECONDS)
    anna.say(anna.dm, "missed")
    server.faults.next(f"GET /channels/{anna.dm.id}/messages", Fault.html(502), Fault.flood(0.2))
    reception = FakeReception({str(anna.dm.id): str(seen.id)})
    async with discord_running(server, reception):
        assert (await reception.hears()).text == "missed"


async def test_of_a_lively_channel_all_that_was_missed_is_looked_at_up_to_a_bound(
    server: DiscordServer, anna: Person, general: Channel
) -> None:
    seen = anna.say(general, "before", mention_bot=True)
    server.advance(2 * OVERLAP_SECONDS)
    anna.say(general, "too many ago", mention_bot=True)
    for number in range(500):
        anna.say(general, f"{number}", mention_bot=number in {1, 250, 499})
    reception = FakeReception({str(general.id): str(seen.id)})
    async with discord_running(server, reception):
        await reception.hears(3)
    assert texts(reception) == ["1", "250", "499"]
    assert len(server.made(HISTORY)) == 5


async def test_no_more_pages_are_asked_for_than_there_are(
    server: DiscordServer, anna: Person, general: Channel
) -> None:
    seen = anna.say(general, "before", mention_bot=True)
    server.advance(2 * OVERLAP_SECONDS)
    for number in range(99):
        anna.say(general, f"between people {number}")
    anna.say(general, "missed", mention_bot=True)
    reception = FakeReception({str(general.id): str(seen.id)})
    async with discord_running(server, reception):
        await reception.hears()
    assert len(server.made(HISTORY)) == 2, "a full page may have more behind it"


async def test_places_where_people_talked_last_come_first(server: DiscordServer, anna: Person) -> None:
    places = [server.channel(f"c{number}") for number in range(12)]
    seen = {str(place.id): str(anna.say(place, "before", mention_bot=True).id) for place in places}
    server.faults.at_random({Fault.stall(0.05): 1.0}, seed=1, patterns=("GET /channels/*/messages*",))
    async with discord_running(server, FakeReception(seen)):
        await server.wait_for(lambda each: len(each.made(HISTORY)) == len(places))
    asked = [call.channel for call in server.made(HISTORY)]
    assert set(asked[:4]) == {place.id for place in places[-4:]}


@pytest.mark.parametrize("fault", [Fault.html(502), Fault.flood(0.2), Fault.html(200)], ids=str)
async def test_people_let_in_by_their_role_are_known_also_where_that_cant_be_asked_at_once_and_asked_once(
    server: DiscordServer, anna: Person, general: Channel, fault: Fault
) -> None:
    assert general.guild
    role = general.guild.role("Friends of the bot")
    general.guild.join(anna, role)
    seen = anna.say(general, "before", mention_bot=True)
    server.advance(2 * OVERLAP_SECONDS)
    for text in ("one", "two", "three"):
        anna.say(general, text, mention_bot=True)
    server.faults.next("GET /guilds/*/members/*", fault)
    reception = FakeReception({str(general.id): str(seen.id)})
    async with discord_running(server, reception):
        assert [(await reception.hears(number)).sender.roles for number in (1, 2, 3)] == [(f"role:{role.id}",)] * 3
    assert len(server.made("GET /guilds/{guild}/members/{user}")) <= 2


async def test_a_history_that_makes_no_sense_stops_nothing(
    server: DiscordServer, anna: Person, general: Channel
) -> None:
    seen = anna.say(general, "before", mention_bot=True)
    server.advance(2 * OVERLAP_SECONDS)
    anna.say(general, "missed", mention_bot=True)
    server.faults.next("GET /channels/*/messages", Fault.html(200))
    reception = FakeReception({str(general.id): str(seen.id)})
    async with discord_running(server, reception):
        assert (await reception.hears()).text == "missed"


def test_an_id_tells_its_time() -> None:
    assert snowflake(1_420_070_400) == 0
    assert snowflake(1_420_070_401) == 1000 << 22
    assert snowflake(0) == 0


def test_the_fake_is_a_reception() -> None:
    reception: Reception = FakeReception()
    assert reception
