"""Pictures out and files in: what was sent is what people see, what they sent is read, and nothing tells the token."""

import traceback

import pytest
from aiogram import Bot

from chat.incoming import Address, Attachment
from chat.messages import Image
from messengers.base import MessengerError, PlaceGone, Refused, SlowDown, Unsure
from messengers.buckets import UNLIMITED, Bucket
from messengers.budget import PlaceBudget
from messengers.telegram.chat import TelegramChat
from messengers.telegram.contents import LARGEST_PHOTO
from messengers.telegram.files import LARGEST_FILE, caption_of
from messengers.telegram.rendering import TelegramDialect
from tests.messengers.telegram.conftest import TOPIC
from tests.servers.telegram import NO_FLOOD, Chat, Fault, Message, TelegramServer
from tests.servers.telegram_client import telegram_client
from tests.servers.telegram_files import File, png
from tests.servers.telegram_text import ApiError

pytestmark = pytest.mark.asyncio(loop_scope="module")

PICTURE = Image(png(size=3000), "image/png")


def opened(bot: Bot, place: int, *, thread: int | str = "", message: int | str = "") -> TelegramChat:
    address = Address("telegram", str(place), str(thread), str(message), private=place > 0)
    return TelegramChat(bot, address, TelegramDialect(), PlaceBudget(UNLIMITED, Bucket(UNLIMITED)))


# Pictures out


async def test_a_picture_is_shown_with_its_caption_where_it_belongs(bot: Bot, friends: Chat) -> None:
    question = friends.say("@parley_test_bot draw a cat", thread=TOPIC)
    chat = opened(bot, friends.id, thread=TOPIC, message=question.id)
    number = await chat.send_image(PICTURE, "A cat, **not** a dog", reply=True)
    shown = friends.last
    assert (shown.photo, shown.text, shown.entities) == (PICTURE.data, "A cat, **not** a dog", [])
    assert (str(shown.id), shown.thread, shown.reply_to) == (number, TOPIC, question.id)
    await opened(bot, friends.id, message=question.id).send_image(PICTURE)
    assert (friends.last.photo, friends.last.text) == (PICTURE.data, "")
    assert (friends.last.thread, friends.last.reply_to) == (None, None)


async def test_a_picture_can_be_deleted_like_a_message(bot: Bot, anna: Chat) -> None:
    chat = opened(bot, anna.id)
    await chat.delete(await chat.send_image(PICTURE, "oops"))
    assert anna.messages == []


@pytest.mark.parametrize(
    ("text", "caption"),
    [
        ("x" * 1024, "x" * 1024),
        ("x" * 1025, "x" * 1023 + "…"),
        ("😀" * 512, "😀" * 512),
        ("😀" * 513, "😀" * 511 + "…"),
        ("x" + "😀" * 512, "x" + "😀" * 511 + "…"),
        ("half an emoji \ud83d!", "half an emoji !"),
        ("", ""),
        (" \n ", ""),
    ],
    ids=range(8),
)
async def test_a_caption_is_cut_to_what_telegram_takes_and_no_emoji_in_two(
    bot: Bot, anna: Chat, text: str, caption: str
) -> None:
    await opened(bot, anna.id).send_image(PICTURE, text)
    assert anna.last.text == caption
    assert len((caption_of(text) or "").encode("utf-16-le")) <= 2 * 1024


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (png(6000, 4001), "PHOTO_INVALID_DIMENSIONS"),
        (png(2100, 100), "PHOTO_INVALID_DIMENSIONS"),
        (b"what is this?", "IMAGE_PROCESS_FAILED"),
    ],
    ids=["too large", "too long", "no photo"],
)
async def test_what_telegram_takes_for_no_photo_arrives_as_a_file(
    telegram: TelegramServer, bot: Bot, friends: Chat, data: bytes, why: str
) -> None:
    question = friends.say("draw", thread=TOPIC)
    chat = opened(bot, friends.id, thread=TOPIC, message=question.id)
    await chat.send_image(Image(data, "image/webp"), "A panorama", reply=True)
    assert why in telegram.made("sendPhoto", friends)[0].outcome
    [shown] = friends.messages
    assert (shown.document, shown.text) == (data, "A panorama")
    assert (shown.thread, shown.reply_to) == (TOPIC, question.id)
    assert shown.content["document"]["file_name"] == "image.webp"


async def test_what_is_surely_too_large_for_a_photo_is_uploaded_once(
    telegram: TelegramServer, bot: Bot, anna: Chat
) -> None:
    await opened(bot, anna.id).send_image(Image(png(size=LARGEST_PHOTO), "image/png"))
    assert len(anna.last.photo) == LARGEST_PHOTO
    await opened(bot, anna.id).send_image(Image(png(size=LARGEST_PHOTO + 1), "image/png"))
    assert len(anna.last.document) == LARGEST_PHOTO + 1
    assert len(telegram.made("sendPhoto", anna)) == 1


async def test_what_is_no_file_either_is_refused(bot: Bot, anna: Chat) -> None:
    with pytest.raises(Refused):
        await opened(bot, anna.id).send_image(Image(b"", "image/png"))
    assert anna.messages == []


async def test_where_pictures_are_forbidden_the_place_is_not_gone(bot: Bot, friends: Chat) -> None:
    friends.refusal = ApiError(400, "Bad Request: not enough rights to send photos to the chat")
    with pytest.raises(Refused):
        await opened(bot, friends.id).send_image(PICTURE)


@pytest.mark.parametrize(
    ("fault", "meaning"),
    [
        (Fault.flood(35), SlowDown),
        (Fault.reset(), Unsure),
        (Fault.applied_then_reset(), Unsure),
        (Fault.bad_gateway(), Unsure),
        (Fault.cut_body(), Unsure),
    ],
    ids=lambda value: f"{value.kind} {value.applied}" if isinstance(value, Fault) else "",
)
async def test_a_picture_that_failed_on_its_way_is_not_sent_again_as_a_file(
    telegram: TelegramServer, bot: Bot, anna: Chat, fault: Fault, meaning: type[MessengerError]
) -> None:
    telegram.faults.next("sendPhoto", fault)
    with pytest.raises(meaning):
        await opened(bot, anna.id).send_image(PICTURE)
    assert not telegram.made("sendDocument", anna)


async def test_whoever_blocked_the_bot_gets_no_picture(telegram: TelegramServer, bot: Bot, anna: Chat) -> None:
    anna.block()
    with pytest.raises(PlaceGone):
        await opened(bot, anna.id).send_image(PICTURE)
    assert not telegram.made("sendDocument", anna)


async def test_a_group_that_becomes_a_supergroup_is_followed_by_pictures_and_their_numbers_stay_apart(
    telegram: TelegramServer, bot: Bot
) -> None:
    old, new = telegram.group(-721), telegram.group(-100_721)
    question = old.say("draw")
    new.say("something else")
    old.migrate(new)
    chat = opened(bot, old.id, message=question.id)
    number = await chat.send_image(PICTURE, reply=True)
    assert [(message.photo, message.reply_to) for message in new.messages] == [(PICTURE.data, None)]
    again = opened(bot, old.id)  # as after a restart
    await again.delete(number)
    assert new.messages == []


# Files in


def received(message: Message) -> tuple[Attachment, File]:
    assert message.file
    return Attachment(message.file.id, message.file.name, message.file.media_type, len(message.file.data)), message.file


async def refusal(bot: Bot, attachment: Attachment) -> MessengerError:
    """How fetching fails; the token is in no word of it, nor in anything that it came from."""
    with pytest.raises(MessengerError) as caught:
        await opened(bot, 1).fetch(attachment)
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    came_from = caught.value
    while cause := came_from.__cause__ or came_from.__context__:
        told += f"{cause} {cause!r}"
        came_from = cause  # type: ignore[assignment]  # only looked at
    assert bot.token not in told
    assert bot.token.partition(":")[2] not in told
    return caught.value


async def test_files_and_photos_are_read_as_they_were_sent(bot: Bot, anna: Chat) -> None:
    for message in (anna.document("Привет".encode(), "Заметки.txt"), anna.photo(PICTURE.data)):
        attachment, file = received(message)
        assert await opened(bot, anna.id).fetch(attachment) == file.data


async def test_a_file_as_large_as_telegram_hands_out_is_read_whole(bot: Bot, anna: Chat) -> None:
    attachment, _ = received(anna.document(bytes(LARGEST_FILE)))
    assert len(await opened(bot, anna.id).fetch(attachment)) == LARGEST_FILE


async def test_a_file_that_is_too_large_is_refused_without_asking_for_it(
    telegram: TelegramServer, bot: Bot, anna: Chat
) -> None:
    before = len(telegram.calls)
    assert isinstance(await refusal(bot, Attachment("F0001", size=LARGEST_FILE + 1)), Refused)
    assert len(telegram.calls) == before


async def test_a_file_that_turns_out_too_large_is_refused_by_telegram_or_while_it_is_read(
    telegram: TelegramServer, bot: Bot, anna: Chat
) -> None:
    attachment, file = received(anna.document(bytes(LARGEST_FILE + 1)))
    unknown = Attachment(attachment.id)
    assert "file is too big" in str(await refusal(bot, unknown))
    for lie in (None, 5):
        file.told_size = lie
        assert isinstance(await refusal(bot, unknown), Refused)
    assert telegram.made("download")


async def test_a_file_that_is_gone_is_refused(telegram: TelegramServer, bot: Bot, anna: Chat) -> None:
    assert isinstance(await refusal(bot, Attachment("no such file")), Refused)
    attachment, file = received(anna.document(b"text"))
    telegram.files.remove(file)
    assert isinstance(await refusal(bot, attachment), Refused)


async def test_a_link_that_has_expired_is_refused(telegram: TelegramServer, bot: Bot, anna: Chat) -> None:
    attachment, file = received(anna.document(b"text"))
    file.expired = True
    error = await refusal(bot, attachment)
    assert isinstance(error, Refused)
    assert "404" in str(error)


async def test_where_a_server_of_ones_own_has_no_files_the_log_says_what_is_missing(
    bot: Bot, anna: Chat, caplog: pytest.LogCaptureFixture
) -> None:
    attachment, file = received(anna.document(b"text"))
    file.expired = True
    await refusal(bot, attachment)
    [line] = caplog.messages
    assert "telegram.api_base_url" in line
    assert "/file/" in line
    assert bot.token not in line


@pytest.mark.parametrize(
    "fault",
    [Fault.bad_gateway(), Fault.reset(), Fault.cut_body(), Fault.flood(5)],
    ids=lambda fault: fault.kind,
)
@pytest.mark.parametrize("method", ["getFile", "download"])
async def test_a_file_that_failed_on_its_way_may_be_tried_again(
    telegram: TelegramServer, bot: Bot, anna: Chat, fault: Fault, method: str
) -> None:
    attachment, file = received(anna.document(b"text"))
    telegram.faults.next(method, fault, fault)  # aiohttp asks once more by itself where an old connection was reset
    assert isinstance(await refusal(bot, attachment), Unsure | SlowDown)
    telegram.faults.stop()
    telegram.flood.forget()
    assert await opened(bot, anna.id).fetch(attachment) == file.data


async def test_a_file_from_a_server_out_of_reach_does_not_tell_the_token_either(bot: Bot) -> None:
    async with TelegramServer(flood=NO_FLOOD) as server, telegram_client(server) as client:
        attachment, _ = received(server.private().document(b"text"))
        await server.stop()
        assert isinstance(await refusal(client, attachment), Unsure)
