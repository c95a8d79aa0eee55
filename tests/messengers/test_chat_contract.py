"""What `Chat` promises, of every messenger: what people see is what was sent, whole, and in the order it was sent.

The cases are in chats.py; the contract is the docstrings of messengers/base.py. See test_chat_contract_failures.py
for what goes wrong.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from chat.buttons import Action, Button, decode
from chat.messages import Image
from messengers.base import MessageGone
from tests.markdown_text import letters, missing, said
from tests.messengers.chats import CASES, FAMILY, WORDS, Case, World, delivered, page, world
from tests.servers.telegram_files import png

pytestmark = pytest.mark.asyncio(loop_scope="module")

STOP, MODEL = Button("⏹ Stop", Action("stop", 5)), Button("gpt", Action("model", 4711, 99))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def everywhere(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with world(tmp_path_factory.mktemp("playground")) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module", params=CASES)
async def case(request: pytest.FixtureRequest, everywhere: World) -> Case:
    return await CASES[request.param](everywhere)


# A message


async def test_a_page_that_is_sent_is_what_people_see_and_an_edit_changes_it(case: Case) -> None:
    message = await case.chat.send(page(case.chat, "first **bold**"), [STOP])
    assert await case.shown() == ["first bold"]
    await case.chat.edit(message, page(case.chat, "second `code`"))
    assert await case.shown() == ["second code"]


async def test_further_messages_stand_below(case: Case) -> None:
    first = await case.chat.send(page(case.chat, "one"), nonce="a.0")
    second = await case.chat.send(page(case.chat, "two"), nonce="a.1", previous=first)
    assert first != second
    assert await case.shown() == ["one", "two"]
    await case.chat.edit(first, page(case.chat, "ONE"))
    assert await case.shown() == ["ONE", "two"]


async def test_an_edit_that_changes_nothing_is_a_success(case: Case) -> None:
    message = await case.chat.send(page(case.chat, "same"), [STOP])
    for _ in range(2):
        await case.chat.edit(message, page(case.chat, "same"), [STOP])
    assert await case.shown() == ["same"]


async def test_what_is_deleted_is_gone_twice_is_a_success_and_an_edit_says_so(case: Case) -> None:
    message = await case.chat.send(page(case.chat, "too much"))
    for _ in range(2):
        await case.chat.delete(message)
        assert await case.shown() == []
    with pytest.raises(MessageGone):
        await case.chat.edit(message, page(case.chat, "more"))
    assert await case.shown() == []


async def test_buttons_come_back_as_the_actions_they_were_and_an_edit_takes_them_away(case: Case) -> None:
    message = await case.chat.send(page(case.chat, "choose"), [STOP, MODEL])
    for button in (STOP, MODEL):
        assert decode(await case.press(button.label)) == button.action
    await case.chat.edit(message, page(case.chat, "chosen"), [MODEL])
    assert decode(await case.press(MODEL.label)) == MODEL.action
    with pytest.raises(LookupError):
        await case.press(STOP.label)


async def test_a_picture_arrives_whole_with_its_line_below(case: Case) -> None:
    data = png(size=100_000)
    await case.chat.send_image(Image(data, "image/png"), "a red cat")
    assert await case.pictures() == [data]
    assert await case.shown() == ["a red cat"]


async def test_typing_shows_no_message_and_lasts_a_while(case: Case) -> None:
    await case.chat.typing()
    assert await case.shown() == []
    assert case.chat.typing_lasts > 1


# Sizes


async def test_exactly_the_limit_is_one_message(case: Case) -> None:
    source = WORDS[: case.chat.dialect.limit - 1] + "x"
    assert await delivered(case, source) == [source]


async def test_one_more_than_the_limit_is_two_messages(case: Case) -> None:
    source = WORDS[: case.chat.dialect.limit] + "x"
    shown = await delivered(case, source)
    assert len(shown) == 2
    assert " ".join(shown) == source


async def test_twice_the_limit_loses_nothing(case: Case) -> None:
    source = WORDS[: 2 * case.chat.dialect.limit - 1] + "x"
    shown = await delivered(case, source)
    assert len(shown) <= 3
    assert " ".join(shown) == source


@pytest.mark.parametrize(
    ("emoji", "before"),
    [("😀", 1), (FAMILY, 2), (FAMILY, 3), ("👍🏽", 2), ("🇩🇪", 1), ("🇩🇪", 2), ("e\u0301", 1)],
    ids=["face", "family before its joint", "family behind it", "skin", "flag by one", "flag by two", "accent"],
)
async def test_an_emoji_at_the_cut_is_not_broken(case: Case, emoji: str, before: int) -> None:
    shown = await delivered(case, "x" * (case.chat.dialect.limit - before) + emoji + "y" * 20)
    assert len(shown) == 2
    assert sum(text.count(emoji) for text in shown) == 1, [text[-9:] for text in shown]


async def test_a_text_of_emoji_only_is_counted_as_the_messenger_counts_it(case: Case) -> None:
    source = "😀" * min(5000, case.chat.dialect.limit)
    assert "".join(await delivered(case, source)) == source


async def test_one_word_of_9000_characters_is_shown_whole(case: Case) -> None:
    word = "".join(f"{number:05d}" for number in range(1800))
    assert "".join(await delivered(case, word)) == word


# Code


CODE = "\n".join(f"    line_{number} = {{'a': [*b, __c__]}}  # $ `x` **" for number in range(120))


@pytest.mark.parametrize("closing", ["\n```\n\nThe end.", ""], ids=["closed", "never closed"])
async def test_a_long_block_of_code_is_code_in_every_message(case: Case, closing: str) -> None:
    """Telegram takes the spaces at its very beginning out of it (TDLib's remove_invalid_entities)."""
    assert len(CODE) > 5000
    shown = await delivered(case, f"Look:\n\n```python\n{CODE}{closing}")
    blocks = await case.code()
    assert len(blocks) == len(shown), "a piece of it in each message"
    pieces = [block.strip("\n").split("\n") for block in blocks]
    assert [line.strip() for piece in pieces for line in piece] == [line.strip() for line in CODE.split("\n")]
    assert all(line.startswith("    line") for piece in pieces for line in piece[1:])
    assert letters("".join(shown)) == letters("Look" + CODE + closing)


# Markup


@pytest.mark.parametrize(
    "text",
    [
        "call snake_case_name and __init__x, a*b, 2 * 3 * 4 and *args",
        "see https://example.org/a_b_c/d_e?f=_g_h",
        "It costs $5 here and $6 there; echo $HOME",
        "a < b > c & d; vector<int> x",
        "שלום עולם 123, مرحبا بالعالم",
        "na\u200bive zero\u200dwidth",
    ],
)
async def test_what_only_looks_like_markup_is_shown_as_it_is(case: Case, text: str) -> None:
    assert await delivered(case, text) == [text]


async def test_a_link_shows_its_text_and_keeps_underscores(case: Case) -> None:
    [shown] = await delivered(case, "see [the_page_of it](https://example.org/a_b_c) now")
    assert "the_page_of it" in shown


LISTS = """\
1. one
   - two
     - three **bold**
       1. four
   - five
2. six

   seven in six
   ```sh
   echo eight
   ```
- nine
"""
TABLE = """\
| Name | Size of `it` | Note |
|:-----|-----:|---|
| a_b_c | 10 | **bold** |
| [d](https://example.org) | 2000 | |
| e | | f \\| g | surplus |
"""


@pytest.mark.parametrize("source", [LISTS, TABLE], ids=["lists", "table"])
async def test_nothing_of_nested_lists_and_tables_gets_lost(case: Case, source: str) -> None:
    assert missing(said(source), await delivered(case, source)) == ""


@pytest.mark.parametrize("source", ["", " \n\t", "\u200b\u200d\u2060", "\ufeff", "\u200e\u200f", "\u00ad"])
async def test_characters_that_nobody_sees_are_nothing_and_never_a_failure(case: Case, source: str) -> None:
    for final in (True, False):
        assert letters(case.chat.dialect.render(source, final=final).text) == ""
    case.chat.dialect.plain(source)
    assert letters("".join(await delivered(case, source))) == ""
