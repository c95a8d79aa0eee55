"""Where the bot is asked while its disk fails, and where its answers are seen: the playground's page, and Telegram."""

import asyncio
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

import aiohttp

from tests.messengers.playground.browser import Browser
from tests.program import Program
from tests.servers.model import ModelServer
from tests.servers.telegram import TelegramServer
from tests.whole.conftest import FRIENDS, usual_config


class Door(Protocol):
    """Where questions come in, and answers are seen."""

    @property
    def config(self) -> Mapping[str, Any]:
        """What the config has besides the model and the store."""
        ...

    def key(self, question: int) -> str:
        """What the store knows it by."""
        ...

    async def ask(self, program: Program, question: int) -> bool:
        """Hand it in, unless that was done; whether it was acknowledged."""
        ...

    def answers(self, question: int) -> int:
        """How many whole answers to it there are."""
        ...


def said(question: int) -> str:
    return f"question {question}"


def answer_to(question: str) -> str:
    return f"{question}: the end"


class Page:
    """The playground's page, a conversation for each question."""

    config: Mapping[str, Any] = {"playground": {"listen": "127.0.0.1:0"}}

    def __init__(self, folder: Path) -> None:
        self._shown = folder / "data/playground/playground.db"
        self._taken: set[int] = set()

    def key(self, question: int) -> str:
        return f"playground:{UUID(int=question + 1)}"

    async def ask(self, program: Program, question: int) -> bool:
        if question not in self._taken:
            url = program.output.rpartition("http://")[2].split()[0]
            async with Browser(f"http://{url}") as browser:
                try:
                    status = await browser.say(said(question), str(UUID(int=question + 1)), conversation=f"c{question}")
                except aiohttp.ClientError:
                    return False
            if status == 200:
                self._taken.add(question)
        return question in self._taken

    def answers(self, question: int) -> int:
        with closing(sqlite3.connect(f"file:{self._shown}?mode=ro", uri=True)) as shown:
            rows = shown.execute(
                "SELECT text FROM messages WHERE conversation = ? AND who = 'bot' AND NOT gone", (f"c{question}",)
            )
            return [text for (text,) in rows].count(answer_to(said(question)))


class Phone:
    """Telegram, a private chat for each question."""

    def __init__(self, telegram: TelegramServer, model: ModelServer) -> None:
        self._telegram = telegram
        self._model = model
        self._updates: dict[int, int] = {}

    @property
    def config(self) -> Mapping[str, Any]:
        usual = usual_config(self._telegram, self._model)
        return {"telegram": usual["telegram"], "access": usual["access"]}

    def key(self, question: int) -> str:
        return f"telegram:{self._telegram.world.bot.id}:{self._updates.get(question)}"

    async def ask(self, program: Program, question: int) -> bool:
        if question not in self._updates:
            self._telegram.private(FRIENDS[question], f"P{question}").say(said(question))
            self._updates[question] = self._telegram.updates.unconfirmed[-1]["update_id"]
        await asyncio.sleep(0.3)
        return self._updates[question] in self._telegram.updates.confirmed

    def answers(self, question: int) -> int:
        shown = self._telegram.private(FRIENDS[question]).messages
        return [message.text for message in shown].count(answer_to(said(question)))
