"""What the fuzz run found in the providers' streams, as small as it can be."""

import json
from typing import Any

import pytest

from chat.errors import Garbled
from providers.stream import MAX_DEPTH, read_json
from providers.wire.gradio import AnswerReader
from providers.wire.gradio_app import ChatFunction, Field
from tests.fuzz.trees import nested


def test_json_deeper_than_anything_a_server_sends_is_refused_before_somebody_walks_through_it() -> None:
    deep = json.dumps(nested("x", 2 * MAX_DEPTH, "value"))
    for text in (deep, deep.encode()):
        with pytest.raises(Garbled):
            read_json(text)
    assert read_json(json.dumps(["[{" * MAX_DEPTH, *[[]] * MAX_DEPTH]))  # many brackets, but none of them is deep


def test_a_gradio_answer_that_grows_deeper_with_every_difference_is_a_failure() -> None:
    function = ChatFunction(0, "none", (Field("textbox"),), 0)
    reader = AnswerReader(function, "e")
    path: list[int] = []

    def generating(value: Any) -> list[Any]:
        return list(reader.read({"msg": "process_generating", "success": True, "output": {"data": [value]}}))

    generating([""])
    for _ in range(3):
        generating([["replace", [*path, 0], nested("", 100)]])
        path += [0] * 100
    with pytest.raises(Garbled):
        generating([["replace", [*path, 0], nested("", 190)]])
