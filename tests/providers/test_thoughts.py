"""Thinking that is written into the answer: told apart at its beginning, never elsewhere, and never swallowed."""

import pytest

from chat.events import Completed, ReasoningDelta, ReplyEvent, TextDelta
from providers.base import JsonValue
from providers.wire.chat_completions import AnswerReader
from tests.providers.asking import answered, text_of
from tests.servers.model import Answer, ModelServer


def said(text: str, size: int, reason: str = "stop") -> tuple[str, str]:
    """What comes as thinking and what as text, of an answer that comes in pieces of that size."""
    reader = AnswerReader()
    events: list[ReplyEvent] = []
    for begin in range(0, len(text), size):
        events += reader.read({"choices": [{"delta": {"content": text[begin : begin + size]}}]})
    events += reader.read({"choices": [{"delta": {}, "finish_reason": reason}]})
    assert all(event.text for event in events if isinstance(event, TextDelta | ReasoningDelta))
    return "".join(event.text for event in events if isinstance(event, ReasoningDelta)), text_of(events)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(
    ("answer", "thinking", "text"),
    [
        ("<think>hm, a < b</think>\n\nYes.", "hm, a < b", "Yes."),
        ("\n <think>\nhm</think>Yes <think>no</think>", "\nhm", "Yes <think>no</think>"),
        ("<think></think>Yes", "", "Yes"),
        ("Use <think>x</think>.", "", "Use <think>x</think>."),
        ("<thinking>x</thinking>", "", "<thinking>x</thinking>"),
        ("  indented", "", "  indented"),
        ("<thi", "", "<thi"),
        ("\n", "", "\n"),
        ("", "", ""),
    ],
)
def test_only_what_an_answer_begins_with_is_thinking(size: int, answer: str, thinking: str, text: str) -> None:
    assert said(answer, size) == (thinking, text)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("Okay, 17*23 is\n391.\n</think>\n\n391", "391"),
        ("</think>\n\nHi", "Hi"),
        ("\n</think>\nHi\n</think>\nthere", "Hi\n</think>\nthere"),
        ("```\na\n```\n</think>\nHi <think>", "Hi <think>"),
    ],
)
def test_an_end_mark_alone_makes_thinking_of_what_came_before_it(size: int, answer: str, text: str) -> None:
    assert said(answer, size)[1] == text


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(
    "answer",
    [
        "It ends with </think>\nand goes on.",
        "Write it like that:\n```\n</think>\n```\nGot it?",
        "First <think>, then a thought, then\n</think>\nand the answer.",
        "Nothing behind it\n</think>\n",
    ],
)
def test_an_answer_that_tells_of_the_marks_is_left_whole(size: int, answer: str) -> None:
    assert said(answer, size) == ("", answer)


@pytest.mark.parametrize("size", [1, 1000])
@pytest.mark.parametrize("answer", ["<think>the secret plan", "<think>the plan </thi"])
def test_thinking_that_a_limit_cut_is_no_answer(size: int, answer: str) -> None:
    assert said(answer, size, "length")[1] == ""
    assert said("<thi", size, "length") == ("", "<thi")


@pytest.mark.parametrize("size", [1, 1000])
def test_thinking_without_an_end_is_shown_as_the_answer_after_all(size: int) -> None:
    assert said("<think>all of it </thi", size)[1] == "all of it </thi"


def test_thinking_is_shown_while_it_comes() -> None:
    reader = AnswerReader()
    pieces = ("<think>", "one ", "two")
    events = [list(reader.read({"choices": [{"delta": {"content": piece}}]})) for piece in pieces]
    assert events == [[], [ReasoningDelta("one ")], [ReasoningDelta("two")]]


def test_an_answer_in_one_piece_is_parted_too() -> None:
    message: JsonValue = {"content": "<think>hm</think>Yes"}
    assert list(AnswerReader().whole({"choices": [{"message": message}]})) == [
        ReasoningDelta("hm"), TextDelta("Yes"), Completed()
    ]  # fmt: skip


@pytest.mark.parametrize("finish_reason", ["stop", ""])
async def test_an_answer_of_unended_thinking_is_not_lost_on_its_way(server: ModelServer, finish_reason: str) -> None:
    assert await answered(server, Answer(text="<think>all of it", finish_reason=finish_reason)) == "all of it"
