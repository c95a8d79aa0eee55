"""The chat completions translators, on recordings of real servers and on every quirk that was seen."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat import errors
from chat.events import Completed, ReasoningDelta, ReplyEvent, TextDelta, Usage
from chat.messages import Image, Message
from providers.answers import opened
from providers.base import JsonValue, ReplyRequest
from providers.failures import from_status
from providers.stream import read_json, server_events
from providers.wire.chat_completions import AnswerReader, model_names, request_body
from tests.providers.asking import in_chunks, text_of

RECORDINGS = Path(__file__).parents[1] / "recordings"


def recorded(file: str, section: str) -> bytes:
    """One "## section" of a recording, without the HTTP head that some have."""
    text = (RECORDINGS / file).read_text("utf-8").split(f"## {section}\n", 1)[1].split("\n## ", 1)[0]
    return (text.split("\n\n", 1)[1] if text.startswith("HTTP/") else text).encode()


async def decoded(body: bytes, *ends: int) -> list[ReplyEvent]:
    """The events of a streamed body, as a provider yields them; no `Completed` where nothing said that it ended."""
    reader = AnswerReader()
    events = [event async for said in server_events(in_chunks(body, *ends)) for event in reader.events(said)]
    return [*events, reader.completed()] if reader.finished else events


def read(*chunks: JsonValue) -> list[ReplyEvent]:
    reader = AnswerReader()
    return [event for chunk in chunks for event in reader.read(chunk)]


def chunk(delta: JsonValue, **choice: JsonValue) -> dict[str, JsonValue]:
    return {"choices": [{"index": 0, "delta": delta, **choice}]}


async def test_aimocks_recorded_stream_gives_its_text_and_usage_with_the_split_emoji_joined() -> None:
    async def replayed() -> Any:
        for event in await decoded(recorded("aimock_wire.txt", "openai stream")):
            yield event

    async with opened(replayed()) as answer:
        events = [event async for event in answer]
    assert text_of(events) == "Привет! ha ha ha [1, 2] done 👋"
    assert events[-1] == Completed("done", Usage(2, 8))


async def test_a_recorded_stream_gives_the_same_events_however_it_is_cut() -> None:
    body = recorded("aimock_wire.txt", "openai stream")
    assert await decoded(body, *range(len(body))) == await decoded(body, 700, 1100) == await decoded(body)


async def test_aimocks_recorded_reasoning_is_kept_apart_from_the_answer() -> None:
    events = await decoded(recorded("aimock_wire.txt", "reasoning"))
    assert events[:2] == [ReasoningDelta("let me"), ReasoningDelta(" think")]
    assert text_of(events) == "Answer 42"
    assert events[-1] == Completed("done")


def test_aimocks_recorded_whole_answer_is_an_answer() -> None:
    reader = AnswerReader()
    events = list(reader.whole(read_json(recorded("aimock_wire.txt", "openai nonstream"))))
    assert events == [TextDelta("Привет! ha ha ha [1, 2] done 👋"), Completed("done", Usage(2, 8))]


async def test_aimocks_recorded_truncated_stream_has_no_end() -> None:
    body = recorded("aimock_wire.txt", "truncated").split(b"curl")[0]
    assert await decoded(body) == []


async def test_llama_cpps_recorded_stream_starts_with_null_and_ends_by_length() -> None:
    events = await decoded(recorded("llamacpp_wire.txt", "stream"))
    assert text_of(events) == " a to\ufffdnv\ufffd"
    assert events[-1] == Completed("length", Usage(40, 6))


def test_llama_cpps_recorded_refusals_are_told_apart() -> None:
    too_long = from_status(400, {}, recorded("llamacpp_wire.txt", "too long prompt"))
    assert type(too_long) is errors.ContextTooLong
    assert type(from_status(400, {}, recorded("llamacpp_wire.txt", "bad json"))) is errors.RequestRefused
    assert type(from_status(429, {}, recorded("aimock_wire.txt", "429"))) is errors.RateLimited


def test_llama_cpps_recorded_models_are_in_two_lists_and_named_once() -> None:
    assert model_names(read_json(recorded("llamacpp_wire.txt", "GET /v1/models"))) == ("tiny.gguf",)


@pytest.mark.parametrize(
    "listing",
    [
        {"data": [{"id": "a"}, {"id": "b"}, {"id": "a"}]},
        {"data": [], "models": [{"name": "a"}, {"model": "b"}]},
        [{"id": "a"}, "b", {"other": 1}, None],
    ],
)
def test_models_are_found_in_every_kind_of_list(listing: JsonValue) -> None:
    assert model_names(listing) == ("a", "b")


def test_no_models_is_an_answer_and_no_list_is_not() -> None:
    assert model_names({"data": []}) == ()
    garbage: tuple[JsonValue, ...] = ({}, {"data": "a"}, None, "a")
    for garbled in garbage:
        with pytest.raises(errors.Garbled):
            model_names(garbled)
    with pytest.raises(errors.BadKey):
        model_names({"error": {"code": 401}})


def test_a_request_holds_system_prompt_history_and_parameters() -> None:
    history = (Message("user", "Hi"), Message("assistant", "Hello"), Message("user", "And?"))
    body = request_body(ReplyRequest("m", history, "Be brief.", {"temperature": 0.5, "x_new": [1]}), include_usage=True)
    assert body == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Hello"},
            {"role": "user", "content": "And?"},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.5,
        "x_new": [1],
    }


def test_usage_is_only_asked_for_where_that_is_set_and_parameters_cannot_replace_the_question() -> None:
    request = ReplyRequest(
        "m", (Message("user", "Hi"),), parameters={"model": "other", "stream": False, "messages": []}
    )
    assert request_body(request, include_usage=False) == {
        "model": "m",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
    }


def test_images_travel_as_data_urls() -> None:
    picture = Image(b"\x89PNG", "image/png")
    url = "data:image/png;base64,iVBORw=="
    body = request_body(ReplyRequest("m", (Message("user", "What?", (picture,)),)), include_usage=False)
    image: JsonValue = {"type": "image_url", "image_url": {"url": url}}
    assert body["messages"] == [{"role": "user", "content": [{"type": "text", "text": "What?"}, image]}]
    body = request_body(ReplyRequest("m", (Message("user", "", (picture,)),)), include_usage=False)
    assert body["messages"] == [{"role": "user", "content": [image]}]


@pytest.mark.parametrize(
    "silent",
    [
        chunk({"role": "assistant"}), chunk({"content": None}), chunk({"content": ""}), chunk(None), chunk({}),
        {"choices": []}, {"choices": None}, {}, {"choices": [{"index": 1, "delta": {"content": "another"}}]},
        {"choices": [{"index": 0, "text": "old"}]}, {"error": None, "choices": []}, {"choices": ["?"]},
    ],
)  # fmt: skip
def test_chunks_without_text_are_silent(silent: JsonValue) -> None:
    assert read(silent) == []


def test_text_and_reasoning_are_read_in_every_form() -> None:
    thinking: JsonValue = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    assert read(
        chunk({"reasoning": "a", "content": "b"}),
        chunk({"content": [thinking, {"type": "text", "text": "c"}, {"type": "reference"}]}),
        chunk({"refusal": "no"}),
    ) == [ReasoningDelta("a"), TextDelta("b"), ReasoningDelta("hm"), TextDelta("c"), TextDelta("no")]


def test_openrouters_reasoning_is_read_once_in_either_form() -> None:
    details: JsonValue = [
        {"type": "reasoning.text", "text": "a"}, {"type": "reasoning.summary", "summary": "b"},
        {"type": "reasoning.encrypted", "data": "x"}, "?",
    ]  # fmt: skip
    assert read(chunk({"reasoning": "ab", "reasoning_details": details}), chunk({"reasoning_details": details})) == [
        ReasoningDelta("ab"), ReasoningDelta("ab")
    ]  # fmt: skip


def test_a_picture_with_an_address_is_a_link_and_another_one_leaves_a_sign() -> None:
    def picture(url: JsonValue) -> JsonValue:
        return {"type": "image_url", "image_url": {"url": url}}

    reader = AnswerReader()
    urls = ("https://example.org/a_b.png", "data:image/png;base64,AA==", "javascript:alert(1)", "https://x/ )y")
    events = list(reader.read(chunk({"content": "Here:", "images": [picture(url) for url in urls]})))
    events += reader.read(chunk({"content": [picture("https://example.org/c.png"), picture(None)]}))
    assert text_of(events).split() == ["Here:", "[🖼](https://example.org/a_b.png)", *["🖼"] * 3,
                                       "[🖼](https://example.org/c.png)"]  # fmt: skip
    assert reader.pictures == 3


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("stop", "done"), ("tool_calls", "done"), ("eos", "done"), ("STOP", "done"), ("length", "length"),
        ("MAX_TOKENS", "length"), ("content_filter", "filtered"), ("SAFETY", "filtered"), ("RECITATION", "filtered"),
        ("BLOCKLIST", "filtered"), ("prohibited_content", "filtered"), ("SPII", "filtered"),
        ("IMAGE_SAFETY", "filtered"), ("IMAGE_PROHIBITED_CONTENT", "filtered"),
    ],
)  # fmt: skip
def test_the_end_reason_is_kept(said: str, reason: str) -> None:
    reader = AnswerReader()
    assert list(reader.read(chunk({"content": "last"}, finish_reason=said))) == [TextDelta("last")]
    assert reader.finished
    assert reader.completed().reason == reason


def test_an_answer_that_ends_for_want_of_machines_is_no_answer() -> None:
    """DeepSeek's word for it, in the place of a reason to end."""
    with pytest.raises(errors.Overloaded):
        read(chunk({"content": "half of it"}), chunk({}, finish_reason="insufficient_system_resource"))


def test_usage_may_come_in_any_chunk_and_without_numbers() -> None:
    reader = AnswerReader()
    list(reader.read({**chunk({}), "usage": None}))
    list(reader.read({**chunk({}), "usage": {"prompt_tokens": 3, "completion_tokens": None}}))
    list(reader.read({**chunk({}), "usage": {}}))
    assert reader.completed().usage == Usage(3, 0)


@pytest.mark.parametrize(
    "body",
    [
        b'data: {"error": {"message": "slow down", "code": 429}}\n\n',
        b'event: error\ndata: {"message": "slow down", "code": 429}\n\n',
        b'error: {"message": "slow down", "code": "429"}\n\n',
        b'data: {"choices": [{"finish_reason": "error", "error": {"code": 429}}]}\n\n',
        b'data: {"object": "error", "message": "slow down", "code": 429}\n\n',
        b'data: [{"error": {"message": "slow down", "code": 429, "status": "RESOURCE_EXHAUSTED"}}]\n\n',
        b'data: {"choices": [{"delta": {"content": "x"}}], "x_groq": {"error": {"type": "rate_limit_exceeded"}}}\n\n',
    ],
)
async def test_an_error_in_the_stream_is_raised_in_every_form(body: bytes) -> None:
    with pytest.raises(errors.RateLimited):
        await decoded(body)


@given(
    deltas=st.lists(
        st.fixed_dictionaries({}, optional={
            "role": st.just("assistant"),
            "content": st.none() | st.sampled_from(["", "<think>", "</think>", " ", "a", "b\n"]) | st.just([]),
            "reasoning": st.sampled_from(["", "hm"]),
        }),
        max_size=6,
    ),
    reasons=st.lists(st.sampled_from([None, None, "", "stop", "length"]), min_size=6, max_size=6),
)  # fmt: skip
def test_text_alone_is_read_as_it_is_in_company(deltas: list[dict[str, JsonValue]], reasons: list[JsonValue]) -> None:
    """Most chunks hold nothing else, and are read by a short cut; an empty `refusal` must make no difference."""
    told = list(zip(deltas, reasons, strict=False))
    alone = [chunk(delta, finish_reason=reason) for delta, reason in told]
    in_company = [chunk({**delta, "refusal": None}, finish_reason=reason) for delta, reason in told]
    assert read(*alone) == read(*in_company)


@pytest.mark.parametrize("garbled", [b"data: 5\n\n", b"data: <html>\n\n", b"data: [1]\n\n", b"data: {\n\n"])
async def test_what_is_no_chunk_is_garbled(garbled: bytes) -> None:
    with pytest.raises(errors.Garbled):
        await decoded(garbled)


@pytest.mark.parametrize("answer", [{}, {"detail": "?"}, [], "text", None])
def test_a_whole_answer_without_choices_is_garbled(answer: JsonValue) -> None:
    with pytest.raises(errors.Garbled):
        list(AnswerReader().whole(answer))
