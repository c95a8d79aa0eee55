"""A bot with every kind of secret in its config, what it goes through, and all that comes out of it."""

import asyncio
import re
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import yaml

from config import load
from tests.program import Program
from tests.servers.discord_faults import Fault as DiscordFault
from tests.servers.discord_server import CREATE, DiscordServer
from tests.servers.model import Answer, ModelServer
from tests.servers.streaming import Request
from tests.servers.telegram import NO_FLOOD, Chat, Fault, TelegramServer
from tests.whole.test_verbs import run

KEY, PASSWORD = "sk-the-key-of-the-model-server", "the password of the page"
BASE_PASSWORD, PROXY_PASSWORD = "base-url-password", "proxy-password-1"
ASKED, ANSWERED, DOCUMENT, DRAWN = "canary-question", "canary-answer", "canary-document", "canary-prompt"
SAID = (ASKED, ANSWERED, DOCUMENT, DRAWN)
VERBS = ("status", "models", "dead list", "dead show 1 2 3 4 5 6 7 8 9", "ask second fail-echo")
ADMIN, FRIENDS = 1001, range(2000, 2100)
EVENTS_SECONDS = 0.5


@dataclass
class Outputs:
    """All that came out, by where. `fetched`: what was asked of a server that only people's messages name."""

    telegram: TelegramServer
    discord: DiscordServer
    texts: dict[str, str] = field(default_factory=dict)
    secrets: frozenset[str] = frozenset()
    log_at_info: str = ""
    fetched: list[str] = field(default_factory=list)


def free_port() -> int:
    """A port that nobody uses."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def answer(request: Request) -> Answer:
    """What each question is answered with: by a word in it, the failures that bring a key along."""
    said = request.headers.get("Authorization", "")
    match re.findall(r"fail-(\w+)", request.question):
        case ["echo"]:
            return Answer(status=401, body=f'{{"error": {{"message": "Incorrect API key provided: {said}"}}}}')
        case ["redirect"]:
            return Answer(status=302, headers={"Location": f"http://127.0.0.1:1/?key={said[7:]}"})
        case ["error"]:
            return Answer(text=f"{ANSWERED} of several words", fault="error", body=f'{{"error": "{said}"}}')
        case ["cut"]:
            return Answer(text=f"{ANSWERED} of several words", fault="cut")
        case _:
            return Answer(text=f"{ANSWERED} @everyone <@1> [x](javascript:1) https://example.org/ the end")


class Steered(Program):
    """A program that is told to read its config again."""

    async def reload(self, text: str, says: str) -> None:
        """With this config; until it says what became of it."""
        before = self.output.count(says)
        self._config.write_text(text, "utf-8")
        assert self._process
        self._process.send_signal(signal.SIGHUP)
        await self.says(says, before + 1)


class Story:
    """What the bot goes through. Each step waits until people see its outcome."""

    def __init__(self, folder: Path, outputs: Outputs, model: ModelServer) -> None:
        self.outputs = outputs
        self.model = model
        self.folder = folder
        self.health = f"127.0.0.1:{free_port()}"
        self.program = Steered(folder, self.config())
        self._numbers = iter(FRIENDS)
        self.page = ""

    def config(self, level: str = "info") -> dict[str, Any]:
        """Every setting that can hold a secret holds one."""
        telegram, discord, model = self.outputs.telegram, self.outputs.discord, self.model
        with_password = model.url.replace("http://", f"http://me:{BASE_PASSWORD}@")
        proxy = f"http://me:{PROXY_PASSWORD}@127.0.0.1:1"
        return {
            "log": {"level": level},
            "health": {"listen": self.health},
            "telegram": {"token": telegram.token, "api_base_url": telegram.base_url},
            "discord": {"token": discord.token, "api_base_url": discord.rest_url, "gateway_url": discord.gateway_url},
            "playground": {"listen": "127.0.0.1:0", "password": PASSWORD},
            "access": {
                "admins": [f"telegram:{ADMIN}"],
                "allow": [f"discord:guild:{discord.guild().id}", *(f"telegram:{each}" for each in FRIENDS)],
            },
            "storage": {"url": "sqlite:data/bot.db"},
            "providers": {
                "local": {"type": "openai", "base_url": model.url, "api_key": KEY},
                "named": {"type": "openai", "base_url": with_password, "api_key": ""},
                "behind": {"type": "openai", "base_url": model.url, "api_key": KEY, "proxy": proxy},
            },
            "models": {
                "main": {"provider": "local", "model": "a"},
                "second": {"provider": "named", "model": "b"},
                "third": {"provider": "behind", "model": "c"},
            },
            "image_models": {"painter": {"provider": "behind", "model": "paints"}},
            "limits": {"attempts_per_turn": 1},
        }

    async def all_of_it(self) -> None:
        """The whole story: everyday life, then failures, then the same with all that a log can tell."""
        await self.program.says("Ctrl-C ends it.", timeout=60)
        self.page = re.findall(r"http://127\.0\.0\.1:\d+", self.program.output)[0]
        await self._everyday()
        await self._failures("")
        self.outputs.log_at_info = self.program.output
        await self.program.reload(yaml.safe_dump(self.config("debug")), "the config was read again")
        await self._failures(" again")
        await self.program.reload(self._broken(), "the config can't be used")
        await self._telegram_says("/admin reload", "nonsense", self.outputs.telegram.private(ADMIN))
        await self._looked_at()
        await self.program.terminate(timeout=60)
        self._collect()

    async def _everyday(self) -> None:
        await self._telegram_says(f"{ASKED} http://{self._other}/from-a-person", ANSWERED)
        anna = self._somebody()
        anna.document(f"{DOCUMENT} http://{self._other}/in-a-file".encode())
        await anna.wait_for_text(ANSWERED)
        await self._discord_says(ASKED)
        await self._page_says(ASKED)

    async def _failures(self, suffix: str) -> None:
        for kind in ("echo", "redirect", "error", "cut"):
            await self._telegram_says(f"fail-{kind}{suffix}", "⚠️")
        for name in ("second", "third"):
            chat = self._somebody()
            await self._telegram_says(f"/model {name}", name, chat)
            await self._telegram_says(f"fail-echo {name}{suffix}", "⚠️", chat)
        await self._telegram_says(f"/image {DRAWN}", "⚠️")
        await self._telegram_fails()
        await self._discord_fails()

    async def _telegram_fails(self) -> None:
        faults = self.outputs.telegram.faults
        faults.next("sendMessage", Fault.bad_gateway(), Fault.reset())
        faults.next("editMessageText", Fault.reset(), Fault.cut_body())
        faults.next("getUpdates", Fault.bad_gateway(), Fault.conflict())
        await self._telegram_says(ASKED, ANSWERED)
        anna = self._somebody()
        document = anna.document(DOCUMENT.encode())
        assert document.file
        document.file.expired = True
        await anna.wait_for(lambda chat: chat.messages and chat.last.text and ANSWERED not in chat.last.text, 15)

    async def _discord_fails(self) -> None:
        discord = self.outputs.discord
        telling = DiscordFault.refusal(503, 0, f"whoever has {discord.token} must wait")
        discord.faults.next(CREATE, DiscordFault.html(502), telling, DiscordFault.reset())
        await self._discord_says(ASKED)
        discord.push_raw("MESSAGE_CREATE", {"id": "1", "channel_id": "2", "content": ASKED})
        discord.gateway.drop()
        await self._discord_says(f"{ASKED} fail-echo", "⚠️")

    def _somebody(self) -> Chat:
        """A private chat of its own: what is said in one keeps to the pace that Telegram allows there."""
        return self.outputs.telegram.private(next(self._numbers))

    async def _telegram_says(self, text: str, wanted: str, chat: Chat | None = None) -> None:
        chat = chat or self._somebody()
        before = len(chat.messages)
        chat.say(text)
        await chat.wait_for(lambda shown: len(shown.messages) > before and wanted in shown.last.text, 20)
        await chat.wait_for(lambda shown: "⏹" not in "".join(shown.last.labels), 20)

    async def _discord_says(self, text: str, wanted: str = "the end") -> None:
        place, before = self.outputs.discord.channel(), len(self.outputs.discord.channel().messages)
        self.outputs.discord.person("Bob").say(place, text, mention_bot=True)
        await place.wait_for(lambda shown: len(shown.messages) > before and wanted in shown.last.text, 20)

    async def _page_says(self, text: str) -> None:
        """What the page's server tells, to somebody without the password, with a wrong one, and with the right one."""
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(headers={"Origin": self.page}, cookie_jar=jar) as browser:
            for path, body in (
                ("/start", None),
                ("/login", {"password": "wrong one"}),
                ("/login", {"password": PASSWORD}),
                ("/start", None),
                ("/say", {"id": str(uuid4()), "text": text}),
                ("/say", {"id": str(uuid4()), "text": "/admin chats"}),
            ):
                async with browser.request("POST" if body else "GET", self.page + path, json=body) as told:
                    self._keep("page", await told.text())
            await asyncio.sleep(EVENTS_SECONDS)
            async with browser.get(f"{self.page}/events") as events:
                with suppress(TimeoutError):
                    async with asyncio.timeout(EVENTS_SECONDS):
                        async for line in events.content:
                            self._keep("page", line.decode())
        assert ANSWERED in self.outputs.texts["page"]

    def _broken(self) -> str:
        """A config with a fault in every setting that holds a secret."""
        text = yaml.safe_dump(self.config("debug")).replace(": " + self.outputs.telegram.token, ": x" + KEY)
        return text.replace("proxy: http", "proxy: htp").replace("base_url: http", "base_url: htp") + "nonsense: 1\n"

    async def _looked_at(self) -> None:
        """What an operator is told."""
        (self.folder / "config.yaml").write_text(yaml.safe_dump(self.config()), "utf-8")
        config = ("--config", self.folder / "config.yaml")
        for verb, (_, out, err) in zip(
            VERBS, await asyncio.gather(*(run(*verb.split(), *config) for verb in VERBS)), strict=True
        ):
            self._keep(f"bot.py {verb}", out + err)
        async with aiohttp.ClientSession() as client:
            for path in ("/metrics", "/healthz", "/nowhere"):
                async with client.get(f"http://{self.health}{path}") as told:
                    self._keep(path, await told.text())

    def _collect(self) -> None:
        outputs = self.outputs
        outputs.secrets = load(self.folder / "config.yaml", {}).secrets()
        self._keep("the log and the terminal", self.program.output)
        self._keep("Telegram", "\n".join(str(call.fields) for call in outputs.telegram.calls))
        self._keep("Discord", "\n".join(f"{call.path} {call.body}" for call in outputs.discord.calls))
        self._keep("the models", "\n".join(str(request.body) for request in self.model.requests))
        for file in (self.folder / "data").rglob("*"):
            if file.is_file():
                self._keep(f"data/{file.name}", file.read_bytes().decode("utf-8", "replace"))

    def _keep(self, where: str, text: str) -> None:
        self.outputs.texts[where] = self.outputs.texts.get(where, "") + text

    @property
    def _other(self) -> str:
        return self.outputs.texts["the other server"]


@asynccontextmanager
async def other_server(fetched: list[str]) -> AsyncIterator[str]:
    """A server that nobody configured: its address; who asks for something there is noted."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        fetched.append((await reader.read(1000)).decode())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


@asynccontextmanager
async def lived(folder: Path) -> AsyncIterator[Outputs]:
    """All that came out of a bot's life, with the stand-ins that it met."""
    async with AsyncExitStack() as stack:
        telegram = await stack.enter_async_context(TelegramServer(flood=NO_FLOOD))
        discord = await stack.enter_async_context(DiscordServer())
        model = await stack.enter_async_context(ModelServer())
        model.rule = answer
        outputs = Outputs(telegram, discord)
        outputs.texts["the other server"] = await stack.enter_async_context(other_server(outputs.fetched))
        story = Story(folder, outputs, model)
        await stack.enter_async_context(story.program)
        await story.all_of_it()
        yield outputs
