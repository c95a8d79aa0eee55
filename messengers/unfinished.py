"""An answer that still grows: what is open at its end is closed, and what nobody can read yet is held back.

So a reader sees bold text and formulas from their first letter on, and never half a link, half a table or bare marks.
What is held back is short: some marks, a command of LaTeX, or the address of a link.
"""

import re
from collections.abc import Iterator, Sequence

import pyromark

from messengers.commonmark import OPTIONS, Event, loosened
from messengers.fences import fences
from messengers.formulas import is_formula

# A line that may become anything: a list's item, a quote, a heading, a rule, a table's rule, the line below a heading.
_MARKS = r"[ \t>\-*_=`~#+|:]*"
_ONLY_MARKS = re.compile(rf"{_MARKS}(?:\d{{1,9}}[.)]?{_MARKS})?(?:\[[ xX]?\]?[ \t]*)?")
_HALF_DEFINITION = re.compile(r"[ \t>]*\[[^\]\n]{1,40}\]:[^\n]{0,3}")
# Marks at the end of a line, of which it is not known yet what they will be.
_HALF_MARKS = (
    re.compile(r"[*_`~]+\Z"),
    re.compile(r"!?\[\Z|(?:!|(?<![\w\\]))\[\^?\w{0,3}\Z"),
    re.compile(r"(?<!\\)(?:\\\\)*\\\Z"),
    re.compile(r"\\[(\[]\Z"),
    re.compile(r"(?<!\S)\$(?:\$|[A-Za-z])?\Z"),
    re.compile(r"&(?:#\w{0,8}|[A-Za-z]\w{0,12})?\Z"),
    re.compile(r"<(?:/?b(?:r\s*/?)?|ht{0,2}|https?:?/{0,2}|mailto:?)?\Z", re.IGNORECASE),
)
_FENCE_MARKS = re.compile(r"[ \t>]*(?:`+|~+)?[ \t]*")

_LABEL = r"\[(?P<text>(?:[^\[\]\\]|\\.|\[[^\[\]]{0,80}\]){0,300})\]"
_HALF_ADDRESS = r"(?:\((?:[^()\s]|\([^()\s]*\)?)*(?:\s+(?:\"[^\"\n]*\"?|'[^'\n]*'?)?)?|\[[^\[\]\n]{0,40})?"
_HALF_LINK = re.compile(rf"(?<![\w\]\\])!?{_LABEL}{_HALF_ADDRESS}\Z")
_OPEN_LABEL = re.compile(r"(?<![\w\]\\\[])!?\[(?=[^\[\]\n]{1,200}\Z)")
_NO_LABEL = re.compile(r"[ xX]?|\^?\w{1,3}")  # a box to tick; the number of a source
_HALF_AUTOLINK = re.compile(r"<(?=(?:https?://|mailto:)[^\s<>]*\Z)", re.IGNORECASE)
_LONGEST_END = 2500  # characters in which what is half written is looked for: longer than any link
_LONGEST_BLOCK = 8000  # characters; of thousands of open marks in one, each would be a look through all of it

_BLOCKS = frozenset(
    {"Paragraph", "HtmlBlock", "Item", "TableCell", "BlockQuote", "Heading", "CodeBlock", "Table", "List"}
)
_OPEN_LATEX = re.compile(rb"(?<!\\)\\(?P<mark>[(\[])(?P<formula>(?:(?!\n\s*\n|\\[)\]])[^$]){1,1000})\Z")
_HALF_COMMAND = re.compile(r"(?:\\(?:begin|end)(?:\{[A-Za-z*]*)?|\\\\|\\[A-Za-z]*|[\^_&\\])\s*\Z")
_SURELY_FORMULA = re.compile(r".*(?:\\[A-Za-z]|\^)|\s*[A-Za-z](?:[_'(]|\s*[=+<>])", re.DOTALL)
_LONGEST_HELD_BACK = 16  # characters of what may become a formula
_BRACE = re.compile(r"(?<!\\)[{}]")

_TABLE_LINE = re.compile(r"(?P<prefix>[ \t>]*)\|(?!\|)[^\n]*\S")
_CODE_TO_END = re.compile(r"(?<![`\\])(`+)(?!`).+?(?:(?<!`)\1(?!`)|\Z)")
_BAR = re.compile(r"(?<!\\)\|")


def closed(source: str) -> str:
    """The source as a reader should see it now, as Markdown with nothing open."""
    blocks = fences(source)
    last = blocks[-1] if blocks else None
    if last and last.end > len(source):
        return _without_last_line(source, _FENCE_MARKS) if len(source) > last.opened else source[: last.start]
    behind = last.end if last else 0
    return source[:behind] + _closed_text(source[behind:])


def _closed_text(text: str) -> str:
    """The same of what stands behind the last block of code."""
    text = _without_marks(text)
    start = _last_block(text)
    if len(text) - start > _LONGEST_BLOCK:
        return text
    return text[:start] + _with_rule(
        _with_closing_marks(_with_bars_in_code(_without_half_link(loosened(text[start:]))))
    )


def _without_last_line(source: str, pattern: re.Pattern[str]) -> str:
    begin = source.rfind("\n") + 1
    return source[:begin] if pattern.fullmatch(source, begin) else source


def _without_marks(text: str) -> str:
    head, tail = text[:-_LONGEST_END], text[-_LONGEST_END:]
    before = None
    while before != tail:
        before = tail
        tail = _without_last_line(_without_last_line(tail.rstrip(), _ONLY_MARKS), _HALF_DEFINITION).rstrip()
        begin = max(tail.rfind("\n") + 1, len(tail) - 100)
        for pattern in _HALF_MARKS:
            tail = tail[:begin] + pattern.sub("", tail[begin:], count=1)
    return head + tail


def _last_block(text: str) -> int:
    """Where the last block begins that is in no list, so that it can be read alone."""
    begin = text.rfind("\n\n")
    while begin >= 0 and text[begin + 2 : begin + 3] in {" ", "\t", "\n", ""}:
        begin = text.rfind("\n\n", 0, begin + 1)
    return 0 if begin < 0 else begin + 2


def _without_half_link(block: str) -> str:
    head, tail = block[:-_LONGEST_END], block[-_LONGEST_END:]
    if "<" in tail:
        tail = _HALF_AUTOLINK.sub("", tail, count=1)
    if "[" not in tail:
        return head + tail
    found = _HALF_LINK.search(tail)
    if found and not (_NO_LABEL.fullmatch(found["text"]) and tail.endswith("]")):
        tail = tail[: found.start()] + found["text"]
    return head + _OPEN_LABEL.sub("", tail, count=1)


def _with_closing_marks(block: str) -> str:
    """The block with what closes its last paragraph, item or cell: `**bold *and` → `**bold *and***`."""
    data = block.encode()
    events = list(pyromark.events_with_range(block, options=OPTIONS))
    begins = (n for n, (event, span) in enumerate(events) if _begins(event) in _BLOCKS and span["start"] < len(data))
    last = max(begins, default=-1)
    if last < 0 or _begins(events[last][0]) == "CodeBlock":
        return block
    inline = events[last + 1 :]
    latex = _open_latex(data, events[last][1]["start"], inline)
    outer = ""
    for mark, offset in _open_marks(data, inline):
        if latex and offset > latex.start():
            break
        if mark[0] == "`":
            return block + (" " if block[-1] == "`" else "") + mark + outer
        behind = data[offset + len(mark) :].decode()
        if mark[0] == "$":
            if mark == "$$" or (not latex and _SURELY_FORMULA.match(behind)):
                return _with_formula_closed(block, mark, behind, mark, outer)
        else:
            outer = mark + outer
    if latex:
        opening, closing = ("\\(", "\\)") if latex["mark"] == b"(" else ("\\[", "\\]")
        return _with_formula_closed(block, opening, latex["formula"].decode(), closing, outer)
    return block + outer


def _begins(event: object) -> str:
    """The kind of what begins there, if anything does."""
    match event:
        case {"Start": str() as kind}:
            return kind
        case {"Start": dict() as kind}:
            return str(next(iter(kind)))
    return ""


def _open_marks(data: bytes, inline: Sequence[Event]) -> Iterator[tuple[str, int]]:
    """Marks that the parser took for text because nothing closes them, with their offsets, from left to right."""
    end = 0
    for event, span in inline:
        start = span["start"]
        text = event.get("Text", "") if isinstance(event, dict) else ""
        if start < end or not text or text[0] not in "*_~`$" or text.strip(text[0]):
            continue
        character = data[start : start + 1]
        end = start + len(data) - start - len(data[start:].lstrip(character))
        if _opens(data, start, end):
            yield data[start:end].decode(), start


def _opens(data: bytes, start: int, end: int) -> bool:
    """Whether a run of marks may begin something, by what stands around it; in and between words it does not."""
    mark, length = data[start : start + 1], end - start
    before, behind = data[start - 1 : start], data[end : end + 1]
    if before == b"\\" or not behind:
        return False
    match mark:
        case b"`":
            return True
        case b"$":
            return length == 2 or (
                length == 1 and not behind.isdigit() and not behind.isspace() and not before.isalnum()
            )
        case b"~":
            return length == 2 and not behind.isspace()
        case _:
            return length <= 3 and not behind.isspace() and not before.isalnum()


def _open_latex(data: bytes, begin: int, inline: Sequence[Event]) -> re.Match[bytes] | None:
    """`\\(` or `\\[` of a formula that goes on to the end; not in code."""
    for event, span in reversed(inline):
        if isinstance(event, dict) and "Code" in event:
            begin = max(begin, span["end"])
            break
    found = _OPEN_LATEX.search(data, begin)
    return found if found and is_formula(found["formula"].decode()) else None


def _with_formula_closed(block: str, opening: str, formula: str, closing: str, outer: str) -> str:
    """The block, which ends in this part of a formula, without half a command and with its braces closed.

    What can't be read as a formula yet is held back for some characters; then it is text until it can.
    """
    half = _HALF_COMMAND.search(formula)
    whole = (formula[: half.start()] if half else formula).rstrip()
    if opening == "$$":
        whole = whole.removesuffix("$").rstrip()
    before = block[: len(block) - len(formula)]
    if not is_formula(whole):
        if len(whole) <= _LONGEST_HELD_BACK:
            return _with_closing_marks(_without_marks(before[: -len(opening)]))
        return block + outer
    depth = 0
    for brace in _BRACE.findall(whole):
        depth = depth + 1 if brace == "{" else max(0, depth - 1)
    return f"{before}{whole}{'}' * depth}{closing}{outer}"


def _with_bars_in_code(block: str) -> str:
    """The block with a backslash before bars that stand in code in its last line, if that is a table's."""
    begin = block.rfind("\n") + 1
    line = block[begin:]
    if "`" not in line or not _TABLE_LINE.fullmatch(line):
        return block
    return block[:begin] + _CODE_TO_END.sub(lambda code: _BAR.sub(r"\|", code[0]), line)


def _with_rule(block: str) -> str:
    """A table of which only the head is written, with the rule that makes it a table."""
    begin = block.rfind("\n") + 1
    head = _TABLE_LINE.fullmatch(block, begin)
    before = block[block.rfind("\n", 0, max(0, begin - 1)) + 1 : begin]
    if not head or "|" in before:
        return block
    cells = len(_BAR.findall(head[0].strip(" \t>").strip("|"))) + 1
    return f"{block}\n{head['prefix']}{'|-' * cells}|"
