"""A model's Markdown, read so that nothing of it gets lost: events of the parser, whatever HTML and LaTeX is in it.

The parser keeps HTML blocks apart from Markdown, drops definitions that nothing refers to and surplus cells of tables,
and knows no `\\(…\\)`. So the source is parsed several times, with backslashes put before what it would lose.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pyromark

from messengers.formulas import is_formula

Event = tuple[Any, Any]  # what it is; its range in bytes of the source in UTF-8: {"start": 0, "end": 5}

OPTIONS = (
    pyromark.Options.ENABLE_TABLES
    | pyromark.Options.ENABLE_STRIKETHROUGH
    | pyromark.Options.ENABLE_TASKLISTS
    | pyromark.Options.ENABLE_MATH
)
LINE_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)

# Each pass lets one more level of HTML blocks be read as Markdown; what is left after that is bare text.
_MOST_PASSES = 8
_MIGHT_BE_CODE = re.compile(rb"`|~~~|^\s*$")
_CODE_SPAN = re.compile(rb"(?<![`\\])(`+)(?!`).+?(?<!`)\1(?!`)")
_MATH_SPAN = re.compile(rb"(?<![$\\])\$(?=[^\s$|]|\|[^\s|])([^$\n`]{1,300}?)(?<![\s\\])\$(?![$\w])")
_BAR = re.compile(rb"(?<!\\)\|")
# `\(x\)` and `\[x\]` are how models write LaTeX; what looks like words in escaped brackets is left alone.
_LATEX = re.compile(
    rb"(?<!\\)\\(?:\((?P<inline>(?:(?!\n\s*\n)[^$]){1,500}?)\\\)|\[(?P<display>(?:(?!\n\s*\n)[^$]){1,1000}?)\\\])"
)
# Bold text in one line, with what stands beside it. CommonMark takes no `**` between a mark and a letter for its end
# or its beginning, which is where languages without spaces have them: `**注意：**这是`.
_BOLD = re.compile(
    r"(?<![*\\])(?P<opening>(?P<before>\w?)\*\*)(?P<inside>(?![\s*])(?:[^*\n`]|`[^`\n]*`){1,300}?(?<![\s\\]))\*\*(?!\*)"
    r"(?=(?P<behind>\w?))"
)
_MAY_CLING = re.compile(r"\*\*(?:(?<=:\*\*)\w|(?<=[^\x00-\x7f]\*\*)\S|(?<=\S\*\*)[^\x00-\x7f])")  # much faster
_GAP = "\u200b"  # neither a mark nor white space, and not to be seen
_LOOSENED = re.compile(rf"\*\*{_GAP}|{_GAP}\*\*")

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_LONE = re.compile("[\ud800-\udfff]")


def cleaned(source: str) -> str:
    """Without what is no text: halves of surrogate pairs (whole pairs are joined), control characters, CR."""
    if _LONE.search(source):
        source = source.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if "\r" in source:
        source = source.replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROL.sub(" ", source)


def read(source: str) -> tuple[bytes, list[Event]]:
    """The text that was parsed (the source with escapes in it, in UTF-8) and its events."""
    text = loosened(_with_dollars(source))
    events = _parse(text)
    for _ in range(_MOST_PASSES):
        data = text.encode()
        offsets = [*_html_blocks(data, events), *_unused_definitions(text, data, events), *_surplus(data, events)]
        if not offsets:
            break
        text = _escaped(data, offsets)
        events = _parse(text)
    return text.encode(), [_tightened(event) for event in events] if _GAP in text and _LOOSENED.search(text) else events


def loosened(source: str) -> str:
    """The source with what is not to be seen between marks and `**`, where bold text would not be bold without it."""
    if not _MAY_CLING.search(source) or not any(_with_gaps(bold) != bold[0] for bold in _BOLD.finditer(source)):
        return source
    data, start, pieces = source.encode(), 0, []
    for event, span in _parse(source):
        if isinstance(event, dict) and ("Code" in event or "CodeBlock" in event.get("Start", ())):
            pieces += [data[start : span["start"]].decode(), data[span["start"] : span["end"]].decode()]
            start = span["end"]
    pieces.append(data[start:].decode())
    return "".join(code if number % 2 else _BOLD.sub(_with_gaps, code) for number, code in enumerate(pieces))


def _with_gaps(bold: re.Match[str]) -> str:
    inside = bold["inside"]
    before = _GAP if _clings(inside[0], bold["before"], exempt="") else ""
    behind = _GAP if _clings(inside[-1], bold["behind"], exempt=":") else ""
    return f"{bold['opening']}{before}{inside}{behind}**"


def _clings(mark: str, letter: str, *, exempt: str) -> bool:
    """Whether it is a mark beside a letter; `x**(n)**2` is no bold text, so not both may be ASCII."""
    if not letter or unicodedata.category(mark)[0] not in "PS":
        return False
    return mark in exempt or not (mark + letter).isascii()


def _tightened(event: Event) -> Event:
    """An event without the gaps."""
    match event:
        case {"Text": text}, span:
            return {"Text": text.replace(_GAP, "")}, span
    return event


def _parse(text: str) -> list[Event]:
    return list(pyromark.events_with_range(text, options=OPTIONS))


def _escaped(data: bytes, offsets: Iterable[int]) -> str:
    pieces, start = [], 0
    for offset in sorted(set(offsets)):
        pieces.append(data[start:offset])
        start = offset
    return b"\\".join([*pieces, data[start:]]).decode()


def _with_dollars(source: str) -> str:
    """LaTeX's brackets as dollars, which the parser knows; not in code."""
    if "\\(" not in source and "\\[" not in source:
        return source
    data, start, pieces = source.encode(), 0, []
    for event, span in _parse(source):
        if isinstance(event, dict) and ("Code" in event or "CodeBlock" in event.get("Start", ())):
            pieces += [_LATEX.sub(_dollars, data[start : span["start"]]), data[span["start"] : span["end"]]]
            start = span["end"]
    return b"".join([*pieces, _LATEX.sub(_dollars, data[start:])]).decode()


def _dollars(found: re.Match[bytes]) -> bytes:
    formula = found["inline"] or found["display"]
    if not is_formula(formula.decode()):
        return found[0]
    mark = b"$" if found["inline"] else b"$$"
    return mark + formula.strip() + mark


def _html_blocks(data: bytes, events: Sequence[Event]) -> Iterator[int]:
    """Where lines open HTML blocks. Only up to what may be code: a backslash would be shown there."""
    reading = False
    for event, span in events:
        if event == {"Start": "HtmlBlock"}:
            reading = True
        elif reading and "Html" in event:
            line = data[span["start"] : span["end"]]
            if line.lstrip().startswith(b"<"):
                yield span["start"] + line.index(b"<")
            reading = not _MIGHT_BE_CODE.search(line)


def _unused_definitions(text: str, data: bytes, events: Sequence[Event]) -> Iterator[int]:
    """Where `[label]: address` stands without being used: often the list of sources at the end of an answer."""
    if "]:" not in text:
        return
    used = {_label(link["id"]) for link in _links(events)}
    for label, definition in pyromark.reference_definitions(text, options=OPTIONS).items():
        if _label(label) not in used:
            yield data.index(b"[", definition["span"]["start"])


def _surplus(data: bytes, events: Sequence[Event]) -> Iterator[int]:
    """The bars of table rows that have more cells than the table: those in code (`a || b`) at first, then the others.

    The parser drops the surplus cells.
    """
    row = cell_end = 0
    for event, span in events:
        if event == {"Start": "TableRow"}:
            row = cell_end = span["start"]
        elif event == {"End": "TableCell"}:
            cell_end = span["end"]
        elif event == {"End": "TableRow"} and data[cell_end : span["end"]].strip(b" \t\r\n|"):
            line = data[row : span["end"]].rstrip(b" \t\r\n|")
            spans = [*_CODE_SPAN.finditer(line), *(m for m in _MATH_SPAN.finditer(line) if is_formula(m[1].decode()))]
            inside = [row + span.start() + bar for span in spans for bar in _bars(span[0])]
            yield from inside or (cell_end + bar for bar in _bars(line[cell_end - row :]))


def _bars(text: bytes) -> list[int]:
    return [bar.start() for bar in _BAR.finditer(text)]


def _links(events: Sequence[Event]) -> Iterator[dict[str, str]]:
    for event, _ in events:
        match event:
            case {"Start": {"Link": link}} | {"Start": {"Image": link}}:
                yield link


def _label(label: str) -> str:
    return " ".join(label.split()).casefold()
