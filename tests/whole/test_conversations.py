"""What people send besides plain questions, and what they do while a reply streams, over real sockets."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
import pytest_asyncio

from tests.program import Program
from tests.servers.model import Answer, ModelServer, Request
from tests.servers.telegram import NO_FLOOD, Chat, Message, TelegramServer
from tests.servers.telegram_files import png
from tests.whole.conftest import FRIENDS, usual_config
from tests.whole.transcript import Walk

pytestmark = pytest.mark.asyncio(loop_scope="module")

FLOOD = NO_FLOOD  # it has tests of its own, and a penalty takes 5 s
STORY = " ".join(f"word{number}" for number in range(60))
SLOW = Answer(text=STORY, words_per_second=15)
STOP = "⏹ Stop"
MENTION = "@parley_test_bot"

NewGroup = Callable[..., Chat]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bot(
    tmp_path_factory: pytest.TempPathFactory, telegram: TelegramServer, model: ModelServer
) -> AsyncIterator[Program]:
    """A bot with a model that sees pictures, and one that doesn't."""
    config = usual_config(telegram, model)
    config["models"] = {
        "main": {"provider": "local", "model": "stand-in", "vision": True},
        "blind": {"provider": "local", "model": "stand-in-2"},
    }
    config["limits"] = {"waiting_per_chat": 2}
    async with Program(tmp_path_factory.mktemp("bot"), config) as program:
        await program.started()
        yield program


@pytest.fixture
def walk(anna: Chat, model: ModelServer) -> Walk:
    """Anna, and a model that answers at once."""
    model.default = Answer(text="Yes.")
    return Walk(anna)


@pytest.fixture
def bob(telegram: TelegramServer, numbers: Iterator[int]) -> Walk:
    """Somebody in a chat of their own."""
    return Walk(telegram.private(FRIENDS[next(numbers)], "Bob"))


@pytest.fixture
def eve(telegram: TelegramServer, numbers: Iterator[int]) -> Walk:
    """Somebody else in a chat of their own."""
    return Walk(telegram.private(FRIENDS[next(numbers)], "Eve"))


def history(request: Request) -> list[str]:
    """What the model was told, but for the system prompt; of pictures only that they are there."""
    return [
        content if isinstance(content := entry["content"], str) else " ".join(part["type"] for part in content)
        for entry in request.body["messages"]
        if entry["role"] != "system"
    ]


def pictures(request: Request) -> list[str]:
    """The addresses of the pictures in the question."""
    content = request.body["messages"][-1]["content"]
    return [part["image_url"]["url"] for part in content if isinstance(part, dict) and part["type"] == "image_url"]


async def answered(chat: Chat, count: int = 1, text: str = "Yes.") -> None:
    """Wait until there are so many answers, and nothing else."""
    await chat.wait_for(lambda _: [message.text for message in chat.messages] == [text] * count, 10)


# What comes in


async def test_a_photo_with_a_caption_reaches_a_model_that_sees_and_the_history_only_mentions_it(
    bot: Program, model: ModelServer, walk: Walk
) -> None:
    photo = walk.chat.photo(png(), "What is this?")
    await answered(walk.chat)
    asked = model.requests[0]
    assert asked.question == "What is this?"
    assert pictures(asked) == [f"data:image/jpeg;base64,{base64.b64encode(photo.photo).decode()}"]
    walk.says("And its colour?")
    await answered(walk.chat, 2)
    assert history(model.requests[1]) == ["What is this?\n[image]", "Yes.", "And its colour?"]


async def test_a_photo_to_a_model_without_vision_gets_a_sentence_and_isnt_fetched(
    bot: Program, telegram: TelegramServer, model: ModelServer, walk: Walk
) -> None:
    walk.says("/model blind")
    await walk.sees(walk.text("model.chosen", model="blind"))
    fetched = len(telegram.made("getFile"))
    walk.chat.photo(png(), "What is this?")
    await walk.sees(walk.text("question.no_vision", model="blind"))
    assert model.requests == []
    assert len(telegram.made("getFile")) == fetched


async def test_a_text_in_cp1251_is_read_in(bot: Program, model: ModelServer, walk: Walk) -> None:
    walk.chat.document("Съешь ещё этих мягких булок".encode("cp1251"), "notes.txt", caption="Translate this")
    await answered(walk.chat)
    question = model.requests[0].question
    assert question.startswith("Translate this")
    assert "notes.txt" in question
    assert "Съешь ещё этих мягких булок" in question


async def test_an_archive_gets_a_sentence(bot: Program, model: ModelServer, walk: Walk) -> None:
    walk.chat.document(b"PK\3\4" + bytes(100), "photos.zip", "application/zip")
    await walk.sees(walk.text("question.not_text", name="photos.zip"))
    assert model.requests == []


async def test_a_voice_message_gets_one_sentence_in_private_and_none_in_a_group(
    bot: Program, model: ModelServer, walk: Walk, new_group: NewGroup
) -> None:
    friends = new_group()
    friends.share("voice")
    friends.share("sticker")
    walk.chat.share("voice")
    await walk.sees(walk.text("question.cant_use", kind=walk.language.say("question.kind.voice")))
    friends.say(f"{MENTION} hello?")
    await answered(friends)
    assert len(walk.chat.messages) == 1
    assert [request.question for request in model.requests] == ["Somebody: hello?"]


async def test_a_paste_that_the_client_split_and_an_album_get_one_answer_each_to_the_whole(
    bot: Program, telegram: TelegramServer, model: ModelServer, walk: Walk, bob: Walk
) -> None:
    text = "".join(f"line {number:04}\n" for number in range(900))
    assert len(text) == 9000
    assert len(walk.chat.paste(text)) == 3
    for number in range(3):
        bob.chat.photo(png(64 + number), "" if number else "Which is best?", album="A1")
    await asyncio.gather(walk.sees("Yes."), bob.sees("Yes."))
    await telegram.settled(0.2)
    await asyncio.gather(answered(walk.chat), answered(bob.chat))
    paste, album = sorted(model.requests, key=lambda request: len(pictures(request)))
    assert paste.question.replace("\n", "") == text.replace("\n", "")
    assert (album.question, len(pictures(album))) == ("Which is best?", 3)
    assert len(model.requests) == 2


async def test_a_forward_and_what_is_replied_to_come_along_with_who_wrote_them(
    bot: Program, telegram: TelegramServer, model: ModelServer, walk: Walk, new_group: NewGroup
) -> None:
    friends, bob, eve = new_group(), telegram.person(5, "Bob"), telegram.person(6, "Eve")
    walk.chat.forward(eve, "The shop closes at eight.")
    said = friends.say("The train leaves at nine.", user=eve)
    friends.say(f"{MENTION} is that so?", user=bob, reply_to=said)
    await asyncio.gather(answered(walk.chat), answered(friends))
    questions = {request.question for request in model.requests}
    assert questions == {
        "> Forwarded from Eve:\n> The shop closes at eight.",
        "> In reply to Eve:\n> The train leaves at nine.\n\nBob: is that so?",
    }


async def test_in_a_group_the_model_is_told_who_spoke(
    bot: Program, telegram: TelegramServer, model: ModelServer, walk: Walk, new_group: NewGroup
) -> None:
    friends = new_group()
    for count, name in enumerate(("Bob", "Eve"), 1):
        friends.say(f"{MENTION} I am here", user=telegram.person(10 + count, name))
        await answered(friends, count)
    assert history(model.requests[-1]) == ["Bob: I am here", "Yes.", "Eve: I am here"]


async def test_more_than_may_wait_gets_a_sentence_and_the_rest_is_answered(
    bot: Program, telegram: TelegramServer, model: ModelServer, walk: Walk
) -> None:
    model.rule = lambda request: Answer(text="First.", words_per_second=2) if request.question == "one" else None
    for question in ("one", "two", "three", "four"):
        walk.says(question)
    refused = walk.text("reply.waiting", count=2)
    await walk.chat.wait_for(lambda chat: refused in [message.text for message in chat.messages])
    await model.asked(3)
    await telegram.settled(0.2)
    assert [request.question for request in model.requests] == ["one", "two", "three"]


# While a reply streams


async def begun(walk: Walk, model: ModelServer, answer: Answer = SLOW) -> tuple[Message, Request]:
    """A question whose answer is on its way: the message that shows it, and the model's request."""
    earlier = len(model.requests)
    model.script(answer)
    walk.says("A story")
    reply = await walk.chat.wait_for_text("word1")
    return reply, await model.asked(earlier + 1)


async def stopped(walk: Walk, reply: Message, request: Request) -> None:
    """The reply was stopped within a second: the request is closed, the text stays."""
    await request.over(1.5)
    assert request.left_early
    await walk.chat.wait_for(lambda _: reply.text.endswith(f"\n\n{walk.text('reply.stopped')}"))
    assert reply.text.startswith("word0 word1")
    assert reply.labels == []


async def test_stopped_before_the_first_fragment_it_says_only_that(
    bot: Program, model: ModelServer, walk: Walk
) -> None:
    model.script(Answer(fault="silent"))
    walk.says("A story")
    request = await model.asked()
    walk.says("/stop")
    await walk.sees(walk.text("reply.stopped"))
    assert request.left_early
    walk.says("And now?")
    assert history(await model.asked(2)) == ["And now?"]


async def test_stopping_twice_and_after_the_end_is_as_good_as_once(
    bot: Program, telegram: TelegramServer, model: ModelServer, walk: Walk
) -> None:
    reply, request = await begun(walk, model)
    data = reply.buttons[0]["callback_data"]
    for _ in range(2):
        walk.presses(reply, STOP)
    await stopped(walk, reply, request)
    told = reply.text
    walk.chat.press(reply, data=data)
    walk.says("/stop")
    await telegram.settled(0.2)
    assert [message.text for message in walk.chat.messages] == [told]


async def test_a_model_that_is_chosen_meanwhile_answers_from_the_next_turn_on(
    bot: Program, model: ModelServer, walk: Walk
) -> None:
    text = " ".join(STORY.split()[:20])
    reply, request = await begun(walk, model, Answer(text=text, words_per_second=30))
    walk.says("/model blind")
    await walk.chat.wait_for_text(walk.text("model.chosen", model="blind")[:20])
    assert len(model.requests) == 1
    assert reply.labels == [STOP]
    walk.says("Next")
    await model.asked(2)
    await walk.chat.wait_for(lambda _: reply.text == text)
    assert not request.left_early
    assert [each.body["model"] for each in model.requests] == ["stand-in", "stand-in-2"]


async def test_new_forget_and_system_stop_the_reply_first(
    bot: Program, model: ModelServer, walk: Walk, bob: Walk, eve: Walk
) -> None:
    model.rule = lambda request: SLOW if request.question == "A story" else None
    walks = {"/new": walk, "/forget": bob, "/system Rhyme": eve}
    for each in walks.values():
        each.says("A story")
    replies = [await each.chat.wait_for_text("word1") for each in walks.values()]
    for command, each in walks.items():
        each.says(command)
        each.says(f"after {command}")
    for each, reply, request in zip(walks.values(), replies, model.requests[:3], strict=True):
        await stopped(each, reply, request)
    await model.asked(6)
    following = {request.question: request for request in model.requests[3:]}
    assert history(following["after /new"]) == ["after /new"]
    assert history(following["after /forget"]) == ["after /forget"]
    rhyming = following["after /system Rhyme"]
    assert history(rhyming)[0] == "A story"
    assert rhyming.body["messages"][0]["content"] == "Rhyme"


async def test_where_the_streaming_message_is_deleted_the_reply_ends_quietly(
    bot: Program, telegram: TelegramServer, model: ModelServer, walk: Walk
) -> None:
    reply, request = await begun(walk, model)
    walk.chat.delete(reply)
    await request.over(3)
    assert request.left_early
    await telegram.settled(0.2)
    assert walk.chat.messages == []
    walk.says("Next")
    question, kept, following = history(await model.asked(2))
    assert (question, following) == ("A story", "Next")
    assert kept.startswith("word0 word1")


async def test_an_edited_question_changes_nothing(bot: Program, model: ModelServer, walk: Walk) -> None:
    model.script(Answer(text="one two three", words_per_second=10))
    question = walk.says("Count")
    await walk.chat.wait_for_text("one")
    walk.chat.edit(question, "Count backwards")
    await answered(walk.chat, text="one two three")
    walk.says("Next")
    assert history(await model.asked(2)) == ["Count", "one two three", "Next"]


async def test_where_the_bot_is_blocked_the_turn_ends_and_nothing_is_tried_again(
    bot: Program, telegram: TelegramServer, model: ModelServer, walk: Walk
) -> None:
    _, request = await begun(walk, model)
    walk.chat.block()
    await request.over(3)
    assert request.left_early
    await telegram.settled(0.1)
    walk.chat.unblock()
    walk.says("Back again")
    await walk.sees("Yes.")
    outcomes = [call.outcome for call in telegram.calls if call.chat == walk.chat.id]
    assert sum(outcome.startswith("403") for outcome in outcomes) <= 2


async def test_retry_while_nothing_streams_asks_the_last_question_again_and_replaces_it(
    bot: Program, model: ModelServer, walk: Walk
) -> None:
    model.script(Answer(text="Once."), Answer(text="Twice."))
    walk.says("How often?")
    await walk.sees("Once.")
    walk.says("/retry")
    await walk.sees("Twice.")
    walk.says("Next")
    assert history(await model.asked(3)) == ["How often?", "Twice.", "Next"]


async def test_nothing_of_that_was_a_fault_of_ours(bot: Program) -> None:
    assert "Traceback" not in bot.output
