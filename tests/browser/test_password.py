"""A playground with a password: nothing is seen before it was given, and it ends with logging out."""

import pytest

from tests.browser.axe import findings, grave
from tests.browser.conftest import Site
from tests.browser.page import Page

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

PLAYGROUND = {"password": "open sesame, please"}


async def test_axe_finds_nothing_grave_in_the_login(tab: Page, site: Site, axe: str) -> None:
    await tab.goto(site.url)
    await tab.until("document.body.dataset.view === 'login'")
    assert grave(await findings(tab, axe)) == []


async def test_the_password_opens_the_page_and_a_wrong_one_says_so(tab: Page, site: Site) -> None:
    await tab.goto(site.url)
    await tab.until("document.body.dataset.view === 'login' && document.activeElement.id === 'password'")
    await tab.write("guess")
    await tab.press("Enter")
    await tab.until("document.getElementById('login-notice').innerText === 'That is not the password.'")
    await tab.write(PLAYGROUND["password"])
    await tab.press("Enter")
    await tab.until(
        "document.body.dataset.view === 'chat' && document.getElementById('status').dataset.state === 'connected'"
    )
    await tab.say("/help")
    await tab.answered("/model")
    await tab.reload()
    await tab.answered("/model")
    await tab.click("#logout")
    await tab.until("document.body.dataset.view === 'login'")
    assert await tab.js("document.querySelectorAll('#messages > li').length") == 0
    assert tab.dialogs == []
