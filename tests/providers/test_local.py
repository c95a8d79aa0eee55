"""Looking for model servers on this computer: who is found, in what time, and that nobody else is asked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from providers.local import Candidate, Found, answers, local_servers, usual_places
from tests.servers.model import Answer, ModelServer


def at(server: ModelServer) -> Candidate:
    return Candidate("ollama", server.url)


@asynccontextmanager
async def silent() -> AsyncIterator[Candidate]:
    """Somebody who takes connections and says nothing."""

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    try:
        yield Candidate("vllm", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
    finally:
        server.close()
        await server.wait_closed()


async def test_a_server_is_found_with_the_models_that_answer() -> None:
    models = ("qwen3:4b", "nomic-embed-text:latest", "llama3.2")
    async with ModelServer(models=models) as one, ModelServer(models=("x",)) as other:
        assert await local_servers([Candidate("ollama", one.url), Candidate("lmstudio", other.url)]) == [
            Found("ollama", one.url, ("qwen3:4b", "llama3.2")),
            Found("lmstudio", other.url, ("x",)),
        ]
        assert one.requests == []  # it is asked for its list, and nothing else


@pytest.mark.parametrize(
    "listing",
    [
        Answer(status=401), Answer(status=404), Answer(status=200, body="<html>a playground</html>"),
        Answer(status=302, headers={"Location": "http://192.0.2.1/v1/models"}), Answer(status=200, body="{}"),
        Answer(status=200, body='{"data": []}'), Answer(status=200, body="x" * 2**21),
        Answer(status=200, body='{"data": [{"id": "bge-m3"}]}'),
    ],
    ids=["key wanted", "nothing there", "a page", "elsewhere", "no list", "empty", "huge", "no model that answers"],
)  # fmt: skip
async def test_who_is_no_such_server_is_not_found_and_hides_nobody(listing: Answer) -> None:
    async with ModelServer() as wrong, ModelServer() as right:
        wrong.listing = listing
        assert [found.base_url for found in await local_servers([at(wrong), at(right)])] == [right.url]
        assert wrong.listings == 1


async def test_it_takes_half_a_second_however_many_are_silent() -> None:
    clock = asyncio.get_running_loop().time
    async with ModelServer() as gone:
        pass
    async with silent() as one, silent() as other, ModelServer() as server:
        begun = clock()
        assert [found.base_url for found in await local_servers([one, at(gone), other, at(server)])] == [server.url]
        assert clock() - begun < 1.5


async def test_only_this_computer_is_asked() -> None:
    assert await local_servers([]) == []
    assert await local_servers([Candidate("vllm", "http://192.0.2.1:8000/v1")]) == []


def test_the_usual_places_are_the_presets_of_this_computer_each_once() -> None:
    places = {place.base_url: place.preset for place in usual_places()}
    assert len(places) == len(usual_places())
    assert all(url.startswith("http://127.0.0.1:") for url in places)
    assert places["http://127.0.0.1:8080/v1"] == "llama.cpp"
    assert {"ollama", "lmstudio", "vllm", "h2ogpt", "jan", "koboldcpp"} <= set(places.values())


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("text-embedding-nomic-embed-text-v1.5", False), ("mxbai-embed-large", False), ("all-minilm:33m", False),
        ("BAAI/bge-m3", False), ("intfloat/e5-large", False), ("qwen3-reranker", False), ("whisper-1", False),
        ("tts-1", False), ("llama3.2:latest", True), ("gemma-3-4b-it", True), ("qwen2.5-coder", True),
        ("deepseek-r1-distill-llama", True), ("gpt-oss-20b", True), ("tiny.gguf", True), ("phi-4", True),
    ],
)  # fmt: skip
def test_models_that_do_not_answer_are_told_by_their_names(model: str, *, expected: bool) -> None:
    assert answers(model) is expected
