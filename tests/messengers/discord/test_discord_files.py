"""Files come from Discord only, within the size that is allowed, also once their address has expired."""

from collections.abc import AsyncIterator

import pytest

from chat.incoming import Attachment
from messengers.base import Refused, Unsure
from messengers.discord import files
from messengers.discord.calls import Rest
from messengers.discord.contents import attachment
from tests.messengers.discord.answers import logged_in, opened, place_of
from tests.servers.discord_server import Channel, DiscordServer, Person, Upload


@pytest.fixture
async def rest(server: DiscordServer) -> AsyncIterator[Rest]:
    async with logged_in(server) as rest:
        yield rest


async def fetched(rest: Rest, file: Attachment, place: Channel) -> bytes:
    return await opened(rest, place_of(place)).fetch(file)


async def test_a_file_is_asked_for_again_by_its_message(rest: Rest, general: Channel, anna: Person) -> None:
    said = anna.say(general, "look", attachments=[Upload("a.txt", b"one"), Upload("b.txt", b"two")])
    second = attachment(said.attachments[1].json(), f"{general.id}/{said.id}")
    assert second.id == f"{general.id}/{said.id}/{said.attachments[1].id}"
    assert await fetched(rest, second, general) == b"two"


async def test_a_file_of_a_command_is_known_by_its_address(server: DiscordServer, rest: Rest, general: Channel) -> None:
    kept = server.world.keep(Upload("a.txt", b"one"), general.id)
    assert await fetched(rest, attachment(kept.json()), general) == b"one"


async def test_a_file_that_is_gone_is_refused(
    server: DiscordServer, rest: Rest, general: Channel, anna: Person
) -> None:
    said = anna.say(general, "look", attachments=[Upload("a.txt", b"one")])
    file = attachment(said.attachments[0].json(), f"{general.id}/{said.id}")
    anna.delete(said)
    with pytest.raises(Refused):
        await fetched(rest, file, general)
    said = anna.say(general, "nothing")
    with pytest.raises(Refused):
        await fetched(rest, Attachment(f"{general.id}/{said.id}/5"), general)
    with pytest.raises(Refused):
        await fetched(rest, Attachment(f"{server.root}/attachments/1/2/a.txt"), general)


async def test_a_file_that_is_too_large_is_not_asked_for(server: DiscordServer, rest: Rest, general: Channel) -> None:
    before = len(server.calls)
    with pytest.raises(Refused):
        await fetched(rest, Attachment("1/2/3", size=files.LARGEST_FILE + 1), general)
    assert len(server.calls) == before


async def test_a_file_larger_than_it_was_told_is_left_in_mid_reading(
    server: DiscordServer, rest: Rest, general: Channel
) -> None:
    kept = server.world.keep(Upload("a.txt", bytes(files.LARGEST_FILE + 1)), general.id, told_size=5)
    with pytest.raises(Refused):
        await fetched(rest, attachment(kept.json()), general)


@pytest.mark.parametrize(
    "url",
    [
        "http://cdn.discordapp.com/attachments/1/2/a.txt",
        "https://cdn.discordapp.com.evil.example/a.txt",
        "https://169.254.169.254/latest/meta-data",
        "https://user@evil.example/cdn.discordapp.com",
        "http://127.0.0.1:1/a.txt",
        "file:///etc/passwd",
        "https://[::1",
    ],
)
async def test_nothing_but_discord_is_ever_asked_for_a_file(rest: Rest, general: Channel, url: str) -> None:
    with pytest.raises(Refused):
        await fetched(rest, Attachment(url), general)


async def test_a_failure_on_the_way_may_pass_and_does_not_tell_the_address(
    server: DiscordServer, rest: Rest, general: Channel
) -> None:
    url = f"{server.root}/attachments/1/2/secret.txt"
    await server.stop()
    with pytest.raises(Unsure) as failure:
        await fetched(rest, Attachment(url), general)
    assert "secret" not in f"{failure.value!r} {failure.value.__cause__!r} {failure.value.__context__!r}"
