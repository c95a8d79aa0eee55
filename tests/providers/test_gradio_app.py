"""Which function of an app is asked, and what goes into it."""

from typing import Any

import pytest

from chat.errors import Garbled, ModelNotFound
from chat.messages import Message
from providers.base import JsonValue, ReplyRequest
from providers.wire.gradio_app import (
    ChatFunction,
    HistoryForm,
    chosen,
    entries_before,
    history_value,
    join_data,
    read_config,
)
from tests.servers.gradio_answers import FN_INDEX, config_of

U1, A1, U2 = Message("user", "u1"), Message("assistant", "a1"), Message("user", "u2")


def app(*functions: dict[str, Any], **about: Any) -> dict[str, Any]:
    """A config whose functions name the types of their components."""
    components: list[dict[str, Any]] = []

    def ids(kinds: list[Any]) -> list[int]:
        for kind in kinds:
            props = {"props": kind} if isinstance(kind, dict) else {}
            components.append({"id": len(components), "type": "textbox" if props else kind, **props})
        return list(range(len(components) - len(kinds), len(components)))

    dependencies = [
        {
            "id": number,
            "inputs": ids(each["inputs"]),
            "outputs": ids(each["outputs"]),
            "types": {"generator": each.get("generator", True)},
            "backend_fn": each.get("backend_fn", True),
        }
        for number, each in enumerate(functions)
    ]
    return {"version": "5.0", "components": components, "dependencies": dependencies, **about}


CHAT = {"inputs": ["textbox", "chatbot"], "outputs": ["textbox", "chatbot"]}
WHOLE = {**CHAT, "generator": False}
BOT = {"inputs": ["chatbot"], "outputs": ["chatbot"]}
INTERFACE = {"inputs": ["textbox", "state"], "outputs": ["json", "state"]}
CLEAR: dict[str, Any] = {"inputs": [], "outputs": ["textbox", "chatbot"], "generator": False}
SAVE = {"inputs": ["textbox"], "outputs": ["textbox", "state"], "generator": False}
SHOWN_ONLY = {**CHAT, "backend_fn": False}


def test_the_function_that_streams_the_chat_is_found_among_the_others() -> None:
    assert read_config(app(CLEAR, WHOLE, CHAT, CHAT)).fn_index == 2
    assert read_config(app(CLEAR, WHOLE)).fn_index == 1
    assert read_config(app(CLEAR, SHOWN_ONLY, INTERFACE, BOT)).fn_index == 3
    assert read_config(app(SAVE, INTERFACE)).fn_index == 1
    assert read_config(app(WHOLE, INTERFACE)).fn_index == 1


def test_a_documented_function_is_taken_if_it_is_as_good_and_a_wanted_one_in_any_case() -> None:
    assert read_config(app(CHAT, CHAT), documented=1).fn_index == 1
    assert read_config(app(CHAT, CLEAR), documented=1).fn_index == 0
    assert read_config(app(CHAT, WHOLE), documented=1).fn_index == 0
    assert read_config(app(CHAT, WHOLE), wanted=1, documented=0).fn_index == 1


@pytest.mark.parametrize(("config", "wanted"), [(app(CHAT, CLEAR), 1), (app(CHAT), 99), (app(CLEAR), None)])
def test_a_wrong_function_is_a_clear_error_that_names_the_right_ones(config: JsonValue, wanted: int | None) -> None:
    with pytest.raises(Garbled, match=r"has no function.*that chats; those that do \(fn_index\): (0|none)") as raised:
        read_config(config, wanted)
    assert not raised.value.transient


@pytest.mark.parametrize("config", [None, [], {}, {"dependencies": 1}, app(CHAT, protocol="ws")])
def test_what_is_no_app_or_too_old_a_one_is_garbled(config: JsonValue) -> None:
    with pytest.raises(Garbled):
        read_config(config)


@pytest.mark.parametrize(
    "config",
    [
        {"dependencies": [1, {}, {"id": 0}, {"id": 0, "inputs": [7], "outputs": 3}], "components": None},
        {"dependencies": [{"id": "x", "inputs": [0, 0], "outputs": [0]}], "components": [{"id": 0, "type": "chatbot"}]},
    ],
)
def test_a_broken_config_is_garbled_and_nothing_worse(config: JsonValue) -> None:
    with pytest.raises(Garbled):
        read_config(config)


@pytest.mark.parametrize("form", ["pairs", "modelscope", "messages", "parts"])
def test_the_form_of_the_history_is_told_by_the_chatbot(form: Any) -> None:
    function = read_config(config_of(form, ("72B",)))
    assert (function.form, function.fn_index, function.output) == (form, FN_INDEX, 1)
    assert function.prefix == ("" if form in ("pairs", "modelscope") else "/gradio_api")
    assert function.choices == ("72B",)


@pytest.mark.parametrize(
    ("form", "value"),
    [
        ("pairs", [["u1", "a1"]]),
        ("modelscope", [[{"text": "u1", "files": []}, {"text": "a1", "files": []}]]),
        ("messages", [{"role": "user", "content": "u1"}, {"role": "assistant", "content": "a1"}]),
        (
            "parts",
            [
                {"role": "user", "content": [{"type": "text", "text": "u1"}]},
                {"role": "assistant", "content": [{"type": "text", "text": "a1"}]},
            ],
        ),
    ],
)
def test_history_goes_in_in_the_apps_own_form(form: HistoryForm, value: JsonValue) -> None:
    assert history_value(form, (U1, A1)) == value
    function = read_config(config_of(form if form != "none" else "pairs", ("72B",)))
    request = ReplyRequest("72B", (U1, A1, U2))
    assert join_data(function, request, "S", "72B") == ["u2", value, "S", "72B"]


def test_the_documented_inputs_go_in_as_documented() -> None:
    """As tests/recordings/gradio_q25_modelscope_hist.txt has them."""
    function = read_config(config_of("modelscope", ("72B", "7B")), documented=3)
    history = [[{"text": "u1", "files": []}, {"text": "a1", "files": []}]]
    assert join_data(function, ReplyRequest("", (U1, A1, Message("user", "hi"))), "S", "72B") == [
        *("hi", history, "S", "72B")
    ]


def test_what_one_side_says_in_a_row_is_one_text_and_a_lost_question_is_an_empty_one() -> None:
    said = (A1, U1, U1, A1, A1, U2, U2)
    function = read_config(app(CHAT))
    assert join_data(function, ReplyRequest("", said), "", "") == ["u2\n\nu2", [["", "a1"], ["u1\n\nu1", "a1\n\na1"]]]
    assert entries_before("pairs", said) == 2
    assert entries_before("messages", said) == 1


def test_without_a_value_from_us_a_field_keeps_what_the_app_has_there() -> None:
    fields = {**CHAT, "inputs": ["textbox", "chatbot", {"value": "You are an app."}, "slider"]}
    function = read_config(app(fields))
    assert join_data(function, ReplyRequest("", (U1,)), "", "") == ["u1", [], "You are an app.", None]


def test_a_parameter_goes_into_the_field_of_that_name_and_a_system_prompt_never_into_a_key() -> None:
    key, warmth = {"label": "API key", "value": "none"}, {"label": "Max Tokens", "value": 5}
    function = read_config(app({**CHAT, "inputs": ["textbox", "chatbot", key, warmth, {"label": "System prompt"}]}))
    request = ReplyRequest("", (U1,), parameters={"max_tokens": 9})
    assert join_data(function, request, "S", "") == ["u1", [], "none", 9, "S"]


def test_a_system_prompt_without_a_field_is_told_with_the_first_message() -> None:
    function = read_config(app(CHAT))
    assert join_data(function, ReplyRequest("", (U1,)), "S", "") == ["S\n\nu1", []]
    assert join_data(function, ReplyRequest("", (U1, A1, U2)), "S", "") == ["u2", [["S\n\nu1", "a1"]]]


def test_an_app_whose_bot_reads_the_chat_gets_the_question_there() -> None:
    messages = app(BOT)
    messages["components"][0]["props"] = {"type": "messages"}
    content = [{"role": "user", "content": "u1"}, {"role": "assistant", "content": "a1"}]
    assert join_data(read_config(messages), ReplyRequest("", (U1, A1, U2)), "", "") == [
        [*content, {"role": "user", "content": "u2"}]
    ]
    assert join_data(read_config(app(BOT)), ReplyRequest("", (U1,)), "", "") == [[["u1", None]]]


def test_an_app_that_keeps_its_own_history_gets_ours_in_the_question() -> None:
    function = read_config(app(INTERFACE))
    assert join_data(function, ReplyRequest("", (U1,)), "", "") == ["u1", None]
    said = join_data(function, ReplyRequest("", (U1, A1, U2)), "S", "")
    assert said == ["User: S\n\nu1\nAssistant: a1\nUser: u2\nAssistant:", None]


def test_a_box_that_takes_files_too_gets_text_and_no_files() -> None:
    function = read_config(app({"inputs": ["multimodaltextbox", "chatbot"], "outputs": ["chatbot"]}))
    assert join_data(function, ReplyRequest("", (U1,)), "", "")[0] == {"text": "u1", "files": []}
    assert isinstance(function, ChatFunction)
    assert function.output == 0


def test_a_model_is_one_of_the_sizes_and_the_presets_own_name_is_the_first() -> None:
    assert chosen("7B", ("72B", "7B"), ("qwen-2.5",)) == "7B"
    assert chosen("qwen-2.5", ("72B", "7B"), ("qwen-2.5",)) == "72B"
    assert chosen("", ("72B", "7B"), ()) == "72B"
    with pytest.raises(ModelNotFound, match="72B, 7B"):
        chosen("700B", ("72B", "7B"), ())
