"""How the page looks and reads: phone, dark, Russian, formulas; what axe-core finds; the first paint."""

import itertools
from collections.abc import Callable

import pytest
import pytest_asyncio

from tests.browser.axe import findings, grave
from tests.browser.conftest import SEEN, Site
from tests.browser.inventory import answer, weight
from tests.browser.page import DESKTOP, PHONE, Page
from tests.servers.model import Answer, ModelServer

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

WIDE = (
    "[...document.querySelectorAll('html, body, #scroller, #messages > li')]"
    ".filter(each => each.scrollWidth > innerWidth).length"
)
BACK = "getComputedStyle(document.body).backgroundColor"


@pytest_asyncio.fixture(loop_scope="module")
async def answered(page: Page, model: ModelServer) -> Page:
    """The page with an answer that has everything in it."""
    model.default = Answer(text=answer("everything"))
    await page.say("Show me everything")
    await page.answered("The end")
    return page


async def test_a_phone_never_scrolls_sideways(answered: Page) -> None:
    await answered.look(*PHONE)
    await answered.until(f"{WIDE} === 0")
    await answered.look(320, 640)
    await answered.until(f"{WIDE} === 0")
    await answered.click("#show-sidebar")
    await answered.until("document.activeElement.id === 'hide-sidebar'")
    assert await answered.js("document.getElementById('column').inert")
    await answered.press("Escape")
    await answered.until("document.activeElement.id === 'show-sidebar'")


async def test_what_a_finger_touches_on_a_phone_is_large_enough(page: Page) -> None:
    await page.look(*PHONE)
    small = await page.js(
        "[...document.querySelectorAll('#column button')].filter(each => each.checkVisibility())"
        ".filter(each => each.getBoundingClientRect().height < 43.5).map(each => each.id)"
    )
    assert small == []


async def test_a_word_too_long_for_its_cell_breaks_and_no_other_does(page: Page, model: ModelServer) -> None:
    words = [f"Responsibilities{number}" for number in range(8)]
    model.default = Answer(
        text=f"| one | two |\n|---|---|\n| {'x' * 90} | short |\n\n"
        f"| {' | '.join(words)} |\n{'|---' * 8}|\n| {' | '.join(words)} |\n\nThe end"
    )
    await page.say("tables")
    await page.answered("The end")
    for size in (DESKTOP, PHONE):
        await page.look(*size)
        assert await page.js("[...document.querySelectorAll('td')].filter(it => it.scrollWidth > it.clientWidth)") == []
        assert (
            await page.js(
                "[...document.querySelectorAll('.table:last-of-type td')].filter(it => { const range = new Range();"
                " range.selectNodeContents(it); return range.getClientRects().length > 1; }).length"
            )
            == 0
        )


async def test_a_list_in_hebrew_runs_from_right_to_left(page: Page, model: ModelServer) -> None:
    model.default = Answer(text="- שלום\n- עולם\n\nand\n\n1. one\n2. two\n\n> שלום\n\nThe end")
    await page.say("lists")
    await page.answered("The end")
    direction = "getComputedStyle(document.querySelector('.bot {}')).direction"
    assert [await page.js(direction.format(name)) for name in ("ul", "ol", "blockquote")] == ["rtl", "ltr", "rtl"]


async def test_in_forced_colours_the_text_doesnt_touch_its_frame(answered: Page) -> None:
    await answered.call("Emulation.setEmulatedMedia", features=[{"name": "forced-colors", "value": "active"}])
    assert await answered.js("parseFloat(getComputedStyle(document.querySelector('.bot .bubble')).paddingLeft)") > 4


async def test_dark_is_dark(page: Page) -> None:
    light = await page.js(BACK)
    await page.look(*DESKTOP, dark=True)
    await page.until(f"{BACK} !== '{light}'")
    assert max(int(part) for part in (await page.js(f"{BACK}.match(/\\d+/g)"))) < 60


async def test_a_russian_browser_gets_a_russian_page(tab: Page, site: Site) -> None:
    await tab.speak("ru-RU,ru;q=0.9")
    await tab.goto(f"{site.url}#russian")
    await tab.until(
        "document.documentElement.lang === 'ru' && document.getElementById('new').innerText === 'Новый разговор'"
    )
    await tab.js("document.getElementById('text').focus()")
    await tab.write("/mo")
    await tab.until("/[а-я]{4}/.test(document.getElementById('choices').innerText)")
    words = await tab.js(
        "[...document.querySelectorAll('[data-text], [data-label], [placeholder]')].map(each =>"
        " each.dataset.text ? each.textContent : each.placeholder ?? each.getAttribute('aria-label'))"
    )
    assert [each for each in words if not any("а" <= letter.lower() <= "я" for letter in each)] == []


async def test_formulas_are_mathml_and_what_isnt_understood_is_its_source(answered: Page) -> None:
    await answered.until("document.querySelectorAll('.bot math').length >= 4")
    assert await answered.js("document.querySelector('.bot math mfrac') !== null")
    assert await answered.js("[...document.querySelectorAll('.formula-source')].map(each => each.innerText)") == [
        r"\frobnicate{x}"
    ]
    assert "It costs $5, not $10." in " ".join(await answered.answers())


async def test_axe_finds_nothing_grave_in_a_conversation_light_or_dark_large_or_small(answered: Page, axe: str) -> None:
    for size, dark in itertools.product((DESKTOP, PHONE), (False, True)):
        await answered.look(*size, dark=dark)
        assert (size, dark, grave(await findings(answered, axe))) == (size, dark, [])


async def test_axe_finds_nothing_grave_in_what_opens(page: Page, axe: str) -> None:
    assert grave(await findings(page, axe)) == [], "empty"
    await page.click("#model")
    await page.until("document.querySelector('#models:not([hidden]) button')")
    assert grave(await findings(page, axe)) == [], "the models"
    await page.press("Escape")
    await page.js("document.getElementById('text').focus()")
    await page.write("/")
    await page.until("document.querySelector('#choices [role=option]')")
    assert grave(await findings(page, axe)) == [], "commands"
    await page.js(
        "document.getElementById('ask-title').textContent = 'Delete?'; document.getElementById('ask').showModal()"
    )
    assert grave(await findings(page, axe)) == [], "the dialog"


async def test_the_answer_is_told_to_a_screen_reader_once_it_is_complete(page: Page, model: ModelServer) -> None:
    await page.js(
        "window.told = []; new MutationObserver(seen => seen.forEach(({addedNodes}) => addedNodes.forEach(node =>"
        " told.push(node.textContent)))).observe(document.getElementById('announcer'), {childList: true})"
    )
    model.default = Answer(text="one two three four five six seven eight nine ten", words_per_second=20)
    await page.say("count")
    await page.answered("ten")
    await page.until("told.length > 0")
    assert await page.js("told") == ["Parley: one two three four five six seven eight nine ten"]


async def test_the_first_paint_comes_soon(
    tab: Page, site: Site, record_property: Callable[[str, object], None]
) -> None:
    """Shown at the end of the run, not asserted: it depends on the machine."""
    await tab.goto(site.url)
    await tab.until("performance.getEntriesByName('first-contentful-paint').length > 0")
    paints = await tab.js(
        "performance.getEntriesByType('paint').map(each => `${each.name} ${Math.round(each.startTime)} ms`)"
    )
    record_property(SEEN, f"{weight():,} bytes; on loopback {', '.join(paints)}")
