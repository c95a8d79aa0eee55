"""The stream reader: any chunking gives the same events, long lines are read, absurd ones refused, text is made fit."""

import itertools
import json
import time
from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat.errors import CutOff, Garbled
from providers.base import JsonValue
from providers.stream import MAX_EVENT_BYTES, ServerEvent, TextCleaner, json_lines, server_events
from tests.providers.asking import in_chunks


async def events_of(body: bytes, *ends: int) -> list[ServerEvent]:
    return [event async for event in server_events(in_chunks(body, *ends))]


async def values_of(body: bytes, *ends: int) -> list[JsonValue]:
    return [value async for value in json_lines(in_chunks(body, *ends))]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
async def test_every_line_end_is_a_line_end(end: str) -> None:
    lines = ["data: one", "", "event: note", "data: two", "data: three", "", "data:four", "", ""]
    events = await events_of(end.join(lines).encode())
    assert events == [ServerEvent("one"), ServerEvent("two\nthree", "note"), ServerEvent("four")]


async def test_only_one_space_after_the_colon_belongs_to_the_protocol() -> None:
    body = b"data:  two spaces\n\ndata:none\n\ndata: data: and a colon\n\n"
    assert [event.data for event in await events_of(body)] == [" two spaces", "none", "data: and a colon"]


async def test_comments_and_unknown_fields_are_no_events() -> None:
    body = b": keep-alive\n\n:\n\nid: 7\nretry: 10\n\nevent: ping\n\ndata: here\n\n"
    assert await events_of(body) == [ServerEvent("here")]


async def test_a_byte_order_mark_is_not_part_of_the_first_field() -> None:
    assert await events_of(b"\xef\xbb\xbfdata: here\n\n") == [ServerEvent("here")]


async def test_the_last_event_may_lack_its_blank_line_and_says_so() -> None:
    assert await events_of(b"data: one\n\ndata: [DONE]") == [ServerEvent("one"), ServerEvent("[DONE]", whole=False)]


async def test_llama_cpps_error_field_is_an_event_named_error() -> None:
    assert await events_of(b'error: {"code":500}\n\n') == [ServerEvent('{"code":500}', "error")]


async def test_a_character_split_over_chunks_stays_whole() -> None:
    body = "data: Привет 👋\n\n".encode()
    for end in range(len(body)):
        assert await events_of(body, end) == [ServerEvent("Привет 👋")]


async def test_bytes_that_are_not_utf8_become_replacement_characters() -> None:
    assert [event.data for event in await events_of(b"data: a\xff\xd0\n\n")] == ["a\ufffd\ufffd"]


_line = st.one_of(
    st.sampled_from(["", "data:", "data: ", ": comment", "event: note", "data: [DONE]", "nonsense"]),
    st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=12).map("data: {}".format),
)


@settings(deadline=None, max_examples=300)
@given(
    lines=st.lists(st.tuples(_line, st.sampled_from(["\n", "\r\n", "\r"])), max_size=12),
    ends=st.lists(st.integers(0, 200), max_size=12),
)
async def test_any_chunking_gives_the_same_events(lines: list[tuple[str, str]], ends: list[int]) -> None:
    body = "".join(line + end for line, end in lines).encode()
    assert await events_of(body, *ends) == await events_of(body) == await events_of(body, *range(len(body)))


_text = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=12)
_event = st.one_of(  # mostly as servers send them: these are not read line by line
    _text.map("data: {}\n\n".format),
    st.tuples(_text, _text).map(lambda said: f"event: {said[0]}\ndata:{said[1]}\n\n"),
    st.sampled_from(
        ["data: a\ndata: b\n\n", ": comment\n\n", "id: 7\n", "data: [DONE]", "\n", "event: e\n", "data: c\n"]
    ),
    st.sampled_from(["data: d\r\n\r\n", "data: e\rdata: f\n\n", "data: g\r", "\ufeff"]),
)


@settings(deadline=None, max_examples=500)
@given(chunks=st.lists(st.lists(_event, max_size=3).map("".join), max_size=8), limit=st.integers(5, 60))
async def test_whole_events_in_a_chunk_are_read_as_they_are_byte_by_byte(chunks: list[str], limit: int) -> None:
    body = "".join(chunks).encode()
    ends = itertools.accumulate(len(chunk.encode()) for chunk in chunks)
    by_byte = await events_up_to(limit, body, *range(len(body)))
    assert await events_up_to(limit, body, *ends) == await events_up_to(limit, body) == by_byte


async def events_up_to(limit: int, body: bytes, *ends: int) -> list[ServerEvent | str]:
    """The events, up to the first that is too long."""
    found: list[ServerEvent | str] = []
    try:
        async for event in server_events(in_chunks(body, *ends), limit):
            found.append(event)
    except Garbled:
        found.append("too long")
    return found


@settings(deadline=None, max_examples=100)
@given(
    values=st.lists(st.dictionaries(st.text(max_size=4), st.text(max_size=12)), max_size=8),
    ends=st.lists(st.integers(0, 300), max_size=12),
)
async def test_any_chunking_gives_the_same_json_lines(values: list[dict[str, str]], ends: list[int]) -> None:
    body = "".join(json.dumps(value, ensure_ascii=False) + "\r\n" for value in values).encode("utf-8", "replace")
    expected = [json.loads(line) for line in body.splitlines()]
    assert await values_of(body, *ends) == expected
    assert await values_of(body, *range(len(body))) == expected


async def test_json_lines_skip_empty_lines_and_take_a_last_line_without_an_end() -> None:
    assert await values_of(b'{"a": 1}\n\n  \n{"b": 2}') == [{"a": 1}, {"b": 2}]


async def test_a_json_line_that_the_body_cuts_is_cut_off_and_one_that_it_does_not_is_garbled() -> None:
    with pytest.raises(CutOff):
        await values_of(b'{"a": 1}\n{"b": ')
    with pytest.raises(Garbled):
        await values_of(b'{"b": \n{"a": 1}\n')


@pytest.mark.parametrize("text", ["[" * 100_000, "1" * 5000, "{", "NUL\0", ""])
async def test_whatever_is_not_json_is_garbled_and_no_other_error(text: str) -> None:
    with pytest.raises(Garbled):
        ServerEvent(text).json()


async def test_a_line_of_megabytes_in_small_chunks_takes_linear_time() -> None:
    """A reader that looked at the whole line again for each chunk would take minutes."""

    async def chunks(pieces: int) -> AsyncIterator[bytes]:
        yield b"data: "
        for _ in range(pieces):
            yield b"x" * 64
        yield b"\n\n"

    begun = time.perf_counter()
    (event,) = [event async for event in server_events(chunks(100_000))]
    assert len(event.data) == 6_400_000
    assert time.perf_counter() - begun < 5


@pytest.mark.parametrize("body", [b"data: " + b"x" * 2000, b"data: 0123456789\n" * 100, b"x" * 2000])
async def test_an_event_above_the_limit_is_garbled_before_it_is_whole(body: bytes) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield body

    with pytest.raises(Garbled):
        await anext(server_events(endless(), limit=1000))


def test_the_limit_is_far_above_what_servers_send() -> None:
    assert MAX_EVENT_BYTES >= 16 * 2**20


def test_halves_of_an_emoji_are_joined_over_two_pieces() -> None:
    cleaner = TextCleaner()
    assert [cleaner.clean("done \ud83d"), cleaner.clean("\udc4b!")] == ["done ", "👋!"]
    assert cleaner.rest() == ""


def test_a_half_without_its_other_half_is_replaced() -> None:
    cleaner = TextCleaner()
    assert cleaner.clean("a\udc4bb\ud83dc\ud83d") == "a\ufffdb\ufffdc"
    assert cleaner.clean("d\ud83d") == "\ufffdd"
    assert cleaner.rest() == "\ufffd"


def test_nul_is_dropped_even_between_two_halves() -> None:
    cleaner = TextCleaner()
    assert cleaner.clean("a\0b\ud83d\0") + cleaner.clean("\0\udc4b\0") == "ab👋"


@given(text=st.text(max_size=20), cuts=st.lists(st.integers(0, 45), max_size=6))
def test_any_text_cut_into_utf16_pieces_comes_out_whole(text: str, cuts: list[int]) -> None:
    """As a JavaScript server cuts it: between any two UTF-16 units."""
    units = text.encode("utf-16-le", "surrogatepass")
    ends = sorted({0, *(min(2 * cut, len(units)) for cut in cuts), len(units)})
    pieces = [units[begin:end].decode("utf-16-le", "surrogatepass") for begin, end in itertools.pairwise(ends)]
    cleaner = TextCleaner()
    cleaned = "".join(map(cleaner.clean, pieces)) + cleaner.rest()
    assert cleaned == units.decode("utf-16-le", "replace").replace("\0", "")
