"""Whom the bot answers is said at the start, in a sentence, also and above all where that is nobody."""

from pathlib import Path

import pytest

import bot
from config import load
from texts import Texts

TOKEN = "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"


@pytest.mark.parametrize(
    ("access", "key", "has_admin"),
    [
        ("{}", "admins", False),
        ("{admins: ['telegram:1']}", "admins", True),
        ("{allow: ['telegram:-100555']}", "listed", False),
        ("{public: true, admins: ['telegram:1']}", "public", True),
    ],
)
async def test_whom_it_answers_is_said_plainly_at_the_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], access: str, key: str, has_admin: bool
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(f"telegram: {{token: '{TOKEN}'}}\naccess: {access}\n", "utf-8")
    texts = Texts.load("en")
    await bot._greet(load(file, {}), texts, {})
    lines, say = capsys.readouterr().out.splitlines(), texts.of("").say
    told = {name for name in ("admins", "listed", "public") if say(f"welcome.access.{name}") in lines}
    assert told == {key}
    assert (say("welcome.access.no_admin") in lines) is not has_admin
