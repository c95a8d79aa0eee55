"""Anthropic's messages as they are written and read: roles, pictures, the cache's marks, answers, refusals."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chat import errors
from chat.errors import ProviderError
from chat.events import Completed, EndReason, ReasoningDelta, ReplyEvent, TextDelta, Usage
from chat.messages import Image, Message
from providers.base import JsonValue, ReplyRequest
from providers.failures import from_status
from providers.stream import server_events
from providers.wire.anthropic import GO_ON, OPENING, AnswerReader, model_names, next_page, request_body
from tests.providers.asking import asking, in_chunks, text_of

RECORDING = Path(__file__).parents[1] / "recordings" / "aimock_wire.txt"
LONG = "A rule that is long enough to be worth keeping. " * 60
PICTURE = Image(b"\x89PNG", "image/png")


def turns(*messages: Message, **options: Any) -> list[tuple[str, list[str]]]:
    """Each turn's role and the texts of its blocks (a picture's media type)."""
    body: Any = request_body(ReplyRequest("m", messages, **options), max_tokens=1)
    return [(turn["role"], [shown(block) for block in turn["content"]]) for turn in body["messages"]]


def shown(block: Any) -> str:
    return str(block["text"] if block["type"] == "text" else block["source"]["media_type"])


def user(text: str, *images: Image) -> Message:
    return Message("user", text, images)


def assistant(text: str, *images: Image) -> Message:
    return Message("assistant", text, images)


def marked(request: ReplyRequest) -> list[str]:
    """The beginnings of the blocks that are marked for the cache."""
    body: Any = request_body(request, max_tokens=1)
    system = body["system"] if isinstance(body.get("system"), list) else []
    blocks = [*system, *(block for turn in body["messages"] for block in turn["content"])]
    return [shown(block)[:8] for block in blocks if "cache_control" in block]


def read(*events: JsonValue) -> list[ReplyEvent]:
    reader = AnswerReader()
    return [event for each in events for event in reader.read(each)]


def delta(**fields: JsonValue) -> JsonValue:
    return {"type": "content_block_delta", "index": 0, "delta": fields}


def test_parameters_go_in_but_cannot_replace_what_is_ours() -> None:
    given = asking("Hi", max_tokens=9, thinking={"type": "adaptive"}, model="other", stream=False)
    body = request_body(replace(given, system="Be brief."), max_tokens=4096)
    assert (body["model"], body["stream"], body["max_tokens"]) == ("stand-in", True, 9)
    assert (body["thinking"], body["system"]) == ({"type": "adaptive"}, "Be brief.")
    assert request_body(asking(), max_tokens=4096)["max_tokens"] == 4096


def test_room_for_thinking_comes_on_top_of_the_room_for_the_answer_unless_the_config_says_how_much_both_have() -> None:
    thinking: JsonValue = {"type": "enabled", "budget_tokens": 8000}
    assert request_body(asking(thinking=thinking), max_tokens=4096)["max_tokens"] == 12_096
    assert request_body(asking(thinking=thinking, max_tokens=9000), max_tokens=4096)["max_tokens"] == 9000


def test_without_a_system_prompt_there_is_none() -> None:
    assert "system" not in request_body(asking(), max_tokens=4096)


def test_messages_of_one_role_become_one_turn_and_empty_ones_none() -> None:
    said = (user("one"), user("two"), assistant(" \n"), user("three"), assistant("four"), user("five"))
    assert turns(*said) == [("user", ["one", "two", "three"]), ("assistant", ["four"]), ("user", ["five"])]


def test_a_conversation_that_begins_with_an_answer_keeps_it_behind_an_opening() -> None:
    assert turns(assistant("Hello!"), user("Hi")) == [
        ("user", [OPENING]), ("assistant", ["Hello!"]), ("user", ["Hi"])
    ]  # fmt: skip


def test_pictures_go_before_the_text_and_only_with_questions() -> None:
    assert turns(assistant("drawn", PICTURE), user("What is it?", PICTURE, PICTURE))[1:] == [
        ("assistant", ["drawn"]),
        ("user", ["image/png", "image/png", "What is it?"]),
    ]
    body: Any = request_body(ReplyRequest("m", (user("", PICTURE),)), max_tokens=1)
    (block,) = body["messages"][0]["content"]
    assert block["source"] == {"type": "base64", "media_type": "image/png", "data": "iVBORw=="}


def test_a_short_prompt_is_not_marked_for_the_cache() -> None:
    assert marked(ReplyRequest("m", (user("a"), assistant("b"), user("c")), "Be brief.")) == []
    assert marked(ReplyRequest("m", (user(LONG),), "Be brief.")) == []  # a question isn't, however long


def test_a_long_system_prompt_and_the_last_message_before_the_question_are_marked() -> None:
    said = (user("first"), assistant("second"), user("third"))
    assert marked(ReplyRequest("m", said, LONG)) == [LONG[:8], "second"]
    assert marked(ReplyRequest("m", (user(LONG), assistant("second"), user("third")))) == ["second"]
    assert marked(ReplyRequest("m", (user("x"), assistant("y")), LONG, continues=True)) == [LONG[:8], "x"]


def test_what_is_marked_is_the_beginning_of_the_next_request() -> None:
    """Else keeping it would cost more and save nothing."""

    def before_the_mark(messages: list[Any]) -> Any:
        found = [number for number, turn in enumerate(messages) if "cache_control" in json.dumps(turn)]
        plain = json.loads(json.dumps(messages).replace(', "cache_control": {"type": "ephemeral"}', ""))
        return plain[: found[0] + 1], plain

    said = [user("first"), assistant("second"), user("What is it?", PICTURE)]
    now: Any = request_body(ReplyRequest("m", tuple(said), LONG), max_tokens=1)
    later = (*said[:2], user("What is it?"), assistant("A cat."), user("Sure?"))  # history has no pictures
    then: Any = request_body(ReplyRequest("m", later, LONG), max_tokens=1)
    kept, _ = before_the_mark(now["messages"])
    assert before_the_mark(then["messages"])[1][: len(kept)] == kept
    assert now["system"] == then["system"]


def test_a_prompt_that_tells_the_time_is_not_marked() -> None:
    """It is another one a minute later."""
    said = (user("first"), assistant("second"), user("third"))
    assert marked(ReplyRequest("m", said, f"{LONG} It is 17:05.")) == []
    assert "cache_control" not in json.dumps(request_body(ReplyRequest("m", said, LONG), max_tokens=1, caching=False))


def test_an_answer_that_is_gone_on_with_is_left_open_without_white_space_at_its_end() -> None:
    assert turns(user("Tell"), assistant("Once \n"), continues=True)[-1] == ("assistant", ["Once"])


def test_a_model_that_thinks_is_asked_to_go_on() -> None:
    last = turns(user("Tell"), assistant("Once "), continues=True, parameters={"thinking": {"type": "enabled"}})[-2:]
    assert last == [("assistant", ["Once "]), ("user", [GO_ON])]
    assert turns(user("Tell"), assistant("Once"), continues=True, parameters={"thinking": {"type": "disabled"}})[-1]


async def test_aimocks_recorded_stream_gives_its_text() -> None:
    recorded = RECORDING.read_text("utf-8").split("## anthropic stream\n", 1)[1].split("\n## ", 1)[0]
    reader = AnswerReader()
    events = [event async for said in server_events(in_chunks(recorded.encode())) for event in reader.read(said.json())]
    assert text_of(events).startswith("Привет! ha ha ha [1, 2] done ")
    assert reader.ended


def test_thinking_is_kept_apart_and_announced_and_signatures_and_unknown_things_are_skipped() -> None:
    events = read(
        {"type": "content_block_start", "content_block": {"type": "thinking", "thinking": ""}},
        delta(type="thinking_delta", thinking="hm"),
        delta(type="signature_delta", signature="EqQB"),
        {"type": "content_block_start", "content_block": {"type": "redacted_thinking", "data": "EmwK"}},
        {"type": "content_block_start", "content_block": {"type": "server_tool_use", "name": "web_search"}},
        {"type": "ping"},
        {"type": "something_new"},
        delta(type="text_delta", text="Hi"),
        delta(type="citations_delta", citation={}),
    )
    there_is_some = ReasoningDelta("")  # of which this block doesn't tell
    assert events == [there_is_some, ReasoningDelta("hm"), there_is_some, TextDelta("Hi")]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("end_turn", "done"), ("stop_sequence", "done"), ("something_new", "done"), ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"), ("pause_turn", "length"), ("refusal", "filtered"),
    ],
)  # fmt: skip
def test_why_an_answer_ended(said: str, reason: EndReason) -> None:
    reader = AnswerReader()
    assert list(reader.read({"type": "message_delta", "delta": {"stop_reason": said}})) == []
    assert reader.finished
    assert not reader.ended
    assert reader.completed() == Completed(reason)


def test_tokens_from_the_cache_and_into_it_count_as_the_questions() -> None:
    reader = AnswerReader()
    counted = {"input_tokens": 7, "cache_creation_input_tokens": 20, "cache_read_input_tokens": 100, "output_tokens": 1}
    assert list(reader.read({"type": "message_start", "message": {"usage": {**counted, "service_tier": "x"}}})) == []
    assert list(reader.read({"type": "message_delta", "delta": {}, "usage": {"output_tokens": 9}})) == []
    assert reader.completed() == Completed("done", Usage(127, 9))


@pytest.mark.parametrize("there", ["", " ", "\n", "\n\n"])
@pytest.mark.parametrize("size", [1, 2, 100])
def test_white_space_that_is_there_already_does_not_come_twice(there: str, size: int) -> None:
    reader, text = AnswerReader(there), "\n\n  and so on"
    pieces = [text[begin : begin + size] for begin in range(0, len(text), size)]
    said = text_of(event for piece in pieces for event in reader.read(delta(type="text_delta", text=piece)))
    assert said == text.removeprefix(there if there != " " else "")


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, errors.Overloaded),
        ({"type": "error", "error": {"type": "api_error", "message": "Internal"}}, errors.Overloaded),
        ({"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}}, errors.RateLimited),
        ({"type": "error", "error": {"type": "authentication_error", "message": "x-api-key"}}, errors.BadKey),
        ({"type": "error", "error": {"type": "invalid_request_error", "message": "no"}}, errors.RequestRefused),
        (
            {"type": "error", "error": {"type": "api_error", "message": "Output blocked by content filtering policy"}},
            errors.Blocked,
        ),
        ({"error": {"message": "from a gateway", "code": 429}}, errors.RateLimited),
        ({"type": "content_block_start", "content_block": {"type": "tool_use", "name": "bash"}}, errors.Garbled),
        ({"choices": []}, errors.Garbled),
        ([], errors.Garbled),
    ],
)
def test_what_goes_wrong_in_mid_answer_is_told_as_what_it_is(event: JsonValue, kind: type[ProviderError]) -> None:
    with pytest.raises(ProviderError) as raised:
        read(event)
    assert type(raised.value) is kind


@pytest.mark.parametrize(
    ("status", "name", "message", "kind"),
    [
        (400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum", errors.ContextTooLong),
        (400, "invalid_request_error", "input length and `max_tokens` exceed context limit", errors.ContextTooLong),
        (400, "invalid_request_error", "Your credit balance is too low to access the API", errors.NoCredit),
        (400, "invalid_request_error", "temperature: range 0..1", errors.RequestRefused),
        (401, "authentication_error", "invalid x-api-key", errors.BadKey),
        (403, "permission_error", "no", errors.BadKey),
        (404, "not_found_error", "model: claude-nope", errors.ModelNotFound),
        (413, "request_too_large", "Request exceeds the maximum size", errors.BodyTooLarge),
        (429, "rate_limit_error", "slow down", errors.RateLimited),
        (529, "overloaded_error", "Overloaded", errors.Overloaded),
    ],
)
def test_its_refusals_are_told_as_what_they_are(
    status: int, name: str, message: str, kind: type[ProviderError]
) -> None:
    body = json.dumps({"type": "error", "error": {"type": name, "message": message}}).encode()
    assert type(from_status(status, {}, body)) is kind


def test_an_answer_in_one_piece() -> None:
    answer: JsonValue = {
        "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Hi"}],
        "stop_reason": "max_tokens",
        "usage": {"input_tokens": 3, "output_tokens": 1},
    }
    whole = list(AnswerReader().whole(answer))
    assert whole == [ReasoningDelta("hm"), TextDelta("Hi"), Completed("length", Usage(3, 1))]
    with pytest.raises(errors.Garbled):
        list(AnswerReader().whole({"choices": []}))


def test_a_page_of_models() -> None:
    page: JsonValue = {"data": [{"id": "a"}, {"id": "b"}, {"name": "?"}, 3], "has_more": True, "last_id": "b"}
    assert (model_names(page), next_page(page)) == (("a", "b"), "b")
    assert next_page({"data": [], "has_more": False, "last_id": "b"}) == ""
    with pytest.raises(errors.Overloaded):
        model_names({"type": "error", "error": {"type": "overloaded_error"}})
    with pytest.raises(errors.Garbled):
        model_names("?")
