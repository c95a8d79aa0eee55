"""No call to Discord that carries text may ping anybody, of whatever kind it is: answers, refusals, pictures, files."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from chat.buttons import Action, Button
from chat.messages import Image
from messengers.discord.messenger import Discord
from tests.messengers.discord.answers import place_of
from tests.messengers.discord.incoming import TEXTS, FakeReception, discord_running
from tests.servers.discord_server import Channel, DiscordServer, Person
from tests.servers.model_images import tiny_png

LOUD = "@everyone @here <@1> <@&2>"


@pytest.fixture
async def server() -> AsyncIterator[DiscordServer]:
    async with DiscordServer() as server:
        yield server


def texts(body: Any) -> Iterator[dict[str, Any]]:
    """Whatever in a call is a message with a text."""
    for each in body.values() if isinstance(body, dict) else body if isinstance(body, list) else ():
        yield from texts(each)
    if isinstance(body, dict) and "content" in body:
        yield body


async def every_kind_of_answer(discord: Discord, reception: FakeReception, anna: Person, general: Channel) -> None:
    asked = anna.say(general, "hello", mention_bot=True)
    await reception.takes(1)
    anna.slash(general, "ask", {"question": "why?"})
    invoked = await reception.takes(2)
    for address in (place_of(general, asked.id), invoked.address):
        chat = discord.open(address)
        page = chat.dialect.render(LOUD, final=True)
        number = await chat.send(page, [Button("Stop", Action("stop", 7))], reply=True, nonce="a")
        await chat.send(page, nonce="b", previous=number)
        await chat.edit(number, page)
        await chat.send_image(Image(tiny_png(), "image/png"), LOUD, reply=True, nonce="c")
        await chat.send_rest(LOUD, nonce="d")


async def refusals(reception: FakeReception, anna: Person, general: Channel) -> None:
    """What the messenger itself says: of a form that was sent before, and of what couldn't be stored."""
    shown = anna.context_menu(anna.say(general, "about this"), "Ask about this")
    await shown.answered()
    await anna.submit_modal(shown, {"question": "what?"}).answered()
    await anna.submit_modal(shown, {"question": "what?"}).answered()
    reception.failing = 99
    await anna.slash(general, "ask", {"question": "and this?"}).said(TEXTS.of("en").say("discord.not_stored"))


async def test_every_text_that_discord_gets_pings_nobody(server: DiscordServer) -> None:
    reception, anna, general = FakeReception(), server.person("Anna"), server.channel()
    async with discord_running(server, reception) as discord:
        await every_kind_of_answer(discord, reception, anna, general)
        await refusals(reception, anna, general)
        await server.settled()
    said = [text for call in server.calls for text in texts(call.body)]
    assert len(said) >= 11
    assert all(each["allowed_mentions"] == {"parse": [], "replied_user": False} for each in said)
