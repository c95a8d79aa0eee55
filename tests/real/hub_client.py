"""Hugging Face's own client against a server that claims to be Hugging Face; run by test_huggingface_hub.py.

    HF_ENDPOINT=http://127.0.0.1:… python hub_client.py STEP     # prints one JSON object: `versions`, and what it saw

It needs huggingface_hub and Pillow, which Parley doesn't: it runs in a venv of its own and imports nothing of ours.
"""
# mypy: ignore-errors

import asyncio
import json
import os
import sys
from importlib.metadata import version

import huggingface_hub
from huggingface_hub import constants

ROOT = os.environ["HF_ENDPOINT"]
KEY = "hf_0123456789abcdef"
constants.INFERENCE_PROXY_TEMPLATE = ROOT + "/{provider}"  # read while the client is imported, which is lazily

from huggingface_hub import AsyncInferenceClient, HfApi  # noqa: E402 — see above


def client(path="", **options):
    return AsyncInferenceClient(model=ROOT + path, token=KEY, **options)


async def text():
    model, root = client("/models/stand-in"), client()  # a client that is let go of closes its streams
    pieces = [piece async for piece in await model.text_generation("Hi", stream=True)]
    events = [event async for event in await root.text_generation("Hi", stream=True, details=True, max_new_tokens=5)]
    return {
        "pieces": pieces,
        "details": events[-1].details.finish_reason,
        "whole": await root.text_generation("Hi"),
    }


async def refused():
    """The kind of the exception and its words, for whatever the server is told to answer."""
    root = client()
    try:
        return {"said": [piece async for piece in await root.text_generation("Hi", stream=True)]}
    except (huggingface_hub.errors.TextGenerationError, huggingface_hub.errors.HfHubHTTPError) as error:
        return {"kind": type(error).__name__, "message": str(error)}


async def chat():
    model = client("/v1")
    stream = await model.chat_completion([{"role": "user", "content": "Hi"}], stream=True)
    return {"text": "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])}


async def hub():
    api = HfApi()
    listed = list(api.list_models(inference="warm", pipeline_tag="text-generation", limit=5))
    info = api.model_info("org/flux", expand=["inferenceProviderMapping", "config"])
    try:
        api.model_info("org/missing")
        missing = ""
    except huggingface_hub.errors.RepositoryNotFoundError as error:
        missing = type(error).__name__
    return {
        "listed": [(model.id, model.trending_score) for model in listed],
        "config": info.config,
        "mapping": [(entry.provider, entry.provider_id, entry.task) for entry in info.inference_provider_mapping],
        "missing": missing,
    }


async def pictures():
    sizes = {}
    for provider in ("hf-inference", "together", "nscale", "fal-ai"):
        painter = AsyncInferenceClient(provider=provider, api_key=KEY)
        picture = await painter.text_to_image("a cat", model="org/flux", width=640, height=480, seed=7)
        sizes[provider] = picture.size
    own = await client("/models/org/flux").text_to_image("a cat", width=640, height=480, seed=7)
    return {"sizes": sizes, "own": own.size}


async def main(step):
    steps = {"text": text, "refused": refused, "chat": chat, "hub": hub, "pictures": pictures}
    versions = {name: version(name) for name in ("huggingface_hub", "pillow")}
    print(json.dumps({"versions": versions, **await steps[step]()}))


asyncio.run(main(sys.argv[1]))
