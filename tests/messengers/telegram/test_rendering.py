"""Markdown becomes text and entities that Telegram takes as they are, and loses nothing on its way."""

import subprocess
import sys
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messengers.base import Dialect, Page
from messengers.telegram.rendering import Entity, TelegramDialect
from tests.markdown_text import missing, said
from tests.servers.telegram_text import fix_text

DIALECT = TelegramDialect()
SAMPLES = sorted((Path(__file__).parents[2] / "samples").glob("*.md"))


def rendered(source: str) -> Page:
    return DIALECT.render(source, final=True)


def growing(source: str) -> Page:
    return DIALECT.render(source, final=False)


def marked(page: Page) -> list[tuple[str, str]]:
    """Each entity's type, and the text that it covers."""
    units = page.text.encode("utf-16-le")
    return [(e.type, units[2 * e.offset : 2 * e.end].decode("utf-16-le")) for e in page.markup]


def assert_taken(page: Page) -> None:
    """Telegram would store the page just as it is."""
    assert page.size == len(page.text.encode("utf-16-le")) // 2
    if not page.text:
        assert not page.markup
        return
    entities = [_wire(entity) for entity in page.markup]
    assert fix_text(page.text, [dict(entity) for entity in entities]) == (page.text, entities)
    assert len(entities) <= 100
    _assert_nested(page.markup)


def _wire(entity: Entity) -> dict[str, Any]:
    wire: dict[str, Any] = {"type": entity.type, "offset": entity.offset, "length": entity.length}
    return wire | {name: value for name in ("url", "language") if (value := getattr(entity, name))}


def _assert_nested(entities: Sequence[Entity]) -> None:
    """What overlaps is nested; code holds nothing, and stands in nothing but a quote."""
    for one, other in combinations(entities, 2):
        if one.offset < other.end and other.offset < one.end:
            inner, outer = sorted((one, other), key=lambda entity: (entity.length, entity.type == "blockquote"))
            assert outer.offset <= inner.offset <= inner.end <= outer.end
            assert not {inner.type, outer.type} & {"pre", "code"} or outer.type == "blockquote"


def test_it_is_a_dialect() -> None:
    dialect: Dialect = TelegramDialect()
    assert dialect.limit == 4096


@pytest.mark.parametrize(
    ("source", "text", "entities"),
    [
        ("a **b** *c* ~~d~~ `e`", "a b c d e", [("bold", "b"), ("italic", "c"), ("strikethrough", "d"), ("code", "e")]),
        ("# Title\n\ntext", "Title\n\ntext", [("bold", "Title"), ("underline", "Title")]),
        ("[a](https://b.c/d)", "a", [("text_link", "a")]),
        ("> said\n\nmore", "said\n\nmore", [("blockquote", "said")]),
        ("- a\n  - b\n1. c", "• a\n  • b\n1. c", []),
        ("- [ ] a\n- [x] b", "☐ a\n✅ b", []),
        ("|a|b|\n|-|-|\n|1|2|", "a | b\n--+--\n1 | 2", [("pre", "a | b\n--+--\n1 | 2")]),
        ("😀 **b** 😀", "😀 b 😀", [("bold", "b")]),
        ("snake_case_x, 5 * 3 * 2, $5 and $10, ~6", "snake_case_x, 5 * 3 * 2, $5 and $10, ~6", []),
    ],
)
def test_markdown_becomes_text_and_entities(source: str, text: str, entities: list[tuple[str, str]]) -> None:
    page = rendered(source)
    assert page.text == text
    assert marked(page) == entities
    assert_taken(page)


def test_code_keeps_its_language_and_its_tabs_become_four_spaces() -> None:
    page = rendered("```go\nif x {\n\ty()\n}\n```")
    assert page == Page("if x {\n    y()\n}", 16, (Entity("pre", 0, 16, language="go"),))


@pytest.mark.parametrize(
    "source",
    [
        "a vector<int> and a List<Map<String, Integer>>",
        "<think>hm</think> yes",
        "<details>\n<summary>s</summary>\nhidden\n</details>\n\nshown",
        "<!-- a comment -->",
        "- <div>\n  in a list\n  </div>",
        "std::vector<std::string> and <a@b.c>",
        "true || false or true || false",
        "$HOME/$USER and $PATH/$x",
        "see [2]\n\n[1]: https://a.b/one\n[2]: https://a.b/two",
        "```latex\n\\[ \\frac{a}{b} \\] \\(\\alpha\\)\n```",
    ],
)
def test_what_is_no_markup_is_shown_as_it_was_written(source: str) -> None:
    shown = rendered(source).text
    for word in source.replace("```latex", "").replace("```", "").replace("- <", "<").split():
        assert word in shown


def test_markdown_inside_html_is_still_read() -> None:
    page = rendered("<details>\n**a**\n```html\n<b>\n```\n</details>")
    assert marked(page) == [("bold", "a"), ("pre", "<b>")]


def test_a_line_break_tag_breaks_the_line() -> None:
    assert rendered("a<br>b<br/>c").text == "a\nb\nc"


def test_formulas_become_readable_and_stay_in_their_table() -> None:
    assert rendered(r"\(\alpha^2\), \[ \frac{a}{b} \] and $\beta$").text == "α², a/b and β"
    assert rendered("|a|b|\n|-|-|\n|$x_1$|y|").text.endswith("x₁ | y")
    assert rendered("$$A = \\begin{pmatrix} a & b \\\\ c & d \\end{pmatrix}$$").text == "A = ⎛a  b⎞\n    ⎝c  d⎠"
    assert rendered(r"$x_i$ and $\sqrt{x+1}$, from $5 to 10$").text == "xᵢ and √(x+1), from $5 to 10$"


@pytest.mark.parametrize(
    ("row", "cell"),
    [("$|x|$", "|x|"), ("$\\|x\\|$", "|x|"), ("$P(A|B)$ or `||`", "P(A|B) or ||"), ("$5\\|6$", "$5|6$")],
)
def test_bars_in_formulas_of_a_table_are_no_borders_and_gain_no_backslashes(row: str, cell: str) -> None:
    assert rendered(f"|a|b|\n|-|-|\n|{row}|end|").text.splitlines()[-1] == f"{cell} | end"


@pytest.mark.parametrize(
    ("source", "bold"),
    [
        ("**注意：**这是重点。**“引用”**后面的文字", ["注意：", "“引用”"]),
        ("文字**“引用”**后面", ["“引用”"]),
        ('**"Киев"**это', ['"Киев"']),
        ("これは**「重要」**です", ["「重要」"]),
        ("**Note:**text", ["Note:"]),
        ("x**(n+1)**2 and `**注意：**这` **b**", ["b"]),
    ],
)
def test_bold_text_may_end_in_a_mark_before_a_letter(source: str, bold: list[str]) -> None:
    page = rendered(source)
    assert [text for what, text in marked(page) if what == "bold"] == bold
    assert "\u200b" not in page.text


@pytest.mark.parametrize("source", ["**注意：**这是重点。**“引用”**后面的文字", '**"Киев"**это', "**Note:**text"])
def test_while_such_bold_text_grows_its_stars_are_never_seen(source: str) -> None:
    assert not any("*" in growing(source[:end]).text for end in range(len(source) + 1))


def test_a_long_name_of_a_column_is_not_repeated_in_every_row() -> None:
    page = rendered(f"|a|{'name ' * 60}|\n|-|-|\n" + "|x|y|\n" * 50)
    assert page.text.count("name name") > 50
    assert page.size < 5000


def test_columns_of_wide_letters_and_emoji_stand_below_each_other() -> None:
    assert rendered("|語|b|\n|-|-:|\n|日本|1|\n|👨‍👩‍👧|22|\n|❤️|3|").text.splitlines() == [
        "語   |  b",
        "-----+---",
        "日本 |  1",
        "👨‍👩‍👧   | 22",
        "❤️   |  3",
    ]


def test_a_table_too_wide_for_a_phone_becomes_a_list_and_keeps_its_links() -> None:
    page = rendered("|Name|Where|\n|-|-|\n|**pi**|[a long description of it](https://a.bc/d)|\n|e| |")
    assert page.text == "Name | Where\n\npi\nWhere: a long description of it\n\ne"
    assert ("text_link", "a long description of it") in marked(page)
    assert_taken(page)


def test_a_list_that_only_goes_deeper_stays_readable() -> None:
    page = rendered("- " * 2000 + "end")
    assert page.text.endswith("• end")
    assert page.size < 50_000


def test_surplus_cells_of_a_table_are_not_dropped() -> None:
    text = rendered("|op|is|\n|-|-|\n|`||`|logical or|\n|1|2|3|4|").text
    assert "|| | logical or" in text
    assert "1  | 2|3|4" in text


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("[a](tg://user?id=1)", "a (tg://user?id=1)"),
        ("[a](javascript:alert(1))", "a (javascript:alert(1))"),
        ("[a](data:text/html,x)", "a (data:text/html,x)"),
        ("[a](./src/file.md)", "a (./src/file.md)"),
        ("[file.md](file.md)", "file.md"),
        ("[a]()", "a"),
        ("handlers[name](event)", "handlers[name](event)"),
        ("[a](ftp://b.c)", "a (ftp://b.c)"),
        ("[a](http://localhost:8080/x)", "a (http://localhost:8080/x)"),
        ("![a](attachment:x.png)", "🖼a (attachment:x.png)"),
    ],
)
def test_links_that_telegram_refuses_are_text_with_their_address(source: str, shown: str) -> None:
    assert rendered(source) == Page(shown, len(shown.encode("utf-16-le")) // 2, ())


@pytest.mark.parametrize("address", ["http://a.b", "https://a.b:80/c?d#e", "https://пример.рф/я", "mailto:a@b.c"])
def test_links_that_telegram_takes_are_links(address: str) -> None:
    page = rendered(f"[x]({address})")
    assert page.markup == (Entity("text_link", 0, 1, url=address),)
    assert_taken(page)


def test_bold_is_cut_around_code_and_a_link_goes_before_code() -> None:
    assert marked(rendered("**a `b` c**")) == [("bold", "a"), ("code", "b"), ("bold", "c")]
    assert marked(rendered("[`f()`](https://a.b)")) == [("text_link", "f()")]


def test_nested_quotes_are_one_and_may_hold_code() -> None:
    page = rendered("> a\n> > b `c`")
    assert marked(page) == [("blockquote", "a\nb c"), ("code", "c")]
    assert_taken(page)


def test_code_is_kept_where_there_are_too_many_entities() -> None:
    page = rendered("**a** *b* " * 100 + "\n\n```\nc\n```\n\n`d`")
    assert len(page.markup) == 100
    assert [what for what, _ in marked(page)].count("pre") == 1
    assert ("code", "d") in marked(page)
    assert_taken(page)


@pytest.mark.parametrize("source", ["", " \n\t ", "\u200b", "\u00a0\u2800", "&nbsp;", "```py\n```", "\x00", "\ufeff"])
@pytest.mark.parametrize("final", [True, False])
def test_what_shows_nothing_is_an_empty_page(source: str, *, final: bool) -> None:
    assert DIALECT.render(source, final=final) == Page("", 0, ())


def test_what_is_no_text_is_replaced() -> None:
    page = rendered("a\ud800b \ud83d\ude00 c\x00d\r\ne\x1b")
    assert page == Page("a\ufffdb 😀 c d\ne", 12, ())
    assert_taken(page)


def test_sizes_are_counted_in_utf_16() -> None:
    assert DIALECT.measure("a😀é\ud800") == 5
    assert rendered("😀" * 10).size == 20


def test_plain_is_the_source_as_it_is() -> None:
    assert DIALECT.plain("\n**a** <b>\x00c ") == Page("**a** <b> c", 11, ())
    assert DIALECT.plain("a" * 9000).size == 9000


class Panic(BaseException):
    pass


Panic.__name__ = "PanicException"


@pytest.mark.parametrize("failure", [ValueError("no"), RecursionError(), Panic()])
def test_a_failure_of_the_library_gives_plain_text(failure: BaseException) -> None:
    def convert(source: str) -> tuple[str, list[Entity]]:
        raise failure

    assert TelegramDialect(convert).render("**a**", final=True) == Page("**a**", 5, ())


def test_what_stops_a_program_is_no_failure_of_the_library() -> None:
    def convert(source: str) -> tuple[str, list[Entity]]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        TelegramDialect(convert).render("**a**", final=True)


@pytest.mark.parametrize(
    ("source", "text", "entities"),
    [
        ("a\n```py\nb", "a\nb", [("pre", "b")]),
        ("```py\nb\n``", "b", [("pre", "b")]),
        ("see [the page](http", "see the page", []),
        ("see [the page](https://a.b/c", "see the page", []),
        ("see ![", "see", []),
        ("a **b c", "a b c", [("bold", "b c")]),
        ("a `b c", "a b c", [("code", "b c")]),
        ("a **b `c", "a b c", [("bold", "b"), ("code", "c")]),
        ("a **", "a", []),
        ("2 ** 3", "2 ** 3", []),
        ("2**3", "2**3", []),
        ("text\n-", "text", []),
        ("text\n---", "text", []),
        ("text\n##", "text", []),
        ("a *b c", "a b c", [("italic", "b c")]),
        ("a **b *c", "a b c", [("bold", "b c"), ("italic", "c")]),
        ("a ~~b", "a b", [("strikethrough", "b")]),
        ("**a\nb", "a\nb", [("bold", "a\nb")]),
        ("2*3, snake_case, a[i", "2*3, snake_case, a[i", []),
        ("see [a (b](https://c.d/(e", "see a (b", []),
        ("- [", "", []),
        ("text\n12.", "text", []),
        ("R&am", "R", []),
        ("x <b", "x", []),
        ("| a | **b", "a | b\n--+--", [("pre", "a | b\n--+--")]),
        ("| a | b |\n|--", "a | b\n--+--", [("pre", "a | b\n--+--")]),
        (r"so \(\frac{a}{b", "so a/b", [("code", "a/b")]),
        ("so $x^2 + \\al", "so x² +", [("code", "x² +")]),
        ("it costs $5 and", "it costs $5 and", []),
        ("It costs $a", "It costs", []),  # it may become a formula
        ("It costs $a month", "It costs $a month", []),
        ("so $f(x", "so", []),
        ("so $f(x)", "so f(x)", [("code", "f(x)")]),
        ("so $f(and then no formula", "so $f(and then no formula", []),
        ("so $a month \\(x^2", "so $a month x²", [("code", "x²")]),
        ("so $$5 + 3", "so", []),
        ("so $$5 + 3 = 8$", "so 5 + 3 = 8", [("code", "5 + 3 = 8")]),
    ],
)
def test_what_is_half_written_does_not_flicker(source: str, text: str, entities: list[tuple[str, str]]) -> None:
    page = growing(source)
    assert (page.text, marked(page)) == (text, entities)


def test_a_final_page_shows_what_was_held_back() -> None:
    assert rendered("see [the page](http").text == "see [the page](http"
    assert rendered("a **").text == "a **"


def test_closing_never_makes_a_page_too_long() -> None:
    source = "`" + "a" * 4095
    assert growing(source).size <= 4096
    assert rendered(source).size == 4096


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_every_beginning_of_an_answer_is_taken_and_complete(path: Path) -> None:
    source = path.read_text()
    for end in range(0, len(source), 97):
        interim = growing(source[:end])
        assert_taken(interim)
        page = rendered(source[:end])
        assert_taken(page)
        assert not missing(said(source[:end]), [page.text])


MARKS = "ab1 \t\n`*_~[]()<>#|$\\-+.!&;:/=\"'é\u0301\u200d😀ש\ud800\x00"


@settings(max_examples=300, deadline=None)
@given(st.text(MARKS, max_size=60), st.booleans())
def test_whatever_is_written_is_taken(source: str, final: bool) -> None:
    assert_taken(DIALECT.render(source, final=final))
    assert_taken(DIALECT.plain(source))


def test_aiogram_is_not_imported() -> None:
    """It takes seconds and 160 MB."""
    program = "import sys, messengers.telegram.rendering; sys.exit('aiogram' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[3])
