"""What an operator does beside a running bot, or while it is down: dead letters, status, backup, forgetting."""

import asyncio
import re
import socket
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from tests.program import ROOT, Program
from tests.servers.model import Answer, ModelServer
from tests.servers.telegram import Chat, TelegramServer
from tests.whole.conftest import ADMIN, FRIENDS, usual_config
from tests.whole.test_verbs import names, run

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = "sk-a-very-secret-key"
REFUSED = Answer(status=400)  # about this question alone: the provider is asked again next time


@dataclass(frozen=True)
class Operated:
    """A running bot, and its verbs."""

    program: Program
    health: str

    @property
    def folder(self) -> Path:
        return self.program.folder

    async def verb(self, *arguments: str) -> tuple[int | None, str, str]:
        return await run(*arguments, "--config", self.folder / "config.yaml")

    async def told(self, *arguments: str) -> str:
        """What a verb that works says."""
        code, out, err = await self.verb(*arguments)
        assert (code, err) == (0, "")
        return out

    async def given_up(self, count: int) -> list[str]:
        """The list of what was given up, once it has that many lines."""
        async with asyncio.timeout(20):
            while len(lines := (await self.told("dead", "list")).splitlines()) != count or "Nothing" in lines[0]:
                await asyncio.sleep(0.1)
        return lines


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def operated(
    tmp_path_factory: pytest.TempPathFactory, telegram: TelegramServer, model: ModelServer
) -> AsyncIterator[Operated]:
    listen = f"127.0.0.1:{free_port()}"
    config = usual_config(telegram, model) | {"health": {"listen": listen}}
    async with Program(tmp_path_factory.mktemp("operated"), config) as program:
        await program.started()
        yield Operated(program, listen)


def ended(chat: Chat) -> bool:
    return bool(chat.messages) and "the end" in chat.last.text and not chat.last.labels


def files_with(folder: Path, word: str) -> list[str]:
    return [file.name for file in folder.iterdir() if word.encode() in file.read_bytes()]


async def test_dead_letters_are_listed_shown_tried_again_and_dropped_beside_the_running_bot(
    operated: Operated, telegram: TelegramServer, model: ModelServer
) -> None:
    chats = [telegram.private(FRIENDS[number], "Anna") for number in range(3)]
    model.default = REFUSED
    for number, chat in enumerate(chats):
        chat.say(f"whisper {number}")
    lines = await operated.given_up(3)
    numbers = dict(sorted((line.split()[3], line.split()[0]) for line in lines))
    for place, line in zip(sorted(numbers), sorted(lines, key=lambda line: line.split()[3]), strict=True):
        pattern = rf" *\d+  \d{{4}}-\d\d-\d\d \d\d:\d\d  {place}  {place}  said  request_refused: .+"
        assert re.fullmatch(pattern, line), line
    first, second, third = (numbers[f"telegram:{FRIENDS[number]}"] for number in range(3))
    assert "whisper" not in "".join(lines)
    assert KEY not in "".join(lines)
    assert "whisper 0" in await operated.told("dead", "show", first)

    model.default = Answer(text="Well, the end")
    assert "1 turn is new again" in await operated.told("dead", "retry", first)
    await chats[0].wait_for(ended)
    assert len(chats[0].messages) == 1, "into the same message"
    await operated.told("dead", "drop", second)
    assert [line.split()[0] for line in await operated.given_up(1)] == [third]
    code, _, err = await operated.verb("dead", "retry", second, "99999")
    assert code == 1
    assert {second, "99999"} <= set(re.findall(r"\d+", err))
    await operated.told("dead", "retry", "all")
    await chats[2].wait_for(ended)
    assert not ended(chats[1])
    assert await operated.told("dead", "list") == "Nothing is given up.\n"


async def test_an_admin_does_the_same_in_the_chat(
    operated: Operated, telegram: TelegramServer, model: ModelServer
) -> None:
    anna, admin = telegram.private(FRIENDS[3], "Anna"), telegram.private(ADMIN, "Ada")
    model.default = REFUSED
    anna.say("whisper")
    (line,) = await operated.given_up(1)
    number = line.split()[0]
    admin.say("/admin dead")
    await admin.wait_for_text(f"telegram:{FRIENDS[3]}")
    model.default = Answer(text="Well, the end")
    admin.say(f"/admin retry {number}")
    await anna.wait_for(ended)
    assert await operated.told("dead", "list") == "Nothing is given up.\n"


async def test_status_and_figures_tell_how_the_running_bot_is(
    operated: Operated, telegram: TelegramServer, model: ModelServer
) -> None:
    chat = telegram.private(FRIENDS[4], "Anna")
    model.default = Answer(text="one two three the end", words_per_second=20)
    chat.say("hello")
    await chat.wait_for(ended)
    rows = dict(re.split(r" {2,}", line, maxsplit=1) for line in (await operated.told("status")).splitlines())
    assert rows["Bot"].startswith("running for 0 h 00 min")
    assert re.fullmatch(r"\d+ s ago", rows["Heard, telegram"])
    assert rows["Given up"] == "0"
    assert re.match(r"[1-9]\d* messages", rows["Used today"])
    assert str(operated.folder / "data" / "bot.db") in rows["Database"]
    async with aiohttp.ClientSession() as session, session.get(f"http://{operated.health}/metrics") as response:
        text = await response.text()
    for name in (
        'parley_updates_total{messenger="telegram",repeat="false"}',
        'parley_turns_total{messenger="telegram",outcome="answered"}',
        'parley_messenger_calls_total{messenger="telegram",priority="final"}',
        'parley_first_fragment_seconds_count{provider="local",model="main"}',
        'parley_delivery_lag_seconds_count{messenger="telegram"}',
    ):
        found = re.search(rf"^{re.escape(name)} (\d+)$", text, re.M)
        assert found, name
        assert int(found[1]) > 0
    assert KEY not in text


async def test_a_backup_is_taken_while_answers_stream_and_replaces_nothing_unasked(
    operated: Operated, telegram: TelegramServer, model: ModelServer, tmp_path: Path
) -> None:
    chat, copy = telegram.private(FRIENDS[5], "Anna"), tmp_path / "copy.db"
    model.default = Answer(text="word " * 60 + "the end", words_per_second=15)
    chat.say("hello")
    await chat.wait_for_text("word")
    assert "looked through and in order" in await operated.told("backup", str(copy))
    with closing(sqlite3.connect(copy)) as connection:
        places = {place for (place,) in connection.execute("SELECT place FROM turns WHERE state = 'running'")}
    assert f"telegram:{FRIENDS[5]}" in places
    code, _, err = await operated.verb("backup", str(copy))
    assert code == 1
    assert "--force" in err
    await operated.told("backup", str(copy), "--force")
    await chat.wait_for(ended)


async def test_a_conversation_is_forgotten_for_good_also_while_it_is_being_answered(
    operated: Operated, telegram: TelegramServer, model: ModelServer
) -> None:
    anna, bob = telegram.private(FRIENDS[6], "Anna"), telegram.private(FRIENDS[7], "Bob")
    model.default = Answer(text="unmistakable the end")
    for chat in (anna, bob):
        chat.say(f"confession {chat.id}")
        await chat.wait_for(ended)
    model.default = Answer(text="unmistakable " * 40 + "the end", words_per_second=30)
    anna.say(f"confession {anna.id} again")
    await anna.wait_for(lambda chat: len(chat.messages) == 2)
    name = f"telegram:{anna.id}"
    code, out, err = await operated.verb("forget", name)
    assert (code, "Write yes" in out, "Nothing was deleted" in err) == (1, True, True), "nobody said yes"
    assert "2 turns" in await operated.told("forget", name, "--yes")
    await anna.wait_for(lambda chat: len(chat.messages) == 2 and ended(chat))
    data = operated.folder / "data"
    assert files_with(data, f"confession {anna.id}") == []
    assert files_with(data, f"confession {bob.id}") != []
    code, _, err = await operated.verb("forget", name, "--yes")
    assert (code, name in err) == (1, True)
    model.default = Answer(text="Hello, the end")
    anna.say("hello")
    await anna.wait_for(lambda chat: len(chat.messages) == 3 and ended(chat))


async def test_what_is_tried_again_while_the_bot_is_down_is_answered_at_the_next_start_and_what_is_old_is_gone(
    model: ModelServer, tmp_path: Path
) -> None:
    async with TelegramServer() as telegram:  # its own: the bot of the other tests still polls
        chats = [telegram.private(FRIENDS[10 + number], "Anna") for number in range(3)]
        storage = {"storage": {"url": "sqlite:data/bot.db", "retention_days": 30}}
        async with Program(tmp_path, usual_config(telegram, model) | storage) as program:
            await program.started()
            operated = Operated(program, "")
            model.default = Answer(text="That was the end")
            chats[2].say("bygone")
            await chats[2].wait_for(ended)
            model.default = REFUSED
            for chat in chats[:2]:
                chat.say("hello")
            await operated.given_up(2)
            await program.kill()
            assert "unknown" in await operated.told("status")
            assert "2 turns are new again" in await operated.told("dead", "retry", "all")
            with closing(sqlite3.connect(tmp_path / "data" / "bot.db")) as connection, connection:
                connection.execute("UPDATE turns SET updated_at = updated_at - 31 * 86400 WHERE id = 1")
            model.default = Answer(text="Well, the end")
            await program.start()
            await program.started(2)
            for chat in chats[:2]:
                await chat.wait_for(ended)
            await program.says("deleted 1 turns that were over for more than 30 days")
            async with asyncio.timeout(10):
                while files_with(tmp_path / "data", "bygone"):
                    await asyncio.sleep(0.1)
            assert [len(chat.messages) for chat in chats] == [1, 1, 1]


async def test_a_damaged_database_ends_the_start_with_what_to_do_and_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    database = tmp_path / "data" / "bot.db"
    database.write_bytes(b"not a database" * 1000)
    config = {"playground": {"listen": "127.0.0.1:0"}, "storage": {"url": "sqlite:data/bot.db"}}
    async with Program(tmp_path, config) as program:
        assert await program.ended() == 1
        assert f"the database {database} is damaged" in program.output
        assert "restore a backup" in program.output
        assert "Traceback" not in program.output
    assert database.read_bytes() == b"not a database" * 1000


@pytest.mark.parametrize("verb", [("status",), ("dead", "list"), ("backup", "x.db"), ("forget", "telegram:1")])
async def test_where_there_is_no_database_none_is_made_and_it_is_said(tmp_path: Path, verb: tuple[str, ...]) -> None:
    (tmp_path / "config.yaml").write_text("playground: {listen: '127.0.0.1:0'}\n")
    code, out, err = await run(*verb, folder=tmp_path)
    assert (code, out) == (1, "")
    assert "There is no database" in err
    assert names(tmp_path) == ["config.yaml"]


@pytest.mark.parametrize("verb", [("retry",), ("show", "all"), ("retry", "1", "x")])
async def test_dead_without_proper_numbers_is_refused(tmp_path: Path, verb: tuple[str, ...]) -> None:
    (tmp_path / "config.yaml").write_text("playground: {listen: '127.0.0.1:0'}\n")
    code, out, err = await run("dead", *verb, folder=tmp_path)
    assert (code, out) == (2, "")
    assert err


async def test_yes_at_the_terminal_is_an_answer(operated: Operated, telegram: TelegramServer) -> None:
    chat = telegram.private(FRIENDS[8], "Anna")
    chat.say("hello")
    await chat.wait_for(lambda chat: bool(chat.messages))
    command = (
        sys.executable,
        "bot.py",
        "--config",
        str(operated.folder / "config.yaml"),
        "forget",
        f"telegram:{chat.id}",
    )
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdin=pipe, stdout=pipe)
    out, _ = await process.communicate(b" YES\n")
    assert process.returncode == 0
    assert "Deleted: 1 turns" in out.decode()
