"""The promises of providers/wire/chat_ui.py: what goes into requests, and the modern dialect's lines become events."""

import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from chat import errors
from chat.events import Completed, ReasoningDelta, Replaced, ReplyEvent, TextDelta
from chat.messages import Message
from providers.base import JsonValue, ReplyRequest
from providers.wire import chat_ui as wire
from providers.wire.chat_ui import ModernReader
from tests.providers.asking import asking, text_of

RECORDING = Path(__file__).parents[1] / "recordings" / "chat_ui_modern.txt"


def recorded(name: str) -> list[JsonValue]:
    """The lines of one answer of the real chat-ui 0.20.0."""
    text = RECORDING.read_text(encoding="utf-8").partition(f"[{name}] 200 application/jsonl\n")[2]
    return [json.loads(line) for line in text.partition("\n##")[0].splitlines()]


def stream(*tokens: str) -> list[JsonValue]:
    return [{"type": "stream", "token": token.ljust(16, "\0")} for token in tokens]


def final(text: str, *, interrupted: bool = False) -> JsonValue:
    return {"type": "finalAnswer", "text": text, "interrupted": interrupted}


def read(lines: Iterable[JsonValue], reader: ModernReader | None = None) -> list[ReplyEvent]:
    reader = reader or ModernReader()
    return [event for line in lines for event in reader.read(line)]


def test_a_recorded_answer_comes_token_by_token_with_its_emoji_whole_and_nothing_replaced() -> None:
    reader = ModernReader()
    events = read(recorded("hello"), reader)
    assert [event.text for event in events if isinstance(event, TextDelta)] == [
        "Привет", "! ha h", "a ha [", "1, 2] ", "done ", "👋",
    ]  # fmt: skip
    assert events[-1] == Completed("done")
    assert not [event for event in events if isinstance(event, Replaced)]
    assert reader.ended


@pytest.mark.parametrize(
    ("name", "kind"), [("fail429", errors.RateLimited), ("cut", errors.Overloaded)], ids=["429", "terminated"]
)
def test_a_recorded_error_is_told_as_what_it_is(name: str, kind: type[Exception]) -> None:
    with pytest.raises(errors.ProviderError) as raised:
        read(recorded(name))
    assert type(raised.value) is kind


def test_a_status_at_the_beginning_of_the_message_counts_where_there_is_no_status_code() -> None:
    with pytest.raises(errors.BadKey):
        read([{"type": "status", "status": "error", "message": "401 Incorrect API key"}])


def test_a_final_answer_that_differs_replaces_what_was_streamed() -> None:
    events = read([*stream("one ", "two "), final("one three")])
    assert events == [TextDelta("one "), TextDelta("two "), Replaced("one three"), Completed("done")]


def test_a_final_answer_that_says_more_adds_only_the_rest() -> None:
    assert read([*stream("one "), final("one two")]) == [TextDelta("one "), TextDelta("two"), Completed("done")]
    assert read([final("all of it")]) == [TextDelta("all of it"), Completed("done")]


@pytest.mark.parametrize("said", [" one\n\n", " one \n", " one"])
def test_white_space_that_chat_ui_takes_from_the_end_is_no_difference(said: str) -> None:
    assert read([*stream(said), final(" one")]) == [TextDelta(said), Completed("done")]


def test_a_final_answer_with_other_white_space_at_its_end_replaces_it() -> None:
    assert read([*stream("a\n"), final("a b")])[1:] == [Replaced("a b"), Completed("done")]


def test_an_empty_final_answer_takes_nothing_away() -> None:
    assert text_of(read([*stream("kept"), final("")])) == "kept"


def test_half_an_emoji_at_the_end_is_completed_by_the_final_answer() -> None:
    assert text_of(read([*stream("hi \ud83d"), final("hi 👋")])) == "hi 👋"


def test_an_interrupted_answer_was_cut_by_its_length() -> None:
    assert read([*stream("one"), final("one", interrupted=True)])[-1] == Completed("length")


def test_reasoning_is_told_apart_from_the_answer() -> None:
    lines: list[JsonValue] = [
        {"type": "reasoning", "subtype": "status", "status": "Started reasoning..."},
        {"type": "reasoning", "subtype": "stream", "token": "hm"},
    ]
    assert read([*lines, *stream("yes")]) == [ReasoningDelta("hm"), TextDelta("yes")]


@pytest.mark.parametrize(
    "line", [{"type": "title", "title": "data: x"}, {"type": "tool", "subtype": "call"}, {"type": "new"}], ids=str
)
def test_titles_tools_and_unknown_lines_are_passed_over(line: JsonValue) -> None:
    assert read([line]) == []


@pytest.mark.parametrize("line", [None, [], "text", 7, {}, {"type": 7}], ids=str)
def test_a_line_that_is_none_of_chat_uis_is_garbled(line: JsonValue) -> None:
    with pytest.raises(errors.Garbled):
        read([line])


def test_one_question_goes_in_as_it_is() -> None:
    assert wire.inputs([Message("user", "assistant: hi?")]) == "assistant: hi?"


def test_history_and_system_prompt_go_in_as_the_documents_transcript() -> None:
    messages = [Message("user", "one"), Message("assistant", "two"), Message("user", "three")]
    instruction, *lines = wire.inputs(messages, "Be brief").splitlines()
    assert instruction.startswith("instruction: this is a conversation between a user and an AI assistant")
    assert lines == ["system: Be brief", "user: one", "assistant: two", "user: three", "assistant:"]


def test_the_legacy_body_is_the_documented_one() -> None:
    body = wire.legacy_question(asking("Hi"))
    options = body.pop("options")
    assert isinstance(options, dict)
    assert len({options.pop("id"), options.pop("response_id")}) == 2
    assert options == {"is_retry": False, "use_cache": False, "web_search_id": ""}
    assert body == {
        "inputs": "Hi",
        "parameters": {
            "temperature": 0.4, "truncate": 2048, "max_new_tokens": 1024, "do_sample": True,
            "repetition_penalty": 1.2, "return_full_text": False,
        },
        "stream": True,
    }  # fmt: skip


def test_parameters_go_through_by_tgis_names_and_none_leaves_one_out() -> None:
    given = asking("Hi", max_tokens=7, top_p=0.9, seed=1, truncate=None, return_full_text=True)
    parameters = wire.legacy_question(given)["parameters"]
    assert parameters == {
        "temperature": 0.4, "max_new_tokens": 7, "do_sample": True, "repetition_penalty": 1.2, "top_p": 0.9,
        "seed": 1, "return_full_text": False,
    }  # fmt: skip


def test_a_temperature_of_0_which_tgi_refuses_means_no_sampling() -> None:
    parameters = wire.legacy_question(asking("Hi", temperature=0))["parameters"]
    assert isinstance(parameters, dict)
    assert "temperature" not in parameters
    assert parameters["do_sample"] is False


def test_a_modern_question_has_its_parent_and_leaves_the_system_prompt_to_the_conversation() -> None:
    request = ReplyRequest("m", (Message("user", "Hi"),), system="Be brief")
    assert wire.modern_question(request, "root") == {"inputs": "Hi", "id": "root", "is_retry": False}


@pytest.mark.parametrize(
    "answer", [None, {}, {"json": {}}, {"json": {"messages": []}}, {"conversationId": ""}], ids=str
)
def test_answers_without_their_ids_are_garbled(answer: JsonValue) -> None:
    for taken in (wire.conversation_id, wire.last_message_id, wire.model_names):
        with pytest.raises(errors.Garbled):
            taken(answer)
