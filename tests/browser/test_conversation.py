"""A conversation in a real browser: it streams, stops, goes on after a restart, and is there after a reload."""

import asyncio
import itertools
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.browser.conftest import Site
from tests.browser.page import ALT, CONTROL, Page, open_page
from tests.servers.model import Answer, ModelServer, marks

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

NAME = "document.querySelector('#conversations .current a .name').innerText"


def database(site: Site) -> Path:
    """What the playground's page shows."""
    return site.program.folder / "data" / "playground" / "playground.db"


async def test_a_question_is_answered_and_is_the_conversations_title(page: Page) -> None:
    await page.say("How are you?")
    shown = await page.answered(marks("How are you?")[-1])
    assert all(shown.count(mark) == 1 for mark in marks("How are you?"))
    await page.until(f"{NAME} === 'How are you?'")
    assert await page.js("document.title") == "How are you? – Parley"
    assert page.complaints == []


async def test_an_answer_is_seen_growing(page: Page, model: ModelServer) -> None:
    model.default = Answer(text=" ".join(f"w{number}" for number in range(40)) + " end", words_per_second=40)
    await page.say("slowly")
    lengths = [0]
    while "end" not in (shown := " ".join(await page.answers())):
        lengths.append(len(shown))
        await asyncio.sleep(0.02)
    assert len({length for length in lengths if length}) >= 3
    assert all(earlier <= later for earlier, later in itertools.pairwise(lengths[1:])), "it never shrinks"


@pytest.mark.parametrize("how", ["escape", "button", "send"])
async def test_stop_ends_the_answer_and_keeps_what_was_said(page: Page, model: ModelServer, how: str) -> None:
    model.default = Answer(text="word " * 400, words_per_second=30)
    await page.say("long")
    await page.until("document.querySelector('.bot')?.innerText.includes('word word word')")
    match how:
        case "escape":
            await page.press("Escape")
        case "button":
            await page.click(".bot .buttons button")
        case _:
            await page.click("#send")
    shown = await page.answered("Stopped")
    assert 3 <= shown.count("word") < 100
    request = await model.asked()
    await request.over()
    assert request.left_early
    await page.until("document.querySelector('#send').title === 'Send'")


async def test_retry_answers_again_and_continue_goes_on(page: Page, model: ModelServer) -> None:
    model.script(Answer(text="one two three four five", fault="cut"))
    await page.say("hello")
    assert "Retry" in await page.answered("⚠")
    assert await page.js("document.querySelector('.bot .trouble') !== null")
    model.script(Answer(text="All is", finish_reason="length"), Answer(text=" well."))
    await page.click(".bot .buttons button:not(.plain)")
    assert "Continue" in await page.answered("All is")
    await page.js(
        "[...document.querySelectorAll('.bot .buttons button')].find(each => each.innerText === 'Continue').click()"
    )
    await page.answered("well.")


async def test_the_reply_goes_on_after_a_kill_and_the_page_comes_back_by_itself(
    page: Page, site: Site, model: ModelServer
) -> None:
    model.default = Answer(words_per_second=40)
    first, *others = marks("tell me more")
    await page.say("tell me more")
    await page.until(f"document.querySelector('.bot')?.innerText.includes('{first}')")
    starts = site.program.output.count("Ctrl-C ends it.")
    await site.program.kill()
    await page.until("document.getElementById('status').dataset.state === 'reconnecting'")
    model.default = Answer(words_per_second=400)
    await page.js("document.getElementById('text').focus()")
    await page.write("said meanwhile")
    await page.press("Enter")
    await site.program.start()
    await site.program.started(starts + 1)
    await page.answered(marks("said meanwhile")[-1], 20)
    answers = await page.answers()
    assert len(answers) == 2
    assert all(answers[0].count(mark) == 1 for mark in (first, *others)), "whole, and once"
    assert await page.js("document.getElementById('status').dataset.state") == "connected"


async def test_a_tab_that_nobody_looks_at_gives_its_connection_back_soon_and_takes_it_again(page: Page) -> None:
    """A browser has six for all tabs: the seventh tab could say nothing. A second is ten milliseconds here."""
    await page.js("(real => { window.setTimeout = (go, ms) => real(go, ms / 100); })(setTimeout)")
    seen = "Object.defineProperty(document, 'hidden', {value: %s, configurable: true}),"
    change = " document.dispatchEvent(new Event('visibilitychange'))"
    await page.js(seen % "true" + change)
    await asyncio.sleep(0.3)
    count = sum("/events" in url for url in page.requests)
    await page.js(seen % "false" + change)
    await page.say("back again")
    await page.answered(marks("back again")[-1])
    assert sum("/events" in url for url in page.requests) == count + 1


async def test_messages_before_the_latest_500_are_fetched_on_demand_and_nothing_jumps(page: Page, site: Site) -> None:
    with closing(sqlite3.connect(database(site))) as archive, archive:
        archive.executemany(
            "INSERT INTO messages VALUES (?, 'long-one', 'bot', ?, ?, ?, '[]', '[]', '', 0, 0, NULL)",
            [(f"{number:016d}", f"number {number}", number, number) for number in range(1, 621)],
        )
    await page.js("location.hash = '#long-one'")
    count = "document.querySelectorAll('#messages > li').length"
    await page.until(f"{count} === 500 && document.getElementById('earlier').checkVisibility()")
    await page.js(
        "window.told = 0; new MutationObserver(() => told++).observe(announcer, {childList: true});"
        " scroller.scrollTop = 0; window.first = document.querySelector('#messages > li')"
    )
    top = await page.js("first.getBoundingClientRect().top")
    await page.click("#earlier")
    await page.until(f"{count} === 620 && document.getElementById('earlier').hidden")
    shift = await page.js("document.getElementById('earlier').offsetHeight")
    assert abs(await page.js("first.getBoundingClientRect().top") - top) <= 2 + shift
    texts = await page.js("[...document.querySelectorAll('.bot .bubble')].map(each => each.innerText)")
    assert texts == [f"number {number}" for number in range(1, 621)]
    assert await page.js("told") == 0, "nobody wants all that read out"


async def test_a_conversation_is_called_after_what_was_asked_first_not_after_a_command(page: Page) -> None:
    there = await page.js("location.hash")
    await page.say("/model demo")
    await page.answered("demo")
    await page.js("location.hash = '#another-still'")
    await page.until("document.querySelector('#conversations .current a').hash === '#another-still'")
    await page.click(f"a[href='{there}']")
    await page.say("What is love?")
    await page.until(f"{NAME} === 'What is love?'")


async def test_an_answer_that_grows_shows_no_half_of_its_emphasis(page: Page, model: ModelServer) -> None:
    model.default = Answer(
        text=f"Look: **bold words{' on' * 15}** and `code{' on' * 15}` to its end", words_per_second=12
    )
    await page.say("slowly")
    seen = set()
    while "end" not in (shown := " ".join(await page.answers())):
        seen.add(shown)
        assert not set("*`") & set(shown)
        await asyncio.sleep(0.01)
    assert len(seen) > 3


async def test_a_reload_shows_the_same(page: Page) -> None:
    await page.say("first")
    await page.answered(marks("first")[-1])
    await page.say("second")
    await page.answered(marks("second")[-1])
    before = await page.js("document.getElementById('messages').innerText")
    await page.reload()
    await page.until("document.querySelectorAll('#messages > li').length === 4")
    assert await page.js("document.getElementById('messages').innerText") == before


async def test_a_draft_waits_in_its_conversation(page: Page) -> None:
    await page.js("document.getElementById('text').focus()")
    await page.write("half a thought")
    there = await page.js("location.hash")
    await page.js("location.hash = '#another-one'")
    await page.until("document.getElementById('text').value === ''")
    await page.js(f"location.hash = '{there}'")
    await page.until("document.getElementById('text').value === 'half a thought'")
    await page.reload()
    await page.until("document.getElementById('text').value === 'half a thought'")


async def test_conversations_are_begun_renamed_and_deleted_by_keyboard(page: Page) -> None:
    await page.say("to be renamed")
    await page.answered()
    await page.js("document.querySelector('.current .plain').focus()")
    await page.press("Enter")
    await page.js("document.activeElement.select()")
    await page.write("Renamed")
    await page.press("Enter")
    await page.until(f"{NAME} === 'Renamed'")
    old = await page.js("location.hash")
    await page.press("n", CONTROL | ALT)
    await page.until(f"location.hash !== '{old}' && {NAME} === 'New conversation'")
    await page.until("document.activeElement.id === 'text'")
    await page.js(f"document.querySelector('a[href=\"{old}\"] ~ .plain:last-child').focus()")
    await page.press("Enter")
    await page.until("document.getElementById('ask').open && document.activeElement.innerText === 'Keep'")
    await page.press("Tab")
    await page.press("Enter")
    await page.until(f"!document.querySelector('a[href=\"{old}\"]')")


async def test_a_second_tab_shows_the_same_while_it_is_being_written(
    page: Page, devtools: str, model: ModelServer
) -> None:
    model.default = Answer(text="one two three four five six end", words_per_second=10)
    await page.say("for both")
    async with open_page(devtools) as other:
        await other.goto(await page.js("location.href"))
        assert "for both" in await other.until("document.querySelector('.you')?.innerText")
        await other.answered("end")
    assert "end" in await page.answered("end")


async def test_a_long_answer_keeps_the_page_at_its_end_and_a_button_leads_back_there(
    page: Page, model: ModelServer
) -> None:
    model.default = Answer(text="\n\n".join(f"Paragraph {number}" for number in range(60)))
    await page.say("much")
    await page.answered("Paragraph 59")
    end = "(({scrollTop, scrollHeight, clientHeight}) => scrollHeight - scrollTop - clientHeight < 2)"
    await page.until(f"{end}(document.getElementById('scroller'))")
    await page.js("document.getElementById('scroller').scrollTop = 0")
    await page.until("document.getElementById('latest').checkVisibility()")
    await page.click("#latest")
    await page.until(f"{end}(document.getElementById('scroller'))")
