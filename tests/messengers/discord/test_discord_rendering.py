"""CommonMark becomes what Discord shows alike: only marks are lost, and nothing is taken for a mark that is none."""

import pytest

from messengers.discord.rendering import DiscordDialect
from tests.messengers.discord.client_view import Seen, seen

DIALECT = DiscordDialect()


def rendered(source: str) -> str:
    return DIALECT.render(source, final=True).text


def viewed(source: str) -> Seen:
    return seen(rendered(source))


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("a **b** *c* ~~d~~ `e`", "a **b** _c_ ~~d~~ `e`"),
        ("__bold__ and ***both***", "**bold** and _**both**_"),
        ("x*y*z **a *b*** *a **b***", "x*y*z **a _b_** _a **b**_"),
        ("# One\n\ntext\n## Two\n### Three", "# One\ntext\n## Two\n### Three"),
        ("#### Four **b**\n\ntext", "**Four b**\n\ntext"),
        ("Title\n=====", "# Title"),
        ("a\n\n***\n\nb\n\n---", "a\n\n──────────\n\nb\n\n──────────"),
        ("- a\n  - b\n\n    more\n+ c", "- a\n  - b\n    more\n\n- c"),
        ("7. a\n8. b\n   1) c", "7. a\n8. b\n  1. c"),
        ("- [ ] a\n- [x] b", "- ☐ a\n- ✅ b"),
        ("- # a\n- b", "- **a**\n- b"),
        ("- - a", "- - a"),
        ("> a\n> > b\n\nc", "> a\n> \n> b\n\nc"),
        ("> - a\n>\n> `b`", "> - a\n> \n> `b`"),
        ("a\\\nb  \nc\nd<br>e", "a\nb\nc\nd\ne"),
        ("```py\nx = 1  # **a**\n```", "```py\nx = 1  # **a**\n```"),
        ("~~~~js title=x\nf()\n~~~~", "```js\nf()\n```"),
        ("    indented", "```\nindented\n```"),
        ("1. a\n   ```\n   b\n   ```\n2. c", "1. a\n```\nb\n```\n2. c"),
        ("- a\n  > b", "- a\n> b"),
        ("``a`b``", "``a`b``"),
        ("```` ``` ````", "` ``` `"),
        ("``` ` `` ```", "\\` \\`\\`"),
        ("&lt;a&gt; &amp; &copy;", "<a> & ©"),
    ],
)
def test_markdown_becomes_discords(source: str, text: str) -> None:
    assert rendered(source) == text


def test_tables_become_columns() -> None:
    source = "|Name|Value|\n|:-|-:|\n|`x`|**1**|\n|日本|[a](https://b.c)|"
    assert rendered(source).splitlines() == [
        "```",
        "Name |           Value",
        "-----+----------------",
        "x    |               1",
        "日本 | a (https://b.c)",
        "```",
    ]


def test_a_table_too_wide_for_a_phone_becomes_a_list() -> None:
    assert rendered(f"|a|b|\n|-|-|\n|{'long ' * 9}|[x](https://b.c)|\n|x| |").splitlines() == [
        "**a | b**",
        "",
        f"**{('long ' * 9).strip()}**",
        "b: [x](https://b.c)",
        "",
        "**x**",
    ]


def test_a_matrix_is_a_block() -> None:
    assert rendered("A:\n$$\\begin{bmatrix}1 & 2\\\\3 & 40\\end{bmatrix}$$\nB") == "A:\n```\n⎡1   2⎤\n⎣3  40⎦\n```\nB"


def test_a_fence_in_code_does_not_end_it() -> None:
    assert seen(rendered("    a `````\n\n**b**")).all("bold") == ["b"]
    view = viewed("````md\n```py\nx\n```\n````\n\nafter **b**")
    (block,) = view.all("block")
    assert block.replace("\u200b", "") == "```py\nx\n```"
    assert view.all("bold") == ["b"]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("[a](https://b.c/d)", "[a](https://b.c/d)"),
        ("[a](https://b.c/(d)_e)", "[a](https://b.c/%28d%29_e)"),
        ("[**a** b](https://b.c 'Title')", "[**a** b](https://b.c)"),
        ("![alt](https://b.c/d.png)", "[alt](https://b.c/d.png)"),
        ("![](https://b.c/d.png)", "<https://b.c/d.png>"),
        ("[![alt](https://b.c/d.png)](https://e.f)", "[alt](https://e.f)"),
        ("<https://b.c/a_b_c>", "<https://b.c/a_b_c>"),
        ("[https://b.c](https://b.c)", "<https://b.c>"),
        ("[https://b.c](https://evil.c)", "<https://b.c> (<https://evil.c>)"),
        ("[🎉 a](https://b.c)", "🎉 a (<https://b.c>)"),
        ("[**✅** a](https://b.c)", "**✅** a (<https://b.c>)"),
        ("[1️⃣](https://b.c)", "1️⃣ (<https://b.c>)"),
        ("[:tada: a](https://b.c)", ":tada: a (<https://b.c>)"),
        ("![🎉](https://b.c/d.png)", "🎉 (<https://b.c/d.png>)"),
        ("[a](file.md)", "a (file.md)"),
        ("[a](javascript:alert)", "a (javascript:alert)"),
        ("[a](tg://x) ![b](data:x)", "a (tg://x) b (data:x)"),
        ("https://b.c/a_b_c*d and x", "https://b.c/a_b_c*d and x"),
        ("*https://b.c/a_b*", "*<https://b.c/a_b>*"),
        ("(see https://b.c/d_(e)), or https://b.c/.", "(see https://b.c/d_(e)), or https://b.c/."),
        ("https://b.c/d!", "<https://b.c/d>!"),
        ("https://b.c/d`e`", "<https://b.c/d>`e`"),
        ("[a][1]\n\n[1]: https://b.c", "[a](https://b.c)"),
        ("see [2]\n\n[1]: https://b.c/d", "see \\[2]\n\n\\[1]: https://b.c/d"),
        ("<a@b.c>", "<a@b.c>"),
    ],
)
def test_links(source: str, text: str) -> None:
    assert rendered(source) == text


@pytest.mark.parametrize(
    "text",
    [
        "true || false or true || false",
        "||no spoiler||",
        "snake_case_x and __init__ is_a_b ",
        "5 * 3 * 2, 2**3**4, a\\*b",
        "a ~~ b ~~ c, ~6",
        "<@123> <@!1> <@&2> <#1> <:emoji:1> <a:b:2> <t:1:R> <id:customize> </help:1>",
        "@everyone and @here",
        "vector<int> List<Map<String, Integer>> std::vector<std::string>",
        "¯\\_(ツ)_/¯",
        "a ` b ` c",
        "price [1](2) (3)",
        "a:b:c and std::map::iterator at 1:100:5, a::b::c::d",
        "key:value:other :: x:y 12:30:45 q:+1: q:-1:",
    ],
)
def test_what_is_no_markup_in_commonmark_is_none_in_discord(text: str) -> None:
    # As its characters, whatever CommonMark itself would make of them.
    source = text.replace("\\", "\\\\").replace("_", "\\_").replace("*", "\\*").replace("<", "\\<")
    source = source.replace("`", "\\`").replace("~", "\\~").replace("[1](", "\\[1\\](")
    view = viewed(source)
    assert (view.text, view.styles) == (text.strip(), [])


@pytest.mark.parametrize(
    "source", ["-# small", ">>> all", "\\# a", "1\\. a\n2\\. b", "\\- a", "\\+ a", "\\> a", "x\n\\# y"]
)
def test_marks_of_lines_that_commonmark_has_not_are_text(source: str) -> None:
    view = viewed(source)
    if source.startswith(">>>"):  # to CommonMark a quote in a quote in a quote
        assert view.styles == [("quote", "> ")]
    else:
        assert (view.text, view.styles) == (source.replace("\\", ""), [])


@pytest.mark.parametrize(
    "source",
    [
        "a vector<int> and a List<Map<String, Integer>>",
        "<think>hm</think> yes",
        "<details>\n<summary>s</summary>\nhidden\n</details>\n\nshown",
        "<!-- a comment -->",
        "- <div>\n  in a list\n  </div>",
        "std::vector<std::string> and <a@b.c>",
        "$HOME/$USER and $PATH/$x, $5 and $10",
        "```latex\n\\[ \\frac{a}{b} \\] \\(\\alpha\\)\n```",
    ],
)
def test_html_and_dollars_are_shown_as_they_were_written(source: str) -> None:
    text = viewed(source).text
    for word in source.replace("```latex", "").replace("```", "").replace("- <", "<").split():
        assert word in text


def test_markdown_inside_html_is_still_read() -> None:
    assert viewed("<details>\n**a**\n```html\n<b>\n```\n</details>").styles == [("bold", "a"), ("block", "<b>")]


def test_an_emoji_by_its_name_may_stand_free() -> None:
    assert viewed(":tada: we (:+1:) did").all("emoji") == [":tada:", ":+1:"]


@pytest.mark.parametrize("text", ["🎉 a", "1️⃣", ":tada: a", "☎"])
def test_the_view_shows_no_link_with_an_emoji_in_its_text(text: str) -> None:
    view = seen(f"[{text}](https://b.c)")
    assert (view.text, view.styles) == (f"[{text}](https://b.c)", [])


def test_formulas_become_readable() -> None:
    assert rendered(r"\(\alpha^2\), \[ \frac{a}{b} \] and $\beta$") == "`α²`, `a/b` and `β`"
    assert "α | y" in rendered("|a|b|\n|-|-|\n|$\\alpha$|y|")
    assert "|x| | y" in rendered("|a|b|\n|-|-|\n|$|x|$|y|")
    assert rendered("$f(x)$, $n$th, $HOME/$USER") == "`f(x)`, `n`th, $HOME/$USER"


def test_styles_side_by_side_are_not_read_as_one() -> None:
    assert viewed("**a**__b__ *c*").all("bold") == ["a", "b"]


def test_code_side_by_side_and_brackets_around_code_are_read_as_what_they_are() -> None:
    assert viewed("``a`b``$x_1$").all("code") == ["a`b", "x₁"]
    assert viewed("[ `a](https://b.c)` d").styles == [("code", "a](https://b.c)")]


def test_a_mention_behind_an_address_is_none() -> None:
    """Discord takes all up to the next `<` for the address, a backslash too."""
    for source in ("https://b.c<@1>", "https://b.c)<@1>", "https://b.c`d`<@1>", "**https://b.c**<@1>"):
        assert not viewed(source).all("mention")


def test_a_style_that_its_own_mark_in_code_would_end_is_left_out() -> None:
    assert viewed("**see `2**3` there** and **`x`**").styles == [("code", "2**3"), ("code", "x"), ("bold", "x")]
    assert viewed("*a `b*c_d` **e***").styles == [("code", "b*c_d"), ("bold", "e")]
    assert viewed("~~a `~~` b~~").styles == [("code", "~~")]


def test_a_list_that_only_goes_deeper_stays_readable() -> None:
    for depth in (50, 2000):
        assert rendered("- " * depth + "end").endswith("end")
    nested = "\n".join("  " * depth + "- a" for depth in range(40))
    assert max(map(len, rendered(nested).splitlines())) < 20


def test_surplus_cells_of_a_table_are_not_dropped() -> None:
    text = rendered("|op|is|\n|-|-|\n|`||`|logical or|\n|1|2|3|4|")
    assert "|| | logical or" in text
    assert "1  | 2|3|4" in text
