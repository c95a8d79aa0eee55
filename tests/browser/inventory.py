"""What is in the page's folder: its weight, and the sentences that it asks for; and the answers it is tried with."""

import re
from collections.abc import Collection
from pathlib import Path

from messengers.playground import routes

PAGE = routes.PAGE
ANSWERS = Path(__file__).with_name("answers")

# text("key") in a script; data-text="key", data-label="key" or data-hint="key" in the page
ASKED = re.compile(r"""\btext\("([\w.]+)"|\bdata-(?:text|label|hint)="([\w.]+)\"""")
EXAMPLE = re.compile(r'"(example\.\w+)"')


def weight() -> int:
    """Bytes of all files together."""
    return sum(file.stat().st_size for file in PAGE.iterdir())


def asked_for(known: Collection[str]) -> set[str]:
    """The keys that the page asks for. The server names errors: all that are `known` may come."""
    content = "\n".join(file.read_text("utf-8") for file in PAGE.iterdir())
    keys = {key for found in ASKED.findall(content) for key in found if key} | set(EXAMPLE.findall(content))
    return keys | {key for key in known if key.startswith("error.")}


def answer(name: str) -> str:
    """What the model is to say: "sieve", "everything" or "hostile"."""
    return (ANSWERS / f"{name}.md").read_text("utf-8")
