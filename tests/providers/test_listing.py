"""Asking providers what they list: all at once, not for long, again after a failure, and nothing is lost by one."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from pydantic import BaseModel

from chat.errors import ProviderError, Unreachable
from composition import provider_of
from providers.base import ModelInfo, Provider
from providers.listing import LISTING_SECONDS, LONGEST_NAME, Listings, Pauses, usable
from providers.openai import OpenAI
from tests.handlers.scene import FakeProvider
from tests.servers.model import Answer, ModelServer
from tests.virtual_time import run_virtual

PAUSES = Pauses(failed=30, longest=600, well=3600)
ADDRESS = OpenAI.Settings(base_url="http://127.0.0.1:9/v1")
ELSEWHERE = OpenAI.Settings(base_url="http://127.0.0.1:10/v1")


@dataclass
class Shelf:
    """Providers whose lists a test decides: names, or how it fails; a number is for how long it is silent."""

    says: dict[str, Sequence[str] | Exception | float]
    asked: list[tuple[str, float]] = field(default_factory=list)
    open: int = 0

    def make(self, name: str, settings: BaseModel) -> Provider:
        del settings
        return _Listing(name, self)

    def times(self, name: str) -> list[float]:
        """When it was asked, in seconds since the first time."""
        return [round(at - self.asked[0][1]) for each, at in self.asked if each == name]


class _Listing(FakeProvider):
    def __init__(self, name: str, shelf: Shelf) -> None:
        super().__init__()
        self._name, self._shelf = name, shelf

    async def __aenter__(self) -> "_Listing":
        self._shelf.open += 1
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._shelf.open -= 1

    async def models(self) -> Sequence[ModelInfo]:
        assert self._shelf.open
        self._shelf.asked.append((self._name, asyncio.get_running_loop().time()))
        says = self._shelf.says[self._name]
        if isinstance(says, Exception):
            raise says
        if isinstance(says, float):
            await asyncio.sleep(says)
            return []
        return [ModelInfo(name) for name in says]


def virtually(work: Callable[[], Coroutine[object, object, None]]) -> None:
    run_virtual(work())


def test_all_are_asked_at_the_same_time_and_whoever_is_silent_is_not_waited_for() -> None:
    shelf = Shelf({"one": ("a", "b"), "silent": 900.0, "mute": 900.0, "gone": Unreachable("no")})
    listings = Listings(shelf.make, PAUSES)

    async def work() -> None:
        begun = asyncio.get_running_loop().time()
        await listings.ask(dict.fromkeys(shelf.says, ADDRESS))
        assert asyncio.get_running_loop().time() - begun == pytest.approx(LISTING_SECONDS)

    virtually(work)
    assert listings.lists == {"one": ("a", "b"), "silent": (), "mute": (), "gone": ()}
    assert sorted(name for name, _ in shelf.asked) == ["gone", "mute", "one", "silent"]
    assert shelf.open == 0, "each is closed again"


def test_it_asks_a_real_server_for_its_list_and_for_nothing_else() -> None:
    async def work() -> None:
        async with ModelServer(models=("qwen3:4b", "nomic-embed-text", "llama3.2")) as server:
            listings = Listings(provider_of)
            await listings.ask({"local": OpenAI.Settings(base_url=server.url)})
            assert listings.lists == {"local": ("qwen3:4b", "llama3.2")}
            assert (server.listings, server.requests) == (1, [])
            server.listing = Answer(status=401)
            await listings.ask({"local": OpenAI.Settings(base_url=server.url)})
            assert listings.lists == {"local": ("qwen3:4b", "llama3.2")}

    asyncio.run(work())


def test_what_cannot_answer_or_be_named_in_a_chat_is_left_out_and_nothing_comes_twice() -> None:
    names = (
        "gpt",
        "bge-m3",
        "gpt",
        "",
        " x",
        "two\nlines",
        "`code`",
        "\x1b[2J",
        "x" * (LONGEST_NAME + 1),
        "GPT-5 mini",
    )
    assert usable(map(ModelInfo, names)) == ("gpt", "GPT-5 mini")


@pytest.mark.parametrize("failure", [Unreachable("no"), ("bge-m3",), (), 900.0])
def test_a_list_is_kept_while_its_server_fails_and_forgotten_with_other_settings(
    failure: Sequence[str] | ProviderError | float,
) -> None:
    shelf = Shelf({"one": ("a",), "other": ("b",)})
    listings = Listings(shelf.make, PAUSES)

    async def work() -> None:
        await listings.ask({"one": ADDRESS, "other": ADDRESS})
        shelf.says["one"] = failure
        await listings.ask({"one": ADDRESS, "other": ADDRESS})
        assert listings.lists == {"one": ("a",), "other": ("b",)}
        await listings.ask({"one": ELSEWHERE})
        assert listings.lists == {"one": ()}

    virtually(work)


async def _followed(listings: Listings, seconds: float, providers: Mapping[str, BaseModel]) -> None:
    await listings.ask(providers)
    try:
        async with asyncio.timeout(seconds):
            await listings.follow(listings.ask_again)
    except TimeoutError:
        return


def test_after_a_failure_it_is_asked_again_ever_more_rarely_and_where_all_is_well_once_an_hour() -> None:
    shelf = Shelf({"gone": Unreachable("no"), "well": ("a",)})
    virtually(lambda: _followed(Listings(shelf.make, PAUSES), 2 * 3600, dict.fromkeys(shelf.says, ADDRESS)))
    assert shelf.times("gone")[:8] == [0, 30, 90, 210, 450, 930, 1530, 2130]
    assert shelf.times("well") == [0, 3600]


def test_once_it_lists_again_it_is_taken_up_and_asked_once_an_hour() -> None:
    shelf = Shelf({"late": Unreachable("no")})
    listings = Listings(shelf.make, PAUSES)

    async def work() -> None:
        await listings.ask({"late": ADDRESS})
        shelf.says["late"] = ("a",)
        await _followed(listings, 2 * 3600, {"late": ADDRESS})

    virtually(work)
    assert shelf.times("late") == [0, 0, 3600]
    assert listings.lists == {"late": ("a",)}


def test_where_nothing_is_to_be_listed_nobody_is_asked() -> None:
    shelf = Shelf({})
    virtually(lambda: _followed(Listings(shelf.make, PAUSES), 2 * 3600, {}))
    assert shelf.asked == []


def test_a_failure_is_one_line_of_the_log_with_its_reason_and_not_said_again_until_it_is_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    shelf = Shelf({"gone": Unreachable("nobody\nthere"), "well": ("a",)})
    listings = Listings(shelf.make, PAUSES)

    async def work() -> None:
        await _followed(listings, 1000, dict.fromkeys(shelf.says, ADDRESS))
        (warned,) = caplog.records
        assert warned.levelno == logging.WARNING
        assert (
            warned.getMessage() == "the models of gone can't be listed (it is tried again): unreachable: nobody there"
        )
        shelf.says["gone"] = ("a", "b")
        await _followed(listings, 1000, dict.fromkeys(shelf.says, ADDRESS))

    virtually(work)
    assert [each.getMessage() for each in caplog.records[1:]] == ["gone lists its models again: 2"]


def test_whatever_the_package_of_a_cloud_raises_takes_no_other_list_away() -> None:
    shelf = Shelf({"one": ("a",), "odd": ValueError("of a package")})
    listings = Listings(shelf.make, PAUSES)

    async def work() -> None:
        await listings.ask(dict.fromkeys(shelf.says, ADDRESS))
        assert listings.lists == {"one": ("a",), "odd": ()}

    virtually(work)
