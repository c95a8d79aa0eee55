"""Pictures of the playground for docs/: `python -m tests.browser.show` writes them anew."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tests.browser.chromium import running_chromium
from tests.browser.inventory import answer
from tests.browser.page import DESKTOP, PHONE, Page, open_page
from tests.browser.site import config
from tests.program import ROOT, Program
from tests.real.programs import free_port
from tests.servers.model import Answer, ModelServer

EARLIER = (
    "Why is the sky blue?",
    "Four days in Lisbon with a child",
    "A letter to the landlord",
    "SQL joins, explained",
)
QUESTION = "How does the sieve of Eratosthenes work, and how fast is it?"


@asynccontextmanager
async def _site(folder: Path, model: ModelServer) -> AsyncIterator[str]:
    port = free_port()
    async with Program(folder, config(port, model)) as program:
        await program.started()
        yield f"http://127.0.0.1:{port}/"


async def _talk(page: Page, url: str, model: ModelServer) -> None:
    model.default = Answer(text="Because short waves are scattered more.")
    for number, question in enumerate(reversed(EARLIER)):
        await page.goto(f"{url}#c{number}")
        await page.until("document.getElementById('status').dataset.state === 'connected'")
        await page.say(question)
        await page.answered("scattered")
    model.default = Answer(text=answer("sieve"))
    await page.click("#new")
    await page.say(QUESTION)
    await page.answered("78,498")


async def photograph() -> Mapping[str, bytes]:
    """playground.png, playground-dark.png and playground-phone.png."""
    pictures = {}
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        running_chromium(Path(folder) / "profile") as devtools,
    ):
        async with ModelServer() as model, _site(Path(folder), model) as url, open_page(devtools) as page:
            await _talk(page, url, model)
            for name, size, dark in (("", DESKTOP, False), ("-dark", DESKTOP, True), ("-phone", PHONE, False)):
                await page.look(*size, dark=dark)
                await asyncio.sleep(0.5)  # until it is drawn
                pictures[f"playground{name}.png"] = await page.photograph()
    return pictures


if __name__ == "__main__":
    for file, picture in asyncio.run(photograph()).items():
        (ROOT / "docs" / file).write_bytes(picture)
