"""A tab of the browser, driven over the DevTools protocol: https://chromedevtools.github.io/devtools-protocol/

async with open_page(devtools) as page:
    await page.goto(url)
    await page.write("Hello"); await page.press("Enter")
    await page.until("document.querySelector('.bot')")
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import aiohttp

SECONDS = 10.0  # longer than anything here takes
DESKTOP = (1280, 800)
PHONE = (390, 844)
KEYS = {"Enter": 13, "Tab": 9, "Escape": 27, "ArrowDown": 40, "ArrowUp": 38, "Home": 36, "End": 35, " ": 32, "n": 78}
ALT, CONTROL, SHIFT = 1, 2, 8


class ScriptError(Exception):
    """What the test ran in the page has thrown."""


class Page:
    """One tab. `requests`, `dialogs` and `complaints` (errors of scripts and of the console) are what was seen."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._session = ""
        self._numbers = count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.requests: list[str] = []
        self.dialogs: list[str] = []
        self.complaints: list[str] = []

    async def listen(self) -> None:
        """Take in what Chromium says, until it hangs up."""
        async for message in self._socket:
            told = json.loads(message.data)
            if told.get("id") in self._waiting:
                waiting = self._waiting.pop(told["id"])
                if not waiting.done():  # whoever asked has given up
                    waiting.set_result(told)
            elif "method" in told:
                self._note(told["method"], told["params"])

    def _note(self, method: str, seen: dict[str, Any]) -> None:
        match method:
            case "Network.requestWillBeSent":
                self.requests.append(seen["request"]["url"])
            case "Page.javascriptDialogOpening":
                self.dialogs.append(seen["message"])
            case "Runtime.exceptionThrown":
                details = seen["exceptionDetails"]
                self.complaints.append(details.get("exception", {}).get("description", details["text"]))
            case "Log.entryAdded" if seen["entry"]["level"] == "error":
                self.complaints.append(seen["entry"]["text"])

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One command of the protocol; its result."""
        number = next(self._numbers)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        session = {"sessionId": self._session} if self._session else {}
        await self._socket.send_json({"id": number, "method": method, "params": params, **session})
        async with asyncio.timeout(SECONDS):
            told = await answer
        if "error" in told:
            raise ScriptError(f"{method}: {told['error']['message']}")
        result: dict[str, Any] = told["result"]
        return result

    async def attach(self) -> None:
        """Open a tab that shares nothing with other tests' tabs."""
        context = await self.call("Target.createBrowserContext", disposeOnDetach=True)
        target = await self.call("Target.createTarget", url="about:blank", **context)
        attached = await self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            await self.call(f"{domain}.enable")
        await self.call("Emulation.setFocusEmulationEnabled", enabled=True)
        await self.look(*DESKTOP)

    async def look(self, width: int, height: int, *, dark: bool = False) -> None:
        """The size of the window in CSS pixels, a phone's if it is narrow; and the colour scheme. Nothing moves."""
        phone = width < 600
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone
        )
        await self.call("Emulation.setTouchEmulationEnabled", enabled=phone)
        media = {"prefers-color-scheme": "dark" if dark else "light", "prefers-reduced-motion": "reduce"}
        features = [{"name": name, "value": value} for name, value in media.items()]
        await self.call("Emulation.setEmulatedMedia", features=features)

    async def speak(self, language: str) -> None:
        """What the browser asks servers for, from the next page on."""
        await self.call("Network.setExtraHTTPHeaders", headers={"Accept-Language": language})

    async def goto(self, url: str) -> None:
        """Open the playground, and wait until it is there."""
        await self.call("Page.navigate", url=url)
        await self.until("document.body?.dataset.view !== undefined && document.body.dataset.view !== 'start'")

    async def reload(self) -> None:
        """As with F5."""
        await self.js("document.body.dataset.view = 'start'")
        await self.call("Page.reload")
        await self.until("document.body?.dataset.view === 'chat'")

    async def js(self, expression: str) -> Any:
        """The value of an expression in the page. Raises `ScriptError`."""
        told = await self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in told:
            raise ScriptError(f"{expression}: {told['exceptionDetails']}")
        return told["result"].get("value")

    async def until(self, expression: str, seconds: float = SECONDS) -> Any:
        """Wait until that is true in the page; its value, `True` for an element. Raises `AssertionError` when it isn't
        in time. While a page is being left, what the expression asks for may not be there.
        """
        asked = f"(() => {{ try {{ const it = {expression}; return it instanceof Node || it; }} catch {{ }} }})()"
        try:
            async with asyncio.timeout(seconds):
                while not (value := await self.js(asked)):
                    await asyncio.sleep(0.03)
        except TimeoutError:
            shown = await self.js("document.body.innerText.slice(-600)")
            raise AssertionError(f"never true: {expression}\ncomplaints: {self.complaints}\n{shown}") from None
        return value

    async def write(self, text: str) -> None:
        """Type into what has the focus."""
        await self.call("Input.insertText", text=text)

    async def press(self, key: str, modifiers: int = 0) -> None:
        """Press a key, with `ALT | CONTROL | SHIFT`."""
        code = f"Key{key.upper()}" if len(key) == 1 and key.isalpha() else key
        about = {"key": key, "code": code, "windowsVirtualKeyCode": KEYS[key], "modifiers": modifiers}
        writes = {"text": "\r"} if key == "Enter" else {}
        await self.call("Input.dispatchKeyEvent", type="keyDown", **about, **writes)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **about)

    async def click(self, selector: str) -> None:
        """Click into the middle of what the selector finds first, once it is there."""
        found = f"document.querySelector({json.dumps(selector)})"
        await self.until(f"{found}?.checkVisibility()")
        await self.js(f"{found}.scrollIntoView({{block: 'nearest'}})")
        box = await self.js(f"{found}.getBoundingClientRect().toJSON()")
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        for kind in ("mousePressed", "mouseReleased"):
            await self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    async def say(self, text: str) -> None:
        """Write it into the text field and press Enter."""
        await self.js("document.getElementById('text').focus()")
        await self.write(text)
        await self.press("Enter")

    async def answers(self) -> list[str]:
        """What the bot's messages show."""
        shown: list[str] = await self.js("[...document.querySelectorAll('.bot .bubble')].map(each => each.innerText)")
        return shown

    async def answered(self, part: str = "", seconds: float = SECONDS) -> str:
        """Wait until the last message is the bot's, complete, and has that in it; its text."""
        last = "document.querySelector('#messages > :last-child.bot[aria-busy=false]')?.innerText"
        text: str = await self.until(f"{last}?.includes({json.dumps(part)}) && {last}", seconds)
        return text

    async def photograph(self) -> bytes:
        """A picture of what is to be seen, as PNG."""
        picture = await self.call("Page.captureScreenshot", format="png")
        return base64.b64decode(picture["data"])


@asynccontextmanager
async def open_page(devtools: str) -> AsyncIterator[Page]:
    """A tab of its own; `devtools`: the browser's address."""
    async with aiohttp.ClientSession() as session, session.ws_connect(devtools, max_msg_size=0) as socket:
        page = Page(socket)
        listening = asyncio.create_task(page.listen())
        try:
            await page.attach()
            yield page
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
