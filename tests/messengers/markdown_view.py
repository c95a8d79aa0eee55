"""What people see of Markdown that a page shows: its text without marks, and its blocks of code.

The playground's script reads Markdown in the browser; what it makes of it is held to by the tests there.
"""

from collections.abc import Sequence
from typing import Any

import pyromark

_OPTIONS = pyromark.Options.ENABLE_TABLES | pyromark.Options.ENABLE_STRIKETHROUGH | pyromark.Options.ENABLE_TASKLISTS
_INLINE = ("Emphasis", "Strong", "Strikethrough", "Link", "Image")


def visible(source: str) -> str:
    """Markdown without its marks."""
    event: Any  # pyromark's types don't tell the kinds of events apart
    pieces: list[str] = []
    for event in pyromark.events(source, options=_OPTIONS):
        match event:
            case {"Text": text} | {"Code": text} | {"Html": text} | {"InlineHtml": text}:
                pieces.append(text)
            case "SoftBreak" | "HardBreak":
                pieces.append("\n")
            case {"End": str() | {"Heading": _} | {"List": _}} if event["End"] not in _INLINE:
                pieces.append("\n")
    return "".join(pieces).strip()


def blocks_of_code(source: str) -> Sequence[str]:
    """The blocks of code in Markdown."""
    event: Any
    blocks: list[str] = []
    is_code = False
    for event in pyromark.events(source, options=_OPTIONS):
        match event:
            case {"Start": {"CodeBlock": _}}:
                is_code = True
                blocks.append("")
            case {"End": "CodeBlock"}:
                is_code = False
            case {"Text": text} if is_code:
                blocks[-1] += text
    return blocks
