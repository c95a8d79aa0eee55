"""Configs, bent: as a tree, as text and as bytes. One is valid and can be put to work, or all its faults are told."""

import asyncio
import json
import re
import tempfile
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from composition import Record, open_models
from config import Config, ConfigError, load
from messengers.playground.server import Playground
from tests.config_folder import DISCORD_TOKEN, TOKEN
from tests.fuzz.bodies import GARBAGE
from tests.fuzz.target import Check, Target
from tests.fuzz.trees import bent, places
from tests.program import ROOT
from texts import Texts

EXAMPLE = re.sub(r"^(\s*)#(?=[a-z_]+: )", r"\1", (ROOT / "config.example.yaml").read_text("utf-8"), flags=re.MULTILINE)
SECRET = "s3cr3t-Zq9Kx7Lw2Vb8"
SECRETS = (f"sk-{SECRET}", TOKEN, DISCORD_TOKEN)
ENVIRON = {
    "TELEGRAM_TOKEN": TOKEN, "DISCORD_TOKEN": DISCORD_TOKEN, "OPENAI_API_KEY": f"sk-{SECRET}", "LONG": "x" * 3000,
    "ODD": "\udc80${OPENAI_API_KEY}", "LINES": "a\nb: c",
}  # fmt: skip

# What people and generators write into settings, and what has a meaning of its own in YAML, URLs or paths.
VALUES = (
    "${OPENAI_API_KEY}", "${NOT_SET}", "${NOT_SET:-default}", "${LONG}", "${ODD}", "${LINES}", "${", "$${x}", "${}",
    f"https://me:{SECRET}@example.org/v1", f"http://{SECRET}@[::1", "http://exa mple.org", "https://example.org:99999",
    "https://xn--/", "http://\u202e.org", "http://a..b/", "https://" + "a" * 300 + ".org", "http://[v1.x]/", "http://%zz/",
    "http://\u2100.org/", "https://example.org:/", "//x", "socks5://h:1", f"socks5://u:{SECRET}@h:1", "http://h:0x1",
    "sqlite:\0", "sqlite:\udcff", "sqlite:" + "a/" * 3000, "sqlite:~", "sqlite:/", "sqlite:..", ":8080", "[::]:80",
    "127.0.0.1:99999", "0.0.0.0:1", "*", "telegram:1", "discord:guild:7", "Europe", "../etc/passwd", "/etc/passwd",
    "Europe/" + "x" * 300, "\ud800", "👋", "nan", "a" * 5000, f"{SECRET} with a space", "٣", "{date}", "%s{0}",
)  # fmt: skip
YAML_PIECES = (
    ".inf", "-.inf", ".nan", "1e400", "0x" + "f" * 4000, "9" * 5000, "0b", "0x_", "1:2:3:4", "0o17", "1_000", "=", "<<",
    "!!python/object/apply:os.system [id]", "!!binary aGk=", "!!timestamp 2026-13-45", "!!set {a}", "!!int x", "!x y",
    "*nowhere", "&a [*a]", "<<: *x", "? [1, 2]", "2026-13-45", "yes", "~", '"\\uD800"', '"\\UFFFFFFFF"', '"\\x0"', "|",
    ">", "%YAML 9.9\n---", "%YAML 1.99999999999999999999\n---", "%TAG ! x\n---", "---\n", "...\n", "\t", "{", "[", "'",
    "&x", "a: &a\n  b: *a\n", "x: &x [1,1]\ny: [*x,*x]\n", "#", "- ", ": ", "\u2028", "\x85", "\ufeff", "{a: " * 300,
    "[" * 990, "%FOO\n", '"\\U00110000"', "!<tag:yaml.org,2002:int> 0x", "!!float ''", "!!bool maybe", "!!null x",
)  # fmt: skip

Tree = dict[str, Any]


def whole_tree() -> Tree:
    """The example, everything in force."""
    tree: Tree = yaml.safe_load(EXAMPLE)
    tree["access"]["admins"] = ["telegram:1234"]
    tree["prompts"] = {"poet": "Answer in verse."}
    tree["models"]["spare"] = {"provider": "offline", "model": "x", "fallback": ["gpt"]}
    tree["models"]["claude"] = {
        "provider": "anthropic",
        "model": "c",
        "parameters": {"max_tokens": 5, "api_key": SECRET},
    }
    return tree


WHOLE = whole_tree()
PLAIN = yaml.safe_dump(WHOLE, sort_keys=False)
PIECES = st.sampled_from(YAML_PIECES) | st.sampled_from(VALUES)


@st.composite
def trees(draw: DrawFn) -> bytes:
    """The whole example with a few values that people might write, and then bent like any tree."""
    around = [draw(bent([WHOLE], 3))]
    for _ in range(draw(st.integers(0, 3))):
        inside = places(around)
        container, key = inside[draw(st.integers(0, len(inside) - 1))]
        container[key] = draw(st.sampled_from(VALUES))
    if draw(st.booleans()):
        return json.dumps(around[0]).encode()
    return str(yaml.safe_dump(around[0], allow_unicode=draw(st.booleans()))).encode("utf-8", "surrogatepass")


@st.composite
def documents(draw: DrawFn) -> bytes:
    """The example's own text: lines lost, doubled and moved, values and pieces of YAML in places where none belong."""
    lines = PLAIN.splitlines()
    for _ in range(draw(st.integers(0, 4))):
        at, other = draw(st.integers(0, len(lines) - 1)), draw(st.integers(0, len(lines) - 1))
        piece = draw(PIECES)
        match draw(st.sampled_from(["lose", "double", "value", "key", "insert", "indent"])):
            case "lose":
                del lines[at]
            case "double":
                lines.insert(other, lines[at])
            case "value":
                lines[at] = lines[at].partition(":")[0] + ": " + piece
            case "key":
                lines[at] = piece + ":" + lines[at].partition(":")[2]
            case "insert":
                lines.insert(at, piece)
            case _:
                lines[at] = draw(st.sampled_from(["  ", " ", "\t", ""])) + lines[at].strip()
        lines = lines or [""]
    return "\n".join(lines).encode("utf-8", "surrogatepass")


@st.composite
def settings(draw: DrawFn) -> bytes:
    """The example with one or two settings that are something else: no other fault hides what comes of them."""
    lines = PLAIN.splitlines()
    for _ in range(draw(st.integers(1, 2))):
        at = draw(st.integers(0, len(lines) - 1))
        name, colon, _ = lines[at].rpartition(": ") if ": " in lines[at] else (lines[at], " ", "")
        lines[at] = name + colon + draw(PIECES)
    return "\n".join(lines).encode("utf-8", "surrogatepass")


@st.composite
def bytes_of_any_kind(draw: DrawFn) -> bytes:
    """Pieces of YAML and garbage, alone or in the middle of a config."""
    pieces = st.sampled_from([piece.encode("utf-8", "surrogatepass") for piece in YAML_PIECES]) | st.sampled_from(
        GARBAGE
    )
    middle = b"".join(draw(st.lists(pieces | st.binary(max_size=5) | st.just(b"\n") | st.just(b"log: "), max_size=6)))
    text = PLAIN.encode()
    at = draw(st.just(0) | st.integers(0, len(text)))
    return middle if draw(st.booleans()) else text[:at] + middle + text[at:]


@contextmanager
def folder() -> Iterator[Check]:
    """A folder that the config stands in, and what is made of a valid one: models and a page, without a network."""
    with tempfile.TemporaryDirectory() as name, asyncio.Runner() as runner:
        file = Path(name, "config.yaml")

        def check(text: bytes) -> None:
            file.write_bytes(text)
            try:
                config = load(file, ENVIRON)
            except ConfigError as error:
                assert_told(error)
                return
            runner.run(_put_to_work(config, file.parent))

        yield check


def assert_told(error: ConfigError) -> None:
    """There is a fault, each says where, what and what to do, and none shows a secret."""
    assert error.faults
    for fault in error.faults:
        assert all((fault.path.strip(), fault.problem.strip(), fault.remedy.strip()))
        str(fault).encode()  # the terminal takes it
        assert len(str(fault)) < 700, "more than anybody reads"
    told = str(error)
    assert not [secret for secret in (SECRET, *SECRETS) if secret in told], "a secret is told"
    assert error.__cause__ is None


async def _put_to_work(config: Config, folder: Path) -> None:
    config.secrets()
    async with AsyncExitStack() as stack:
        answering = await open_models(config, stack, Record())
        assert answering.models.keys() == config.models.keys()
        if config.playground:
            Playground(config.playground, (), folder, Texts.load(config.language).section("playground"))


def _target(name: str, examples: SearchStrategy[bytes]) -> Target:
    promise = (
        "a config is valid and can be put to work, or it is refused with all its faults, none of which tells a secret"
    )
    return Target(name, promise, examples, folder, 25)


TARGETS = (
    _target("config-trees", trees()),
    _target("config-settings", settings()),
    _target("config-documents", documents()),
    _target("config-bytes", bytes_of_any_kind()),
)
