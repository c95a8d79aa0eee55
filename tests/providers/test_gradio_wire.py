"""The translators of Gradio's queue, on recordings of real apps and on what apps may say besides."""

import copy
import json
import random
import re
from pathlib import Path
from typing import Any

import pytest

from chat.errors import CutOff, Garbled, Overloaded, ProviderError, RateLimited
from chat.events import Completed, Replaced, ReplyEvent, TextDelta
from providers.base import JsonValue
from providers.wire.gradio import MAX_ANSWER_CHARACTERS, AnswerReader, answer_text, apply_differences
from providers.wire.gradio_app import ChatFunction, Field, HistoryForm
from tests.providers.asking import text_of

RECORDINGS = Path(__file__).parents[1] / "recordings"
SAID = "Hello ha ha ha\n[1, 2] x — Привет 👋\n\n```py\nprint(1)\n```!"


def messages_in(name: str) -> list[dict[str, Any]]:
    lines = (RECORDINGS / f"gradio_{name}.txt").read_text("utf-8").splitlines()
    return [json.loads(match[1]) for line in lines if (match := re.search(r"< data: (.*)", line))]


def function(form: HistoryForm) -> ChatFunction:
    return ChatFunction(0, form, (Field("textbox"), Field("chatbot")), 1)


def reader_of(name: str, form: HistoryForm, before: int = 0) -> AnswerReader:
    return AnswerReader(function(form), messages_in(name)[0]["event_id"], before)


def read_all(reader: AnswerReader, messages: list[Any]) -> list[Any]:
    return [event for message in messages for event in reader.read(copy.deepcopy(message))]


def generating(value: JsonValue, event_id: str = "e") -> dict[str, Any]:
    return {"msg": "process_generating", "event_id": event_id, "output": {"data": ["", value]}, "success": True}


def completed(value: JsonValue) -> dict[str, Any]:
    return {**generating(value), "msg": "process_completed"}


@pytest.mark.parametrize(
    ("name", "form", "before"),
    [
        ("4.44.1_tuples_ok", "pairs", 0),
        ("4.44.1_messages_ok", "messages", 0),
        ("5.50.0_tuples_ok", "pairs", 0),
        ("6.31.0_ok", "parts", 0),
        ("q25_modelscope_ok", "modelscope", 0),
        ("q25_modelscope_hist", "modelscope", 1),
    ],
)
def test_a_recorded_answer_comes_whole_and_every_fragment_when_it_was_said(
    name: str, form: HistoryForm, before: int
) -> None:
    """Repeated words, a bracketed fragment and history are in the recordings; the documents' decoder lost them."""
    reader = reader_of(name, form, before)
    by_message = [read_all(reader, [message]) for message in messages_in(name)]
    events: list[ReplyEvent] = [event for events in by_message for event in events]
    assert text_of(events) == SAID
    assert events[-1] == Completed()
    fragments = [event.text for event in events if isinstance(event, TextDelta)]
    assert len(fragments) >= 10
    assert fragments[:5] == ["Hel", "lo", " ha", " ha", " ha"]
    assert max(len(events) for events in by_message) == 1


def test_a_recorded_rewrite_replaces_what_was_said() -> None:
    events = read_all(reader_of("5.50.0_tuples_rewrite", "pairs"), messages_in("5.50.0_tuples_rewrite"))
    assert sum(isinstance(event, Replaced) for event in events) == 1
    assert text_of(events) == "Rewritten:  x — Привет 👋\n\n```py\nprint(1)\n```!"


def test_a_recorded_failure_in_mid_answer_comes_after_the_words() -> None:
    reader = reader_of("4.44.1_tuples_raise3", "pairs")
    *before, failure, _ = messages_in("4.44.1_tuples_raise3")
    events: list[ReplyEvent] = read_all(reader, before)
    with pytest.raises(Overloaded, match="doesn't say why"):
        read_all(reader, [failure])
    assert text_of(events) == "Hello ha"
    assert reader.ended


def test_a_recorded_failure_with_words_of_its_own_keeps_them() -> None:
    with pytest.raises(Overloaded, match="visible gradio error"):
        read_all(reader_of("6.31.0_grerr", "parts"), messages_in("6.31.0_grerr"))


@pytest.mark.parametrize(
    ("said", "kind", "details"),
    [
        ("'it fell over'", Overloaded, "it fell over"),  # gradio 4 puts quotes around it
        (None, Overloaded, "the app failed and doesn't say why"),
        ("", Overloaded, "the app failed and doesn't say why"),
        ("You have exceeded your GPU quota (60s left).", RateLimited, "You have exceeded your GPU quota (60s left)."),
        ("maximum context length is 4096", ProviderError, "maximum context length is 4096"),
    ],
)
def test_a_failure_is_told_as_what_its_text_says(said: str | None, kind: type[ProviderError], details: str) -> None:
    failed = {"msg": "process_completed", "event_id": "e", "output": {"error": said}, "success": False}
    with pytest.raises(kind) as raised:
        read_all(AnswerReader(function("pairs"), "e"), [failed])
    assert raised.value.details == details


def test_messages_of_other_questions_and_of_no_interest_are_passed_over() -> None:
    others = [
        generating([["q", "not ours"]], "another"),
        {"msg": "heartbeat"},
        {"msg": "log", "event_id": "e", "log": "warming up", "level": "info"},
        {"msg": "progress", "event_id": "e", "progress_data": []},
        {"msg": "a new one", "event_id": "e"},
    ]
    assert read_all(AnswerReader(function("pairs"), "e"), others) == []


def test_an_unexpected_error_and_a_stream_that_closes_too_early_are_failures() -> None:
    lost = {"msg": "unexpected_error", "event_id": None, "message": "404: Session not found.", "success": False}
    with pytest.raises(Overloaded, match="Session not found"):
        read_all(AnswerReader(function("pairs"), "e"), [lost])
    with pytest.raises(CutOff):
        read_all(AnswerReader(function("pairs"), "e"), [{"msg": "close_stream", "event_id": None}])


def test_a_cancelled_session_ends_as_stopped() -> None:
    messages = [generating([["q", "so far"]]), {"msg": "process_completed", "event_id": "e", "output": {}}]
    assert read_all(AnswerReader(function("pairs"), "e"), messages) == [TextDelta("so far"), Completed("stopped")]


def test_the_place_in_the_queue_is_told_once_a_place_and_not_to_who_is_next_at_once() -> None:
    def waiting(*ranks: int) -> list[str]:
        messages = [{"msg": "estimation", "event_id": "e", "rank": rank} for rank in ranks]
        events = read_all(AnswerReader(function("pairs"), "e"), messages)
        assert all(event.key == "status.queued" for event in events)
        return [event.arguments["position"] for event in events]

    assert waiting(0) == []
    assert waiting(3, 3, 1, 0, 0) == ["4", "2", "1"]


@pytest.mark.parametrize(
    "broken", ["text", [], {"msg": "process_generating", "event_id": "e", "output": {"data": [1]}}]
)
def test_what_no_queue_sends_is_garbled(broken: JsonValue) -> None:
    with pytest.raises(Garbled):
        read_all(AnswerReader(function("pairs"), "e"), [broken])


def test_each_operation_does_what_gradios_own_client_does() -> None:
    value: JsonValue = [["q", "a"], {"k": "v"}]
    differences: list[JsonValue] = [
        ["append", [0, 1], "b"],
        ["replace", [0, 0], None],
        ["add", [1, "new"], [1]],
        ["add", [0], "first"],
        ["append", [2, "new"], [2]],
        ["delete", [2, "k"], None],
        ["add", [3], "last"],
        ["delete", [0], None],
    ]
    assert apply_differences(value, differences) == [[None, "ab"], {"new": [1, 2]}, "last"]
    assert apply_differences("ab", [["append", [], "c"]]) == "abc"
    assert apply_differences("ab", [["replace", [], [1]]]) == [1]
    assert apply_differences("ab", []) == "ab"


@pytest.mark.parametrize(
    "differences",
    [
        None,
        "append",
        [["append", [0, 1]]],
        [["append", [7, 1], "x"]],
        [["append", [0, 1], 5]],
        [["append", ["x"], "x"]],
        [["add", [], "x"]],
        [["turn", [0], "x"]],
        [["delete", [9], None]],
        [["append", 0, "x"]],
        [[[], [], []]],
        5,
    ],
    ids=json.dumps,
)
def test_a_difference_that_does_not_fit_is_garbled(differences: JsonValue) -> None:
    with pytest.raises(Garbled):
        apply_differences([["q", "a"]], differences)


def test_differences_made_at_random_lead_to_the_same_value_as_the_app_has() -> None:
    """Steps as gradio's `diff` writes them, for a value that grows, shrinks and changes."""
    dice = random.Random(4)
    value: list[JsonValue] = [["q", "a"]]
    shown: JsonValue = [["q", "a"]]
    for _ in range(300):
        wanted = copy.deepcopy(value)
        row = dice.randrange(len(wanted))
        match dice.randrange(4):
            case 0:
                wanted.append(["more", ""])
                step: list[JsonValue] = ["add", [len(wanted) - 1], ["more", ""]]
            case 1 if len(wanted) > 1:
                del wanted[row]
                step = ["delete", [row], None]
            case 2:
                wanted[row] = ["q", "anew"]
                step = ["replace", [row, 1], "anew"]
                assert isinstance(value[row], list)
                step = step if value[row][0] == "q" else ["replace", [row], ["q", "anew"]]  # type: ignore[index]  # a list
            case _:
                wanted[row] = [wanted[row][0], f"{wanted[row][1]} on"]  # type: ignore[index]  # a list
                step = ["append", [row, 1], " on"]
        shown = apply_differences(shown, [step])
        assert shown == wanted
        value = wanted


@pytest.mark.parametrize(
    ("form", "value", "text"),
    [
        ("pairs", [["q", "a"]], "a"),
        ("pairs", [["q", None]], ""),
        ("pairs", [["q", {"file": {"path": "x.png"}}]], ""),
        ("pairs", [], ""),
        ("pairs", None, ""),
        ("modelscope", [[{"text": "q"}, {"text": "a", "files": None}]], "a"),
        ("modelscope", [[{"text": "q"}, [{"text": "a"}, {"text": "b"}]]], "ab"),
        ("messages", [{"role": "user", "content": "q"}], ""),
        ("messages", [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}], "a"),
        ("messages", [{"role": "assistant", "content": "welcome"}, {"role": "user", "content": "q"}], ""),
        ("parts", [{"role": "assistant", "content": [{"type": "text", "text": "a"}, {"type": "file"}]}], "a"),
        ("parts", [{"role": "assistant", "content": "a plain string"}], "a plain string"),
        (
            "messages",
            [
                {"role": "user", "content": "q"},
                {"role": "assistant", "content": "a", "metadata": {"title": None}},
                {"role": "assistant", "content": "hm", "metadata": {"title": "Thinking"}},
            ],
            "a",
        ),
        ("none", "a", "a"),
        ("none", {"role": "assistant", "content": "a"}, "a"),
        ("pairs", {"__type__": "update", "value": [["q", "a"]]}, "a"),
        ("pairs", {"__type__": "update", "visible": True}, None),
    ],
)
def test_the_answer_is_found_where_each_form_has_it(form: HistoryForm, value: JsonValue, text: str | None) -> None:
    assert answer_text(value, form) == text


def test_an_older_answer_is_never_taken_for_the_new_one() -> None:
    """Many apps show the history first, or the question with nothing under it."""
    old: list[JsonValue] = [["q1", "old"]]
    messages = [generating(old), generating([["add", [1], ["q2", None]]]), generating([["replace", [1, 1], "new"]])]
    reader = AnswerReader(function("pairs"), "e", before=1)
    assert read_all(reader, [*messages, completed([*old, ["q2", "new"]])]) == [TextDelta("new"), Completed()]
    said: list[JsonValue] = [{"role": "user", "content": "q1"}, {"role": "assistant", "content": "old"}]
    assert answer_text(said, "messages", before=1) == ""


def test_an_app_that_answers_in_one_piece_is_heard_too() -> None:
    assert read_all(AnswerReader(function("pairs"), "e"), [completed([["q", "all"]])]) == [
        TextDelta("all"),
        Completed(),
    ]


def test_the_final_value_has_the_last_word() -> None:
    said = read_all(AnswerReader(function("pairs"), "e"), [generating([["q", "ab"]]), completed([["q", "a."]])])
    assert said == [TextDelta("ab"), Replaced("a."), Completed()]


def test_an_endless_answer_ends_as_if_cut_by_a_limit_of_tokens() -> None:
    reader = AnswerReader(function("pairs"), "e")
    more = generating([["append", [0, 1], "x" * 100_000]])
    events = read_all(reader, [generating([["q", ""]]), *[more] * (MAX_ANSWER_CHARACTERS // 100_000 + 1)])
    assert events[-1] == Completed("length")
