"""While an answer streams, every beginning can be shown, misses next to nothing, and never takes text away again."""

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messengers.base import Page
from messengers.discord.rendering import DiscordDialect
from messengers.fences import open_fence
from messengers.splitting import Part, settled, split
from messengers.telegram.rendering import TelegramDialect
from messengers.unfinished import closed
from tests.markdown_text import letters, missing, said
from tests.messengers.discord.client_view import seen
from tests.messengers.telegram.test_rendering import assert_taken

SAMPLES = {path.stem: path.read_text() for path in sorted((Path(__file__).parents[1] / "samples").glob("*.md"))}
SHORT = 900  # characters; of a longer sample every 7th beginning is looked at
MOST_HELD_BACK = 16  # letters, and half an address

Dialects = TelegramDialect | DiscordDialect


class Telegram(TelegramDialect):
    """Without end, so that a whole sample is one page."""

    limit = 100_000


class Discord(DiscordDialect):
    limit = 100_000


class SmallTelegram(TelegramDialect):
    limit = 500


class SmallDiscord(DiscordDialect):
    limit = 500


# What a reader should never see of Markdown that is being written, and of LaTeX.
BARE = ("**", "~~", "](", "```", "~~~", "\\(", "\\[", "$$", "\\frac", "|--", "&amp", "<br", "[ ]", "`", "{", "\\")

_FORMULA = re.compile(r"\\\[.*?\\\]|\\\((?!words).*?\\\)|\$\$.*?\$\$|\$[a-zA-Z\\][^$\n]*\$(?![A-Za-z])", re.DOTALL)
_OPEN_FORMULA = re.compile(r"\\[\[(]|\$\$?(?=[a-zA-Z\\\n]|\\)")
_HALF_ADDRESS = re.compile(r"\]\(\S*(?: (?:\"[^\"]*\"?)?)?$|\[[^\]\n]{0,3}\]:[^\n]{0,4}$")


def visible(dialect: Dialects, page: Page) -> str:
    """What people see of a page."""
    return seen(page.text).text if isinstance(dialect, DiscordDialect) else page.text


def viewer(dialect: Dialects) -> Callable[[str], str]:
    """What people see of the beginning of an answer; each is rendered once."""

    @cache
    def view(source: str) -> str:
        page = dialect.render(source, final=False)
        if isinstance(dialect, TelegramDialect):
            assert_taken(page)
        else:
            assert page.size == dialect.measure(page.text)
        return visible(dialect, page)

    return view


def beginnings(source: str, step: int = 0) -> list[str]:
    """Beginnings of a sample, up to the whole; every one where it is short, unless a step is given."""
    step = step or (1 if len(source) <= SHORT else 7)
    return [source[:end] for end in [*range(0, len(source), step), len(source)]]


def unsettled(source: str) -> int:
    """From where on what is seen may still change: the last line, or the table or formula that it belongs to."""
    begin = source.rfind("\n") + 1
    while begin and "|" in source[source.rfind("\n", 0, begin - 1) + 1 : begin]:
        begin = source.rfind("\n", 0, begin - 1) + 1
    formula = open_formula(source)
    return min(begin, source.rfind("\n", 0, formula.start()) + 1) if formula else begin


def open_formula(source: str) -> re.Match[str] | None:
    """Where a formula begins that isn't closed yet."""
    bare = _FORMULA.sub(lambda formula: " " * len(formula[0]), source)
    return next((found for found in [_OPEN_FORMULA.search(bare, bare.rfind("\n\n") + 1)] if found), None)


def expected(source: str) -> str:
    """What must be seen of a beginning, except for the last letters."""
    formula = open_formula(source)
    return said(source[: formula.start()] if formula else source)


def held_back(source: str) -> int:
    """How many letters may be missing at the end."""
    address = _HALF_ADDRESS.search(source)
    return MOST_HELD_BACK + (len(address[0]) if address else 0)


def assert_grows(source: str, dialect: Dialects, step: int = 0) -> None:
    """Each beginning is a page that misses no more than its open end; what stands above that never changes."""
    view = viewer(dialect)
    whole = visible(dialect, dialect.render(source, final=True))
    for beginning in beginnings(source, step):
        shown = view(beginning)
        assert len(missing(expected(beginning), [shown])) <= held_back(beginning), beginning[-200:]
        above = letters(view(beginning[: unsettled(beginning)]))
        assert letters(shown).startswith(above), beginning[-200:]
        for mark in BARE:
            assert shown.count(mark) <= whole.count(mark), (mark, beginning[-200:], shown[-200:])


@pytest.mark.parametrize("dialect", [Telegram(), Discord()], ids=["telegram", "discord"])
@pytest.mark.parametrize("sample", SAMPLES)
def test_every_beginning_can_be_shown_and_takes_nothing_away(sample: str, dialect: Dialects) -> None:
    assert_grows(SAMPLES[sample], dialect)


@pytest.mark.parametrize("dialect", [SmallTelegram(), SmallDiscord()], ids=["telegram", "discord"])
@pytest.mark.parametrize("sample", SAMPLES)
def test_full_parts_never_change_and_all_they_open_is_closed(sample: str, dialect: Dialects) -> None:
    full: list[Part] = []
    for beginning in beginnings(SAMPLES[sample], step=13):
        parts = split(beginning, dialect, settled(full, beginning), final=False)
        assert parts[: len(full)] == full
        full = parts[:-1]
        assert not any(open_fence(part.source) for part in full)
        assert all(dialect.render(part.source, final=False).size <= dialect.limit for part in parts[-1:])


INLINE = st.sampled_from(
    [
        *("word", "**bold *and* more**", "*it*", "~~gone~~", "`a ** b`", "`` a`b ``", "***both***", "_under_", "a_b_c"),
        *("$f(x)$", "so $a month", "**注意：**这是", "文字**“引用”**后面"),
        *("[link](https://a.bc/d_(e)_f)", '[*a* `b`](https://a.bc "t")', "![pic](https://a.bc/d.png)", "a[0][1]"),
        *("vector<int>", "<b>tag</b>", "a < b", "R&D", "&amp;", "$5", "5 * 3", r"\(x^2 + \frac{1}{y}\)", "$a_1$"),
        *("😀", "👨\u200d👩\u200d👧", "العربية", "日本語です。", "https://a.bc/d_e", "<https://a.bc>", "end.", "(a)"),
    ]
)
LINE = st.lists(INLINE, min_size=1, max_size=6).map(" ".join)
BLOCK = st.one_of(
    LINE,
    LINE.map("## {}".format),
    LINE.map("> {}".format),
    LINE.map("{}  \nnext line".format),
    st.lists(LINE, min_size=1, max_size=3).map(
        lambda items: "\n".join(f"{'  ' * n}- {i}" for n, i in enumerate(items))
    ),
    st.lists(LINE, min_size=1, max_size=3).map(lambda items: "\n".join(f"{n}. {i}" for n, i in enumerate(items, 1))),
    LINE.map("- [ ] {}".format),
    LINE.map("```py\n# {}\n```".format),
    LINE.map("1. item\n\n   ~~~\n   {}\n   ~~~".format),
    st.integers(1, 3).map(lambda rows: "| a | b |\n|---|---|\n" + "| **one** | `two` |\n" * rows),
    st.sampled_from(["---", "<details>\n<summary>s</summary>", "$$\nx = \\sqrt{y}\n$$", "Title\n====="]),
)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.lists(BLOCK, min_size=1, max_size=4).map("\n\n".join), st.sampled_from([Telegram(), Discord()]))
def test_any_answer_grows_without_taking_anything_away(source: str, dialect: Dialects) -> None:
    assert_grows(source, dialect, step=7)


def test_a_block_of_thousands_of_open_marks_is_left_as_it_is() -> None:
    """Each of them would be a look through all of it: minutes, in which nobody else is answered."""
    block = "**a " * 50_000
    assert closed(block) == block.rstrip()
    assert closed(f"{block}\n\nso **it") == f"{block}\n\nso **it**", "what stands behind it isn't"
