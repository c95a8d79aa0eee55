"""`python bot.py models` and `python bot.py ask`: a key is checked without any messenger, and nothing is stored."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web
from yarl import URL

from providers.local import usual_places
from tests.program import ROOT
from tests.servers.model import Answer, ModelServer

KEY = "sk-a-very-secret-key"


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with ModelServer(api_key=KEY, models=("big", "small")) as server:
        yield server


def written(folder: Path, server: ModelServer, key: str = KEY, **more: Any) -> Path:
    config = {
        "playground": {"listen": "127.0.0.1:0"},
        "providers": {
            "local": {"type": "openai", "base_url": server.url, "api_key": key},
            "demo": {"type": "offline", "words_per_second": 1000},
        },
        "models": {
            "main": {"provider": "local", "model": "big", "fallback": ["offline"], "parameters": {"top_p": 0.5}},
            "offline": {"provider": "demo"},
        },
        **more,
    }
    file = folder / "some.yaml"
    file.write_text(yaml.safe_dump(config, sort_keys=False), "utf-8")
    return file


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def run(*arguments: str | Path, folder: Path = ROOT) -> tuple[int | None, str, str]:
    """`python bot.py …` to its end, while the server answers: exit code, output, errors."""
    pipe = asyncio.subprocess.PIPE
    command = (sys.executable, str(ROOT / "bot.py"), *map(str, arguments))
    process = await asyncio.create_subprocess_exec(*command, cwd=folder, stdout=pipe, stderr=pipe)
    out, err = await process.communicate()
    assert "Traceback" not in err.decode()
    return process.returncode, out.decode(), err.decode()


async def test_what_the_providers_offer_is_listed(tmp_path: Path, server: ModelServer) -> None:
    code, out, err = await run("models", "--config", written(tmp_path, server))
    assert (code, out, err) == (0, "local: big\nlocal: small\ndemo: demo\n", "")


@pytest.fixture
async def at_a_usual_port() -> AsyncIterator[None]:
    """A server with the model "found-here", where local servers are looked for."""

    async def listing(_: web.Request) -> web.Response:
        return web.json_response({"data": [{"id": "found-here"}]})

    app = web.Application()
    app.router.add_get("/v1/models", listing)
    runner = web.AppRunner(app)
    await runner.setup()
    for place in usual_places():
        try:
            await web.TCPSite(runner, "127.0.0.1", URL(place.base_url).port).start()
        except OSError:
            continue
        break
    else:
        pytest.skip("all usual ports are in use")
    yield
    await runner.cleanup()


@pytest.mark.usefixtures("at_a_usual_port")
async def test_where_nobody_is_configured_the_servers_of_this_computer_are_listed_as_the_bot_offers_them(
    tmp_path: Path,
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("playground: {}\n", "utf-8")
    code, out, _ = await run("models", "--config", file, folder=tmp_path)
    assert code == 0
    assert [line for line in out.splitlines() if line.endswith(": found-here")]
    code, _, err = await run("ask", "nobody", "How are you?", "--config", file, folder=tmp_path)
    assert code == 2
    assert "found-here" in err, "it could be asked"


async def test_a_wrong_key_is_one_line_and_where_it_is_all_that_there_is_a_failure(
    tmp_path: Path, server: ModelServer
) -> None:
    server.listing = Answer(status=401)
    file = written(tmp_path, server)
    code, out, err = await run("--config", file, "models")
    assert (code, out, len(err.splitlines())) == (0, "demo: demo\n", 1)
    alone = {"local": {"type": "openai", "base_url": server.url, "api_key": KEY}}
    code, out, err = await run(
        "models", "--config", written(tmp_path, server, providers=alone, models={"main": {"provider": "local"}})
    )
    assert (code, out, len(err.splitlines())) == (1, "", 1)


async def test_a_model_is_asked_with_its_parameters_and_its_answer_goes_to_the_output(
    tmp_path: Path, server: ModelServer
) -> None:
    server.default = Answer(text="Quite well.")
    code, out, err = await run("ask", "main", "How are you?", "--config", written(tmp_path, server), folder=tmp_path)
    assert (code, out) == (0, "Quite well.\n")
    assert len(err.splitlines()) == 2, err
    body = server.requests[0].body
    assert (body["model"], body["top_p"], server.requests[0].question) == ("big", 0.5, "How are you?")
    assert names(tmp_path) == ["some.yaml"], "nothing is stored"


async def test_what_a_model_writes_is_seen_in_the_terminal_and_not_obeyed_by_it(
    tmp_path: Path, server: ModelServer
) -> None:
    server.default = Answer(text="one\x1b[2Jtwo\x1b]0;title\x07\n")
    code, out, _ = await run("ask", "main", "Hello?", "--config", written(tmp_path, server), folder=tmp_path)
    assert (code, out) == (0, "one\\x1b[2Jtwo\\x1b]0;title\\x07\n")


async def test_a_key_that_is_refused_fails_and_no_fallback_hides_it(tmp_path: Path, server: ModelServer) -> None:
    wrong = "sk-another-secret-key"
    code, out, err = await run("ask", "main", "Hello?", "--config", written(tmp_path, server, wrong))
    assert (code, out) == (1, "")
    assert "key" in err
    assert wrong not in err


async def test_a_model_that_there_isnt_is_told_with_those_that_there_are(tmp_path: Path, server: ModelServer) -> None:
    code, out, err = await run("ask", "mian", "Hello?", "--config", written(tmp_path, server))
    assert (code, out) == (2, "")
    assert "main, offline" in err
    assert server.requests == []


async def test_a_config_that_cannot_be_used_is_told_as_ever(tmp_path: Path, server: ModelServer) -> None:
    code, _, err = await run("models", "--config", written(tmp_path, server, langage="en"))
    assert code == 2
    assert "did you mean language?" in err
