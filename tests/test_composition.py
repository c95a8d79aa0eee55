"""Models as bot.py puts them together: a chain over three real servers with a fault in each place, slots, and marks."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from chat.errors import BadKey, CutOff, Overloaded, ProviderError, Unreachable
from chat.messages import Image, Message
from composition import Answering, Record, line, open_models, with_listed
from config import load
from handlers.settings import ModelSettings
from providers.base import ImageRequest, ReplyRequest, Status
from providers.wrappers import Circuit, Limited, Observation, Observed, Retrying, Supposing, Wrapper
from providers.wrappers.circuit import ALL_MODELS, FAILURES_TO_OPEN
from tests.providers.asking import read_into, text_of
from tests.servers.model import Answer, ModelServer

AT_ONCE = {"retry-after-ms": "20"}
BUSY = Answer(status=503, headers=AT_ONCE)
NAMES = ("first", "second", "third")
REQUEST = ReplyRequest("main", (Message("user", "hello"),), system="Be brief.", attempts=4)


@dataclass
class Chain:
    """Three servers, each with a model; `answering` asks them in this order."""

    servers: Sequence[ModelServer]
    answering: Answering
    record: Record
    statuses: list[str] = field(default_factory=list)

    async def ask(self, model: str = "first", request: ReplyRequest = REQUEST) -> tuple[str, ProviderError | None]:
        """The text that came, and how it failed."""
        chosen = self.answering.models[model]
        events: list[Any] = []
        try:
            async with chosen.provider.stream_reply(request, self._tell) as answer:
                async for event in answer:
                    events.append(event)
        except ProviderError as error:
            return text_of(events), error
        return text_of(events), None

    def _tell(self, status: Status) -> None:
        self.statuses.append(status.key)

    @property
    def asked(self) -> list[int]:
        """How many requests each server got."""
        return [len(server.requests) for server in self.servers]


@asynccontextmanager
async def chain(folder: Path, fallback: Sequence[str] = NAMES[1:], **settings: Any) -> AsyncIterator[Chain]:
    """`settings`: more for a model (`first`) or a provider (`at_first`), by its name."""
    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(ModelServer()) for _ in NAMES]
        for name, server in zip(NAMES, servers, strict=True):
            server.default = Answer(text=f"Answer of the {name}.")
        config = {
            "providers": {
                name: {"type": "openai", "base_url": server.url, **settings.get(f"at_{name}", {})}
                for name, server in zip(NAMES, servers, strict=True)
            },
            "models": {name: {"provider": name, "model": f"{name}-1", **settings.get(name, {})} for name in NAMES},
            "image_models": {"painter": {"provider": "first", "model": "paint-1"}},
        }
        config["models"]["first"]["fallback"] = list(fallback)
        file = folder / "config.yaml"
        file.write_text(yaml.safe_dump(config, sort_keys=False), "utf-8")
        record = Record()
        yield Chain(servers, await open_models(load(file, {}), stack, record), record)


@pytest.mark.parametrize(
    ("faults", "text", "asked"),
    [
        ((), "Answer of the first.", [1, 0, 0]),
        ((BUSY,), "Answer of the second.", [2, 1, 0]),
        ((BUSY, Answer(status=401)), "Answer of the third.", [2, 1, 1]),
        ((Answer(status=401), BUSY), "Answer of the third.", [1, 2, 1]),
        ((Answer(fault="cut", after_words=0), Answer(fault="garbage")), "Answer of the third.", None),
        ((Answer(status=404), Answer(status=402)), "Answer of the third.", [1, 1, 1]),
    ],
    ids=["none", "busy", "busy, no key", "no key, busy", "broken before a word", "not found, no credit"],
)
async def test_whoever_fails_before_its_first_word_is_passed_over_and_nothing_is_doubled_or_asked_too_often(
    tmp_path: Path, faults: Sequence[Answer], text: str, asked: list[int] | None
) -> None:
    async with chain(tmp_path) as answering:
        for server, fault in zip(answering.servers, faults, strict=False):
            server.default = fault
        assert await answering.ask() == (text, None)
        assert asked is None or answering.asked == asked
        assert sum(answering.asked) <= REQUEST.attempts
        log = sorted((each for server in answering.servers for each in server.requests), key=lambda each: each.arrived)
        assert {request.question for request in log} == {"hello"}
        models = [request.body["model"] for request in log]
        assert models == sorted(models, key=["first-1", "second-1", "third-1"].index), "nobody is asked again later"


async def test_a_server_that_is_gone_is_passed_over_and_after_a_while_not_even_tried_and_marked(tmp_path: Path) -> None:
    async with chain(tmp_path, fallback=["third"]) as answering:
        await answering.servers[0].__aexit__(None, None, None)
        one_try = ReplyRequest("main", REQUEST.messages, attempts=2)
        for _ in range(FAILURES_TO_OPEN + 3):
            assert await answering.ask(request=one_try) == ("Answer of the third.", None)
        assert answering.record.trouble == {"first": "unreachable"}
        outcomes = answering.record.asked
        assert outcomes["first", "first", "reply", "failed"] == FAILURES_TO_OPEN + 3
        assert outcomes["third", "third", "reply", "done"] == FAILURES_TO_OPEN + 3


async def test_when_all_are_busy_the_budget_is_used_up_and_the_first_failure_told(tmp_path: Path) -> None:
    async with chain(tmp_path) as answering:
        for server in answering.servers:
            server.default = BUSY
        text, error = await answering.ask()
        assert (text, type(error), answering.asked) == ("", Overloaded, [2, 1, 1])
        assert error
        assert (error.attempts, error.arguments["provider"]) == (4, "first")
        assert answering.record.trouble == dict.fromkeys(NAMES, "overloaded")
        assert answering.statuses == ["status.retrying", "status.fallback", "status.fallback"]


async def test_an_answer_that_is_cut_keeps_its_words_and_names_who_to_ask_next_and_nobody_else_is_asked(
    tmp_path: Path,
) -> None:
    async with chain(tmp_path) as answering:
        answering.servers[0].default = Answer(text="one two three four", fault="cut", after_words=2)
        text, error = await answering.ask()
        assert (text.split(), type(error), answering.asked) == (["one", "two"], CutOff, [1, 0, 0])
        assert error
        assert error.next_model == "second"
        assert answering.record.trouble == {"first": "cut_off"}
        answering.servers[0].default = Answer(text="Whole.")
        assert await answering.ask() == ("Whole.", None)
        assert answering.record.trouble == {}, "it answers again"


async def test_a_model_whose_connection_dies_while_it_thinks_is_asked_again_and_then_the_next(tmp_path: Path) -> None:
    async with chain(tmp_path, fallback=["second"]) as answering:
        answering.servers[0].default = Answer(text="one two", reasoning="hm", fault="cut", after_words=0)
        request = replace(REQUEST, attempts=3)
        assert await answering.ask(request=request) == ("Answer of the second.", None)
        assert answering.asked == [2, 1, 0]
        shown = ["status.thinking", "status.retrying", "status.thinking", "status.fallback"]
        assert answering.statuses == shown


async def test_each_model_of_the_chain_gets_its_own_name_and_parameters_and_no_picture_that_it_cannot_see(
    tmp_path: Path,
) -> None:
    picture = Message("user", "What is it?", (Image(b"GIF89a", "image/gif"),))
    settings: dict[str, Any] = {
        "first": {"vision": True, "parameters": {"temperature": 0.5}},
        "second": {"parameters": {"top_p": 0.1}},
    }
    async with chain(tmp_path, **settings) as answering:
        answering.servers[0].default = Answer(status=401)
        request = ReplyRequest("first-1", (picture,), "Be brief.", {"temperature": 0.5}, attempts=4)
        assert await answering.ask(request=request) == ("Answer of the second.", None)
        seen, unseen = answering.servers[0].requests[0].body, answering.servers[1].requests[0].body
        assert (seen["model"], seen["temperature"]) == ("first-1", 0.5)
        assert "base64" in str(seen)
        assert (unseen["model"], unseen["top_p"], "temperature" in unseen) == ("second-1", 0.1, False)
        assert "base64" not in str(unseen)
        assert unseen["messages"][1]["content"] == "What is it?\n[an image that can't be shown to you]"
        assert unseen["messages"][0]["content"] == "Be brief."


async def test_a_model_without_fallbacks_asks_nobody_else_and_two_may_name_each_other(tmp_path: Path) -> None:
    async with chain(tmp_path, second={"fallback": ["first"]}) as answering:
        for server in answering.servers[:2]:
            server.default = Answer(status=401)
        assert (await answering.ask("third"))[0] == "Answer of the third."
        assert answering.asked == [0, 0, 1]
        text, error = await answering.ask("second")
        assert (text, bool(error), answering.asked) == ("", True, [1, 1, 1])


async def test_answers_beyond_a_providers_slots_wait_and_say_so(tmp_path: Path) -> None:
    async with chain(tmp_path, at_first={"max_concurrent": 1}) as answering:
        answering.servers[0].default = Answer(text="one two three", words_per_second=20)
        provider = answering.answering.models["first"].provider
        async with provider.stream_reply(REQUEST, answering._tell):
            second = asyncio.create_task(answering.ask())
            await asyncio.sleep(0.1)
            assert (answering.asked, answering.statuses) == ([1, 0, 0], ["status.slot"])
        assert await second == ("one two three", None)


async def test_pictures_are_counted_and_are_no_trouble_of_a_model_that_answers(tmp_path: Path) -> None:
    async with chain(tmp_path) as answering:
        painter = answering.answering.image_models["painter"].provider
        await painter.draw(ImageRequest("paint-1", "a cat", 64, 64))
        assert answering.record.asked == {("first", "painter", "image", "done"): 1}
        assert answering.record.trouble == {}


async def test_tokens_are_counted_and_the_marks_of_the_config_before_are_gone_after_a_reload(tmp_path: Path) -> None:
    async with chain(tmp_path) as answering:
        await read_into([], answering.answering.models["second"].provider, REQUEST)
        assert answering.record.tokens["second", "second", "output"] > 0
        answering.record.trouble["second"] = "bad_key"
        async with AsyncExitStack() as stack:
            await open_models(load(tmp_path / "config.yaml", {}), stack, answering.record)
        assert answering.record.trouble == {}
        assert answering.record.tokens["second", "second", "output"] > 0


async def test_an_answer_of_the_config_before_a_reload_marks_nothing_any_more(tmp_path: Path) -> None:
    async with chain(tmp_path) as answering, AsyncExitStack() as stack:
        before = answering.answering.models["second"].provider
        answering.servers[1].default = Answer(status=401)
        await open_models(load(tmp_path / "config.yaml", {}), stack, answering.record)
        with pytest.raises(BadKey):
            await read_into([], before, REQUEST)
        assert answering.record.trouble == {}
        assert answering.record.failures["second", "second", "bad_key"] == 1, "but it is counted"


@pytest.mark.parametrize(
    "error", ["blocked", "request_refused", "context_too_long", "body_too_large", "pictures_too_large", "slow_answer"]
)
def test_what_was_wrong_with_somebodys_question_is_no_trouble_of_the_model(error: str) -> None:
    record = Record()
    record.note(Observation("openai", "gpt", "reply", "failed", error, None, 1.0, attempts=1))
    assert record.trouble == {}


@pytest.mark.parametrize("error", ["parameter_refused", "unverified", "region_refused"])
def test_what_would_be_wrong_with_every_question_is_a_trouble_of_the_model(error: str) -> None:
    record = Record()
    record.note(Observation("openai", "gpt", "reply", "failed", error, None, 1.0, attempts=1))
    assert record.trouble == {"gpt": error}


def test_a_server_that_is_back_takes_away_only_the_marks_that_say_it_is_gone() -> None:
    record = Record()
    models = {name: ModelSettings(provider="openai", model=name) for name in ("gpt", "quick", "old")}
    record.changed(models, 0, ALL_MODELS, Unreachable())
    record.note(Observation("openai", "old", "reply", "failed", "model_not_found", None, 1.0, attempts=1))
    record.note(Observation("openai", "gpt", "reply", "failed", "unreachable", None, 1.0, attempts=1))
    assert record.trouble == {"gpt": "unreachable", "quick": "unreachable", "old": "model_not_found"}
    record.changed(models, 0, ALL_MODELS, None)
    assert record.trouble == {"old": "model_not_found"}
    record.changed(models, 0, "old", None)
    assert record.trouble == {}


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        (Observation("openai", "gpt", "reply", "done", "", 0.412, 3.2, 12, 210),
         "reply by gpt (openai): done, first after 0.41 s, 3.20 s, 12 + 210 tokens"),
        (Observation("openai", "gpt", "reply", "failed", "unreachable", None, 3.0, attempts=2),
         "reply by gpt (openai): failed (unreachable), 3.00 s, 2 attempts"),
        (Observation("hf", "flux", "image", "stopped", "", None, 1.0), "image by flux (hf): stopped, 1.00 s"),
    ],
)  # fmt: skip
def test_the_log_has_one_line_for_each_time_that_a_model_was_asked(seen: Observation, told: str) -> None:
    assert line(seen) == told


def test_who_is_stopped_is_neither_in_trouble_nor_out_of_it() -> None:
    record = Record(trouble={"gpt": "overloaded"})
    record.note(Observation("openai", "gpt", "reply", "stopped", "", None, 1.0))
    record.note(Observation("openai", "quick", "reply", "stopped", "", None, 1.0))
    record.note(Observation("openai", "quick", "reply", "failed", "internal", None, 1.0))
    assert record.trouble == {"gpt": "overloaded"}


async def test_each_listed_model_is_asked_by_its_own_name_falls_back_and_is_marked_alone(tmp_path: Path) -> None:
    everything = {"second": {"model": "*", "fallback": ["third"]}}
    async with chain(tmp_path, fallback=(), **everything) as before, AsyncExitStack() as stack:
        config = with_listed(load(tmp_path / "config.yaml", {}), {"second": ("big", "small")})
        answering = Chain(before.servers, await open_models(config, stack, before.record), before.record)
        answering.servers[1].rule = lambda request: Answer(status=401) if request.body["model"] == "big" else None
        assert await answering.ask("small") == ("Answer of the second.", None)
        assert await answering.ask("big") == ("Answer of the third.", None)
        assert [each.body["model"] for each in answering.servers[1].requests] == ["small", "big"]
        assert answering.record.trouble == {"big": "bad_key"}


async def test_whoever_answers_is_in_all_the_wrappers_each_in_its_place(tmp_path: Path) -> None:
    """A silent model that waits for a slot, or for its next attempt, doesn't think: so `Supposing` is inside."""
    file = tmp_path / "config.yaml"
    file.write_text("providers: {demo: {type: offline}}\nmodels: {m: {provider: demo}}", "utf-8")
    async with AsyncExitStack() as stack:
        provider = (await open_models(load(file, {}), stack, Record())).models["m"].provider
        kinds = []
        while isinstance(provider, Wrapper):
            kinds.append(type(provider))
            provider = provider.wrapped
    assert kinds == [Observed, Circuit, Retrying, Limited, Supposing]
