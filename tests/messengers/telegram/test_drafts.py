"""Drafts of a private Telegram chat: text that grows, Telegram's own Stop button, and servers without them."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio
from aiogram import Bot
from aiogram.types import Update
from pydantic import SecretStr

from chat.buttons import Action, Button
from chat.incoming import Address, Pressed
from messengers.base import Page, PlaceGone, Refused, SlowDown, Unsure
from messengers.buckets import Priority
from messengers.live_reply import LiveReply
from messengers.screen import Layout, Screen, Wanted
from messengers.telegram.chat import TelegramChat
from messengers.telegram.messenger import Telegram
from messengers.telegram.reading import Reader
from messengers.telegram.rendering import Entity
from messengers.telegram.settings import TelegramSettings
from tests.fakes import FakeStream, words
from tests.messengers.telegram.conftest import TOPIC
from tests.servers.telegram import NO_FLOOD, Chat, Fault, FloodRules, TelegramServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

STOP = Button("⏹ Stop", Action("stop", 77))
STORY = " ".join(f"word{number}" for number in range(60))


@pytest_asyncio.fixture(loop_scope="module")
async def messenger(telegram: TelegramServer) -> AsyncIterator[Telegram]:
    """One that has found out nothing yet, before a server that takes drafts."""
    telegram.api.drafts, telegram.api.refuses_drafts, telegram.flood.rules = True, "", NO_FLOOD
    telegram.flood.forget()
    token = SecretStr(telegram.token)
    settings = TelegramSettings(token=token, api_base_url=telegram.base_url, streaming="drafts")
    async with Telegram(settings, {"stop"}, ()) as opened:
        yield opened


def address(place: int, thread: int | str = "") -> Address:
    return Address("telegram", str(place), str(thread), private=place > 0)


def opened(messenger: Telegram, place: int, thread: int | str = "") -> TelegramChat:
    chat = messenger.open(address(place, thread))
    assert isinstance(chat, TelegramChat)
    return chat


async def show(chat: TelegramChat, text: str) -> None:
    assert chat.drafts
    await chat.drafts.show(chat.dialect.render(text, final=False), [STOP])


async def reply(chat: TelegramChat, text: str, pause: float = 0.01) -> None:
    """A whole answer that grows, and its final form."""

    async def forget(_: object) -> None:
        pass

    shown = await LiveReply(chat, forget, buttons=[STOP]).show(FakeStream(words(text, pause)).open())
    assert shown.settled
    screen, pages = Screen(chat, await shown.settled()), Layout(chat).pages(shown.state.text, final=True)
    while screen.differs(pages, final=True):
        await chat.budget.permit(Priority.FINAL)
        await screen.step(pages, final=True)


async def test_a_draft_has_its_styles_the_turns_number_and_telegrams_stop_button(
    messenger: Telegram, anna: Chat
) -> None:
    await show(opened(messenger, anna.id), "**bold** text")
    assert anna.draft
    assert (anna.draft.id, anna.draft.text, anna.draft.can_stop, anna.draft.keep_on_stop) == (
        77,
        "bold text",
        True,
        True,
    )
    assert [entity["type"] for entity in anna.draft.entities] == ["bold"]
    assert anna.messages == []


async def test_an_answer_grows_as_a_draft_and_ends_as_one_real_message_with_its_styles(
    telegram: TelegramServer, messenger: Telegram, anna: Chat
) -> None:
    telegram.flood.rules = FloodRules()
    await reply(opened(messenger, anna.id), f"**bold** {STORY}", 0.05)
    assert len(anna.drafts) > 3
    assert anna.draft is None, "the message took its place"
    (message,) = anna.messages
    assert message.text.split() == ["bold", *STORY.split()]
    assert (message.styled("bold"), len(message.texts)) == (["bold"], 2)
    assert not telegram.flood.refusals


async def test_in_groups_answers_grow_by_edits(messenger: Telegram, friends: Chat) -> None:
    chat = opened(messenger, friends.id, TOPIC)
    assert chat.drafts is None
    await reply(chat, STORY, 0.02)
    assert (friends.drafts, len(friends.messages)) == ([], 1)
    assert len(friends.last.texts) > 1


async def test_without_the_setting_there_are_none(telegram: TelegramServer, anna: Chat) -> None:
    settings = TelegramSettings(token=SecretStr(telegram.token), api_base_url=telegram.base_url)
    async with Telegram(settings, {"stop"}, ()) as plain:
        assert plain.open(address(anna.id)).drafts is None


@pytest.mark.parametrize("refusal", ["", "unknown method", "something that nobody expected"])
async def test_a_server_that_refuses_is_asked_once_and_answers_arrive_by_edits(
    telegram: TelegramServer, messenger: Telegram, anna: Chat, refusal: str
) -> None:
    telegram.api.drafts, telegram.api.refuses_drafts = bool(refusal), refusal
    other = telegram.private(anna.id + 500)
    for person in (anna, other):
        await reply(opened(messenger, person.id), f"**bold** {STORY}", 0.02)
        assert [message.text.split() for message in person.messages] == [["bold", *STORY.split()]]
        assert len(person.last.texts) > 1
    assert len(telegram.made("sendMessageDraft", anna)) == 1
    assert telegram.made("sendMessageDraft", other) == []


async def test_where_one_text_is_refused_it_is_shown_plain_and_drafts_go_on(messenger: Telegram, anna: Chat) -> None:
    chat = opened(messenger, anna.id)
    await show(chat, "they are taken")
    odd = Wanted("**bold**", Page("bold", 4, (Entity("nonsense", 0, 4),)), (STOP,))
    await Screen(chat).step([odd])
    assert anna.draft
    assert (anna.draft.text, chat.drafts is not None) == ("**bold**", True)


async def test_while_one_reply_finds_out_whether_there_are_drafts_others_use_edits(
    messenger: Telegram, anna: Chat
) -> None:
    first, second = opened(messenger, anna.id), opened(messenger, anna.id + 1)
    drafts = second.drafts
    assert first.drafts
    assert drafts
    drafts._server.asking = first.drafts
    assert second.drafts is None
    with pytest.raises(Refused):
        await drafts.show(second.dialect.render("text", final=False))
    await show(first, "text")
    assert second.drafts


async def test_after_a_429_that_lasts_a_reply_goes_on_by_edits_and_other_chats_with_drafts(
    telegram: TelegramServer, messenger: Telegram, anna: Chat
) -> None:
    chat, other = opened(messenger, anna.id), telegram.private(anna.id + 500)
    telegram.faults.next("sendMessageDraft", Fault.flood(40), chat=anna.id)
    with pytest.raises(SlowDown) as refused:
        await show(chat, "text")
    drafts = chat.drafts
    assert drafts
    drafts.budget.slow_down(refused.value.retry_after)
    assert chat.drafts is None
    assert opened(messenger, anna.id).drafts is None, "nor for the next reply there"
    await show(opened(messenger, other.id), "text")
    assert not messenger.budgets.of(address(anna.id)).bucket.blocked, "messages have permits of their own"


async def test_a_failing_network_and_a_block_are_told_as_for_messages(
    telegram: TelegramServer, messenger: Telegram, anna: Chat
) -> None:
    chat = opened(messenger, anna.id)
    for fault in (Fault.reset(), Fault.bad_gateway()):
        telegram.faults.next("sendMessageDraft", fault)
        with pytest.raises(Unsure):
            await show(chat, "text")
        await show(chat, "text")
    assert chat.drafts, "that tells nothing about the server"
    anna.block()
    with pytest.raises(PlaceGone):
        await show(chat, "text")


async def test_where_drafts_fail_again_and_again_on_their_way_a_reply_goes_on_by_edits_and_the_next_one_tries_anew(
    telegram: TelegramServer, messenger: Telegram, anna: Chat
) -> None:
    chat = opened(messenger, anna.id)
    telegram.faults.next("sendMessageDraft", Fault.reset(), Fault.bad_gateway())
    for _ in range(2):
        assert chat.drafts
        with pytest.raises(Unsure):
            await show(chat, "text")
    assert chat.drafts is None
    await Screen(chat).step([Wanted("text", Page("text", 4), (STOP,))])
    assert [message.text for message in anna.messages] == ["text"]
    assert opened(messenger, anna.id).drafts, "that tells nothing about the server"


async def test_drafts_count_as_calls_of_the_token_and_not_as_messages_of_the_chat(messenger: Telegram) -> None:
    chat = opened(messenger, 4242)
    drafts = chat.drafts
    assert drafts
    for _ in range(3):
        await drafts.budget.permit(Priority.INTERIM)
    assert messenger.budgets.tally.calls[Priority.INTERIM] == 3
    assert messenger.budgets.of(address(4242)).bucket._tokens == 4


def stopped(**changed: object) -> Update:
    what = {"chat": {"id": 2001, "type": "private", "first_name": "Anna"}, "draft_id": 77} | changed
    return Update.model_validate({"update_id": 9, "stopped_message_generation": what})


async def test_telegrams_stop_button_is_a_press_of_ours_by_whom_the_chat_is_with(bot: Bot) -> None:
    read = Reader(bot.id, "parley_test_bot", {"stop"}).read
    pressed = read(stopped())
    assert isinstance(pressed, Pressed)
    assert (pressed.action, pressed.sender.id, pressed.address.conversation) == (
        Action("stop", 77),
        "2001",
        "telegram:2001",
    )
    assert pressed.key == f"telegram:{bot.id}:9"
    in_topic = read(stopped(message_thread_id=5))
    assert in_topic
    assert in_topic.address == replace(pressed.address, thread="5")


@pytest.mark.parametrize(
    "odd", [{"draft_id": 0}, {"draft_id": -7}, {"chat": {"id": -5, "type": "group", "title": "Friends"}}]
)
async def test_a_stop_that_can_belong_to_no_draft_of_ours_is_nothing(bot: Bot, odd: dict[str, object]) -> None:
    assert Reader(bot.id, "parley_test_bot", {"stop"}).read(stopped(**odd)) is None
