"""Promises of the stand-in Telegram to an unmodified client: pictures, files and what people send besides text."""

import pytest
from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest, TelegramEntityTooLarge, TelegramNetworkError
from aiogram.types import BufferedInputFile, Message, ReplyParameters
from aiohttp import ClientError

from tests.servers.telegram import NO_FLOOD, Fault, Person, TelegramServer
from tests.servers.telegram_client import keyboard, telegram_client
from tests.servers.telegram_files import LARGEST_DOWNLOAD, LARGEST_PHOTO, LARGEST_UPLOAD, png
from tests.servers.telegram_media import SAMPLES


async def received(bot: Bot) -> list[Message]:
    """The messages that the bot gets."""
    return [update.message for update in await bot.get_updates() if update.message]


def upload(data: bytes, name: str = "cat.png") -> BufferedInputFile:
    return BufferedInputFile(data, name)


# What the bot sends


async def test_a_photo_and_a_document_are_seen_with_their_captions(telegram: TelegramServer, bot: Bot) -> None:
    chat = telegram.private()
    question = chat.say("draw")
    reply = ReplyParameters(message_id=question.id)
    photo = await bot.send_photo(chat.id, upload(png(300, 200)), caption=" A cat ", reply_parameters=reply)
    assert (chat.last.photo, chat.last.text, chat.last.reply_to) == (png(300, 200), "A cat", question.id)
    assert photo.caption == "A cat"
    assert photo.photo
    assert (photo.photo[-1].width, photo.photo[-1].height) == (300, 200)
    document = await bot.send_document(chat.id, upload(b"text", "notes.txt"), reply_markup=keyboard(("Stop", "stop:1")))
    assert (chat.last.document, chat.last.text, chat.last.labels) == (b"text", "", ["Stop"])
    assert document.document
    assert (document.document.file_name, document.document.file_size) == ("notes.txt", 4)


async def test_a_stored_file_is_sent_again_by_its_id(telegram: TelegramServer, bot: Bot) -> None:
    chat = telegram.private()
    sent = await bot.send_photo(chat.id, upload(png()))
    assert sent.photo
    await bot.send_photo(chat.id, sent.photo[-1].file_id)
    assert chat.last.photo == png()


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "file must be non-empty"),
        (b"no picture", "IMAGE_PROCESS_FAILED"),
        (png(9000, 1001), "PHOTO_INVALID_DIMENSIONS"),
        (png(2001, 100), "PHOTO_INVALID_DIMENSIONS"),
        (png(size=LARGEST_PHOTO + 1), "is too big for a photo"),
    ],
    ids=["empty", "no picture", "too large", "too long", "too many bytes"],
)
async def test_what_is_no_photo_is_refused(telegram: TelegramServer, bot: Bot, data: bytes, problem: str) -> None:
    chat = telegram.private()
    with pytest.raises(TelegramBadRequest, match=problem):
        await bot.send_photo(chat.id, upload(data))
    assert chat.messages == []


async def test_captions_and_uploads_have_their_limits(telegram: TelegramServer, bot: Bot) -> None:
    chat = telegram.private()
    await bot.send_photo(chat.id, upload(png()), caption="🦜" * 512)
    with pytest.raises(TelegramBadRequest, match="message caption is too long"):
        await bot.send_photo(chat.id, upload(png()), caption="🦜" * 512 + "!")
    with pytest.raises(TelegramEntityTooLarge):
        await bot.send_document(chat.id, upload(bytes(LARGEST_UPLOAD + 1)))


async def test_the_caption_of_a_photo_is_no_text_that_could_be_edited(telegram: TelegramServer, bot: Bot) -> None:
    chat = telegram.private()
    sent = await bot.send_photo(chat.id, upload(png()), caption="A cat")
    with pytest.raises(TelegramBadRequest, match="there is no text in the message to edit"):
        await bot.edit_message_text("A dog", chat_id=chat.id, message_id=sent.message_id)


async def test_the_log_of_calls_tells_of_files_how_large_they_are(telegram: TelegramServer, bot: Bot) -> None:
    await bot.send_photo(telegram.private().id, upload(png(size=500)))
    assert "cat.png: 500 bytes" in telegram.made("sendPhoto")[0].fields.values()


# What people send


async def test_what_people_send_is_read_by_its_id(telegram: TelegramServer, bot: Bot) -> None:
    chat = telegram.private()
    chat.photo(png(), "look @parley_test_bot")
    chat.document("Привет".encode(), "Заметки.txt", caption="/sum it up")
    photo, document = await received(bot)
    assert photo.photo
    assert photo.caption_entities
    assert (photo.caption_entities[0].type, photo.caption_entities[0].offset) == ("mention", 5)
    assert document.document
    assert (document.document.file_name, document.document.mime_type) == ("Заметки.txt", "text/plain")
    for file, data in ((photo.photo[-1], png()), (document.document, "Привет".encode())):
        content = await bot.download(file)
        assert content
        assert content.read() == data


async def test_files_too_large_unknown_or_expired_are_not_handed_out(telegram: TelegramServer, bot: Bot) -> None:
    chat = telegram.private()
    large = chat.document(bytes(LARGEST_DOWNLOAD + 1)).file
    assert large
    with pytest.raises(TelegramBadRequest, match="Bad Request: file is too big"):
        await bot.get_file(large.id)
    with pytest.raises(TelegramBadRequest, match="wrong file_id or the file is temporarily unavailable"):
        await bot.get_file("F9999")
    expired = chat.document(b"text").file
    assert expired
    expired.expired = True
    with pytest.raises(ClientError, match="404"):
        await bot.download(expired.id)


async def test_a_download_with_another_token_or_under_a_fault_fails(telegram: TelegramServer, bot: Bot) -> None:
    file = telegram.private().document(b"text").file
    assert file
    async with telegram_client(telegram, "123:wrong") as stranger:
        with pytest.raises(ClientError, match="401"):
            await stranger.download_file(file.path)
    telegram.faults.next("download", Fault.bad_gateway())
    with pytest.raises(ClientError, match="502"):
        await bot.download_file(file.path)
    assert [call.outcome for call in telegram.made("download")] == ["401 Unauthorized", "fault: bad_gateway"]


async def test_a_photo_that_was_sent_though_nobody_knows_is_counted(telegram: TelegramServer, bot: Bot) -> None:
    telegram.faults.next("sendPhoto", Fault.applied_then_reset())
    with pytest.raises(TelegramNetworkError):
        await bot.send_photo(telegram.private().id, upload(png()))
    assert len(telegram.faults.ambiguous_sends) == 1


@pytest.mark.parametrize("kind", sorted(SAMPLES))
async def test_everything_people_can_send_is_understood_by_the_client(
    telegram: TelegramServer, bot: Bot, kind: str
) -> None:
    telegram.private().share(kind)
    [message] = await received(bot)
    assert message.content_type == kind


async def test_albums_quotes_and_forwards_look_as_telegrams_do(telegram: TelegramServer, bot: Bot) -> None:
    chat = telegram.private()
    chat.photo(png(), "both", album="77")
    chat.photo(png(), album="77")
    chat.say("which?", reply_to=chat.say("🦜 red or green"), quote="green")
    chat.forward(Person(5, "Bob"), "hello", png())
    first, second, whole, question, forward = await received(bot)
    assert (first.media_group_id, second.media_group_id, second.caption) == ("77", "77", None)
    assert question.reply_to_message
    assert question.reply_to_message.text == whole.text
    assert question.quote
    assert (question.quote.text, question.quote.position, question.quote.is_manual) == ("green", 10, True)
    assert (forward.caption, forward.text, len(forward.photo or [])) == ("hello", None, 2)
    assert forward.forward_origin
    assert forward.forward_origin.type == "user"


async def test_with_privacy_pictures_in_groups_are_heard_only_where_they_concern_the_bot() -> None:
    async with TelegramServer(privacy=True, flood=NO_FLOOD) as telegram, telegram_client(telegram) as bot:
        group = telegram.group()
        mine = await bot.send_photo(group.id, upload(png()))
        group.photo(png(), "for nobody")
        group.share("voice")
        group.photo(png(), "for @parley_test_bot")
        group.photo(png(), "/ask@parley_test_bot what is this?")
        group.share("sticker", reply_to=mine.message_id)
        group.post({"new_chat_title": "Enemies"})
        heard = [message.content_type for message in await received(bot)]
    assert heard == ["photo", "sticker", "new_chat_title"]
