"""Bodies of answers, bent: bytes flipped, lines lost, doubled and swapped, JSON inside of them bent, cut anywhere."""

import json
import re
from collections.abc import Callable, Sequence

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from tests.fuzz.trees import bent

GARBAGE = (
    b"\0", b"\xff\xfe", b"\xed\xa0\x80", b"\r", b"\n\n", b"data:", b"data: [DONE]\n\n", b"event: error\n", b"error: x",
    b": ping\n\n", b"\xef\xbb\xbf", b"<html>", b"data: {}\n\n", b"data: null\n\n", b"data: 1\n\n", b"{}", b"[" * 990,
    b'data: {"error": {"message": "gone", "code": 429}}\n\n', b'data: {"error":' + b"[" * 900 + b"]" * 900 + b"}\n\n",
    b"1e999", b"NaN", b"-Infinity", b"9" * 4400, b'"\\ud83d"', b"x" * 70_000,
)  # fmt: skip
DEPTHS = (5, 100, 300, 500, 900, 960)
MOST_CHANGES = 4

AROUND = (
    (b"[", b"]"), (b'{"value":', b"}"), (b'{"__type__":"update","value":', b"}"), (b'{"error":', b"}"),
    (b'{"content":', b"}"), (b'[{"content":', b"}]"), (b'{"text":', b"}"),
)  # fmt: skip
DEEP = 200  # brackets in a line: more are left alone where a tree would have to be made of it

_VALUE = re.compile(rb'[:,\[] ?("[^"\\\\]*"|[0-9]+|null|\{\}|\[\])(?=[,}\]])')
_JSON_LINE = re.compile(rb"(data: ?)?(\{.*\})\s*")

chunk_sizes = st.lists(st.integers(1, 9) | st.integers(1, 2000), max_size=8)


@st.composite
def bent_body(draw: DrawFn, body: bytes) -> bytes:
    """The body, changed in a few places."""
    for _ in range(draw(st.integers(0, MOST_CHANGES))):
        body = draw(st.sampled_from(CHANGES))(draw, body)
    return body


def _flip(draw: DrawFn, body: bytes) -> bytes:
    at = draw(_place(body))
    return body[:at] + bytes([draw(st.integers(0, 255))]) + body[at + 1 :]


def _insert(draw: DrawFn, body: bytes) -> bytes:
    at = draw(_place(body))
    return body[:at] + draw(st.sampled_from(GARBAGE) | st.binary(max_size=8)) + body[at:]


def _insert_line(draw: DrawFn, body: bytes) -> bytes:
    lines = body.splitlines(keepends=True)
    at = draw(st.integers(0, len(lines)))
    return b"".join([*lines[:at], draw(st.sampled_from(GARBAGE)), b"\n", *lines[at:]])


def _cut(draw: DrawFn, body: bytes) -> bytes:
    return body[: draw(_place(body))]


def _rearrange(draw: DrawFn, body: bytes) -> bytes:
    """Lose, double or swap lines."""
    lines = body.splitlines(keepends=True) or [b""]
    one, other = draw(st.integers(0, len(lines) - 1)), draw(st.integers(0, len(lines) - 1))
    match draw(st.sampled_from(["lose", "double", "swap"])):
        case "lose":
            del lines[one]
        case "double":
            lines.insert(other, lines[one])
        case _:
            lines[one], lines[other] = lines[other], lines[one]
    return b"".join(lines)


def _bend_json(draw: DrawFn, body: bytes) -> bytes:
    return _with_json(draw, body, lambda tree: draw(bent([tree], 3)))


def _bury(draw: DrawFn, body: bytes) -> bytes:
    """A value in it, nested as deeply as a parser just takes: as text, for building it would go as deep."""
    found = list(_VALUE.finditer(body))
    if not found:
        return body
    begin, end = found[draw(st.integers(0, len(found) - 1))].span(1)
    opens, closes = draw(st.sampled_from(AROUND))
    depth = draw(st.sampled_from(DEPTHS))
    return body[:begin] + opens * depth + body[begin:end] + closes * depth + body[end:]


def _with_json(draw: DrawFn, body: bytes, change: Callable[[object], object]) -> bytes:
    """One line with JSON in it, changed."""
    lines = body.splitlines(keepends=True)
    holding = [number for number, line in enumerate(lines) if _JSON_LINE.fullmatch(line) and _is_flat(line)]
    if not holding:
        return body
    at = draw(st.sampled_from(holding))
    found = _JSON_LINE.fullmatch(lines[at])
    assert found
    try:
        tree = change(json.loads(found[2]))
    except ValueError:  # an earlier change broke it
        return body
    ascii_only = draw(st.booleans())
    text = json.dumps(tree, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    lines[at] = (found[1] or b"") + text + b"\n"
    return b"".join(lines)


def _is_flat(line: bytes) -> bool:
    return line.count(b"{") + line.count(b"[") < DEEP


def _place(body: bytes) -> SearchStrategy[int]:
    return st.integers(0, len(body))


CHANGES: Sequence[Callable[[DrawFn, bytes], bytes]] = (
    _flip, _insert, _insert_line, _cut, _rearrange, _bend_json, _bend_json, _bury,
)  # fmt: skip
