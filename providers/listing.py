"""What providers list, for `model: "*"`: asked at the start, at a reload, and while the bot runs, each for a moment."""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from pydantic import BaseModel

from chat.errors import ModelNotFound, ProviderError, TimedOut
from providers.base import ModelInfo, Provider
from providers.local import answers

log = logging.getLogger(__name__)

LISTING_SECONDS = 10.0  # a list is one small request; the start waits for it
LONGEST_NAME = 200  # characters


@dataclass(frozen=True, slots=True)
class Pauses:
    """Seconds until a provider is asked again: after a failure, twice as long after each more, at most; and else."""

    failed: float = 30.0
    longest: float = 600.0
    well: float = 3600.0

    def after(self, failures: int) -> float:
        """The pause after so many failures in a row."""
        return min(self.longest, self.failed * 2.0 ** min(failures - 1, 30)) if failures else self.well


USUAL = Pauses()


@dataclass(frozen=True, slots=True)
class _Heard:
    """What is known of one provider. `failures`: since it last listed; `due`: the event loop's time."""

    settings: BaseModel
    names: tuple[str, ...] = ()
    failures: int = 0
    due: float = -math.inf


class Listings:
    """What providers list, as it was last heard. A list is kept while its server can't be asked: it may be back soon.

    `make`: a provider, to be opened, from its name and settings. `seconds`: how long one may take to list.
    """

    def __init__(
        self, make: Callable[[str, BaseModel], Provider], pauses: Pauses = USUAL, seconds: float = LISTING_SECONDS
    ) -> None:
        self._make = make
        self._pauses = pauses
        self._seconds = seconds
        self._heard: dict[str, _Heard] = {}

    @property
    def lists(self) -> Mapping[str, Sequence[str]]:
        """Provider → the models that answer, in its order; none of a provider that has never listed any."""
        return {name: heard.names for name, heard in self._heard.items()}

    @property
    def due(self) -> bool:
        """Whether it is time to ask somebody again."""
        return bool(self._overdue())

    async def ask(self, providers: Mapping[str, BaseModel]) -> None:
        """Ask these, by name and settings, all at the same time, and forget others, and what had other settings.

        A failure is logged when it begins, and never raised.
        """
        known = self._heard
        self._heard = {
            name: known[name] if name in known and known[name].settings == settings else _Heard(settings)
            for name, settings in providers.items()
        }
        await self._ask(self._heard)

    async def ask_again(self) -> None:
        """Ask those whose time has come."""
        await self._ask(self._overdue())

    async def follow(self, take_up: Callable[[], Awaitable[None]]) -> None:
        """Call `take_up` whenever somebody is due: it is to `ask_again`, and to use what changed. It never ends."""
        while True:
            await asyncio.sleep(self._pauses.failed)  # the shortest pause: a reload may have brought somebody new
            if self.due:
                await take_up()

    def _overdue(self) -> Sequence[str]:
        now = asyncio.get_running_loop().time()
        return [name for name, heard in self._heard.items() if heard.due <= now]

    async def _ask(self, names: Iterable[str]) -> None:
        async with asyncio.TaskGroup() as asking:
            tasks = {name: asking.create_task(self._listed(name, self._heard[name].settings)) for name in names}
        for name, task in tasks.items():
            self._heard[name] = self._noted(name, task.result())

    async def _listed(self, name: str, settings: BaseModel) -> tuple[str, ...] | ProviderError:
        try:
            async with asyncio.timeout(self._seconds), self._make(name, settings) as provider:
                listed = await provider.models()
        except TimeoutError:
            return TimedOut(f"no list after {self._seconds:g} s", provider=name)
        except ProviderError as error:
            return error
        except Exception as error:  # a border: what a cloud's package raises must not end the bot
            log.exception("listing the models of %s failed by a fault of ours", name)
            return ProviderError(type(error).__name__, provider=name)
        return usable(listed) or ModelNotFound("no model that answers is listed", provider=name)

    def _noted(self, name: str, told: tuple[str, ...] | ProviderError) -> _Heard:
        heard, failed = self._heard[name], isinstance(told, ProviderError)
        failures = heard.failures + 1 if failed else 0
        due = asyncio.get_running_loop().time() + self._pauses.after(failures)
        if isinstance(told, ProviderError):
            if not heard.failures:
                why = f"{told.key.removeprefix('error.')}: {' '.join(str(told).split())}"
                log.warning("the models of %s can't be listed (it is tried again): %s", name, why)
            return replace(heard, failures=failures, due=due)
        if heard.failures:
            log.info("%s lists its models again: %d", name, len(told))
        return replace(heard, names=told, failures=0, due=due)


def usable(listed: Iterable[ModelInfo]) -> tuple[str, ...]:
    """The names of those that answer, each once; without what can't be shown, or typed, in a chat."""
    names = dict.fromkeys(each.name for each in listed)
    return tuple(name for name in names if _can_be_named(name) and answers(name))


def _can_be_named(name: str) -> bool:
    return 0 < len(name) <= LONGEST_NAME and name == name.strip() and name.isprintable() and "`" not in name
