"""The whole bot on Discord: `python bot.py` between the stand-ins, over its real gateway and REST, with rate limits."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio

from tests.program import Program
from tests.servers.discord_server import Channel, DiscordServer, Message, Person, RateRules, Upload
from tests.servers.model import Answer, Drawing, ModelServer
from tests.whole.discord_transcript import transcript
from texts import Texts

pytestmark = pytest.mark.asyncio(loop_scope="module")

STORY = " ".join(f"word{number}" for number in range(120))
RU = Texts.load("en").of("ru")
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 60


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[DiscordServer]:
    async with DiscordServer(rates=RateRules()) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bot(
    tmp_path_factory: pytest.TempPathFactory, server: DiscordServer, model: ModelServer
) -> AsyncIterator[Program]:
    async with Program(tmp_path_factory.mktemp("bot"), config(server, model)) as program:
        await program.started()
        await server.wait_for(lambda each: each.ready and each.commands.registered(None), 20)
        yield program


def config(server: DiscordServer, model: ModelServer) -> dict[str, Any]:
    """Discord and one provider, both on loopback; everybody in the guild is let in, and Anna is an admin."""
    guild = server.guild("Friends")
    return {
        "discord": {"token": server.token, "api_base_url": server.rest_url, "gateway_url": server.gateway_url},
        "access": {
            "admins": [f"discord:{server.person('Anna', locale='ru').id}"],
            "allow": [f"discord:guild:{guild.id}", f"discord:{server.person('Bob').id}"],
        },
        "storage": {"url": "sqlite:data/bot.db"},
        "providers": {"local": {"type": "openai", "base_url": model.url, "api_key": "sk-a-very-secret-key"}},
        "models": {
            "main": {"provider": "local", "model": "stand-in", "vision": True},
            "other": {"provider": "local", "model": "another"},
        },
        "image_models": {"painter": {"provider": "local", "model": "paints"}},
        "system_prompt": "Be brief.",
    }


@pytest.fixture
def anna(server: DiscordServer) -> Person:
    return server.person("Anna", locale="ru")


@pytest.fixture
def bob(server: DiscordServer) -> Person:
    return server.person("Bob")


@pytest.fixture
def channel(server: DiscordServer, request: pytest.FixtureRequest) -> Iterator[Channel]:
    """A channel that no other test has; its story is printed at the end."""
    channel = server.channel(request.node.name.removeprefix("test_")[:40])
    yield channel
    print(f"\n{transcript(server, channel)}")


def finished(message: Message) -> bool:
    """Whether nothing is added to it any more."""
    return not any("Stop" in label or "Стоп" in label for label in message.labels)


async def shows(channel: Channel, part: str, timeout: float = 15, viewer: Person | None = None) -> Message:
    """Wait for a message that is finished and contains that."""
    message = await channel.wait_for_text(part, timeout, viewer=viewer)
    await channel.wait_for(lambda _: finished(message), timeout)
    return message


async def test_a_mention_is_answered_by_edits_and_a_reply_goes_on_with_the_conversation(
    bot: Program, server: DiscordServer, model: ModelServer, anna: Person, channel: Channel
) -> None:
    model.default = Answer(text=STORY, words_per_second=60)
    question = anna.say(channel, "tell me a story", mention_bot=True)
    answer = await shows(channel, "word119")
    assert answer.text.split() == STORY.split()
    assert answer.edits >= 2, "it grew while we watched"
    assert answer.reference
    assert answer.reference["message_id"] == str(question.id)
    model.default = Answer(text="The end.")
    anna.say(channel, "and then?", reply_to=answer)
    await shows(channel, "The end.")
    roles = [(entry["role"], entry["content"][:21]) for entry in model.requests[-1].body["messages"]]
    assert roles[1:] == [
        ("user", "Anna: tell me a story"), ("assistant", STORY[:21]), ("user", "Anna: and then?"),
    ]  # fmt: skip
    assert not any(message.pings for message in channel.messages)
    assert not [call for call in server.calls if call.status == 429]


async def test_a_mention_alone_is_answered_without_asking_a_model(
    bot: Program, model: ModelServer, anna: Person, channel: Channel
) -> None:
    anna.say(channel, mention_bot=True)
    await shows(channel, "/help")
    assert not model.requests


async def test_direct_messages_need_no_mention(bot: Program, model: ModelServer, bob: Person) -> None:
    model.default = Answer(text="Hello Bob.")
    bob.say(bob.dm, "hello")
    await shows(bob.dm, "Hello Bob.")
    assert model.requests[-1].question == "hello"


async def test_a_model_is_proposed_chosen_and_answers(
    bot: Program, model: ModelServer, anna: Person, channel: Channel
) -> None:
    typed = anna.autocomplete(channel, "model", "name", "")
    await typed.answered()
    assert [(choice["name"], choice["value"]) for choice in typed.choices] == [("✅ main", "main"), ("other", "other")]
    used = anna.slash(channel, "model", {"name": "other"})
    chosen = await used.said("other")
    assert chosen.ephemeral
    anna.say(channel, "who are you?", mention_bot=True)
    request = await model.asked()
    assert request.body["model"] == "another"
    listed = await anna.slash(channel, "model").said("other")
    await listed_with_buttons(channel, listed)
    await anna.press(listed, "main").answered()
    await channel.wait_for(lambda _: "✅ main" in listed.labels, 10)


async def listed_with_buttons(channel: Channel, listed: Message) -> None:
    await channel.wait_for(lambda _: "✅ other" in listed.labels, 10)


async def test_pictures_are_drawn_in_the_channel(
    bot: Program, model: ModelServer, anna: Person, channel: Channel
) -> None:
    model.pictures.default = Drawing()
    used = anna.slash(channel, "image", {"prompt": "a cat --count 4", "ratio": "16:9", "count": 2})
    await used.wait_for(lambda one: sum(len(message.attachments) for message in channel.messages) == 2, 20)
    await used.wait_for(lambda one: not one.thinking)
    requests = model.pictures.requests
    assert [request.body["prompt"] for request in requests] == ["a cat -- count 4"] * 2


async def test_the_stop_button_stops_and_keeps_what_is_there(
    bot: Program, model: ModelServer, anna: Person, bob: Person, channel: Channel
) -> None:
    model.default = Answer(text=STORY, words_per_second=8)
    anna.say(channel, "tell me a story", mention_bot=True)
    answer = await channel.wait_for_text("word5")
    await bob.press(answer, 0).answered()
    await anna.press(answer, 0).answered()
    await (await model.asked()).over(3)
    assert model.requests[0].left_early
    await channel.wait_for(lambda _: "⏹" in answer.text and not answer.labels, 10)
    assert re.match(r"word0 .*word5", answer.text)


async def test_asking_about_a_message_by_its_menu(
    bot: Program, model: ModelServer, anna: Person, bob: Person, channel: Channel
) -> None:
    model.default = Answer(text="A very small picture.")
    picture = bob.say(channel, "look", attachments=[Upload("dot.png", PNG, "image/png")])
    form = anna.context_menu(picture, "Ask about this")
    await form.answered()
    sent = anna.submit_modal(form, {"question": "what is it?"})
    await sent.said("A very small picture.", 10)
    parts = model.requests[-1].body["messages"][-1]["content"]
    assert "> In reply to Bob:\n> look" in parts[0]["text"]
    assert parts[1]["image_url"]["url"].startswith("data:image/png;base64,")


async def test_what_is_asked_while_an_answer_is_written_waits_its_turn(
    bot: Program, model: ModelServer, anna: Person, channel: Channel
) -> None:
    model.rule = lambda request: Answer(text=f"{request.question[-5:]} end", words_per_second=5)
    for number in range(3):
        anna.say(channel, f"question no. {number}", mention_bot=True)
    for number in range(3):
        await shows(channel, f"no. {number} end")
    assert [message.text for message in channel.messages] == [f"no. {number} end" for number in range(3)]


async def test_somebody_who_is_not_let_in_is_told_alone(
    bot: Program, server: DiscordServer, model: ModelServer
) -> None:
    eve = server.person("Eve", locale="ru")
    used = eve.slash(eve.dm, "ask", {"question": "let me in"})
    told = await used.said(f"discord:{eve.id}")
    assert told.ephemeral
    assert model.requests == []
    print(f"\n{transcript(server, eve.dm)}")


async def test_three_chains_of_replies_stream_at_once_in_one_channel_and_wait_for_no_rate_limit(
    tmp_path_factory: pytest.TempPathFactory, model: ModelServer
) -> None:
    model.rule = lambda request: Answer(text=f"{STORY} {request.question[-5:]} end", words_per_second=60)
    async with DiscordServer(rates=RateRules()) as server:
        channel, anna, bob = server.channel("general"), server.person("Anna"), server.person("Bob")
        chains = config(server, model)
        chains["discord"]["conversation"] = "chain"
        async with Program(tmp_path_factory.mktemp("chains"), chains) as program:
            await program.started()
            await server.connected(20)
            for number in range(3):
                anna.say(channel, f"story no. {number}", mention_bot=True)
            await channel.wait_for(lambda _: len(channel.messages) == 3, 10)
            assert not any(finished(message) for message in channel.messages), "all three are being written"
            answers = [await shows(channel, f"no. {number} end", 20) for number in range(3)]
            for number, answer in enumerate(answers):
                assert answer.text.split() == f"{STORY} no. {number} end".split()
            model.rule = lambda _: Answer(text="And so it was.")
            bob.say(channel, "really?", reply_to=answers[1])
            await shows(channel, "And so it was.")
        asked = [(entry["role"], entry["content"]) for entry in model.requests[-1].body["messages"][1:]]
        told = [("user", "Anna: story no. 1"), ("assistant", f"{STORY} no. 1 end"), ("user", "Bob: really?")]
        assert asked == told
        assert not [call for call in server.calls if call.status == 429]
        print(f"\n{transcript(server, channel)}")


async def test_a_kill_in_mid_reply_ends_in_one_whole_answer_and_what_was_missed_is_answered(
    tmp_path_factory: pytest.TempPathFactory, model: ModelServer
) -> None:
    model.default = Answer(text=STORY, words_per_second=30)
    async with DiscordServer(rates=RateRules()) as server:
        channel, anna = server.channel("general"), server.person("Anna", locale="ru")
        async with Program(tmp_path_factory.mktemp("killed"), config(server, model)) as program:
            await program.started()
            await server.wait_for(lambda each: each.ready and each.commands.registered(None), 20)
            anna.say(channel, "tell me a story", mention_bot=True)
            anna.slash(channel, "ask", {"question": "and another"})
            await channel.wait_for_text("word20", 10)
            await program.kill()
            anna.say(channel, "are you there?", mention_bot=True)
            model.default = Answer(text=f"{STORY} the end", words_per_second=200)
            await program.start()
            await program.started(2)
            await channel.wait_for(lambda _: whole(channel) == 3, 30)
            await asyncio.sleep(0.5)
            assert whole(channel) == 3
            assert len(channel.messages) == 3
            assert await program.terminate() == 0
            assert not re.search(r"Traceback|Unclosed|never retrieved", program.output), program.output
            assert server.token not in program.output
        print(f"\n{transcript(server, channel)}")


def whole(channel: Channel) -> int:
    """How many messages are finished answers."""
    return sum("the end" in message.text and finished(message) for message in channel.messages)
