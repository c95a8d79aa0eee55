"""Hugging Face's pictures, against a local router, hub and TGI-shaped server: who draws, how, and what goes wrong."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from chat import errors
from chat.errors import ProviderError
from chat.messages import Image
from providers.base import ImageRequest
from tests.providers.asking import KEY
from tests.providers.cases import huggingface_at
from tests.servers.huggingface import HuggingFaceServer, drawn_by, model
from tests.servers.model import Answer
from tests.servers.model_images import Drawing, tiny_png

CAT = ImageRequest("org/flux", "a cat", 640, 480, seed=7)
PICTURE = Image(tiny_png(), "image/png")


@pytest.fixture
async def server() -> AsyncIterator[HuggingFaceServer]:
    async with HuggingFaceServer(api_key=KEY) as server:
        drawn_with(server, "hf-inference")
        yield server


def drawn_with(server: HuggingFaceServer, provider: str) -> None:
    server.models["org/flux"] = model("org/flux", tag="text-to-image", painters=drawn_by(provider, "there/flux"))


async def drawn(server: HuggingFaceServer, request: ImageRequest = CAT, **settings: object) -> Image:
    async with huggingface_at(server, **{"base_url": server.url, **settings}) as provider:
        return await provider.draw(request)


async def refusal(server: HuggingFaceServer, *drawings: Drawing, **settings: object) -> ProviderError:
    server.pictures.script(*drawings)
    with pytest.raises(ProviderError) as raised:
        await drawn(server, CAT, **settings)
    assert raised.value.arguments == {"provider": "local", "model": "org/flux"}
    assert KEY not in str(raised.value)
    return raised.value


@pytest.mark.parametrize(
    ("provider", "path"),
    [
        ("hf-inference", "/hf-inference/models/there/flux"),
        ("together", "/together/v1/images/generations"),
        ("nscale", "/nscale/v1/images/generations"),
        ("fal-ai", "/fal-ai/there/flux"),
    ],
)
async def test_a_picture_is_drawn_by_whoever_the_hub_names(server: HuggingFaceServer, provider: str, path: str) -> None:
    drawn_with(server, provider)
    assert await drawn(server) == PICTURE
    (seen,) = server.pictures.requests
    assert (seen.path, seen.headers["Authorization"]) == (path, f"Bearer {KEY}")
    asked = json.dumps(seen.body)
    assert "640" in asked
    assert "480" in asked
    assert '"seed": 7' in asked
    assert [request.path for request in server.hub_requests] == ["/api/models/org/flux"]
    assert server.hub_requests[0].query["expand"] == "inferenceProviderMapping"


async def test_an_address_is_fetched_without_the_key_and_never_from_our_own_network(server: HuggingFaceServer) -> None:
    drawn_with(server, "fal-ai")
    assert await drawn(server) == PICTURE
    assert "Authorization" not in server.pictures.fetches[0].headers
    async with HuggingFaceServer() as other:
        error = await refusal(server, Drawing(url=f"{other.root}/secret.png"))
        assert isinstance(error, errors.Garbled)
        assert other.pictures.fetches == []


async def test_the_painter_can_be_named_with_the_model(server: HuggingFaceServer) -> None:
    painters = drawn_by("hf-inference", "a") | drawn_by("together", "b")
    server.models["org/flux"] = model("org/flux", painters=painters)
    assert await drawn(server, replace(CAT, model="org/flux:together")) == PICTURE
    assert server.pictures.requests[0].body["model"] == "b"


async def test_a_tgi_shaped_server_draws_itself(server: HuggingFaceServer) -> None:
    assert await drawn(server, api="tgi", base_url=server.root) == PICTURE
    (seen,) = server.pictures.requests
    assert (seen.path, seen.headers["Accept"]) == ("/models/org/flux", "image/png")
    assert seen.body == {"inputs": "a cat", "parameters": {"width": 640, "height": 480, "seed": 7}}
    assert server.hub_requests == []


async def test_a_model_that_only_talks_draws_nothing(server: HuggingFaceServer) -> None:
    server.models["org/flux"] = model("org/flux", painters={"together": {"status": "live", "task": "conversational"}})
    assert type(await refusal(server)) is errors.ModelNotFound
    assert server.pictures.requests == []


@pytest.mark.parametrize(
    ("drawing", "kind"),
    [
        (Drawing(status=400, body='{"error": {"code": "model_not_supported", "message": "no"}}'), errors.ModelNotFound),
        (Drawing(status=400, body='{"error": "bad width"}'), errors.RequestRefused),
        (Drawing(status=401), errors.BadKey),
        (Drawing(status=402), errors.NoCredit),
        (Drawing(status=404), errors.ModelNotFound),
        (Drawing(status=410), errors.ModelNotFound),
        (Drawing(status=429), errors.RateLimited),
        (Drawing(status=503, body='{"error": "Model is loading", "estimated_time": 20}'), errors.Overloaded),
        (Drawing(body='{"error": "CUDA out of memory"}', headers={}), errors.Overloaded),
        (Drawing(data=b"<html>hello"), errors.Garbled),
        (Drawing(headers={"Content-Type": "text/plain"}), errors.Garbled),
        (Drawing(fault="cut"), errors.CutOff),
    ],
    ids=lambda value: getattr(value, "__name__", None) or f"{value.status} {value.body}{value.fault}",
)
async def test_each_failure_is_told_as_what_it_is(
    server: HuggingFaceServer, drawing: Drawing, kind: type[ProviderError]
) -> None:
    assert type(await refusal(server, drawing)) is kind


async def test_how_long_the_model_loads_is_kept(server: HuggingFaceServer) -> None:
    loading = Drawing(status=503, body='{"error": "Model is loading", "estimated_time": 20}')
    assert (await refusal(server, loading)).retry_after == 20


async def test_a_slow_picture_is_no_silence(server: HuggingFaceServer) -> None:
    server.pictures.script(Drawing(delay=0.4))
    assert await drawn(server, idle_timeout_seconds=0.1) == PICTURE


async def test_a_hub_that_fails_is_told_with_the_provider_and_the_model(server: HuggingFaceServer) -> None:
    server.hub_failure = Answer(status=500)
    assert type(await refusal(server)) is errors.Overloaded
