"""Answers that would like to be more than text: nothing of them runs, nothing is fetched, all of it can be read."""

import pytest

from tests.browser.conftest import Site
from tests.browser.inventory import answer
from tests.browser.page import Page
from tests.servers.model import Answer, ModelServer

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

EVIL = "window.evil=1;alert(1)"  # as answers/hostile.md has it

# Elements and attributes that no answer is ever made of.
LOUD = r"""[...document.querySelectorAll('#messages *')].filter(each =>
    !/^(?:LI|SPAN|DIV|P|CODE|PRE|FIGURE|FIGCAPTION|BUTTON|TABLE|THEAD|TBODY|TR|TH|TD|A|H2|EM|STRONG)$/.test(each.tagName)
        && !each.closest('math, svg')
    || [...each.attributes].some(({name, value}) => name.startsWith('on') || name === 'style'
        || /^(?:xlink:)?href$|^src$/.test(name) && !/^(?:https:\/\/|#i-)/.test(value))
).map(each => each.outerHTML)"""


async def test_nothing_of_a_hostile_answer_runs_or_is_fetched_and_all_can_be_read(
    page: Page, site: Site, model: ModelServer
) -> None:
    model.default = Answer(text=answer("hostile"), words_per_second=200)
    await page.say(f"<script>{EVIL}</script><img src=x onerror={EVIL}>")
    shown = await page.answered("THE END", 20)
    assert await page.js("window.evil === undefined")
    assert page.dialogs == []
    assert [url for url in page.requests if not url.startswith((site.url, "blob:", "data:image/svg+xml,%3Csvg"))] == []
    assert await page.js(LOUD) == []
    links = await page.js("[...document.querySelectorAll('.bot a')].map(each => new URL(each.href).protocol)")
    assert set(links) == {"https:"}
    for words in ("<script>", "<iframe srcdoc=", "<style>body", "an unclosed fence", "](javascript:", "</code></pre>"):
        assert words in shown
    assert await page.js(
        "document.body.checkVisibility() && document.querySelectorAll('.you script, .bot script').length === 0"
    )
    assert page.complaints == [], "not even the content security policy had anything to refuse"


async def test_a_hostile_name_of_a_conversation_is_only_text(page: Page) -> None:
    await page.say(f'"><img src=x onerror="{EVIL}">')
    await page.answered()
    assert await page.js("document.querySelector('#sidebar img') === null && window.evil === undefined")
    assert await page.js("document.title.includes('<img')")


async def test_formulas_that_are_none_cost_only_themselves(page: Page, model: ModelServer) -> None:
    """Names that every object has, and nesting deeper than a browser's stack."""
    small = r"$\constructor$ $\toString$ $\valueOf{a}$ $\__proto__$ $\left$ $x_$ $\begin{}$"
    deep = [rf"{name}" * count for name, count in ((r"\hat", 20_000), (r"\sqrt", 3000), (r"\frac", 200), ("{", 900))]
    model.default = Answer(text="\n\n".join([small, *(f"$${each}$$" for each in deep), "THE END"]))
    await page.say("break")
    await page.answered("THE END", 20)
    sources = await page.js(
        "[...document.querySelectorAll('.formula-source')].map(each => each.innerText.slice(0, 12))"
    )
    assert sources[:3] == [r"\constructor", r"\toString", r"\valueOf{a}"]
    assert len([each for each in sources if each.startswith((r"\hat\hat", r"\sqrt\sqrt", r"\frac\frac", "{{{"))]) == 4
    model.default = Answer(text="and on it goes")
    await page.say("next")
    await page.answered("and on it goes")
    assert page.complaints == []


async def test_what_cannot_be_drawn_is_shown_as_its_source_and_holds_up_nothing(page: Page, model: ModelServer) -> None:
    await page.js(
        "(real => { document.createElement = (name, ...rest) => {"
        " if (name === 'table') throw new Error('no tables today'); return real(name, ...rest); }; })"
        "(document.createElement.bind(document)), undefined"
    )
    model.default = Answer(text="| a | b |\n|---|---|\n| c | d |")
    await page.say("a table")
    await page.answered("|---|---|")
    assert any("no tables today" in each for each in page.complaints), "a mistake is told to the console"
    model.default = Answer(text="no table")
    await page.say("no table")
    await page.answered("no table")


@pytest.mark.parametrize(
    "answer",
    [
        "'a|b\\n' + ' '.repeat(20000) + '-' + ' '.repeat(20000) + 'x'",
        "'a|b\\n' + '|-'.repeat(20000) + 'x'",
        "'- a\\n' + '\\n'.repeat(50000) + '  x'",
        "'- a\\n\\n  ```py\\n' + '  x = foo(1)\\n'.repeat(20000) + '  ```\\n'",
        "'$$' + 'x^2+\\\\frac{a}{b} '.repeat(20000) + '$$'",
        "'x\\n' + '\\\\[a\\n'.repeat(20000)",
        "'words\\n$$' + '12^{34}'.repeat(20000) + '\\n$$'",
        "'**a `'.repeat(30000)",
        "'` ' + 'x'.repeat(100000) + '`'",
        "'# a' + ' '.repeat(100000) + 'b'",
    ],
)
async def test_no_answer_takes_more_than_a_moment_to_draw(page: Page, answer: str) -> None:
    took = await page.js(
        f"import('/markdown.js').then(({{render}}) => {{ const text = {answer}, since = performance.now();"
        " render(text, true); return performance.now() - since; })"
    )
    assert took < 2000, "milliseconds, for a hundred thousand characters or so"


async def test_a_broken_and_enormous_answer_neither_hangs_nor_breaks_the_page(page: Page, model: ModelServer) -> None:
    model.default = Answer(
        text="*_~`[($\\[" * 3000 + "\n\n" + "> " * 500 + "\n" + "$x^{" * 2000 + "\n\n" + "|" * 3000 + "\nTHE END"
    )
    await page.say("break")
    await page.answered("THE END", 20)
    assert page.complaints == []
