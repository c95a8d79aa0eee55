"""Rich messages on Telegram: only what needs one becomes one, in its final form, and without harm in it."""

import pytest
from aiogram import Bot

from chat.buttons import Action, Button
from chat.incoming import Address
from messengers.buckets import UNLIMITED, Bucket
from messengers.budget import PlaceBudget
from messengers.screen import Layout, Screen
from messengers.telegram.chat import TelegramChat
from messengers.telegram.messenger import Telegram
from messengers.telegram.rich import Rich, RichDialect, rich_markdown
from messengers.telegram.settings import TelegramSettings
from tests.servers.telegram import Chat, TelegramServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

TABLE = "| a | b |\n|---|---|\n| 1 | 2 |"
RETRY = Button("🔁 Retry", Action("retry", 5))


@pytest.fixture
def chat(telegram: TelegramServer, bot: Bot, anna: Chat) -> TelegramChat:
    telegram.api.rich = True
    budget = PlaceBudget(UNLIMITED, Bucket(UNLIMITED))
    return TelegramChat(bot, Address("telegram", str(anna.id)), RichDialect(), budget)


async def deliver(chat: TelegramChat, source: str) -> Screen:
    screen, pages = Screen(chat), Layout(chat).pages(source, (RETRY,), final=True)
    while screen.differs(pages, final=True):
        await screen.step(pages, final=True)
    return screen


@pytest.mark.parametrize("source", [TABLE, "so $x^2$", "so $f(x)$", "$$\\frac{a}{b}$$", "\\(x_1 + 1\\)"])
async def test_tables_and_formulas_need_it(source: str) -> None:
    assert isinstance(RichDialect().render(source, final=True).markup, Rich)


@pytest.mark.parametrize(
    "source",
    [
        "plain **bold** `a|b`",
        "from $5 to $10",
        "$x_1/$USER",
        "# heading\n\n- list",
        "```\n| a | b |\n|---|---|\n```",
        "`$x^2$`",
        "a | b",
    ],
)
async def test_nothing_else_does(source: str) -> None:
    assert not isinstance(RichDialect().render(source, final=True).markup, Rich)


@pytest.mark.parametrize("streaming", ["edits", "drafts", "rich"])
async def test_only_the_setting_rich_makes_them(telegram: TelegramServer, anna: Chat, streaming: str) -> None:
    base = {"token": telegram.token, "api_base_url": telegram.base_url, "streaming": streaming}
    async with Telegram(TelegramSettings.model_validate(base), {"stop"}, ()) as messenger:
        page = messenger.open(Address("telegram", str(anna.id))).dialect.render(TABLE, final=True)
    assert isinstance(page.markup, Rich) == (streaming == "rich")


async def test_growing_text_is_plain(chat: TelegramChat) -> None:
    assert not isinstance(RichDialect().render(TABLE, final=False).markup, Rich)


@pytest.mark.parametrize(
    "source",
    [
        f"{TABLE}\n\n" + "x" * 33_000,
        f"{TABLE}\n\n" + "\n\n".join("x" * 501),
        "|" + " a |" * 21 + "\n|" + "---|" * 21,
    ],
)
async def test_what_is_too_large_for_one_stays_plain(source: str) -> None:
    assert rich_markdown(source) == ""


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("![x](https://example.org/?q=secret)", "\\![x](https://example.org/?q=secret)"),
        ("![x](tg://photo?id=1)", "\\!\\[x](tg://photo?id=1)"),
        ("[x](tg://user?id=1)", "\\[x](tg://user?id=1)"),
        ("vector<int> and ==x== and ||y||", "vector\\<int> and \\=\\=x\\=\\= and \\|\\|y\\|\\|"),
        ("from $5 to $10, \\$7", "from \\$5 to \\$10, \\$7"),
        ("`a<b>|$`", "`a<b>|$`"),
        ("```\n<b> ![x](y)\n```", "```\n<b> ![x](y)\n```"),
        ("[x](https://example.org)", "[x](https://example.org)"),
    ],
)
async def test_what_rich_markdown_would_make_of_text_gets_a_backslash(source: str, expected: str) -> None:
    assert rich_markdown(f"{TABLE}\n\n{source}") == f"{TABLE}\n\n{expected}"


async def test_an_answer_is_edited_into_a_rich_message_with_its_buttons(
    telegram: TelegramServer, chat: TelegramChat, anna: Chat
) -> None:
    await deliver(chat, f"See:\n\n{TABLE}")
    (message,) = anna.messages
    assert (message.rich, message.text, message.labels) == (True, f"See:\n\n{TABLE}", ["🔁 Retry"])
    assert message.versions[0].text.endswith("…"), "a whole text is never sent"
    await chat.edit(str(message.id), chat.dialect.render("plain again", final=True))
    assert (message.rich, message.text) == (False, "plain again")


async def test_a_rich_message_is_sent_where_it_is_to_be_one_at_once(chat: TelegramChat, anna: Chat) -> None:
    await chat.send(chat.dialect.render(TABLE, final=True), (RETRY,))
    assert (anna.last.rich, anna.last.labels) == (True, ["🔁 Retry"])


async def test_a_server_that_knows_none_is_asked_once_and_the_same_text_arrives_plain(
    telegram: TelegramServer, chat: TelegramChat, anna: Chat
) -> None:
    telegram.api.rich = False
    await deliver(chat, f"See:\n\n{TABLE}")
    await deliver(chat, f"And:\n\n{TABLE}")
    await chat.send(chat.dialect.render(TABLE, final=True))
    assert len(anna.messages) == 3
    for message in anna.messages:
        assert not message.rich
        assert "pre" in [entity["type"] for entity in message.entities]
    assert anna.messages[0].labels == ["🔁 Retry"]
    assert sum("rich_message" in call.fields for call in telegram.calls if call.chat == anna.id) == 1


async def test_a_rich_message_that_is_refused_for_what_is_in_it_arrives_plain_and_the_next_one_rich(
    telegram: TelegramServer, chat: TelegramChat, anna: Chat
) -> None:
    page = chat.dialect.render("x $a^2$", final=True)
    assert isinstance(page.markup, Rich)
    refused = type(page)(page.text, page.size, Rich("", page.markup.entities))
    await chat.send(refused)
    await chat.send(page)
    assert [message.rich for message in anna.messages] == [False, True]
