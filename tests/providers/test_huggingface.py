"""Hugging Face's texts, against a local TGI, hub and router: prompts, parameters, loading, Continue, lists."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from pydantic import ValidationError

from chat import errors
from chat.errors import ProviderError
from chat.events import Completed, ReplyEvent, Usage
from chat.messages import Message
from providers.base import ReplyRequest, Status
from providers.huggingface import ROUTER, HuggingFace, HuggingFaceSettings
from providers.wire import hub as hub_wire
from providers.wrappers import Retrying
from tests.providers.asking import KEY, all_events, asking, text_of
from tests.providers.cases import huggingface_at
from tests.servers.huggingface import HuggingFaceServer, model
from tests.servers.model import Answer

LOADING = json.dumps({"error": "Model stand-in is currently loading", "estimated_time": 20.4})


@pytest.fixture
async def server() -> AsyncIterator[HuggingFaceServer]:
    async with HuggingFaceServer() as server:
        server.default = Answer(text="Hello there")
        yield server


async def asked(server: HuggingFaceServer, request: ReplyRequest, **settings: object) -> list[ReplyEvent]:
    async with huggingface_at(server, **{"api": "tgi", **settings}) as provider:
        return await all_events(provider, request)


async def refused(server: HuggingFaceServer, request: ReplyRequest, **settings: object) -> ProviderError:
    with pytest.raises(ProviderError) as raised:
        await asked(server, request, **settings)
    return raised.value


async def test_tgi_is_asked_with_the_prompt_that_the_model_knows(server: HuggingFaceServer) -> None:
    events = await asked(server, replace(asking("How are you?"), system="Be kind."))
    assert (text_of(events), events[-1]) == ("Hello there", Completed("done", Usage(7, 2)))
    (request,) = server.requests
    assert (request.path, request.headers["Authorization"]) == ("/models/stand-in", f"Bearer {KEY}")
    assert request.body == {
        "inputs": "<|im_start|>system\nBe kind.\n<|im_end|>\n<|im_start|>user\nHow are you?\n<|im_end|>\n"
        "<|im_start|>assistant\n",
        "parameters": {"max_new_tokens": 1024, "return_full_text": False},
        "stream": True,
    }


async def test_parameters_get_tgis_names_and_what_it_refuses_is_left_out(server: HuggingFaceServer) -> None:
    given = asking(
        max_tokens=5, temperature=0.7, seed=1, top_p=0.9, repetition_penalty=1.2, truncate=2048, stop="###", top_k=None,
        watermark=True, return_full_text=True,
    )  # fmt: skip
    await asked(server, given)
    assert server.requests[0].body["parameters"] == {
        "max_new_tokens": 5, "temperature": 0.7, "seed": 1, "top_p": 0.9, "repetition_penalty": 1.2, "truncate": 2048,
        "stop": ["###"], "watermark": True, "return_full_text": False,
    }  # fmt: skip
    await asked(server, asking(temperature=0, top_p=1.0, max_new_tokens=9))
    assert server.requests[1].body["parameters"] == {"max_new_tokens": 9, "return_full_text": False}


async def test_an_answer_cut_by_length_says_so_and_is_gone_on_with_where_it_stopped(server: HuggingFaceServer) -> None:
    server.script(Answer(text="Once upon", finish_reason="length"), Answer(pieces=(" a", " time")))
    first = await asked(server, asking("A story"))
    assert first[-1] == Completed("length", Usage(7, 2))
    told = (Message("user", "A story"), Message("assistant", "Once upon"))
    async with huggingface_at(server, api="tgi") as provider:
        assert provider.capabilities.continuing
        more = await all_events(provider, ReplyRequest("stand-in", told, continues=True))
    assert text_of(first) + text_of(more) == "Once upon a time"
    assert server.requests[1].body["inputs"].endswith("<|im_start|>assistant\nOnce upon")


async def test_white_space_before_the_first_word_is_not_shown(server: HuggingFaceServer) -> None:
    server.script(Answer(pieces=(" ", "\n", " Hello", " there ")))
    assert text_of(await asked(server, asking())) == "Hello there "


async def test_an_endpoint_that_answers_at_its_root_and_not_in_a_stream_is_read(server: HuggingFaceServer) -> None:
    server.script(Answer(text="all at once", fault="json"))
    assert text_of(await asked(server, asking(), tgi_path="/")) == "all at once"
    assert server.requests[0].path == "/"


async def test_a_loading_model_is_told_with_its_seconds_and_asked_again_after_them(server: HuggingFaceServer) -> None:
    server.script(Answer(status=503, body=LOADING.replace("20.4", "0.6")))
    told: list[Status] = []
    retrying, twice = Retrying(huggingface_at(server, api="tgi")), replace(asking(), attempts=2)
    async with retrying as provider, provider.stream_reply(twice, told.append) as events:
        assert text_of([event async for event in events]) == "Hello there"
    assert told[0] == Status("status.loading", {"seconds": "1"})
    assert len(server.requests) == 2
    assert server.requests[1].arrived - server.requests[0].arrived > 0.5


@pytest.mark.parametrize("api", ["tgi", "chat"])
async def test_how_long_a_model_loads_is_kept_in_the_error(server: HuggingFaceServer, api: str) -> None:
    server.script(Answer(status=503, body=LOADING))
    told: list[Status] = []
    base_url = server.root if api == "tgi" else server.url
    async with huggingface_at(server, api=api, base_url=base_url) as provider:
        with pytest.raises(errors.Overloaded) as raised:
            await provider.stream_reply(asking(), told.append).__aenter__()
    assert raised.value.retry_after == 20.4
    assert told == [Status("status.loading", {"seconds": "20"})]


@pytest.mark.parametrize(
    ("status", "complaint", "kind", "named"),
    [
        (422, "Input validation error: `seed` must be", errors.RequestRefused, "validation"),
        (
            422,
            "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000",
            errors.ContextTooLong,
            "validation",
        ),
        (424, "Request failed during generation: Server error: CUDA", errors.Overloaded, "generation"),
        (429, "Model is overloaded", errors.RateLimited, "overloaded"),
        (400, "The requested model 'x' does not exist", errors.ModelNotFound, "model_not_found"),
        (402, "You have exceeded your monthly included credits", errors.NoCredit, ""),
        (410, "api-inference.huggingface.co is no longer supported", errors.ModelNotFound, ""),
    ],
    ids=str,
)
async def test_tgis_refusals_are_told_as_what_they_are(
    server: HuggingFaceServer, status: int, complaint: str, kind: type[ProviderError], named: str
) -> None:
    server.script(Answer(status=status, body=json.dumps({"error": complaint, "error_type": named})))
    assert type(await refused(server, asking())) is kind


async def test_the_hub_is_asked_once_for_a_model_and_never_with_a_key_of_somebody_else(
    server: HuggingFaceServer,
) -> None:
    async with huggingface_at(server, api="tgi") as provider:
        for _ in range(3):
            await all_events(provider)
    assert [request.path for request in server.hub_requests] == ["/api/models/stand-in"]
    assert "Authorization" not in server.hub_requests[0].headers


@pytest.mark.parametrize("key", ["hf_0123456789abcdef", "", KEY])
async def test_a_model_that_the_hub_does_not_know_is_not_found(server: HuggingFaceServer, key: str) -> None:
    request = replace(asking(), model="org/missing")
    error = await refused(server, request, api_key=key)
    assert type(error) is errors.ModelNotFound
    assert error.arguments == {"provider": "local", "model": "org/missing"}
    assert ("Authorization" in server.hub_requests[0].headers) == key.startswith("hf_")
    assert server.requests == []


async def test_a_model_with_another_end_token_gets_another_prompt(server: HuggingFaceServer) -> None:
    server.models["meta/llama"] = model("meta/llama", model_type="llama", eos_token={"content": "<|eot_id|>"})
    await asked(server, replace(asking("Hi"), model="meta/llama"))
    assert server.requests[0].body["inputs"].startswith("<|begin_of_text|><|start_header_id|>user")
    assert server.requests[0].path == "/models/meta/llama"


async def test_with_a_named_prompt_format_the_hub_is_not_needed(server: HuggingFaceServer) -> None:
    server.hub_failure = Answer(status=500)
    assert isinstance(await refused(server, asking()), errors.Overloaded)
    asked_before = len(server.hub_requests)
    assert text_of(await asked(server, asking("Hi"), prompt_format="zephyr")) == "Hello there"
    assert server.requests[0].body["inputs"] == "<|user|>\nHi</s>\n<|assistant|>\n"
    assert len(server.hub_requests) == asked_before


async def test_chat_goes_to_the_chat_completions_of_the_router(server: HuggingFaceServer) -> None:
    events = await asked(server, asking("Hi", max_tokens=5), api="chat", base_url=server.url)
    assert text_of(events) == "Hello there"
    (request,) = server.requests
    assert request.path == "/v1/chat/completions"
    assert (request.body["max_tokens"], request.body["messages"]) == (5, [{"role": "user", "content": "Hi"}])
    assert server.hub_requests == []


async def test_an_alias_is_asked_by_its_whole_name(server: HuggingFaceServer) -> None:
    await asked(server, replace(asking(), model="deepseek-r1"), api="chat", base_url=server.url)
    assert server.requests[0].body["model"] == "deepseek-ai/DeepSeek-R1"


async def test_lists_hold_the_models_in_demand_and_are_asked_for_once(server: HuggingFaceServer) -> None:
    for name, trending in (("a/ten", 10), ("a/nine", 9)):
        server.models[name] = model(name, trending=trending)
    for name, trending in (("i/twenty", 20), ("i/nineteen", 19)):
        server.models[name] = model(name, trending=trending, tag="text-to-image")
    async with huggingface_at(server, api="tgi") as provider:
        for _ in range(2):
            assert [known.name for known in await provider.models()] == ["stand-in", "a/ten"]
            assert [known.name for known in await provider.image_models()] == ["i/twenty"]
    assert server.listings == 2


@pytest.mark.parametrize("body", ["", '{"error": "later"}', "[]"])
async def test_where_the_hub_does_not_tell_the_known_models_are_listed(server: HuggingFaceServer, body: str) -> None:
    server.hub_failure = Answer(status=200 if body == "[]" else 500, body=body)
    async with huggingface_at(server, api="tgi") as provider:
        assert tuple(known.name for known in await provider.models()) == hub_wire.TEXT_MODELS
        assert tuple(known.name for known in await provider.image_models()) == hub_wire.IMAGE_MODELS


async def test_a_server_of_ones_own_says_itself_what_it_offers(server: HuggingFaceServer) -> None:
    async with huggingface_at(server, api="tgi", tgi_path="/") as provider:
        assert [known.name for known in await provider.models()] == ["stand-in"]
    async with huggingface_at(server, api="chat", base_url=server.url) as provider:
        assert [known.name for known in await provider.models()] == ["stand-in"]
    assert server.hub_requests == []
    server.listing = Answer(body="[]", headers={"Content-Type": "application/json"})
    async with huggingface_at(server, api="tgi", tgi_path="/") as provider:
        with pytest.raises(errors.Garbled):
            await provider.models()


def test_settings_have_the_documented_defaults() -> None:
    settings = HuggingFaceSettings()
    assert (settings.api, settings.base_url, settings.hub_url) == ("chat", "", "https://huggingface.co")
    assert settings.tgi_path == "/models/{model}"
    assert ROUTER == "https://router.huggingface.co"
    assert HuggingFace("hf", settings).capabilities.vision


@pytest.mark.parametrize(
    "wrong",
    [
        {"api": "tgi"}, {"api": "other"}, {"base_url": "example.org"}, {"hub_url": ""}, {"tgi_path": "/other"},
        {"prompt_format": "other"}, {"api_key": "hf_a\nb"}, {"base_url": "https://me:pw@a.example", "api_key": "hf_ab"},
    ],
    ids=str,
)  # fmt: skip
def test_settings_that_cannot_work_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        HuggingFaceSettings.model_validate(wrong)


def test_settings_forgive_white_space_and_never_print_a_secret() -> None:
    settings = HuggingFaceSettings.model_validate(
        {"base_url": " http://127.0.0.1:8080/ ", "api": "tgi", "api_key": f" {KEY}\n"}
    )
    assert settings.base_url == "http://127.0.0.1:8080"
    assert settings.api_key.get_secret_value() == KEY
    assert KEY not in repr(settings)
