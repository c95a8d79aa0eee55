"""A chain of three models on three servers, as people meet it: with a fault in each place, nothing doubled or lost.

`pytest -s` shows the transcripts, and what each server was asked.
"""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from tests.program import Program
from tests.servers.model import Answer, ModelServer
from tests.servers.telegram import TelegramServer
from tests.whole.conftest import usual_config
from tests.whole.transcript import Walk

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAMES = ("first", "second", "third")
BUSY = Answer(status=503, headers={"retry-after-ms": "50"})
NO_KEY = Answer(status=401)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_servers() -> AsyncIterator[Sequence[ModelServer]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(ModelServer()) for _ in NAMES]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chained(
    tmp_path_factory: pytest.TempPathFactory, telegram: TelegramServer, shared_servers: Sequence[ModelServer]
) -> AsyncIterator[Program]:
    config = usual_config(telegram, shared_servers[0]) | {
        "providers": {
            f"at_{name}": {"type": "openai", "base_url": server.url}
            for name, server in zip(NAMES, shared_servers, strict=True)
        },
        "models": {name: {"provider": f"at_{name}", "model": f"{name}-1"} for name in NAMES},
    }
    config["models"]["first"]["fallback"] = ["second", "third"]
    async with Program(tmp_path_factory.mktemp("chain"), config) as program:
        await program.started()
        yield program


@pytest.fixture
def servers(shared_servers: Sequence[ModelServer]) -> Sequence[ModelServer]:
    """All three well, and nothing asked yet."""
    for name, server in zip(NAMES, shared_servers, strict=True):
        server.requests.clear()
        server.default = Answer(text=f"Answer of the {name}, word by word.", words_per_second=60)
    return shared_servers


def requests(servers: Sequence[ModelServer]) -> list[str]:
    """Which models were asked, in order."""
    log = sorted((each for server in servers for each in server.requests), key=lambda each: each.arrived)
    return [request.body["model"].removesuffix("-1") for request in log]


def show(walk: Walk, servers: Sequence[ModelServer]) -> None:
    print(f"\n{walk}\n   requests: {', '.join(requests(servers)) or 'none'}")


async def test_before_the_first_word_another_model_answers_and_the_person_sees_one_answer(
    chained: Program, servers: Sequence[ModelServer], walk: Walk
) -> None:
    servers[0].default, servers[1].default = BUSY, NO_KEY
    walk.says("hello")
    await walk.sees("Answer of the third, word by word.")
    assert [message.text for message in walk.chat.messages] == ["Answer of the third, word by word."]
    show(walk, servers)
    assert requests(servers) == ["first", "first", "second", "third"], "four attempts, and no more"
    assert re.search(r"by third \(at_third\): done", chained.output)


async def test_after_the_first_word_it_stays_and_retry_asks_the_next_model_into_the_same_message(
    chained: Program, servers: Sequence[ModelServer], walk: Walk
) -> None:
    servers[0].default = Answer(text="one two three four", fault="cut", after_words=3)
    walk.says("count")
    cut = walk.text("error.cut_off", provider="at_first")
    message = await walk.reads(rf"one two three\s+{re.escape(cut)}")
    assert message.labels == [walk.text("button.retry_model", model="second")]
    walk.presses(message, message.labels[0])
    await walk.sees("Answer of the second, word by word.")
    assert [each.text for each in walk.chat.messages] == ["Answer of the second, word by word."]
    assert requests(servers) == ["first", "second"]
    servers[0].default = Answer(text="Well again.")
    walk.says("next")
    await walk.sees("Well again.")
    show(walk, servers)
    assert requests(servers)[2:] == ["first"], "the conversation's model is still the first"
    contents = [entry["content"] for entry in servers[0].requests[-1].body["messages"]][1:]
    assert contents == ["count", "Answer of the second, word by word.", "next"]


async def test_when_nobody_answers_the_person_is_told_once_and_retry_begins_anew_with_the_first(
    chained: Program, servers: Sequence[ModelServer], walk: Walk
) -> None:
    for server in servers:
        server.default = BUSY
    walk.says("anybody?")
    message = await walk.sees(walk.text("error.overloaded", provider="at_first"))
    assert requests(servers) == ["first", "first", "second", "third"]
    assert message.labels == [walk.text("button.retry")]
    servers[0].default = Answer(text="Here I am.")
    walk.presses(message, message.labels[0])
    await walk.sees("Here I am.")
    show(walk, servers)
    assert requests(servers)[4:] == ["first"]


async def test_a_dead_server_is_soon_not_asked_at_all_and_the_list_of_models_marks_it(
    chained: Program, servers: Sequence[ModelServer], walk: Walk
) -> None:
    """The last test: from here on the first model rests."""
    servers[0].default = BUSY
    for number in range(5):
        servers[1].default = Answer(text=f"Answer {number}.")
        walk.says(f"question {number}")
        await walk.sees(f"Answer {number}.")
    assert requests(servers) == ["first", "first", "second"] * 3 + ["second"] * 2
    walk.says("/model")
    await walk.reads(rf".*⚠️ first: {re.escape(walk.text('trouble.overloaded'))}.*")
    show(walk, servers)
