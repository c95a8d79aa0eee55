"""Discord's dialect: pages fit, whatever is written gives one, and what grows neither flickers nor loses anything."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messengers.base import Dialect, Page
from messengers.discord.rendering import DiscordDialect, caption_of
from messengers.splitting import split
from tests.markdown_text import letters, missing, said
from tests.messengers.discord.client_view import seen
from tests.messengers.test_splitting import ANSWERS, assert_covers, grown, shown

DIALECT = DiscordDialect()
SAMPLES = sorted((Path(__file__).parents[2] / "samples").glob("*.md"))


def rendered(source: str) -> str:
    return DIALECT.render(source, final=True).text


def growing(source: str) -> str:
    return DIALECT.render(source, final=False).text


def test_it_is_a_dialect() -> None:
    dialect: Dialect = DiscordDialect()
    assert dialect.limit == 2000


@pytest.mark.parametrize("source", ["", " \n\t ", "\u200b", "\u00a0\u2800", "&nbsp;", "```py\n```", "\x00", "\ufeff"])
@pytest.mark.parametrize("final", [True, False])
def test_what_shows_nothing_is_an_empty_page(source: str, *, final: bool) -> None:
    assert DIALECT.render(source, final=final) == Page("", 0)


def test_what_is_no_text_is_replaced_and_sizes_are_counted_in_utf_16() -> None:
    assert DIALECT.render("a\ud800b \ud83d\ude00 c\x00d\r\ne\x1b", final=True) == Page("a\ufffdb 😀 c d\ne", 12)
    assert DIALECT.measure("a😀é\ud800") == 5


@pytest.mark.parametrize(
    "text", ["**a** # b", "# a\n- b\n> c\n-# d\n1. e", "```py\nx\n```", "<@1> ||a|| [a](https://b.c)"]
)
def test_plain_shows_the_source_as_it_is(text: str) -> None:
    view = seen(DIALECT.plain(text).text)
    assert (view.text, view.styles) == (text, [])


def test_plain_never_becomes_longer_than_a_message_by_its_backslashes() -> None:
    assert DIALECT.plain("*" * 1500).size == 1500
    assert DIALECT.plain("*" * 900).size == 1800


def test_a_caption_is_cut_to_a_message_and_has_no_markup() -> None:
    assert seen(caption_of("a *red* cat_with_hat")).styles == []
    assert len(caption_of("*" * 5000)) <= 2000


class Panic(BaseException):
    pass


Panic.__name__ = "PanicException"


@pytest.mark.parametrize("failure", [ValueError("no"), RecursionError(), Panic()])
def test_a_failure_of_the_parser_gives_plain_text(failure: BaseException) -> None:
    def convert(source: str) -> str:
        raise failure

    assert DiscordDialect(convert).render("**a**", final=True) == Page("\\*\\*a\\*\\*", 9)


def test_what_stops_a_program_is_no_failure_of_the_parser() -> None:
    def convert(source: str) -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        DiscordDialect(convert).render("**a**", final=True)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("a\n```py\nb", "a\n```py\nb\n```"),
        ("```py\nb\n``", "```py\nb\n```"),
        ("see [the page](http", "see the page"),
        ("see ![", "see"),
        ("a **b c", "a **b c**"),
        ("a `b c", "a `b c`"),
        ("a **", "a"),
        ("2 ** 3", "2 \\*\\* 3"),
        ("text\n-", "text"),
        ("text\n##", "text"),
    ],
)
def test_what_is_half_written_does_not_flicker(source: str, text: str) -> None:
    assert growing(source) == text


def test_closing_never_makes_a_page_too_long() -> None:
    assert DIALECT.render("`" + "a" * 1998, final=False).size <= 2000


def test_exactly_the_limit_one_more_and_twice() -> None:
    for length, sizes in ((2000, [2000]), (2001, [2000, 1]), (4000, [2000, 2000])):
        assert [part.end - part.start for part in split("a" * length, DIALECT)] == sizes
    assert [part.source for part in split("a" * 1999 + "😀b", DIALECT)] == ["a" * 1999, "😀b"]


def test_a_long_code_block_stays_code_in_every_message() -> None:
    code = "".join(f"    value_{n} = compute({n})\n" for n in range(200))
    parts = split(f"```python\n{code}```", DIALECT)
    pages = [DIALECT.render(part.source, final=True).text for part in parts]
    assert len(pages) == 3
    assert all(page.startswith("```python\n") and page.endswith("\n```") for page in pages)
    assert not missing(letters(code), pages)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_every_beginning_of_an_answer_is_complete(path: Path) -> None:
    source = path.read_text()
    for end in range(0, len(source), 97):
        growing(source[:end])
        assert not missing(said(source[:end]), [seen(rendered(source[:end])).text])


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_answers_that_grow_keep_their_full_parts_and_lose_nothing(path: Path) -> None:
    source = path.read_text()
    parts = grown(source, DIALECT, 211)
    assert_covers(source, parts)
    assert not missing(said(source), shown(parts, DIALECT))


class Small(DiscordDialect):
    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit


@settings(max_examples=80, deadline=None)
@given(ANSWERS, st.integers(80, 400))
def test_any_answer_fits_and_loses_nothing(source: str, limit: int) -> None:
    dialect = Small(limit)
    parts = grown(source, dialect, 97)
    assert_covers(source, parts)
    assert not missing(said(source), shown(parts, dialect))


MARKS = "ab1 \t\n`*_~[]()<>#|$\\-+.!&;:/=@\"'é\u0301\u200d😀ש\ud800\x00"


@settings(max_examples=300, deadline=None)
@given(st.text(MARKS, max_size=60), st.booleans())
def test_whatever_is_written_gives_a_page_without_mentions_spoilers_or_underlines(source: str, final: bool) -> None:
    page = DIALECT.render(source, final=final)
    assert page.size == DIALECT.measure(page.text)
    page.text.encode()
    view = seen(page.text)
    assert not view.all("mention")
    assert not view.all("spoiler")
    assert not view.all("underline")
    assert not view.all("subtext")
    assert not view.all("rest quoted")


PIECES = st.sampled_from(
    [
        *(
            "a",
            "b ",
            "1",
            " ",
            "\n",
            "\n\n",
            "`",
            "``",
            "```",
            "*",
            "**",
            "_",
            "__",
            "~~",
            "~",
            "[",
            "]",
            "<",
            "|",
            "||",
        ),
        *("](http://x.y/a_b)", "![x](http://p.q)", "https://x.y", "<b>", "<div>\n", "<@1>", "@everyone", "-# ", "# "),
        *("- ", "1. ", "> ", "    ", "|-|-|\n", "$", "\\(x_1\\)", "\\", "&amp;", "é", "😀", "[1]: http://r.s\n"),
    ]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(PIECES, max_size=25).map("".join))
def test_marks_side_by_side_make_no_mentions_spoilers_or_underlines(source: str) -> None:
    view = seen(rendered(source))
    for style in ("mention", "spoiler", "underline", "subtext", "rest quoted"):
        assert not view.all(style)


@settings(max_examples=200, deadline=None)
@given(st.text(MARKS.replace("\t", "").replace("\x00", "").replace("\ud800", ""), max_size=60))
def test_plain_text_is_shown_as_it_is(text: str) -> None:
    page = DIALECT.plain(text)
    if page.text:
        assert seen(page.text).text.strip() == text.strip()


def test_discord_py_is_not_imported() -> None:
    """It takes a second and 40 MB."""
    program = "import sys, messengers.discord.rendering; sys.exit('discord' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[3])
