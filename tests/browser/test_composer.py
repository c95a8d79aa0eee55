"""Writing: commands by keyboard alone, the model chooser, pictures by paste and drop, the limits."""

import pytest

from tests.browser.page import Page
from tests.servers.model import ModelServer, marks

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

ACTIVE = "document.getElementById(document.getElementById('text').getAttribute('aria-activedescendant'))?.innerText"
WRITTEN = "document.getElementById('text').value"
PICTURE = """new Promise(done => {
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = 40;
    canvas.getContext('2d').fillRect(9, 9, 20, 20);
    canvas.toBlob(blob => {
        const data = new DataTransfer();
        data.items.add(new File([blob], 'square.png', {type: 'image/png'}));
        EVENT
        done(true);
    });
})"""
PASTE = PICTURE.replace(
    "EVENT",
    "document.getElementById('text').dispatchEvent("
    "new ClipboardEvent('paste', {clipboardData: data, bubbles: true, cancelable: true}));",
)
DROP = PICTURE.replace(
    "EVENT",
    "document.body.dispatchEvent(new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true}));",
)


async def test_a_command_and_its_value_are_completed_by_keyboard_alone(page: Page) -> None:
    await page.js("document.getElementById('text').focus()")
    await page.write("/mo")
    await page.until(f"{ACTIVE}?.startsWith('/model')")
    await page.press("Tab")
    await page.until(f"{WRITTEN} === '/model ' && {ACTIVE}?.startsWith('main')")
    await page.press("ArrowDown")
    await page.until(f"{ACTIVE}?.startsWith('demo')")
    await page.press("Enter")
    await page.until(f"{WRITTEN} === '/model demo' && document.getElementById('choices').hidden")
    await page.press("Enter")
    await page.answered("demo")
    await page.until("document.getElementById('model-name').innerText === 'demo'")


async def test_escape_closes_the_list_and_a_whole_command_is_sent_by_enter(page: Page) -> None:
    await page.js("document.getElementById('text').focus()")
    await page.write("/")
    await page.until("document.querySelectorAll('#choices [role=option]').length > 5")
    await page.press("Escape")
    await page.until("document.getElementById('choices').hidden")
    await page.write("hel")
    await page.until(f"{ACTIVE}?.startsWith('/help')")
    await page.write("p")
    await page.until("document.getElementById('choices').hidden")
    await page.press("Enter")
    assert "/model" in await page.answered("/model")


async def test_options_of_a_command_are_offered_with_their_choices(page: Page) -> None:
    await page.js("document.getElementById('text').focus()")
    await page.write("/image a cat --ra")
    await page.until(f"{ACTIVE}?.startsWith('--ratio')")
    await page.press("Tab")
    await page.until("[...document.querySelectorAll('#choices .name')].some(each => each.innerText === '16:9')")


async def test_a_model_is_chosen_from_the_menu(page: Page) -> None:
    await page.click("#model")
    await page.until("document.activeElement.getAttribute('role') === 'menuitemradio'")
    await page.press("ArrowDown")
    await page.until("document.activeElement.innerText.startsWith('demo')")
    await page.press("Enter")
    await page.answered("demo")
    await page.until("document.getElementById('model-name').innerText === 'demo'")
    await page.click("#model")
    assert await page.js("document.querySelector('#models [aria-checked=true]').innerText") == "demo"
    await page.press("Escape")
    assert await page.js("document.getElementById('models').hidden && document.activeElement.id") == "model"


@pytest.mark.parametrize("way", [PASTE, DROP], ids=["paste", "drop"])
async def test_a_picture_goes_to_the_model_with_the_question(page: Page, model: ModelServer, way: str) -> None:
    await page.js(way)
    await page.until("document.querySelector('#files li:not([aria-busy]) img')?.naturalWidth === 40")
    await page.say("What is this?")
    await page.answered(marks("What is this?")[-1])
    assert await page.until("document.querySelector('.you .picture img')?.naturalWidth") == 40
    assert await page.js("document.getElementById('files').hidden")
    content = (await model.asked()).body["messages"][-1]["content"]
    assert [part["type"] for part in content] in (["text", "image_url"], ["image_url", "text"])
    await page.reload()
    await page.until("document.querySelector('.you .picture img')?.naturalWidth === 40")


async def test_a_picture_can_be_removed_again_and_what_isnt_usable_is_refused_in_words(page: Page) -> None:
    await page.js(PASTE)
    await page.click("#files li:not([aria-busy]) button")
    await page.until("document.getElementById('files').hidden && document.getElementById('send').disabled")
    await page.js(PASTE.replace("[blob]", "['\\x00\\xff not a picture']").replace("square.png", "odd.bin"))
    await page.until("document.getElementById('notice').innerText.includes('text files')")


async def test_a_drawn_picture_is_shown(page: Page) -> None:
    await page.say("/image a cat --ratio 16:9")
    await page.until("document.querySelector('.bot .picture img')?.naturalWidth > 100", 20)
    assert page.complaints == []


async def test_a_message_that_is_too_long_stays_in_the_text_field(page: Page) -> None:
    await page.js("document.getElementById('text').focus()")
    await page.write("ы" * 60_000)
    await page.press("Enter")
    await page.until("document.getElementById('notice').innerText.includes('too long')")
    assert await page.js(f"{WRITTEN}.length") == 60_000


async def test_shift_enter_begins_a_new_line(page: Page) -> None:
    await page.js("document.getElementById('text').focus()")
    await page.write("one")
    await page.js("document.execCommand('insertText', false, '\\n')")
    await page.write("two")
    await page.press("Enter")
    await page.until("document.querySelector('.you .bubble')?.innerText === 'one\\ntwo'")


async def test_code_and_answers_are_copied(page: Page) -> None:
    await page.js("navigator.clipboard.writeText = async text => { window.copied = text; }")
    await page.say("copy me")
    await page.answered(marks("copy me")[-1])
    await page.click(".code .copy")
    await page.until("window.copied?.startsWith('def answer')")
    await page.click(".bot .copy-all")
    await page.until("window.copied.startsWith('# Answer')")
