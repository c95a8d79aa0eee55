"""The wire format of pictures, as pure functions: what is asked, and every shape of answer."""

import base64

import pytest

from chat import errors
from chat.messages import Image
from providers.base import ImageRequest, JsonValue
from providers.openai_presets import PRESETS
from providers.wire.images import (
    chat_body,
    checked,
    plainer,
    read_answer,
    read_chat_answer,
    request_body,
    without_format,
)
from tests.servers.model_images import tiny_png

PNG = tiny_png()
ENCODED = base64.b64encode(PNG).decode()


def test_one_picture_is_asked_for_in_base64_and_in_the_size_that_is_wanted() -> None:
    assert request_body(ImageRequest("painter", "a cat", 512, 800)) == {
        "model": "painter", "prompt": "a cat", "n": 1, "size": "512x800", "response_format": "b64_json",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("model", "sizes"),
    [
        ("gpt-image-2", ["1024x1024", "1536x1024", "1024x1536", "1024x1024"]),
        ("gpt-image-1", ["1024x1024", "1536x1024", "1024x1536", "1024x1024"]),
        ("openai/gpt-image-1-mini", ["1024x1024", "1536x1024", "1024x1536", "1024x1024"]),
        ("dall-e-3", ["1024x1024", "1792x1024", "1024x1792", "1024x1024"]),
        ("dall-e-2", ["1024x1024", "1024x1024", "512x512", "256x256"]),
        ("not-dall-e-3", ["1024x1024", "800x512", "512x800", "64x64"]),
    ],
)
def test_openais_own_models_get_the_nearest_of_their_sizes_and_no_seed(model: str, sizes: list[str]) -> None:
    wanted = [(1024, 1024), (800, 512), (512, 800), (64, 64)]
    bodies = [request_body(ImageRequest(model, "a cat", *each, seed=7)) for each in wanted]
    assert [body["size"] for body in bodies] == sizes
    assert ["seed" in body for body in bodies] == [model.startswith("not")] * 4
    asked = request_body(ImageRequest(model, "a cat", parameters={"size": "auto"}))
    assert asked["size"] == "auto", "the config knows better"


@pytest.mark.parametrize("model", ["gpt-image-2", "gpt-image-1-mini", "openai/gpt-image-1", "chatgpt-image-latest"])
def test_models_that_refuse_the_format_are_not_sent_it(model: str) -> None:
    assert "response_format" not in request_body(ImageRequest(model, "a cat"))


def test_a_model_that_only_sounds_like_them_is_sent_the_format() -> None:
    assert request_body(ImageRequest("not-gpt-image", "a cat"))["response_format"] == "b64_json"


def test_a_seed_is_sent_only_when_it_is_given_and_zero_is_one() -> None:
    assert "seed" not in request_body(ImageRequest("m", "a cat"))
    assert request_body(ImageRequest("m", "a cat", seed=0))["seed"] == 0


def test_parameters_may_replace_size_and_format_and_null_leaves_a_field_out() -> None:
    body = request_body(
        ImageRequest("m", "a cat", parameters={"size": None, "quality": "high", "response_format": "url"})
    )
    assert "size" not in body
    assert (body["quality"], body["response_format"]) == ("high", "url")


@pytest.mark.parametrize(("size", "ratio"), [((1024, 1024), None), ((1536, 864), "16:9"), ((512, 800), "9:16")])
def test_who_takes_no_size_is_asked_for_the_proportions(size: tuple[int, int], ratio: str | None) -> None:
    """xAI, by its preset; without this its pictures were all squares, whatever --ratio said."""
    parameters = PRESETS["xai"].image_parameters
    body = request_body(ImageRequest("grok-2-image", "a cat", *size, parameters=parameters))
    assert (body.get("aspect_ratio"), "size" in body) == (ratio, False)
    body = request_body(ImageRequest("m", "a cat", *size, parameters={**parameters, "aspect_ratio": "4:3"}))
    assert body["aspect_ratio"] == "4:3", "the config knows better"
    assert "aspect_ratio" not in request_body(ImageRequest("m", "a cat", *size))


def test_parameters_cannot_replace_what_was_asked_nor_make_it_several_pictures() -> None:
    body = request_body(ImageRequest("m", "a cat", parameters={"model": "x", "prompt": "y", "n": 10}))
    assert (body["model"], body["prompt"], body["n"]) == ("m", "a cat", 1)


def test_the_format_is_taken_back_only_from_a_body_that_has_it_and_for_a_complaint_that_names_it() -> None:
    body: dict[str, JsonValue] = {"prompt": "a cat", "response_format": "b64_json"}
    assert without_format(body, "Unknown parameter: 'response_format'.") == {"prompt": "a cat"}
    assert without_format(body, "Unknown parameter: 'size'.") is None
    assert without_format({"prompt": "a cat"}, "response_format") is None


@pytest.mark.parametrize(
    "entry",
    [
        {"b64_json": ENCODED}, {"b64_json": ENCODED, "url": None}, {"b64_json": f"data:image/png;base64,{ENCODED}"},
        {"b64_json": "\n".join(ENCODED[i : i + 20] for i in range(0, len(ENCODED), 20))},
        {"url": f"data:image/png;base64,{ENCODED}"}, {"url": f"data:image/png;base64,{ENCODED}", "b64_json": ""},
    ],
)  # fmt: skip
def test_a_picture_in_the_answer_is_read_however_it_is_written(entry: dict[str, JsonValue]) -> None:
    assert read_answer({"created": 1, "data": [entry]}) == Image(PNG, "image/png")


def test_an_address_in_the_answer_is_handed_on() -> None:
    answer: JsonValue = {"data": [{"url": "https://h/1.png", "b64_json": None, "revised_prompt": "a big cat"}]}
    assert read_answer(answer) == "https://h/1.png"


@pytest.mark.parametrize(
    "answer",
    [None, [], "text", {}, {"data": []}, {"data": None}, {"data": [None]}, {"data": [{}]}, {"data": [{"b64_json": ""}]},
     {"data": [{"b64_json": 7, "url": 8}]}, {"data": [{"b64_json": "***"}]}, {"data": [{"b64_json": "aGk"}]},
     {"data": [{"b64_json": "é"}]}, {"data": [{"url": "data:image/png;base64,???"}]}, {"data": [{"b64_json": "aGk="}]}],
)  # fmt: skip
def test_an_answer_without_a_picture_is_garbled(answer: JsonValue) -> None:
    with pytest.raises(errors.Garbled):
        read_answer(answer)


def test_an_error_object_in_an_answer_is_what_it_stands_for() -> None:
    with pytest.raises(errors.Blocked):
        read_answer({"error": {"code": "content_policy_violation", "message": "no"}})


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (PNG, "image/png"), (b"\xff\xd8\xff\xe0JFIF", "image/jpeg"), (b"RIFF\n\0\0\0WEBPVP8 ", "image/webp"),
        (b"GIF89a\x01", "image/gif"), (b"GIF87a\x01", "image/gif"),
    ],
)  # fmt: skip
def test_the_media_type_is_told_by_the_first_bytes(data: bytes, media_type: str) -> None:
    assert checked(data) == Image(data, media_type)


@pytest.mark.parametrize("data", [b"", b"\x89PNG", b"GIF88a", b"RIFFWEBP", b" " + PNG, b"<svg/>", b"\xff\xd8"])
def test_anything_else_is_garbled(data: bytes) -> None:
    with pytest.raises(errors.Garbled):
        checked(data)


@pytest.mark.parametrize(
    ("width", "height", "ratio"),
    [(1024, 1024, None), (1000, 900, None), (800, 512, "16:9"), (1920, 1080, "16:9"), (512, 800, "9:16")],
)
def test_a_chat_model_is_asked_for_a_picture_in_the_nearest_proportion(
    width: int, height: int, ratio: str | None
) -> None:
    config: dict[str, JsonValue] = {"image_config": {"aspect_ratio": ratio}} if ratio else {}
    asked = ImageRequest("painter", "a cat", width, height, seed=0, parameters={"model": "x", "quality": None})
    assert chat_body(asked) == {
        "model": "painter", "messages": [{"role": "user", "content": "a cat"}], "modalities": ["image", "text"],
        "stream": False, "seed": 0, **config,
    }  # fmt: skip


def test_a_model_that_only_draws_is_asked_again_for_nothing_else() -> None:
    complaint = "No endpoints found that support the requested output modalities: image, text"
    body = chat_body(ImageRequest("painter", "a cat"))
    assert plainer(body, complaint) == {**body, "modalities": ["image"]}
    assert plainer({**body, "modalities": ["image"]}, complaint) is None
    assert plainer(body, "no such model") is None


@pytest.mark.parametrize(
    "message",
    [
        {
            "content": "Here.",
            "images": [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{ENCODED}"}}],
        },
        {"content": [{"type": "text"}, {"type": "image_url", "image_url": f"data:image/png;base64,{ENCODED}"}]},
    ],
)
def test_a_picture_is_found_in_every_form_of_a_chat_models_answer(message: JsonValue) -> None:
    assert read_chat_answer({"choices": [{"message": message}]}) == Image(PNG, "image/png")


def test_a_chat_models_picture_may_be_behind_an_address() -> None:
    message: JsonValue = {"images": [{"image_url": {"url": "https://example.org/cat.png"}}]}
    assert read_chat_answer({"choices": [{"message": message}]}) == "https://example.org/cat.png"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ({"error": {"code": 402, "message": "pay"}}, errors.NoCredit),
        ({"choices": [{"error": {"code": 429}, "message": {}}]}, errors.RateLimited),
        ({"choices": [{"message": {"content": "I can't draw"}, "finish_reason": "stop"}]}, errors.Garbled),
        ({"choices": [{"message": {"content": ""}, "finish_reason": "content_filter"}]}, errors.Blocked),
        ({"choices": []}, errors.Garbled),
        ("?", errors.Garbled),
    ],
)
def test_a_chat_model_that_draws_nothing_says_why(answer: JsonValue, kind: type[errors.ProviderError]) -> None:
    with pytest.raises(errors.ProviderError) as raised:
        read_chat_answer(answer)
    assert type(raised.value) is kind
