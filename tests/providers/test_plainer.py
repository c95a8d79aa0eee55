"""What a server refuses of a question is left out: by the words of its refusal alone, and nothing else goes with it."""

import json

import pytest

from providers.base import JsonValue
from providers.wire.plainer import parameter_in, plainer
from tests.providers.refusals import ONLY_THE_DEFAULT, UNVERIFIED, USE_THE_OTHER, complaint

BODY: dict[str, JsonValue] = {
    "stream_options": {"include_usage": True}, "max_tokens": 5, "temperature": 0.7, "thinking": {"type": "enabled"},
    "n": 1, "model": "m", "messages": [], "stream": True,
}  # fmt: skip


def forbidden(*where: str) -> str:
    return json.dumps({"detail": [{"type": "extra_forbidden", "loc": where, "msg": "Extra inputs are not permitted"}]})


@pytest.mark.parametrize(
    ("said", "gone"),
    [
        (complaint(ONLY_THE_DEFAULT, "temperature", "unsupported_value"), {"temperature"}),
        (complaint("`temperature` is deprecated for this model."), {"temperature"}),
        (complaint("This model does not support temperature"), {"temperature"}),
        (forbidden("body", "stream_options", "include_usage"), {"stream_options"}),
        (forbidden("body", "max_tokens"), {"max_tokens"}),
        (complaint('Unrecognized request argument supplied: "n"'), {"n"}),
        (complaint("unknown field `n`, expected one of `model`, `max_tokens`, `stream`, `temperature`"), {"n"}),
        (complaint('"thinking.type.enabled" is not supported. Use "thinking.type.adaptive"'), {"thinking"}),
    ],
)  # fmt: skip
def test_what_a_refusal_names_is_left_out_and_nothing_else(said: str, gone: set[str]) -> None:
    assert plainer(BODY, said) == {key: value for key, value in BODY.items() if key not in gone}


def test_the_limit_of_an_answer_gets_the_name_that_the_server_wants() -> None:
    renamed = plainer(BODY, complaint(USE_THE_OTHER, "max_tokens", "unsupported_parameter"))
    assert renamed is not None
    assert "max_tokens" not in renamed
    assert renamed["max_completion_tokens"] == 5
    said = "max_completion_tokens is not supported, use `max_tokens`"
    assert plainer({"max_completion_tokens": 7, "model": "m"}, said) == {"max_tokens": 7, "model": "m"}


def test_of_two_limits_the_one_that_is_refused_goes() -> None:
    body = {"max_tokens": 5, "max_completion_tokens": 7}
    assert plainer(body, complaint(USE_THE_OTHER)) == {"max_completion_tokens": 7}


@pytest.mark.parametrize(
    "said",
    [
        complaint(UNVERIFIED),
        complaint("Unsupported value: 'stream' does not support true with this model.", "stream", "unsupported_value"),
        json.dumps({"error": {"code": "unsupported_value", "param": "stream"}}),
    ],
)
def test_where_streaming_is_refused_all_is_asked_for_at_once(said: str) -> None:
    plain = plainer(BODY, said)
    assert plain == {key: value for key, value in BODY.items() if key != "stream_options"} | {"stream": False}
    assert plainer(plain, said) is None


@pytest.mark.parametrize(
    "said",
    [
        "", complaint("Invalid image data"), complaint("temperature must be at most 2", "temperature"),
        complaint("Invalid\nvalue: not supported"), complaint("top_p is not supported"),
        complaint("Unsupported value: 'messages[0].role' does not support 'system' with this model.", "messages"),
        complaint("the model m is not supported"), complaint("max_tokens_to_sample is not supported"),
        complaint("temperature" + " very" * 50 + " unsupported"),
    ],
)  # fmt: skip
def test_other_refusals_leave_nothing_out(said: str) -> None:
    assert plainer(BODY, said) is None


@pytest.mark.parametrize(
    ("said", "parameter"),
    [
        (complaint("temperature must be at most 2"), "temperature"),
        (complaint("Input should be less than 5", "max_tokens"), "max_tokens"),
        (complaint("bad messages, bad stream_options, bad model\n"), ""),
        (complaint("max_tokens_to_sample is wrong"), ""),
    ],
)
def test_a_refusal_that_names_a_configured_parameter_is_about_that(said: str, parameter: str) -> None:
    assert parameter_in(BODY, said) == parameter
