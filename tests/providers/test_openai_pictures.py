"""Pictures from an OpenAI-compatible server, against a real local one: asked, answered, refused, seen by a model."""

import asyncio
import base64
import json
import traceback
from dataclasses import replace

import pytest

from chat import errors
from chat.errors import ProviderError
from chat.messages import Image, Message
from handlers.image import SIZES
from providers import openai
from providers.base import ImageRequest, ReplyRequest
from tests.providers.asking import KEY, all_events, openai_at, text_of
from tests.servers.model import Answer, Drawing, ModelServer
from tests.servers.model_images import tiny_png

CAT = ImageRequest("painter", "a cat on a Кремль \ud83d", 640, 480, seed=7)
PICTURE = Image(tiny_png(), "image/png")


async def drawn(server: ModelServer, *drawings: Drawing, model: str = "painter", **settings: object) -> Image:
    server.pictures.script(*drawings)
    async with openai_at(server, **settings) as provider:
        return await provider.draw(replace(CAT, model=model))


async def refusal(server: ModelServer, *drawings: Drawing, **settings: object) -> ProviderError:
    with pytest.raises(ProviderError) as raised:
        await drawn(server, *drawings, model="painter", **settings)
    assert raised.value.arguments == {"provider": "local", "model": "painter"}
    shown = [raised.value.details, repr(raised.value), *traceback.format_exception(raised.value)]
    assert not any(KEY in line for line in shown)
    return raised.value


async def test_a_picture_is_asked_for_as_openai_does_and_comes_back_as_it_was_drawn(server: ModelServer) -> None:
    assert await drawn(server) == PICTURE
    (seen,) = server.pictures.requests
    assert (seen.path, seen.headers["Authorization"]) == ("/v1/images/generations", f"Bearer {KEY}")
    assert seen.body == {
        "model": "painter", "prompt": "a cat on a Кремль ?", "n": 1, "size": "640x480", "seed": 7,
        "response_format": "b64_json",
    }  # fmt: skip


async def test_gpt_image_models_are_asked_once_and_without_a_format(server: ModelServer) -> None:
    assert await drawn(server, model="gpt-image-2") == PICTURE
    assert "response_format" not in server.pictures.requests[0].body
    assert len(server.pictures.requests) == 1


async def test_a_server_that_refuses_the_format_is_asked_again_without_it(server: ModelServer) -> None:
    refusing = Drawing(refuses_format=True, by="base64")
    assert await drawn(server, refusing, refusing) == PICTURE
    first, second = (request.body for request in server.pictures.requests)
    assert second == {name: value for name, value in first.items() if name != "response_format"}


async def test_that_second_request_is_told_so_that_it_counts(server: ModelServer) -> None:
    told: list[str] = []
    refusing = Drawing(refuses_format=True, by="base64")
    server.pictures.script(refusing, refusing)
    async with openai_at(server) as provider:
        await provider.draw(replace(CAT, again=lambda: told.append("again")))
    assert told == ["again"]


@pytest.mark.parametrize("model", ["gpt-image-2", "dall-e-3"])
async def test_openais_own_models_draw_in_every_proportion_that_people_can_choose(
    server: ModelServer, model: str
) -> None:
    async with openai_at(server) as provider:
        for width, height in SIZES.values():
            await provider.draw(ImageRequest(model, "a cat", width, height, seed=7))
    assert len({request.body["size"] for request in server.pictures.requests}) == len(SIZES)


async def test_another_refusal_is_not_asked_again_nor_one_that_stays(server: ModelServer) -> None:
    assert type(await refusal(server, Drawing(status=400))) is errors.RequestRefused
    assert len(server.pictures.requests) == 1
    named = Drawing(status=400, body='{"error": {"message": "response_format is bad, always"}}')
    assert type(await refusal(server, named, named)) is errors.RequestRefused
    assert len(server.pictures.requests) == 3


async def test_a_chat_model_that_draws_is_asked_as_one_and_again_without_text_if_it_only_draws(
    server: ModelServer,
) -> None:
    complaint = json.dumps({"error": {"message": "No endpoints support the modalities: image, text", "code": 404}})
    encoded = f"data:image/png;base64,{base64.b64encode(tiny_png()).decode()}"
    server.script(Answer(status=404, body=complaint), Answer(text="Here.", pictures=(encoded,), fault="json"))
    assert await drawn(server, images="chat") == PICTURE
    first, second = (request.body for request in server.requests)
    assert (first["modalities"], second["modalities"]) == (["image", "text"], ["image"])
    assert first["messages"] == [{"role": "user", "content": "a cat on a Кремль ?"}]
    assert server.pictures.requests == []


async def test_a_preset_may_leave_the_size_out_and_parameters_bring_it_back(server: ModelServer) -> None:
    assert await drawn(server, preset="xai") == PICTURE
    async with openai_at(server, preset="xai") as provider:
        await provider.draw(replace(CAT, parameters={"size": "512x512"}))
    assert [request.body.get("size") for request in server.pictures.requests] == [None, "512x512"]


async def test_pictures_in_an_answer_are_not_lost_silently(
    server: ModelServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.script(Answer(text="Here.", pictures=("data:image/png;base64,AA==",)))
    async with openai_at(server) as provider:
        events = await all_events(provider)
    assert text_of(events).split() == ["Here.", "🖼"]
    assert "images: chat" in caplog.text


async def test_an_address_on_the_server_itself_is_fetched_without_the_key(server: ModelServer) -> None:
    assert await drawn(server, Drawing(by="url")) == PICTURE
    assert "Authorization" not in server.pictures.fetches[0].headers


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:{other}/1.png", "https://127.0.0.1:{other}/1.png", "https://localhost/"]
)
async def test_an_address_of_our_own_network_is_refused_with_the_providers_name(server: ModelServer, url: str) -> None:
    async with ModelServer() as other:
        error = await refusal(server, Drawing(by="url", url=f"{url.format(other=other.port)}?key={KEY}"))
        assert type(error) is errors.Garbled
        assert "refused" in error.details
        assert other.pictures.fetches == []


@pytest.mark.parametrize(
    ("drawing", "kind"),
    [
        (Drawing(status=400, body='{"error": {"code": "content_policy_violation"}}'), errors.Blocked),
        (Drawing(body='{"error": {"code": "content_policy_violation"}}'), errors.Blocked),
        (Drawing(status=401), errors.BadKey),
        (Drawing(status=402), errors.NoCredit),
        (Drawing(status=404), errors.ModelNotFound),
        (Drawing(status=429, headers={"Retry-After": "9"}), errors.RateLimited),
        (Drawing(status=503), errors.Overloaded),
        (Drawing(fault="cut"), errors.CutOff),
        (Drawing(body="nonsense"), errors.Garbled),
        (Drawing(body='{"data": []}'), errors.Garbled),
        (Drawing(data=b"%PDF"), errors.Garbled),
        (Drawing(data=b"%PDF", by="url"), errors.Garbled),
    ],
)
async def test_each_failure_is_told_as_what_it_is(
    server: ModelServer, drawing: Drawing, kind: type[ProviderError]
) -> None:
    error = await refusal(server, drawing)
    assert type(error) is kind
    assert error.retry_after == (9 if kind is errors.RateLimited else None)


async def test_a_key_that_the_server_repeats_is_in_no_part_of_the_error() -> None:
    async with ModelServer(api_key="another") as server:
        assert type(await refusal(server)) is errors.BadKey


async def test_an_answer_of_absurd_size_is_garbled_before_it_is_read_whole(server: ModelServer) -> None:
    huge = Drawing(body=json.dumps({"data": [{"b64_json": "A" * (openai.MAX_PICTURE_BYTES + 1)}]}))
    assert "more than" in (await refusal(server, huge)).details


async def test_a_picture_may_take_longer_than_silence_between_words_may_but_not_for_ever(server: ModelServer) -> None:
    assert await drawn(server, Drawing(delay=0.4), idle_timeout_seconds=0.1) == PICTURE
    error = await refusal(server, Drawing(fault="silent"), total_timeout_seconds=0.2)
    assert type(error) is errors.TimedOut


async def test_giving_up_reaches_the_server(server: ModelServer) -> None:
    server.pictures.script(Drawing(fault="silent"))
    drawing = asyncio.create_task(drawn(server))
    while not server.pictures.requests:
        await asyncio.sleep(0.01)
    drawing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await drawing
    await server.pictures.requests[0].over()
    assert server.pictures.requests[0].left_early


async def test_a_question_about_a_picture_reaches_the_model_as_parts_beside_plain_history(server: ModelServer) -> None:
    history = (Message("user", "Hi"), Message("assistant", "Hello"))
    question = Message("user", "What are these?", (PICTURE, Image(b"\xff\xd8\xff", "image/jpeg")))
    async with openai_at(server) as provider:
        await all_events(provider, ReplyRequest("seer", (*history, question), "Be brief."))
    *before, asked = server.requests[0].body["messages"]
    assert [message["content"] for message in before] == ["Be brief.", "Hi", "Hello"]
    text, *pictures = asked["content"]
    assert text == {"type": "text", "text": "What are these?"}
    urls = [picture["image_url"]["url"] for picture in pictures if picture["type"] == "image_url"]
    assert [url.partition(",")[0] for url in urls] == ["data:image/png;base64", "data:image/jpeg;base64"]
    assert base64.b64decode(urls[0].partition(",")[2]) == PICTURE.data
