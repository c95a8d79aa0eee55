"""Tables, which chats have none of: columns in a block of code where a phone is wide enough for them, else lists.

Worked out on the parser's events, so that each messenger shows the result as it shows code and paragraphs.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any

from messengers.commonmark import LINE_BREAK, Event
from messengers.formulas import stands_as_formula
from messengers.latex import readable

_LONGEST_LABEL = 60
WIDEST = 36  # columns of a monospaced font that a phone shows in one line

_END_OF_ROW = ({"End": "TableHead"}, {"End": "TableRow"})


def without_tables(data: bytes, events: Sequence[Event]) -> Iterator[Event]:
    """The events with blocks of code or paragraphs in place of tables; `data` is the source in UTF-8."""
    rest = iter(events)
    for event in rest:
        begins = event[0].get("Start") if isinstance(event[0], dict) else None  # this sees every event: `match` is slow
        if isinstance(begins, dict) and "Table" in begins:
            yield from _shown(data, begins["Table"], _rows(rest), event[1])
        else:
            yield event


def width(text: str) -> int:
    """How many columns of a monospaced font it takes: two for wide letters and emoji, none for accents."""
    if text.isascii():
        return len(text)
    columns = before = 0
    joined = False
    for character in text:
        here = 0 if joined else _columns(character)
        if character == "\ufe0f" and before == 1:
            here = 1  # shown as an emoji
        joined = character == "\u200d" and before == 2
        before = here or before
        columns += here
    return columns


def words(data: bytes, inline: Sequence[Event]) -> str:
    """What stands in a cell without any marks, in one line; addresses behind the words that link to them."""
    pieces: list[str] = []
    links: list[tuple[str, int]] = []
    for event, span in inline:
        match event:
            case {"Text": text} | {"Code": text} | {"Html": text}:
                pieces.append(text)
            case {"InlineHtml": html}:
                pieces.append(" " if LINE_BREAK.fullmatch(html) else html)
            case {"InlineMath": formula} | {"DisplayMath": formula}:
                raw = data[span["start"] : span["end"]].decode()
                is_formula = stands_as_formula(data, span["start"], span["end"], formula)
                pieces.append(readable(formula) if is_formula else raw.replace("\\|", "|"))
            case {"Start": {"Link": link} | {"Image": link}}:
                links.append((link["dest_url"], len(pieces)))
            case {"End": "Link" | "Image"}:
                address, begin = links.pop()
                pieces.append(_behind("".join(pieces[begin:]), address))
            case "SoftBreak" | "HardBreak":
                pieces.append(" ")
    return " ".join("".join(pieces).split())


def _columns(character: str) -> int:
    if unicodedata.category(character) in {"Mn", "Me", "Cf"} or "\U0001f3fb" <= character <= "\U0001f3ff":
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _behind(shown: str, address: str) -> str:
    return "" if not address or address in {shown, f"mailto:{shown}"} else f" ({address})"


def _rows(events: Iterator[Event]) -> list[list[list[Event]]]:
    """The events of each cell of each row, up to the end of the table, which is taken too."""
    rows: list[list[list[Event]]] = [[]]
    for event in events:
        match event[0]:
            case {"End": "Table"}:
                break
            case {"Start": "TableHead"} | {"End": "TableCell"}:
                pass
            case {"Start": "TableRow"}:
                rows.append([])
            case {"Start": "TableCell"}:
                rows[-1].append([])
            case _ if event[0] not in _END_OF_ROW:
                rows[-1][-1].append(event)
    return rows


def _shown(data: bytes, alignments: Sequence[str], rows: list[list[list[Event]]], span: Any) -> Iterator[Event]:
    bare = [[words(data, cell) for cell in row] for row in rows]
    sizes = [max(map(width, column)) for column in zip_longest(*bare, fillvalue="")]
    if sum(sizes) + len(" | ") * (len(sizes) - 1) > WIDEST:
        yield from _list(rows, bare[0], span)
        return
    yield {"Start": {"CodeBlock": "Indented"}}, span
    yield {"Text": "\n".join(_lines(bare, sizes, alignments))}, span
    yield {"End": "CodeBlock"}, span


def _lines(rows: Sequence[Sequence[str]], sizes: Sequence[int], alignments: Sequence[str]) -> list[str]:
    """A table in columns of these sizes; the first row is its head. No line ends in spaces."""
    head, *body = (_line(row, sizes, alignments) for row in rows)
    return [head, "-+-".join("-" * size for size in sizes), *body]


def _line(row: Sequence[str], sizes: Sequence[int], alignments: Sequence[str]) -> str:
    cells = zip_longest(row, sizes, alignments[: len(sizes)], fillvalue="")
    return " | ".join(_cell(text, int(size or 0), alignment) for text, size, alignment in cells).rstrip()


def _cell(text: str, size: int, alignment: str) -> str:
    spaces = max(0, size - width(text))
    match alignment:
        case "Right":
            return " " * spaces + text
        case "Center":
            return " " * (spaces // 2) + text + " " * (spaces - spaces // 2)
        case _:
            return text + " " * spaces


def _list(rows: Sequence[Sequence[Sequence[Event]]], head: Sequence[str], span: Any) -> Iterator[Event]:
    """The head, and behind it each row: its first cell, then the others, each behind its column's name."""
    yield {"Start": "Paragraph"}, span
    yield from _bold([({"Text": " | ".join(head)}, span)], span)
    for first, *others in rows[1:]:
        yield from (("HardBreak", span), ("HardBreak", span))
        yield from _bold(first, span)
        for name, cell in zip(head[1:], others, strict=False):
            if cell:
                yield "HardBreak", span
                yield {"Text": f"{_label(name)}: " if name else ""}, span
                yield from cell
    yield {"End": "Paragraph"}, span


def _label(name: str) -> str:
    """A column's name as it is repeated for each row."""
    return name if len(name) <= _LONGEST_LABEL else name[: _LONGEST_LABEL - 1].rstrip() + "…"


def _bold(inline: Sequence[Event], span: Any) -> Iterator[Event]:
    if inline:
        yield {"Start": "Strong"}, span
        yield from inline
        yield {"End": "Strong"}, span
