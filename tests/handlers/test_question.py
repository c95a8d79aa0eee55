"""The question is what a person means: with what it replies to, who speaks, pictures and files; else one sentence."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from chat.incoming import Attachment, Quote, Said, Sender
from chat.messages import Image
from handlers.question import LARGEST_IMAGE_BYTES, LONGEST_QUOTE, MOST_IMAGES, CantAskError, Question, understand
from handlers.settings import LimitsSettings, ModelSettings
from messengers.base import MessengerError, PlaceGone, Refused, Unsure
from providers.base import Capabilities
from tests.handlers.scene import ANNA, GROUP, PRIVATE, Scene, said
from tests.virtual_time import run_virtual

PHOTO = Attachment("photo", "", "image/jpeg", 5000)
LETTER = Attachment("letter", "letter.docx", "application/vnd.openxmlformats-officedocument", 5000)


def seeing() -> Scene:
    """A model that takes pictures."""
    return Scene(model=ModelSettings(provider="fake", vision=True), capabilities=Capabilities(vision=True))


def understood(scene: Scene, asked: Said, files: dict[str, bytes] | None = None) -> Question:
    scene.chat(asked.address).files |= files or {}
    return run_virtual(understand(asked, scene.services.models["smart"], scene.services))


def refused(scene: Scene, asked: Said, files: dict[str, bytes] | None = None) -> str:
    """The sentence why not."""
    with pytest.raises(CantAskError) as refusal:
        understood(scene, asked, files)
    return refusal.value.sentence


def text_of(asked: Said, files: dict[str, bytes] | None = None, **scene: Any) -> str:
    question = understood(Scene(**scene), asked, files)
    assert question.kept.text == question.asked.text, "what is asked is what is remembered"
    return question.asked.text


def document(data: bytes, name: str = "notes.txt", media_type: str = "text/plain") -> tuple[Said, dict[str, bytes]]:
    attachment = Attachment("file", name, media_type, len(data))
    return replace(said("What is this?"), documents=(attachment,)), {"file": data}


# Words


def test_words_alone_are_asked_as_they_are() -> None:
    assert text_of(said("  Hello,\n\nworld {x} ")) == "  Hello,\n\nworld {x} "


@pytest.mark.parametrize(
    ("kind", "origin"), [("reply", "In reply to"), ("quote", "Quoted from"), ("forward", "Forwarded from")]
)
def test_what_comes_along_is_marked_with_what_it_is_and_whose(kind: Any, origin: str) -> None:
    asked = replace(said("Is that true?"), quotes=(Quote(kind, "Bob", "Cats\n\ncan fly"),))
    assert text_of(asked) == f"> {origin} Bob:\n> Cats\n> \n> can fly\n\nIs that true?"
    nameless = replace(asked, quotes=(Quote(kind, "", "Cats"),))
    assert text_of(nameless).startswith(f"> {origin} somebody:\n> Cats\n")


def test_several_quotes_keep_their_order_and_a_forward_needs_no_words_of_its_own() -> None:
    quotes = (Quote("reply", "Bob", "one"), Quote("forward", "Eve", "two"))
    assert text_of(replace(said(""), quotes=quotes)) == "> In reply to Bob:\n> one\n\n> Forwarded from Eve:\n> two"


def test_a_long_message_that_is_answered_is_cut() -> None:
    text = text_of(replace(said("Why?"), quotes=(Quote("reply", "Bob", "x" * 9000),)))
    assert text == f"> In reply to Bob:\n> {'x' * LONGEST_QUOTE}\n\nWhy?"


def test_what_is_answered_never_makes_a_short_question_too_long() -> None:
    asked = replace(said("Why?"), quotes=(Quote("reply", "Bob", "x" * 4000),))
    assert text_of(asked, limits=LimitsSettings(input_characters=500)).endswith("Why?")


def test_what_is_forwarded_is_the_question_so_it_is_never_cut_but_may_be_too_long() -> None:
    asked = replace(said(""), quotes=(Quote("forward", "Bob", "x" * 4096),))
    assert text_of(asked).count("x") == 4096
    scene = Scene(limits=LimitsSettings(input_characters=4000))
    length = len("> Forwarded from Bob:\n> ") + 4096
    assert refused(scene, asked) == scene.say("reply.too_long", length=length, limit=4000)


def test_in_a_group_it_says_who_speaks_and_in_private_it_doesnt() -> None:
    assert text_of(said("Hello", GROUP)) == "Anna: Hello"
    assert text_of(said("Hello", PRIVATE)) == "Hello"
    assert text_of(said("Hello", GROUP, Sender("3", ""))) == "Hello", "somebody without a name"
    asked = replace(said("And you?", GROUP), quotes=(Quote("reply", "Bob", "I say no"),))
    assert text_of(asked) == "> In reply to Bob:\n> I say no\n\nAnna: And you?"


def test_what_several_people_said_in_a_group_is_told_apart_in_the_history() -> None:
    scene = Scene()

    async def work() -> None:
        await scene.handled(said("I like cats", GROUP))
        await scene.handled(said("I like dogs", GROUP, Sender("5", "Bob")))
        await scene.handled(said("Who likes what?", GROUP, Sender("6", "Eve")))

    run_virtual(work())
    spoken = [message.text for message in scene.provider.requests[-1].messages if message.role == "user"]
    assert spoken == ["Anna: I like cats", "Bob: I like dogs", "Eve: Who likes what?"]


def test_a_question_may_be_as_long_as_the_limit_and_not_longer() -> None:
    limits = LimitsSettings(input_characters=100)
    assert text_of(said("я" * 100), limits=limits) == "я" * 100
    scene = Scene(limits=limits)
    assert refused(scene, said("я" * 101)) == scene.say("reply.too_long", length=101, limit=100)


# Documents


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1251"])
def test_a_text_file_is_read_in_below_the_words_with_its_name(encoding: str) -> None:
    asked, files = document("Привет, мир".encode(encoding), "письмо.txt")
    assert text_of(asked, files) == "What is this?\n\nFile письмо.txt:\n```\nПривет, мир\n```"


def test_several_files_come_in_order_and_need_no_words() -> None:
    files = {"a": b"one", "b": b"two"}
    attachments = tuple(Attachment(name, f"{name}.md", "", 3) for name in files)
    asked = replace(said(""), documents=attachments)
    assert text_of(asked, files) == "File a.md:\n```\none\n```\n\nFile b.md:\n```\ntwo\n```"


@pytest.mark.parametrize(("inside", "fence"), [("a `b`", "```"), ("```py\nx\n```", "````"), ("`" * 9, "`" * 10)])
def test_backticks_in_a_file_never_end_its_block(inside: str, fence: str) -> None:
    asked, files = document(inside.encode())
    assert text_of(asked, files).endswith(f"\n{fence}\n{inside}\n{fence}")


def test_a_file_without_a_name_is_read_and_an_empty_one_is_no_failure() -> None:
    asked, files = document(b"hello", name="")
    assert "File without a name:\n```\nhello\n```" in text_of(asked, files)
    asked, files = document(b"")
    assert text_of(asked, files).endswith("File notes.txt:\n```\n\n```")


def test_archives_and_office_files_are_refused_before_anything_is_fetched() -> None:
    scene = Scene()
    for attachment in (LETTER, replace(LETTER, name="texts.zip", media_type="application/zip")):
        sentence = refused(scene, replace(said("Read it"), documents=(attachment,)))
        assert sentence == scene.say("question.not_text", name=attachment.name)
    assert scene.chat().calls == []


@pytest.mark.parametrize("data", [b"PK\x03\x04\0\0", b"\x89PNG\0", b"\0" * 100])
def test_a_file_that_only_says_that_it_is_text_is_refused(data: bytes) -> None:
    scene = Scene()
    assert refused(scene, *document(data)) == scene.say("question.not_text", name="notes.txt")


def test_a_file_that_can_only_be_too_large_is_refused_before_it_is_fetched() -> None:
    scene = Scene(limits=LimitsSettings(input_characters=100))
    asked = replace(said("x"), documents=(Attachment("file", "log.txt", "text/plain", 401),))
    assert refused(scene, asked) == scene.say("question.too_large", name="log.txt", limit=100)
    assert scene.chat().calls == []


def test_a_file_of_unknown_or_small_size_with_too_many_characters_is_told_with_their_number() -> None:
    scene = Scene(limits=LimitsSettings(input_characters=100))
    for size in (0, 300):
        asked = replace(said(""), documents=(Attachment("file", "a.txt", "", size),))
        length = len("File a.txt:\n```\n\n```") + 300
        sentence = refused(scene, asked, {"file": b"x" * 300})
        assert sentence == scene.say("reply.too_long", length=length, limit=100)


@pytest.mark.parametrize("failure", [Refused("too big"), Unsure("502"), PlaceGone("?")])
def test_a_file_that_cant_be_fetched_is_told_and_nobody_is_asked(failure: MessengerError) -> None:
    scene = Scene()
    scene.chat().failures.append(failure)
    asked, files = document(b"hello")
    scene.chat().files |= files
    assert run_virtual(scene.told(asked)) == scene.say("question.not_fetched", name="notes.txt")
    assert scene.provider.requests == []


@pytest.mark.parametrize("attachment", [Attachment("gone", media_type="text/plain"), Attachment("x", size=10**9)])
def test_the_sentence_about_a_file_without_a_name_has_no_hole(attachment: Attachment) -> None:
    sentence = refused(Scene(), replace(said("Read"), documents=(attachment,)))
    assert "  " not in sentence
    assert " ." not in sentence


# Pictures


def test_a_model_that_sees_gets_the_pictures_and_the_history_mentions_them() -> None:
    pictures = (PHOTO, Attachment("png", "a.png", "image/png", 10), Attachment("old"))
    files = {"photo": b"1", "png": b"2", "old": b"3"}
    question = understood(seeing(), replace(said("What?"), images=pictures), files)
    expected = (Image(b"1", "image/jpeg"), Image(b"2", "image/png"), Image(b"3", "image/jpeg"))
    assert question.asked.images == expected
    assert (question.asked.text, question.kept.text) == ("What?", "What?\n[image]\n[image]\n[image]")
    assert question.kept.images == ()


def test_a_picture_needs_no_words() -> None:
    question = understood(seeing(), replace(said(""), images=(PHOTO,)), {"photo": b"1"})
    assert (question.asked.text, question.kept.text) == ("", "[image]")


@pytest.mark.parametrize(
    "blind",
    [
        {"model": ModelSettings(provider="fake", vision=False), "capabilities": Capabilities(vision=True)},
        {"model": ModelSettings(provider="fake", vision=True), "capabilities": Capabilities(vision=False)},
    ],
)
def test_a_model_that_doesnt_see_is_not_asked_and_the_sentence_names_it(blind: dict[str, Any]) -> None:
    scene = Scene(**blind)
    asked = replace(said("What?", sender=replace(ANNA, language="ru")), images=(PHOTO,))
    assert refused(scene, asked) == scene.texts.of("ru").say("question.no_vision", model="smart")
    assert scene.chat().calls == []


def test_a_picture_that_is_too_large_is_refused_before_it_is_fetched() -> None:
    scene = seeing()
    huge = replace(PHOTO, size=LARGEST_IMAGE_BYTES + 1)
    assert refused(scene, replace(said(""), images=(huge,))) == scene.say("question.image_too_large", megabytes=10)
    assert scene.chat().calls == []


def test_of_a_heap_of_pictures_only_so_many_are_fetched() -> None:
    scene = seeing()
    question = understood(scene, replace(said(""), images=(PHOTO,) * (MOST_IMAGES + 5)), {"photo": b"1"})
    assert len(question.asked.images) == len(scene.chat().made("fetch")) == MOST_IMAGES


def test_pictures_of_earlier_questions_are_not_sent_again() -> None:
    scene = seeing()
    scene.chat().files["photo"] = b"1"

    async def work() -> None:
        await scene.handled(replace(said("What?"), images=(PHOTO,)))
        await scene.handled(said("Are you sure?"))

    run_virtual(work())
    first, second = scene.provider.requests
    assert [len(message.images) for message in first.messages] == [1]
    assert [(message.text, len(message.images)) for message in second.messages if message.role == "user"] == [
        ("What?\n[image]", 0),
        ("Are you sure?", 0),
    ]


# What can't be used


@pytest.mark.parametrize(
    ("other", "key"),
    [(kind, kind) for kind in ("voice", "audio", "video", "video_note", "animation", "sticker", "poll")]
    + [("dice", "other"), ("something_new", "other")],
)
@pytest.mark.parametrize("language", ["en", "ru"])
def test_what_the_bot_cant_use_is_one_sentence_that_names_it(other: str, key: str, language: str) -> None:
    scene = Scene()
    say = scene.texts.of(language).say
    asked = replace(said("", sender=replace(ANNA, language=language)), other=other)
    assert refused(scene, asked) == say("question.cant_use", kind=say(f"question.kind.{key}"))


@pytest.mark.parametrize("other", ["hidden", "bare"])
@pytest.mark.parametrize("language", ["en", "ru"])
def test_what_only_one_messenger_has_is_said_in_a_sentence_of_its_own(other: str, language: str) -> None:
    scene = Scene()
    asked = replace(said("", sender=replace(ANNA, language=language)), other=other)
    asked = replace(asked, address=replace(asked.address, messenger="discord", private=False))
    assert refused(scene, asked) == scene.texts.of(language).say(f"discord.cant_use.{other}")


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        (replace(said("What do you think?"), other="video"), ["What do you think?"]),
        (replace(said(""), other="video", quotes=(Quote("forward", "Bob", "caption"),)), ["> Forwarded from Bob:"]),
        (replace(said(""), other="video", images=(PHOTO,)), [""]),
    ],
)
def test_words_or_pictures_beside_what_the_bot_cant_use_are_answered(asked: Said, wanted: Sequence[str]) -> None:
    question = understood(seeing(), asked, {"photo": b"1"})
    assert question.asked.text.splitlines()[:1] == [line for line in wanted if line]


def test_a_sticker_in_reply_to_something_is_no_question() -> None:
    scene = Scene()
    asked = replace(said(""), other="sticker", quotes=(Quote("reply", "Bob", "hello"),))
    assert refused(scene, asked) == scene.say("question.cant_use", kind=scene.say("question.kind.sticker"))


async def test_what_cant_be_asked_is_said_without_a_retry_button_costs_nothing_and_is_no_history() -> None:
    scene = Scene()
    outcome = await scene.handled(replace(said(""), other="voice"))
    assert outcome.final
    assert (outcome.final.buttons, outcome.failed, outcome.spent, outcome.history) == ((), False, None, ())
    assert scene.provider.requests == []
