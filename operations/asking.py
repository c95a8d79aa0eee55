"""The command line's verbs: what the configured providers offer, and one question to one model, in the terminal."""

import asyncio
from collections.abc import AsyncIterable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from chat.errors import BotError, ProviderError
from chat.events import Completed, ReasoningDelta, Replaced, ReplyEvent, TextDelta
from texts import Language

ANSWERED, FAILED = 0, 1  # exit codes


class Named(Protocol):
    """A model that a provider offers."""

    @property
    def name(self) -> str:
        """As the provider takes it."""
        ...


class Lists(Protocol):
    """A provider, as far as its list goes."""

    async def models(self) -> Sequence[Named]:
        """What it offers now. Raises `ProviderError`."""
        ...


class News(Protocol):
    """Why there is no answer yet: a text key and its placeholders."""

    @property
    def key(self) -> str:
        """The sentence."""
        ...

    @property
    def arguments(self) -> Mapping[str, str]:
        """What is put in."""
        ...


class Terminal(Protocol):
    """Where it is shown."""

    def write(self, text: str, /) -> object:
        """Add that to what is there."""
        ...

    def flush(self) -> object:
        """Show it now."""
        ...


Tell = Callable[[News], None]
Ask = Callable[[Tell], AbstractAsyncContextManager[AsyncIterable[ReplyEvent]]]


async def list_models(providers: Mapping[str, Lists], language: Language, out: Terminal, err: Terminal) -> int:
    """Write what each provider offers, one `provider: model` a line; the exit code: 1 where none could tell."""
    listings = [_listed(provider) for provider in providers.values()]
    told = 0
    for name, listing in zip(providers, await asyncio.gather(*listings), strict=True):
        if isinstance(listing, ProviderError):
            _say(err, f"{name}: {_trouble(listing, language)}")
            continue
        told += 1
        for model in listing:
            _say(out, f"{name}: {model.name}")
        if not listing:
            _say(err, f"{name}: {language.say('cli.none')}")
    return ANSWERED if told else FAILED


async def _listed(provider: Lists) -> Sequence[Named] | ProviderError:
    try:
        return await provider.models()
    except ProviderError as error:
        return error


async def ask(question: Ask, language: Language, out: Terminal, err: Terminal) -> int:
    """Stream an answer to `out`, and what else there is to say to `err`; the exit code: 1 where it failed."""
    answer = _Answer(out, language)
    try:
        async with question(lambda news: _say(err, language.say(news.key, **news.arguments))) as events:
            async for event in events:
                answer.take(event)
    except BotError as error:
        answer.end()
        _say(err, f"⚠️ {_trouble(error, language)}")
        return FAILED
    answer.end()
    _say(err, answer.summary())
    return ANSWERED


def _trouble(error: BotError, language: Language) -> str:
    """In a few words, and with what the server said: whoever sits at the terminal runs the bot."""
    key = error.key.replace("error.", "trouble.") if isinstance(error, ProviderError) else "trouble.provider"
    # One line: an error's text can hold a page of HTML.
    return f"{language.say(key)} — {' '.join(str(error).split())}"


def _say(to: Terminal, text: str) -> None:
    to.write(f"{text}\n")
    to.flush()


class _Answer:
    """An answer as it is written to a terminal, which can only add to what is there."""

    def __init__(self, out: Terminal, language: Language) -> None:
        self._out = out
        self._language = language
        self._clock = asyncio.get_running_loop().time
        self._begun = self._clock()
        self._first: float | None = None
        self._text = ""
        self._completed = Completed()

    def take(self, event: ReplyEvent) -> None:
        """Write what is new."""
        self._first = self._first or self._clock()
        match event:
            case TextDelta(text):
                self._write(text)
            case Replaced(text) if text.startswith(self._text):
                self._write(text.removeprefix(self._text))
            case Replaced(text):
                self._write("\n\n")
                self._text = ""
                self._write(text)
            case ReasoningDelta():
                pass
            case Completed():
                self._completed = event

    def end(self) -> None:
        """End the last line, if there is one."""
        if self._text and not self._text.endswith("\n"):
            self._write("\n")

    def summary(self) -> str:
        """How it ended, how long it took and what it cost."""
        seconds = f"{self._clock() - self._begun:.1f}"
        first = f"{(self._first or self._begun) - self._begun:.1f}"
        usage, reason = self._completed.usage, self._completed.reason
        end = self._language.say("cli.done" if reason == "done" else f"reply.{reason}")
        times = self._language.say("cli.times", first=first, seconds=seconds)
        if not usage:
            return f"{end} {times}"
        tokens = self._language.say("cli.tokens", asked=usage.input_tokens, answered=usage.output_tokens)
        return f"{end} {times} {tokens}"

    def _write(self, text: str) -> None:
        self._text += text
        self._out.write(text)
        self._out.flush()
