"""Long answers are cut where it hurts least, every part fits, nothing is lost, and a cut never moves."""

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messengers.base import Dialect, Page
from messengers.splitting import Part, settled, split
from messengers.telegram.rendering import TelegramDialect
from tests.markdown_text import letters, missing, said

SAMPLES = sorted((Path(__file__).parents[1] / "samples").glob("*.md"))


class Bare:
    """A messenger that shows the source as it is and counts characters; `wider` makes its pages larger."""

    def __init__(self, limit: int, wider: int = 1) -> None:
        self.limit = limit
        self.wider = wider
        self.rendered = 0

    def render(self, source: str, *, final: bool) -> Page:
        self.rendered += len(source)
        return Page(source.strip(), len(source.strip()) * self.wider)

    def plain(self, source: str) -> Page:
        return Page(source, len(source))

    def measure(self, text: str) -> int:
        return len(text)


class SmallTelegram(TelegramDialect):
    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit


TELEGRAM = TelegramDialect()


def sources(source: str, limit: int) -> list[str]:
    return [part.source for part in split(source, Bare(limit))]


def shown(parts: list[Part], dialect: Dialect) -> Iterator[str]:
    """The visible texts; every part must fit, rendered and plain, also while the answer grows."""
    for part in parts:
        page = dialect.render(part.source, final=True)
        assert page.size <= dialect.limit
        assert dialect.render(part.source, final=False).size <= dialect.limit
        assert dialect.plain(part.source).size <= dialect.limit
        yield page.text


def assert_covers(source: str, parts: list[Part]) -> None:
    """Parts are in order, and hold all but white space and the lines of fences."""
    end = 0
    for part in parts:
        assert end <= part.start < part.end <= len(source)
        assert not source[end : part.start].strip("`~> \t\r\n")
        end = part.end
    rest = re.sub(r"(?m)^[ >]*(`{3,}|~{3,})\w*$", "", source[end:])  # a fence without code shows nothing
    assert not letters(rest)


def grown(source: str, dialect: Dialect, step: int) -> list[Part]:
    """The parts of a source that grows; fails if a full part ever changes."""
    cuts: tuple[int, ...] = ()
    parts: list[Part] = []
    for end in [*range(step, len(source), step), len(source)]:
        full = parts[: len(cuts)]
        parts = split(source[:end], dialect, cuts)
        assert parts[: len(full)] == full
        cuts = settled(parts, source[:end])
    return parts


@pytest.mark.parametrize("source", ["", " ", "\n\n \t\n", "\r\n"])
def test_nothing_makes_no_part(source: str) -> None:
    assert split(source, Bare(20)) == []
    assert split(source, TELEGRAM) == []


def test_what_fits_is_one_part() -> None:
    assert split("a" * 20, Bare(20)) == [Part(0, 20, "a" * 20)]
    assert split("**a**\n\n", Bare(20)) == [Part(0, 7, "**a**\n\n")]


@pytest.mark.parametrize(("length", "sizes"), [(4096, [4096]), (4097, [4096, 1]), (8192, [4096, 4096])])
def test_exactly_the_limit_one_more_and_twice(length: int, sizes: list[int]) -> None:
    parts = split("a" * length, TELEGRAM)
    assert [part.end - part.start for part in parts] == sizes


def test_a_very_long_word_is_cut_at_the_limit() -> None:
    assert [len(text) for text in sources("a" * 9000, 4096)] == [4096, 4096, 808]


@pytest.mark.parametrize(
    ("source", "parts"),
    [
        ("aaaa aaaa.\n\nbbbb b\nbbbb", ["aaaa aaaa.", "bbbb b\nbbbb"]),  # a paragraph before a line
        ("aaaa aaaa. aa\nbbbb b bbb", ["aaaa aaaa. aa", "bbbb b bbb"]),  # a line before a sentence
        ("aaaa aaaaa. Bbb bbbb bbb", ["aaaa aaaaa.", "Bbb bbbb bbb"]),  # a sentence before a word
        ("aaaa aaaaaaaaa bbbbbb bbb", ["aaaa aaaaaaaaa", "bbbbbb bbb"]),  # a word before a character
        ("これは長い文です。次の文も長いですよ。終わり", ["これは長い文です。次の文も長いですよ。", "終わり"]),
        ("a\n\nbbbbbbbbbbbbbbbbbbbbbb", ["a\n\nbbbbbbbbbbbbbbbbb", "bbbbb"]),  # no tiny parts
        ("aaaaaaaaaaaaaaaaaaaa\n\n\nb", ["aaaaaaaaaaaaaaaaaaaa", "b"]),
        ("aaaaaaaaaaaaaaaaaaaa\n\n\n", ["aaaaaaaaaaaaaaaaaaaa"]),
        ("aaaa aaaa 3. Bbbb bbbbb", ["aaaa aaaa 3. Bbbb", "bbbbb"]),  # no sentence ends there
        ("aaaaaaaaaaa aaaaaaaa - b", ["aaaaaaaaaaa", "aaaaaaaa - b"]),  # "- b" would become a list
        ("aaaaaaaaaaaa **bb bb** c", ["aaaaaaaaaaaa", "**bb bb** c"]),
        ("aaaaaaaaaaaa `bb bb b` c", ["aaaaaaaaaaaa", "`bb bb b` c"]),
        ("aaaaaaaaaa [bb b b](c) c", ["aaaaaaaaaa", "[bb b b](c) c"]),
    ],
)
def test_the_best_place_is_taken(source: str, parts: list[str]) -> None:
    assert sources(source, 20) == parts


@pytest.mark.parametrize(
    "one",
    ["e\u0301\u0323", "👨‍👩‍👧‍👦", "👋🏽", "❤️", "🇩🇪", "1️⃣", "\r\n", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "각", "\\*", "**"],
)
def test_what_is_read_as_one_is_not_cut(one: str) -> None:
    for before in range(20 - len(one), 20):
        source = "a" * before + one + "b" * 20
        parts = split(source, Bare(20))
        assert any(one in source[part.start : part.end] for part in parts) or one.isspace()
        assert all(len(part.source) <= 20 for part in parts)
        assert not any(unicodedata.category(part.source[0]).startswith("M") for part in parts)


def test_flags_are_cut_between_pairs() -> None:
    parts = sources("🇩🇪🇫🇷" * 20, 21)
    assert all(len(part) % 2 == 0 for part in parts)
    assert "".join(parts) == "🇩🇪🇫🇷" * 20


def test_an_emoji_at_the_cut_stays_whole_in_utf_16() -> None:
    parts = split("a" * 4095 + "😀" + "b", TELEGRAM)
    assert [part.source for part in parts] == ["a" * 4095, "😀b"]


def test_a_fence_is_closed_at_the_cut_and_opened_again() -> None:
    source = "```python\n" + "".join(f"line {n}\n" for n in range(8)) + "```\nend"
    parts = sources(source, 40)
    assert parts[0] == "```python\nline 0\nline 1\nline 2\nline 3\n```"[: len(parts[0]) - 4] + "\n```"
    assert all(part.startswith("```python\nline ") for part in parts)
    assert all(part.count("```") == 2 for part in parts)
    assert "end" in parts[-1].split("```")[-1]


@pytest.mark.parametrize(
    ("opening", "line", "closing", "again", "inside"),
    [
        ("~~~~sh", "echo", "~~~~", "~~~~sh", "echo"),
        ("````md", "```", "````", "````md", "```"),
        ("   ```js", "   f()", "   ```", "```js", "f()"),
        ("1. ```js", "   f()", "   ```", "```js", "f()"),
        ("- - ~~~", "    f()", "    ~~~", "~~~", "f()"),
        ("> ```js", "> f()", "> ```", "```js", "f()"),
        ("\t```js", "\tf()", "\t```", "```js", "f()"),
    ],
)
def test_every_kind_of_fence(opening: str, line: str, closing: str, again: str, inside: str) -> None:
    source = "\n".join([opening, *[line] * 50, closing, "", "after"])
    first, *rest = split(source, Bare(80))
    assert first.source.startswith(opening)
    assert first.source.splitlines()[-1].strip("> \t") == closing.strip("> \t")
    opened = [part.source for part in rest if part.source != "after"]
    assert len(opened) >= 2
    for part in opened:
        assert part.startswith(f"{again}\n{inside}\n")
        assert part.count(again.rstrip("jshmd")) % 2 == 0
    assert rest[-1].source.endswith("after")


def test_what_looks_like_a_fence_is_none() -> None:
    source = "```inline``` code\n" + "word " * 30
    assert not any(part.rstrip().endswith("```") for part in sources(source, 40))


def test_a_fence_that_is_only_closed_makes_no_part() -> None:
    source = "```\n" + "a" * 12 + "\n```"
    for end in range(17, len(source) + 1):
        assert len(split(source[:end], Bare(20), (16,))) == 1
    assert [part.source for part in split(source + "\nmore", Bare(20), (16,))][1:] == ["more"]


def test_a_fence_that_begins_late_goes_to_the_next_part() -> None:
    source = "word " * 12 + "\n\n```py\n" + "code\n" * 8 + "```"
    assert [part.startswith("```py") for part in sources(source, 80)] == [False, True]


def test_a_long_code_block_is_complete_and_never_closed_is_fine() -> None:
    code = "".join(f"    value_{n} = compute({n})\n" for n in range(200))
    for source in (f"```python\n{code}", f"```python\n{code}```"):
        parts = split(source, TELEGRAM)
        assert len(code) > 5000
        assert len(parts) == 2
        assert not missing(letters(code), shown(parts, TELEGRAM))
        assert all(
            page.markup[0].language == "python" for page in (TELEGRAM.render(p.source, final=True) for p in parts)
        )


def test_a_nested_list_goes_on_as_a_list() -> None:
    source = "- top\n" + "    - nested item\n" * 20
    for part in split(source, SmallTelegram(100))[1:]:
        page = TELEGRAM.render(part.source, final=True)
        assert page.text.startswith("• nested item\n• nested")
        assert not page.markup


def test_a_table_that_grows_by_rendering_still_fits() -> None:
    rows = [f"|{'wide ' * 6 if n == 1 else 'x'}|{n}|" for n in range(100)]
    source = "\n".join(["|a|b|", "|-|-|", *rows])
    dialect = SmallTelegram(1000)
    assert dialect.render(source, final=True).size > 3 * len(source)
    parts = split(source, dialect)
    assert not missing(said(source), shown(parts, dialect))


@pytest.mark.parametrize("prefix", ["", "  ", "> "])
def test_a_table_keeps_its_head_in_every_part(prefix: str) -> None:
    rows = [f"{prefix}| row{n} | {n * n} |" for n in range(40)]
    source = "\n".join(["before", "", f"{prefix}| name | value |", f"{prefix}|------|-------|", *rows, "", "a | b"])
    dialect = SmallTelegram(200)
    parts = grown(source, dialect, 7)
    assert len(parts) > 3
    for part in parts[1:]:
        assert dialect.render(part.source, final=True).text.startswith("name  | value\n------+------\nrow")
    assert not missing(letters("".join(rows)), shown(parts, dialect))


class Lines(str):
    """A source that counts how often somebody looks for the line above."""

    looks = 0

    def rfind(self, *args: Any) -> int:
        self.looks += 1
        return super().rfind(*args)


@pytest.mark.parametrize("lines", [["| a | 1 |"], ["|-|", "|-|-|"]])
def test_a_table_of_any_length_is_walked_up_once(lines: list[str]) -> None:
    rows = 6000
    source = Lines("\n".join(["| name | value |", "|---|---|", *lines * (rows // len(lines))]))
    assert len(split(source, Bare(600))) > 40
    assert source.looks < 8 * rows


def test_a_head_is_not_cut_from_its_table() -> None:
    source = "word " * 20 + "\n\n| name | value |\n|------|-------|\n| row | 1 |"
    for limit in range(105, 150):
        parts = split(source, Bare(limit))
        assert any("| name | value |\n|------|-------|\n| row" in part.source for part in parts)


def test_a_growing_part_comes_with_its_page() -> None:
    (part,) = split("a **b", TELEGRAM, final=False)
    assert part.page == TELEGRAM.render("a **b", final=False)


def test_a_part_is_full_when_its_page_is() -> None:
    parts = split("word " * 20, Bare(60, wider=3))
    assert all(len(part.source.strip()) * 3 <= 60 for part in parts)
    assert letters("".join(part.source for part in parts)) == "word" * 20


def test_cuts_stay_and_the_text_before_them_is_not_rendered_again() -> None:
    source = "word " * 2000
    dialect = Bare(100)
    parts = split(source, dialect)
    dialect.rendered = 0
    assert split(source, dialect, settled(parts, source)) == parts
    assert dialect.rendered <= 200
    moved = (50, *(cut for cut in settled(parts, source) if cut > 150))
    assert [part.end for part in split(source, dialect, moved)[:-1]] == list(moved)


def test_cuts_behind_the_source_are_ignored() -> None:
    assert [part.source for part in split("short", Bare(20), (50, 90))] == ["short"]


def test_a_full_part_is_settled_before_more_text_comes() -> None:
    source = "a" * 20 + "\n"
    parts = split(source, Bare(20))
    assert settled(parts, source) == (20,)
    assert settled(split("a" * 20, Bare(20)), "a" * 20) == ()


@pytest.mark.parametrize("limit", [300, 900, 4096])
@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_answers_that_grow_keep_their_full_parts_and_lose_nothing(path: Path, limit: int) -> None:
    source = path.read_text()
    dialect = SmallTelegram(limit)
    for step in (61, 400):
        parts = grown(source, dialect, step)
        assert_covers(source, parts)
        assert not missing(said(source), shown(parts, dialect))


WORDS = st.sampled_from(
    [
        *(
            "word",
            "**bold**",
            "*it*",
            "~~gone~~",
            "`some code`",
            "**bold words**",
            "vector<int>",
            "<b>tag</b>",
            "a_b_c",
        ),
        *("https://a.b/c", "[link](https://a.b)", "[a long link](https://a.b/c)", "&amp;", "\\*", "5*3", "$5", "end."),
        *(
            "😀",
            "👨\u200d👩\u200d👧",
            "e\u0301",
            "العربية",
            "日本語です。",
            "\u200b",
            "1.",
            "#",
            "-",
            "|",
            "!",
            "[x]",
            ":",
        ),
    ]
)
TEXT = st.lists(WORDS, min_size=1, max_size=25).map(" ".join)
CODE = st.lists(st.sampled_from(["x = 1", "    return [y](z)", "", "# no heading", "* a", "<b>"]), max_size=12)
BLOCKS = st.one_of(
    TEXT,
    TEXT.map("# {}".format),
    TEXT.map("> {}".format),
    st.lists(TEXT, min_size=1, max_size=4).map(
        lambda items: "\n".join(f"{'  ' * n}- {i}" for n, i in enumerate(items))
    ),
    CODE.map(lambda lines: "\n".join(["```py", *lines, "```"])),
    CODE.map(lambda lines: "\n".join(["- item", "", "  ~~~", *[f"  {line}" for line in lines], "  ~~~"])),
    st.integers(1, 6).map(lambda rows: "|a|b|\n|-|-|\n" + "|one|`two`|\n" * rows),
    st.integers(1, 90).map("x".__mul__),
)
ANSWERS = st.lists(BLOCKS, max_size=6).map("\n\n".join)


@settings(max_examples=120, deadline=None)
@given(ANSWERS, st.integers(60, 400))
def test_any_answer_fits_and_loses_nothing(source: str, limit: int) -> None:
    dialect = SmallTelegram(limit)
    parts = grown(source, dialect, 97)
    assert_covers(source, parts)
    assert not missing(said(source), shown(parts, dialect))


MARKS = "ab1 \t\n\n`~*_[]()<>#|$\\-+.!é\u0301\u200d🇩😀ש\r"


@settings(max_examples=150, deadline=None)
@given(st.text(MARKS, max_size=200), st.integers(20, 60), st.integers(5, 40))
def test_any_text_is_split_into_parts_that_fit(source: str, limit: int, step: int) -> None:
    for dialect in (Bare(limit), SmallTelegram(limit)):
        parts = grown(source, dialect, step)
        assert_covers(source, parts)
        list(shown(parts, dialect))
