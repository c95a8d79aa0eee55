"""`model: "*"`: the bot offers what its provider lists: from the start, after a reload, when a server comes later."""

import asyncio
import json
import re
import signal
import sys
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from aiohttp import web

from bot import run
from config import load
from providers.listing import Pauses
from tests.program import ROOT, Program
from tests.servers.model import Answer, ModelServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

SOON = Pauses(failed=0.1, longest=0.2, well=0.3)


def config_at(url: str) -> dict[str, Any]:
    """The playground, and all models of a server after one that is named."""
    return {
        "playground": {"listen": "127.0.0.1:0"},
        "limits": {"attempts_per_turn": 1},
        "providers": {"local": {"type": "openai", "base_url": url}, "demo": {"type": "offline"}},
        "models": {
            "any": {"provider": "local", "model": "*", "parameters": {"top_p": 0.1}},
            "demo": {"provider": "demo"},
        },
    }


@dataclass
class Page:
    """The playground, as its page uses it."""

    browser: aiohttp.ClientSession
    url: str

    async def offered(self) -> list[str]:
        """The names that /model takes."""
        async with self.browser.get(f"{self.url}/suggest?command=model&option=&text=") as answer:
            return [each["value"] for each in await answer.json()]

    async def offers(self, *names: str) -> None:
        """Wait until it offers these."""
        async with asyncio.timeout(10):
            while await self.offered() != list(names):
                await asyncio.sleep(0.05)

    async def say(self, text: str, conversation: str = "main") -> None:
        said = {"id": str(uuid.uuid4()), "text": text, "conversation": conversation}
        async with self.browser.post(f"{self.url}/say", json=said, headers={"Origin": self.url}) as taken:
            assert taken.status == 200

    async def sees(self, part: str) -> None:
        """Wait until that stands there."""
        async with asyncio.timeout(10), self.browser.get(f"{self.url}/events") as events:
            seen = ""
            async for line in events.content:
                seen += line.decode()
                if json.dumps(part, ensure_ascii=False)[1:-1] in seen:
                    return


@asynccontextmanager
async def page_of(output: Callable[[], str]) -> AsyncIterator[Page]:
    """The page at the address that the bot tells."""
    said = ""
    async with asyncio.timeout(20):
        while not (found := re.search(r"http://127\.0\.0\.1:\d+(?=\s)", said)):
            await asyncio.sleep(0.05)
            said += output()
    async with aiohttp.ClientSession() as browser:
        yield Page(browser, found[0])


@asynccontextmanager
async def running(folder: Path, config: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> AsyncIterator[Page]:
    """The bot in this process, with pauses that a test can wait for."""
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump(config, sort_keys=False), "utf-8")
    bot = asyncio.create_task(run(load(file, {}), SOON))
    try:
        async with page_of(lambda: capsys.readouterr().out) as page:
            yield page
    finally:
        bot.cancel()
        with suppress(asyncio.CancelledError):
            await bot


async def test_all_that_a_server_lists_is_offered_and_the_chosen_one_is_asked_and_a_reload_lists_anew(
    tmp_path: Path,
) -> None:
    async with ModelServer(models=("big", "bge-m3", "small")) as server:
        server.default = Answer(text="Here I am.")
        async with Program(tmp_path, config_at(server.url)) as bot:
            await bot.started()
            async with page_of(lambda: bot.output) as page:
                assert await page.offered() == ["big", "small", "demo"]
                await page.say("/model small")
                await page.sees("**small**")
                await page.say("Who are you?")
                request = await server.asked()
                assert (request.body["model"], request.body["top_p"]) == ("small", 0.1)
                server._models = ("small", "new")
                assert bot._process
                bot._process.send_signal(signal.SIGHUP)
                await page.offers("small", "new", "demo")
            assert await bot.terminate() == 0
            assert "Traceback" not in bot.output


async def test_a_server_that_comes_after_the_bot_is_listed_without_a_restart_and_its_list_outlives_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    async with ModelServer() as gone:
        port, url = int(gone.root.rpartition(":")[2]), gone.url
    async with running(tmp_path, config_at(url), capsys) as page:
        assert await page.offered() == ["any", "demo"], "there is somebody to ask"
        await page.say("Are you there?")
        await page.sees("can't be reached. Press Retry")
        async with ModelServer(port=port, models=("big", "small")) as server:
            await page.offers("big", "small", "demo")
            server._models = ("big", "new")
            await page.offers("big", "new", "demo")
            server.listing = Answer(status=503)
            listings = server.listings
            async with asyncio.timeout(10):
                while server.listings < listings + 3:
                    await asyncio.sleep(0.05)
            assert await page.offered() == ["big", "new", "demo"]
    warned = [each.getMessage() for each in caplog.records if "can't be listed" in each.getMessage()]
    assert [each.partition(":")[0] for each in warned] == [
        "the models of local can't be listed (it is tried again)"
    ] * 2


class HeldServer(ModelServer):
    """Its list comes when `free` is set; `asked`: somebody waits for it."""

    def __init__(self) -> None:
        super().__init__(models=("big",))
        self.free, self.asked_for = asyncio.Event(), asyncio.Event()
        self.free.set()

    async def _list(self, http: web.Request) -> web.Response:
        self.asked_for.set()
        await self.free.wait()
        return await super()._list(http)


async def test_a_reload_while_another_waits_for_a_list_comes_after_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    async with HeldServer() as server, running(tmp_path, config_at(server.url), capsys) as page:
        assert await page.offered() == ["big", "demo"]
        server.free.clear()
        server.asked_for.clear()
        await page.say("/admin reload", "one")
        await server.asked_for.wait()
        config = config_at(server.url)
        config["models"] = {"later": config["models"]["demo"]}
        (tmp_path / "config.yaml").write_text(yaml.safe_dump(config), "utf-8")
        await page.say("/admin reload", "two")
        await asyncio.sleep(0.2)
        assert await page.offered() == ["big", "demo"]
        server.free.set()
        await page.offers("later")
    assert [each.getMessage() for each in caplog.records if each.levelname in {"ERROR", "CRITICAL"}] == []


async def ask(folder: Path, *arguments: str) -> tuple[int | None, str, str]:
    """`bot.py ask`: its exit code, and what it wrote."""
    command = (sys.executable, str(ROOT / "bot.py"), "ask", *arguments, "--config", str(folder / "config.yaml"))
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, cwd=folder, stdout=pipe, stderr=pipe)
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_the_terminals_ask_knows_what_is_listed_and_where_nothing_is_says_why(tmp_path: Path) -> None:
    async with ModelServer(models=("big", "small")) as server:
        server.default = Answer(text="Here I am.")
        (tmp_path / "config.yaml").write_text(yaml.safe_dump(config_at(server.url), sort_keys=False), "utf-8")
        code, out, _ = await ask(tmp_path, "small", "Who?")
        assert (code, out, server.requests[0].body["model"]) == (0, "Here I am.\n", "small")
        code, _, err = await ask(tmp_path, "any", "Who?")
        assert (code, "There are: big, small, demo" in err) == (2, True)
        listings = server.listings
        code, out, _ = await ask(tmp_path, "demo", "Who?")
        assert (code, server.listings) == (0, listings), "it needs no list"
    code, _, err = await ask(tmp_path, "any", "Who?")
    assert (code, "can't be listed" in err, "Traceback" in err) == (1, True, False)


async def test_a_silent_server_does_not_keep_the_bot_from_ending(tmp_path: Path) -> None:
    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await reader.read()
        writer.close()

    asked = asyncio.Event()
    async with await asyncio.start_server(listen, "127.0.0.1", 0) as silent:
        port = silent.sockets[0].getsockname()[1]
        async with Program(tmp_path, config_at(f"http://127.0.0.1:{port}/v1")) as bot:
            async with asyncio.timeout(20):
                await asked.wait()
            assert await bot.terminate(timeout=5) == 0
