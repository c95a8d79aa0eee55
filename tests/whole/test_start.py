"""How the program starts, what it says, and how it ends: the command line as a person meets it."""

import asyncio
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import aiohttp
import pytest

from tests.program import ROOT, Program
from tests.servers.gradio import GradioServer
from tests.servers.model import Answer, ModelServer
from tests.servers.telegram import TelegramServer
from tests.whole.conftest import FRIENDS, StartBot

PLAYGROUND = {"playground": {"listen": "127.0.0.1:0"}, "health": {"listen": ""}}


def run(*arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """`python bot.py …`, to its end."""
    command = [sys.executable, str(ROOT / "bot.py"), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=30, check=False)


def test_help_tells_the_options() -> None:
    result = run("--help")
    assert result.returncode == 0
    assert {"--config", "--check"} <= set(result.stdout.replace("[", " ").split())


def test_check_of_a_good_config_says_so(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("playground: {listen: '127.0.0.1:8080'}\n")
    result = run("--check", folder=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert "in order" in result.stdout
    assert not (tmp_path / "data").exists(), "a check touches nothing"


def test_check_of_a_bad_config_lists_every_fault_with_its_remedy_and_no_secret(tmp_path: Path) -> None:
    secret = "sk-0123456789abcdef"
    (tmp_path / "bad.yaml").write_text(
        f"telegram: {{token: {secret}}}\nlimits: {{waiting_per_chat: many}}\nmodells: {{}}\nlanguage: fr\n"
        "providers: {a: {type: openai, api_key: '${NOT_SET_ANYWHERE}'}}\nmodels: {x: {provider: b}}\n"
    )
    result = run("--config", str(tmp_path / "bad.yaml"), "--check")
    assert result.returncode == 2
    for path in ("telegram.token", "limits.waiting_per_chat", "modells", "language", "NOT_SET_ANYWHERE", "models.x"):
        assert path in result.stderr
    assert "Traceback" not in result.stderr
    assert secret not in result.stderr + result.stdout


def test_a_bare_start_needs_no_aiogram_and_no_discord_py() -> None:
    names = ("aiogram", "discord", "telegramify_markdown")
    code = f"import sys, bot; print([name for name in {names} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.asyncio(loop_scope="module")
async def test_the_playground_answers_and_the_start_up_text_tells_where(tmp_path: Path) -> None:
    # Said, and not left to it: on this computer a model may run that a bare start would find.
    demo = {"providers": {"offline": {"type": "offline"}}, "models": {"offline": {"provider": "offline"}}}
    async with Program(tmp_path, PLAYGROUND | demo) as program, aiohttp.ClientSession() as browser:
        await program.started()
        found = re.search(r"http://127\.0\.0\.1:\d+", program.output)
        assert found
        assert "offline" in program.output
        assert "config.example.yaml" in program.output
        url = found[0]
        async with browser.get(url) as page:
            assert "Parley" in await page.text()
        async with browser.get(f"{url}/events") as events:
            said = {"id": "11111111-1111-4111-8111-111111111111", "text": "hello"}
            async with browser.post(f"{url}/say", json=said, headers={"Origin": url}) as taken:
                assert taken.status == 200
            seen = ""
            async with asyncio.timeout(10):
                async for line in events.content:
                    seen += line.decode()
                    if "config.yaml" in seen and '"buttons":[]' in seen:
                        break
        assert await program.terminate() == 0
        assert "Traceback" not in program.output


@pytest.mark.asyncio(loop_scope="module")
async def test_an_answer_that_sigterm_interrupts_is_left_to_the_next_start_and_is_no_failure(tmp_path: Path) -> None:
    """A provider that has something to say when it is left must still have its connections then."""
    async with GradioServer("pairs") as app, aiohttp.ClientSession() as browser:
        app.default = Answer(text="word " * 400, words_per_second=10)
        config = PLAYGROUND | {
            "providers": {"space": {"type": "gradio", "base_url": app.url}},
            "models": {"space": {"provider": "space"}},
        }
        async with Program(tmp_path, config) as program:
            await program.started()
            url = re.findall(r"http://127\.0\.0\.1:\d+", program.output)[0]
            said = {"id": "22222222-2222-4222-8222-222222222222", "text": "hello"}
            async with browser.post(f"{url}/say", json=said, headers={"Origin": url}) as taken:
                assert taken.status == 200
            await app.asked()
            assert await program.terminate() == 0
            assert "failed" not in program.output
    with closing(sqlite3.connect(tmp_path / "data" / "bot.db")) as database:
        assert database.execute("SELECT state, failed FROM turns").fetchall() == [("running", 0)]


@pytest.mark.asyncio(loop_scope="module")
async def test_a_port_in_use_ends_the_program_with_one_clear_sentence(tmp_path: Path) -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with Program(tmp_path, {"playground": {"listen": f"127.0.0.1:{port}"}}) as program:
        assert await program.ended() == 1
    server.close()
    assert "another program uses it" in program.output
    assert "Traceback" not in program.output


@pytest.mark.asyncio(loop_scope="module")
async def test_the_bot_starts_and_waits_where_telegram_is_out_of_reach_and_healthz_tells(
    telegram: TelegramServer, model: ModelServer, start_bot: StartBot, unused_tcp_port: int
) -> None:
    model.default = Answer(text="Back.")
    await telegram.stop()
    async with start_bot(health={"listen": f"127.0.0.1:{unused_tcp_port}"}) as program:
        await program.says("can't be reached")
        await telegram.start()
        anna = telegram.private(FRIENDS[0])
        anna.say("there?")
        await anna.wait_for_text("Back.", timeout=10)
        async with (
            aiohttp.ClientSession() as client,
            client.get(f"http://127.0.0.1:{unused_tcp_port}/healthz") as health,
        ):
            assert health.status == 200
            body = await health.json()
            assert body["status"] == "ok"
            assert body["seconds_since_poll"]["telegram"] < 60


@pytest.mark.asyncio(loop_scope="module")
async def test_a_wrong_token_ends_the_program_with_one_clear_sentence(
    telegram: TelegramServer, start_bot: StartBot
) -> None:
    wrong = {"token": "999999:wrong_token_wrong_token_wrong_token_1", "api_base_url": telegram.base_url}
    async with start_bot(telegram=wrong) as program:
        assert await program.ended() == 1
        assert "telegram.token" in program.output
        assert "Traceback" not in program.output
        assert wrong["token"] not in program.output
