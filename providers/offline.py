"""Answers, and draws, without any network: a demonstration of what a real model would look like, which says so.

Its sentences are in offline.yaml, in English and Russian.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from string import Template
from typing import Literal, Self

import yaml
from pydantic import BaseModel, Field

from chat.errors import CutOff, RequestRefused
from chat.events import Completed, ReplyEvent, TextDelta, Usage
from chat.messages import Image
from providers import png
from providers.answers import opened
from providers.base import Capabilities, ImageRequest, ModelInfo, ReplyRequest, StatusSink

MODEL = "demo"
WORDS_BEFORE_ERROR = 8
WORDS_PER_PICTURE = 30  # drawing one takes as long as saying so many
LONGEST_SIDE = 4096

_CYRILLIC = re.compile("[а-яё]", re.IGNORECASE)
_WORD = re.compile(r"\s*\S+\s*")


class OfflineSettings(BaseModel, frozen=True, extra="forbid"):
    """`type: offline`."""

    type: Literal["offline"] = "offline"
    words_per_second: float = Field(default=30, gt=0)


class _Script(BaseModel, frozen=True, extra="forbid"):
    """One language of offline.yaml: `answers` by kind, and for each kind but "plain" the words that ask for it."""

    asked_by: Mapping[str, str]
    answers: Mapping[str, str]

    def answer(self, question: str, remembered: int) -> tuple[str, str]:
        """The kind of answer that is asked for, and its text."""
        kind = next((kind for kind, words in self.asked_by.items() if re.search(words, question, re.I)), "plain")
        said = "\n".join(f"> {line}" for line in question.splitlines()) or ">"
        return kind, Template(self.answers[kind]).safe_substitute(said=said, remembered=remembered)


class Offline:
    """The offline demo. Asked for a long answer, a table, code or an error, it gives one; else it echoes."""

    Settings = OfflineSettings

    def __init__(self, name: str, settings: OfflineSettings) -> None:
        self._name = name
        self._seconds_per_word = 1 / settings.words_per_second
        texts = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text("utf-8"))
        self._scripts = {language: _Script.model_validate(script) for language, script in texts.items()}

    @property
    def capabilities(self) -> Capabilities:
        """Text and history; it can't follow a system prompt."""
        return Capabilities(system_prompt=False)

    def stream_reply(
        self, request: ReplyRequest, status: StatusSink
    ) -> AbstractAsyncContextManager[AsyncIterable[ReplyEvent]]:
        """As in the contract; asked for an error, it breaks off with `CutOff` after a few words."""
        return opened(self._words(request), provider=self._name, model=request.model)

    async def draw(self, request: ImageRequest) -> Image:
        """A picture marked DEMO; the same prompt, seed and size give the same bytes."""
        if not (0 < request.width <= LONGEST_SIDE and 0 < request.height <= LONGEST_SIDE):
            details = f"{request.width}x{request.height}: a side has 1 to {LONGEST_SIDE} pixels"
            raise RequestRefused(details, provider=self._name, model=request.model)
        await asyncio.sleep(WORDS_PER_PICTURE * self._seconds_per_word)
        drawn = await asyncio.to_thread(png.placeholder, request.prompt, request.seed, request.width, request.height)
        return Image(drawn, "image/png")

    async def models(self) -> Sequence[ModelInfo]:
        """The one model that it plays."""
        return [ModelInfo(MODEL)]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Nothing is held open."""

    async def _words(self, request: ReplyRequest) -> AsyncGenerator[ReplyEvent, None]:
        question = request.messages[-1].text if request.messages else ""
        script = self._scripts["ru" if _CYRILLIC.search(question) else "en"]
        kind, answer = script.answer(question, remembered=max(0, len(request.messages) - 1))
        words = _WORD.findall(answer)
        clock = asyncio.get_running_loop().time
        begun = clock()
        for number, word in enumerate(words):
            # By the clock, so that a sleep's own lateness doesn't add up over a thousand words.
            await asyncio.sleep(max(0.0, begun + number * self._seconds_per_word - clock()))
            if kind == "error" and number == WORDS_BEFORE_ERROR:
                raise CutOff("the offline demo was asked for an error", provider=self._name, model=request.model)
            yield TextDelta(word)
        asked = sum(len(message.text.split()) for message in request.messages)
        yield Completed("done", Usage(asked, len(words)))
