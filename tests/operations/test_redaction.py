"""The log: never a secret in it, one event a line, and what is no secret stays readable."""

import gc
import io
import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from operations.redaction import RedactingFormatter, set_up_log
from operations.settings import LogSettings
from tests.program import ROOT

TOKEN = "4200000001:AAH-secret_of_the_bot"
PASSWORD = "pass word/ü+1"
SECRETS = (TOKEN, PASSWORD, "none", "sk-1234")
ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


def record(message: str, *args: Any, exc_info: ExcInfo | None = None, name: str = "parley") -> logging.LogRecord:
    return logging.LogRecord(name, logging.INFO, __file__, 1, message, args, exc_info)


def failure(text: str) -> ExcInfo:
    """An error with a cause, both of which name a secret."""
    try:
        try:
            raise OSError(f"cannot reach http://host/bot{text}/getMe")
        except OSError as cause:
            raise ValueError(f"failed with {text}") from cause
    except ValueError as error:
        return ValueError, error, error.__traceback__


@pytest.fixture(params=[False, True], ids=["text", "json"])
def log_format(request: pytest.FixtureRequest) -> RedactingFormatter:
    return RedactingFormatter(SECRETS, as_json=request.param)


@pytest.mark.parametrize("secret", [TOKEN, PASSWORD])
def test_a_secret_is_blacked_out_wherever_it_stands(log_format: RedactingFormatter, secret: str) -> None:
    records = [
        record(f"GET /bot{secret}/getMe"),
        record("token %s", secret),
        record("%r and %s", {"token": secret}, ValueError(secret)),
        record("%(token)s", {"token": secret}),
        record("failed", exc_info=failure(secret)),
        record(f"{secret}{secret}"),
    ]
    for each in records:
        line = log_format.format(each)
        assert secret not in line
        assert "[secret]" in line


def test_a_secret_in_a_loggers_name_is_blacked_out_in_text() -> None:
    line = RedactingFormatter(SECRETS, as_json=False).format(record("x", name=f"parley.{TOKEN}"))
    assert TOKEN not in line


def test_a_secret_in_a_loggers_name_is_blacked_out_in_json_too() -> None:
    line = RedactingFormatter(SECRETS, as_json=True).format(record("x", name=f"parley.{TOKEN}"))
    assert TOKEN not in line


def test_what_is_around_a_secret_stays_readable(log_format: RedactingFormatter) -> None:
    line = log_format.format(record("GET %s 404", f"https://host/bot{TOKEN}/getMe"))
    assert "GET https://host/bot[secret]/getMe 404" in line


def test_short_secrets_black_out_no_ordinary_words(log_format: RedactingFormatter) -> None:
    line = log_format.format(record("none of these, sk-1234"))
    assert "none of these, sk-1234" in line


def test_seven_characters_are_left_and_eight_are_not() -> None:
    formatter = RedactingFormatter(["abcdefg", "12345678"], as_json=False)
    assert formatter.format(record("abcdefg 12345678")).endswith("abcdefg [secret]")


def test_a_secret_inside_another_one_leaves_nothing_of_the_longer_one() -> None:
    formatter = RedactingFormatter(["password1", "user:password1@host"], as_json=False)
    assert formatter.format(record("http://user:password1@host/x")).endswith("http://[secret]/x")


def test_a_traceback_keeps_its_lines_in_text_and_its_object_in_json() -> None:
    text = RedactingFormatter(SECRETS, as_json=False).format(record("failed", exc_info=failure(TOKEN)))
    assert text.splitlines()[1] == "    Traceback (most recent call last):"
    assert "ValueError: failed with [secret]" in text
    event = json.loads(RedactingFormatter(SECRETS, as_json=True).format(record("failed", exc_info=failure(TOKEN))))
    assert "OSError: cannot reach http://host/bot[secret]/getMe" in event["traceback"]
    assert event["message"] == "failed"


@pytest.mark.parametrize("forged", ["x\n2026-01-01 00:00:00 ERROR parley: forged", "x\r\ny", "x\ry"])
def test_text_from_outside_cannot_pretend_to_be_a_line(log_format: RedactingFormatter, forged: str) -> None:
    line = log_format.format(record("he said %s", forged))
    assert "\n" not in line
    assert "\r" not in line


def test_json_is_one_object_a_line_with_what_was_said_unharmed() -> None:
    line = RedactingFormatter(SECRETS, as_json=True).format(record("привет %s", '"quoted"\n'))
    event = json.loads(line)
    assert (event["message"], event["level"], event["logger"]) == ('привет "quoted"\n', "info", "parley")
    assert "привет" in line
    assert event["time"].endswith("Z")


JSON_SECRETS = ['pass"word"1', "back\\slash\\1", "two\nlines of it", "tab\tbed secret"]


@pytest.mark.parametrize("secret", JSON_SECRETS)
def test_a_secret_that_json_writes_differently_is_blacked_out_too(secret: str) -> None:
    line = RedactingFormatter([secret], as_json=True).format(record("the key is %s", secret))
    assert json.loads(line)["message"] == "the key is [secret]"


def test_a_secret_of_two_lines_is_blacked_out_in_text_too() -> None:
    line = RedactingFormatter(["two\nlines of it"], as_json=False).format(record("the key is two\nlines of it"))
    assert "lines of it" not in line


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
@pytest.mark.parametrize("secret", ["back\\slash\\1", "pass'\"word1"])
def test_a_secret_as_python_shows_it_is_blacked_out_too(secret: str, as_json: bool) -> None:
    line = RedactingFormatter([secret], as_json=as_json).format(record("%r", {"key": secret}))
    assert "[secret]" in line


def test_the_text_of_an_exception_cannot_pretend_to_be_a_line_either() -> None:
    forged = "2026-01-01 00:00:00 ERROR parley: forged"
    text = RedactingFormatter([], as_json=False).format(record("failed", exc_info=failure(f"x\n{forged}")))
    assert not any(line.startswith(forged) for line in text.splitlines())


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters='"\\[]'), min_size=8, max_size=40))
def test_no_secret_without_escapes_gets_through(secret: str) -> None:
    for as_json in (False, True):
        line = RedactingFormatter([secret], as_json=as_json).format(record("<%s> %s", secret, secret * 2))
        assert f"<{secret}>" not in line


@pytest.fixture
def untouched_logging() -> Iterator[None]:
    """What `set_up_log` changes is as before afterwards."""
    loggers = [logging.getLogger(name) for name in (None, "aiogram", "aiohttp.access", "asyncio")]
    before = [(logger, logger.level, logger.handlers) for logger in loggers]
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    yield
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
    for logger, level, handlers in before:
        logger.setLevel(level)
        logger.handlers = handlers


@pytest.mark.usefixtures("untouched_logging")
@pytest.mark.parametrize("kind", ["text", "json"])
def test_the_log_of_this_program_and_of_its_libraries_is_blacked_out(
    kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_log(LogSettings(format="json" if kind == "json" else "text"), SECRETS)
    logging.getLogger("parley").info("started with %s", TOKEN)
    logging.getLogger("aiogram.event").warning("asked /bot%s/getMe", TOKEN)
    logging.getLogger("aiogram.event").info("chatter")
    logging.getLogger("parley").debug("too fine")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert all("[secret]" in line and TOKEN not in line for line in lines)


@pytest.mark.usefixtures("untouched_logging")
@pytest.mark.parametrize(("level", "expected"), [("debug", ["fine", "warning"]), ("error", [])])
def test_the_level_is_that_of_this_program_and_libraries_never_chatter(
    level: str, expected: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_log(LogSettings(level="debug" if level == "debug" else "error"), ())
    logging.getLogger("parley").debug("fine")
    logging.getLogger("aiogram").info("chatter")
    logging.getLogger("aiogram").warning("warning")
    assert [line.rpartition(": ")[2] for line in capsys.readouterr().err.splitlines()] == expected


ACTING = {
    "erase the line above": "\x1b[1A\x1b[2K",
    "the same in one character": "\x9b1A\x9b2K",
    "go back": "\b\b\b\r",
    "a line for other programs": "\x85\u2028\u2029\v\f",
    "turn the direction around": "\u202e\u2066\u200f",
    "nothing": "\0",
    "half a character": "\ud83d",
}


@pytest.mark.parametrize("acting", ACTING.values(), ids=ACTING)
def test_nothing_from_outside_steers_the_terminal_or_other_programs(
    log_format: RedactingFormatter, acting: str
) -> None:
    """A name, a model's words, what a server says of a failure: all that is logged may hold such characters."""
    for each in (record("from %s", f"Eve{acting}"), record("failed", exc_info=failure(acting))):
        line = log_format.format(each)
        assert not {each for each in acting if not each.isprintable()} & set(line)
        assert line.encode("utf-8")
    shown = RedactingFormatter([], as_json=False).redacted(f"Eve{acting} said\nhi\t👩\u200d👧")
    assert shown == f"Eve{ascii(acting)[1:-1]} said\nhi\t👩\u200d👧", "what is to be seen stays as it is"


@pytest.mark.usefixtures("untouched_logging")
def test_what_was_secret_in_an_earlier_config_stays_secret(capsys: pytest.CaptureFixture[str]) -> None:
    """A connection that is open still uses a token that isn't in the config any more, after any number of reloads."""
    for secrets in ([TOKEN], ["the-second-one"], ["the-third-one"]):
        set_up_log(LogSettings(), secrets)
    logging.getLogger("parley").warning("%s the-second-one the-third-one", TOKEN)
    assert capsys.readouterr().err.endswith("[secret] [secret] [secret]\n")


@pytest.mark.usefixtures("untouched_logging")
def test_a_line_that_cant_be_made_tells_where_it_is_from_and_nothing_of_what_it_was_to_say(
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_up_log(LogSettings(), [TOKEN])
    logging.getLogger("parley").error("%d of %s", TOKEN, "x")
    said = capsys.readouterr().err
    assert TOKEN not in said
    assert "test_redaction.py" in said


class FullDisk(io.StringIO):
    """A file that the log goes to, on a disk that is full."""

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


@pytest.mark.usefixtures("untouched_logging")
def test_a_log_that_cant_be_written_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", FullDisk())
    set_up_log(LogSettings(), [TOKEN])
    logging.getLogger("parley").error("something")


class Fragile:
    """Its end fails, when nobody can catch that."""

    def __del__(self) -> None:
        raise ValueError(f"can't close {TOKEN}")


@pytest.mark.usefixtures("untouched_logging")
def test_what_nobody_catches_while_cleaning_up_or_in_a_thread_is_blacked_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def work() -> None:
        raise ValueError(f"failed with {TOKEN}")

    set_up_log(LogSettings(), [TOKEN])
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    fragile = [Fragile()]
    fragile.clear()
    gc.collect()
    said = capsys.readouterr().err
    assert "failed with [secret]" in said
    assert "can't close [secret]" in said
    assert TOKEN not in said


def test_a_traceback_that_ends_the_program_is_blacked_out() -> None:
    code = (
        "from operations.redaction import set_up_log; from operations.settings import LogSettings\n"
        f"set_up_log(LogSettings(), ['{TOKEN}'])\nraise ValueError('failed with ' + '{TOKEN}')"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "ValueError: failed with [secret]" in result.stderr
    assert TOKEN not in result.stderr + result.stdout


@pytest.mark.parametrize("password", ["p@ss!word99", "pü1secretx", "a:b@c-secret"])
@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_the_password_of_a_proxy_is_blacked_out_as_the_http_client_writes_it(password: str, as_json: bool) -> None:
    formatter = RedactingFormatter([password], as_json=as_json)
    address = URL.build(scheme="http", user="me", password=password, host="proxy", port=3128)
    line = formatter.format(record("407, url=%r", str(address)))
    assert "url='http://me:[secret]@proxy:3128'" in line


def test_a_password_is_blacked_out_in_a_header_that_was_quoted_whosever_it_is() -> None:
    formatter = RedactingFormatter(["secretpw99"], as_json=False)
    assert formatter.format(record("Basic c29tZXVzZXI6c2VjcmV0cHc5OQ==")).endswith("Basic c29tZXVzZXI[secret]==")
