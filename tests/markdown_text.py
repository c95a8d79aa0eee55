"""What Markdown says once its marks are gone: to check that nothing of an answer gets lost."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

import pyromark
from telegramify_markdown.converter import STANDARD_OPTIONS

_LATEX = re.compile(r"\\\((?:(?!\\\)).)*?[\^_=\\](?:(?!\\\)).)*\\\)|\\\[[^\[\]]*?[\^_=\\][^\[\]]*?\\\]", re.DOTALL)


def letters(text: str) -> str:
    """Letters and digits only: all the rest may be mark-up or spacing."""
    return "".join(character for character in text if character.isalnum())


def said(source: str) -> str:
    """The letters and digits that a reader of the whole source must see: its text, code and HTML, not formulas."""
    return letters("".join(_texts(source)))


def _texts(source: str) -> Iterator[str]:
    event: Any  # pyromark's types don't tell the kinds of events apart
    for event, _ in pyromark.events_with_range(_LATEX.sub(" ", source), options=STANDARD_OPTIONS):
        match event:
            case {"Text": text} | {"Code": text} | {"Html": text}:
                yield text
            case {"InlineHtml": html} if not html.startswith("<br"):
                yield html


def missing(expected: str, shown: Iterable[str]) -> str:
    """What of `expected` is not shown, in order, from the first gap on; more may be shown (addresses, numbers)."""
    seen = iter(letters("".join(shown)))
    for position, character in enumerate(expected):
        if character not in seen:  # moves the iterator on behind the character
            return expected[position:]
    return ""
