"""Hugging Face's own client checks the stand-in for Hugging Face: where they don't understand each other, it is wrong.

Marked `real`: huggingface_hub is installed on demand into a venv in a cache folder; where that fails this is skipped.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from providers.base import ImageRequest
from tests.providers.asking import all_events, asking
from tests.providers.cases import huggingface_at
from tests.real.conftest import installed
from tests.servers.huggingface import HuggingFaceServer, drawn_by, model
from tests.servers.model import Answer

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

REQUIREMENTS = ("huggingface_hub", "pillow")
SCRIPT = Path(__file__).with_name("hub_client.py")
DRAWN = ("hf-inference", "together", "nscale", "fal-ai")


@pytest.fixture(scope="module")
def python() -> Path:
    """The Python of a venv with huggingface_hub."""
    return installed("huggingface_hub", *REQUIREMENTS)


@pytest.fixture
async def server() -> AsyncIterator[HuggingFaceServer]:
    async with HuggingFaceServer() as server:
        server.default = Answer(text="Hello there", keep_alives=True)
        painters: dict[str, Any] = {}
        for provider in DRAWN:
            painters |= drawn_by(provider, "org/flux")
        server.models["org/flux"] = model("org/flux", tag="text-to-image", painters=painters)
        yield server


async def ran(python: Path, server: HuggingFaceServer, step: str) -> dict[str, Any]:
    """What the client saw, with the versions that it saw it with, which are printed."""
    environ = {"HF_ENDPOINT": server.root, "HF_HUB_DISABLE_TELEMETRY": "1", "PATH": os.environ["PATH"]}
    code, output = await _run(str(python), str(SCRIPT), step, env=environ)
    assert code == 0, output
    seen: dict[str, Any] = json.loads(output.splitlines()[-1])
    print(f"\nran against {seen.pop('versions')}: {step}", file=sys.stderr)
    return seen


async def test_it_reads_the_stand_ins_texts(python: Path, server: HuggingFaceServer) -> None:
    seen = await ran(python, server, "text")
    assert "".join(piece for piece in seen["pieces"] if not piece.startswith("<")) == "Hello there"
    assert seen["details"] == "eos_token"
    assert seen["whole"] == "Hello there"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(status=422, body='{"error": "Input validation error", "error_type": "validation"}'), "ValidationError"),
        (Answer(status=424, body='{"error": "CUDA", "error_type": "generation"}'), "GenerationError"),
        (Answer(status=429), "OverloadedError"),
        (Answer(fault="error"), "GenerationError"),
    ],
    ids=["422", "424", "429", "in mid-answer"],
)
async def test_it_knows_the_stand_ins_refusals(
    python: Path, server: HuggingFaceServer, answer: Answer, kind: str
) -> None:
    server.default = answer
    assert (await ran(python, server, "refused"))["kind"] == kind


async def test_it_reads_the_stand_ins_chat(python: Path, server: HuggingFaceServer) -> None:
    assert (await ran(python, server, "chat"))["text"] == "Hello there"


async def test_it_reads_the_stand_ins_model_data(python: Path, server: HuggingFaceServer) -> None:
    seen = await ran(python, server, "hub")
    assert seen["listed"] == [["stand-in", 12]]
    assert seen["config"]["tokenizer_config"] == {"eos_token": "<|im_end|>"}
    assert seen["mapping"] == [[provider, "org/flux", "text-to-image"] for provider in DRAWN]
    assert seen["missing"] == "RepositoryNotFoundError"


async def test_it_asks_every_painter_as_we_do(python: Path, server: HuggingFaceServer) -> None:
    seen = await ran(python, server, "pictures")
    assert seen == {"sizes": {provider: [2, 2] for provider in DRAWN}, "own": [2, 2]}
    theirs = [(request.path, request.body) for request in server.pictures.requests]
    server.pictures.requests.clear()
    cat = ImageRequest("org/flux", "a cat", 640, 480, seed=7)
    async with huggingface_at(server, base_url=server.url) as router:
        for provider in DRAWN:
            await router.draw(ImageRequest(f"org/flux:{provider}", "a cat", 640, 480, seed=7))
    async with huggingface_at(server, api="tgi") as own:
        await own.draw(cat)
    assert [(request.path, request.body) for request in server.pictures.requests] == theirs


async def test_it_asks_for_text_where_and_as_we_do(python: Path, server: HuggingFaceServer) -> None:
    await ran(python, server, "text")
    theirs = server.requests[0]
    async with huggingface_at(server, api="tgi", prompt_format="qwen") as provider:
        await all_events(provider, asking("Hi"))
    ours = server.requests[-1]
    assert ours.path == theirs.path
    assert ours.body.keys() == theirs.body.keys()
    assert ours.body["stream"] is theirs.body["stream"] is True


async def _run(*command: str, env: dict[str, str] | None = None) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *command, env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode("utf-8", "replace")
