"""The promise of providers/wire/tgi.py: TGI's events become the answer's text, and how it ended is told."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from chat import errors
from chat.events import Completed, ReplyEvent, TextDelta, Usage
from providers.base import JsonValue
from providers.wire.tgi import TgiReader
from tests.providers.asking import text_of


def token(text: str, *, special: bool = False, **more: Any) -> dict[str, JsonValue]:
    return {"token": {"id": 1, "text": text, "special": special}, "generated_text": None, "details": None, **more}


def read(*payloads: JsonValue, goes_on: bool = False) -> tuple[str, list[Completed]]:
    """The whole text, and the ends that were told."""
    events = events_of(payloads, TgiReader(goes_on=goes_on))
    return text_of(events), [event for event in events if isinstance(event, Completed)]


def events_of(payloads: Iterable[JsonValue], reader: TgiReader) -> list[ReplyEvent]:
    return [event for payload in payloads for event in reader.read(payload)]


def test_tokens_are_said_one_by_one_without_the_white_space_before_the_first_word() -> None:
    reader = TgiReader()
    events = events_of([token(" "), token("\n Hello"), token(" world"), token(" ")], reader)
    assert events == [TextDelta("Hello"), TextDelta(" world"), TextDelta(" ")]
    assert not reader.ended


def test_an_answer_that_goes_on_keeps_its_white_space() -> None:
    assert read(token(" and"), token(" on"), goes_on=True)[0] == " and on"


@pytest.mark.parametrize(
    ("reason", "told"), [("length", "length"), ("eos_token", "done"), ("stop_sequence", "done"), ("new_one", "done")]
)
def test_the_finish_reason_ends_it_with_usage_and_the_last_token_said(reason: str, told: str) -> None:
    details = {"finish_reason": reason, "generated_tokens": 4, "seed": None, "input_length": 3}
    last = token(" end", generated_text="The end", details=details)
    text, ends = read(token("The"), last, token("never"))
    assert text == "The end"
    assert [(end.reason, end.usage) for end in ends] == [(told, Usage(3, 4))]


def test_details_without_counts_give_no_usage_and_generated_text_alone_is_an_end() -> None:
    assert read(token("a", details={"finish_reason": "length"})) == ("a", [Completed("length")])
    assert read(token("a", generated_text="")) == ("a", [Completed()])


def test_special_tokens_are_never_text_and_those_that_end_a_turn_end_the_answer() -> None:
    assert read(token("<s>", special=True), token("a"), token("<pad>", special=True), token("b"))[1] == []
    text, ends = read(token("<s>", special=True), token(" a"), token("<|im_end|>", special=True), token("b"))
    assert (text, ends) == ("a", [Completed()])


@pytest.mark.parametrize("pieces", [["<|endoftext|>"], ["<|", "endoftext", "|>"], [*"<|endoftext|>"]])
def test_an_end_token_that_comes_as_text_ends_it_however_it_is_cut(pieces: list[str]) -> None:
    assert read(token("Hi "), *(token(piece) for piece in pieces), token("Human: never")) == ("Hi ", [Completed()])
    glued = [*(["Hi " + pieces[0]] if len(pieces) == 1 else ["Hi ", *pieces]), "never"]
    assert read(*map(token, glued)) == ("Hi ", [Completed()])


def test_what_only_looks_like_the_beginning_of_an_end_token_is_said() -> None:
    text = "if a <|b|> c <<|end <|endoftex <"
    assert read(*map(token, text), token("", generated_text="x"))[0] == text
    reader = TgiReader()
    assert events_of([token("a <"), token("b")], reader) == [TextDelta("a "), TextDelta("<b")]


def test_a_server_that_does_not_stream_says_all_of_it_at_the_end() -> None:
    assert read({"generated_text": " Hello"}) == ("Hello", [Completed()])
    assert read(token("</s>", special=True, generated_text=" Hello"))[0] == "Hello"
    assert read({"generated_text": " on"}, goes_on=True)[0] == " on"
    for answer in ([{"generated_text": "Hi"}], {"generated_text": "Hi"}):
        assert TgiReader().whole(answer) == [TextDelta("Hi"), Completed()]  # type: ignore[arg-type]  # a literal


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        ({"error": "CUDA out of memory", "error_type": "generation"}, errors.Overloaded),
        ({"error": "Model is overloaded", "error_type": "overloaded"}, errors.Overloaded),
        ({"error": "Input validation error: seed", "error_type": "validation"}, errors.RequestRefused),
        (
            {
                "error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096",
                "error_type": "validation",
            },
            errors.ContextTooLong,
        ),
        ({"error": "", "error_type": "incomplete_generation"}, errors.Overloaded),
        ({"error": {"message": "slow down", "code": 429}}, errors.RateLimited),
        ([token("a")], errors.Garbled),
        ("a", errors.Garbled),
        (None, errors.Garbled),
    ],
    ids=str,
)
def test_an_error_in_mid_answer_is_told_as_what_it_is(payload: JsonValue, kind: type[Exception]) -> None:
    reader = TgiReader()
    reader.read(token("a"))
    with pytest.raises(errors.ProviderError) as raised:
        reader.read(payload)
    assert type(raised.value) is kind


@pytest.mark.parametrize("payload", [{}, {"token": None}, {"token": {"text": None}}, {"details": []}, {"status": "ok"}])
def test_unknown_and_empty_events_are_passed_over(payload: JsonValue) -> None:
    assert read(token("a"), payload, token("b")) == ("ab", [])


@pytest.mark.parametrize("answer", [[], {}, [{}, {}], "text", None, {"token": {"text": "a"}}])
def test_a_whole_answer_without_its_text_is_garbled(answer: JsonValue) -> None:
    with pytest.raises(errors.Garbled):
        TgiReader().whole(answer)


def test_the_recorded_stream_of_a_real_chat_ui_is_read() -> None:
    """As chat-ui 0.4.0 relayed it (tests/recordings/tgi_events.txt)."""
    recording = Path(__file__).parent.parent / "recordings" / "tgi_events.txt"
    lines = recording.read_text(encoding="utf-8").splitlines()
    payloads = [json.loads(line.removeprefix("data:")) for line in lines if line.startswith("data:")]
    assert read(*payloads) == ("Hello world!", [Completed("done", Usage(3, 4))])
