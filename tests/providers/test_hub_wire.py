"""The promise of providers/wire/hub.py: model data as the hub sends them, in all their forms, and painters' bodies."""

from typing import Any

import pytest

from chat import errors
from chat.messages import Image
from providers.base import ImageRequest, JsonValue
from providers.wire.hub import (
    DRAWING,
    ModelFacts,
    Painter,
    model_facts,
    painter,
    picture_body,
    read_picture,
    trending_models,
)
from tests.servers.huggingface import drawn_by, model
from tests.servers.model_images import tiny_png

CAT = ImageRequest("org/flux", "a cat", 640, 480, seed=7, parameters={"num_inference_steps": 4, "guidance": None})


@pytest.mark.parametrize(
    ("eos_token", "end"), [("</s>", "</s>"), ({"content": "<eos>", "lstrip": False}, "<eos>"), (None, ""), ([1], "")]
)
def test_the_end_token_is_a_string_an_object_or_missing(eos_token: Any, end: str) -> None:
    facts = model_facts(model("org/name", model_type="llama", eos_token=eos_token))
    assert facts == ModelFacts("llama", "org", end)


@pytest.mark.parametrize("answer", [{}, {"config": None}, {"config": {"tokenizer_config": None}}, {"config": []}])
def test_what_the_hub_does_not_know_is_empty(answer: JsonValue) -> None:
    assert model_facts(answer) == ModelFacts()


@pytest.mark.parametrize("answer", [[], "text", None])
def test_what_is_not_about_a_model_is_garbled(answer: JsonValue) -> None:
    with pytest.raises(errors.Garbled):
        model_facts(answer)


def test_a_list_keeps_the_models_in_demand_once_and_in_order() -> None:
    listing: list[JsonValue] = [model("a", trending=30), model("b", trending=10), model("c", trending=9.5), {"id": "d"}]
    assert trending_models([*listing, listing[0], "junk", None, {"trendingScore": 99}], 10) == ("a", "b")
    assert trending_models(listing, 20) == ("a",)
    with pytest.raises(errors.Garbled):
        trending_models({"error": "no"}, 10)


@pytest.mark.parametrize("name", DRAWING)
@pytest.mark.parametrize("as_list", [True, False])
def test_a_painter_is_found_in_both_forms_of_the_mapping(name: str, as_list: bool) -> None:
    mapping: Any = {"elsewhere": {"status": "live", "providerId": "x", "task": "text-to-image"}, **drawn_by(name, "y")}
    if as_list:
        mapping = [{"provider": provider, **entry} for provider, entry in mapping.items()]
    assert painter({"inferenceProviderMapping": mapping}) == Painter(name, "y")


def test_the_first_known_painter_draws_unless_another_is_wanted() -> None:
    answer: JsonValue = {"inferenceProviderMapping": drawn_by("fal-ai", "f") | drawn_by("together", "t")}
    assert painter(answer) == Painter("together", "t")
    assert painter(answer, "fal-ai") == Painter("fal-ai", "f")
    with pytest.raises(errors.ModelNotFound):
        painter(answer, "nscale")


@pytest.mark.parametrize(
    "answer",
    [
        {}, None, {"inferenceProviderMapping": {}}, {"inferenceProviderMapping": []},
        {"inferenceProviderMapping": drawn_by("replicate", "x")},
        {"inferenceProviderMapping": drawn_by("together", "x", status="staging")},
        {"inferenceProviderMapping": drawn_by("together", "x", task="conversational")},
    ],
)  # fmt: skip
def test_a_model_that_nobody_known_draws_with_is_not_found(answer: JsonValue) -> None:
    with pytest.raises(errors.ModelNotFound):
        painter(answer)


def test_each_painter_is_asked_in_its_own_words() -> None:
    bodies = {name: picture_body(name, "there", CAT) for name in DRAWING}
    sides = {"width": 640, "height": 480}
    common = {"prompt": "a cat", "seed": 7, "num_inference_steps": 4}
    assert bodies["hf-inference"] == {"inputs": "a cat", "parameters": {**sides, "seed": 7, "num_inference_steps": 4}}
    assert bodies["together"] == {**common, **sides, "model": "there", "response_format": "base64"}
    assert bodies["nscale"] == {**common, "size": "640x480", "model": "there", "response_format": "b64_json"}
    assert bodies["fal-ai"] == {**common, "image_size": sides}


def test_without_a_seed_none_is_sent() -> None:
    bodies = [picture_body(name, "there", ImageRequest("m", "a cat")) for name in DRAWING]
    assert all("seed" not in str(body) for body in bodies)


def test_a_picture_is_told_by_its_first_bytes() -> None:
    picture = Image(tiny_png(), "image/png")
    assert read_picture("hf-inference", "image/jpeg", tiny_png(), None) == picture
    assert read_picture("hf-inference", "application/octet-stream", tiny_png(), None) == picture


@pytest.mark.parametrize(("media_type", "data"), [("image/png", b"GIF7"), ("text/plain", tiny_png()), ("", b"")])
def test_what_is_no_picture_is_garbled(media_type: str, data: bytes) -> None:
    with pytest.raises(errors.Garbled):
        read_picture("hf-inference", media_type, data, None)


@pytest.mark.parametrize("provider", DRAWING)
def test_an_error_in_the_place_of_a_picture_is_told_as_what_it_is(provider: str) -> None:
    with pytest.raises(errors.ModelNotFound):
        read_picture(provider, "application/json", b"", {"error": {"code": "model_not_supported"}})


@pytest.mark.parametrize("answer", [{"images": []}, {"images": [{}]}, {"data": []}, [], None])
def test_an_answer_without_a_picture_is_garbled(answer: JsonValue) -> None:
    with pytest.raises(errors.Garbled):
        read_picture("fal-ai", "application/json", b"", answer)
