"""Looks for servers with OpenAI's protocol on this computer, where no model is configured: on their usual ports.

Nothing but 127.0.0.1 is asked, and nothing but `GET /v1/models`; no key and no proxy is used, no redirect followed.
"""

import asyncio
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from yarl import URL

from chat.errors import ProviderError
from providers.http import HttpClient, HttpSettings
from providers.openai_presets import PRESETS, PresetName
from providers.wire.chat_completions import model_names

LOOPBACK = "127.0.0.1"
PROBE_SECONDS = 0.5  # a server on this computer that needs longer to list its models has none to spare
MAX_LISTING_BYTES = 2**20

# Models that read but don't answer, by what their names have in common.
_SILENT = re.compile(
    r"embed|rerank|minilm|whisper|\b(bge|gte|e5|tts|clip)\b|stable-diffusion|\b(sdxl|flux)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """Where a server may be. `preset` is the name that its usual port has in OpenAI's presets."""

    preset: PresetName
    base_url: str


@dataclass(frozen=True, slots=True)
class Found:
    """A server that answered: set up as `{type: openai, preset: …, base_url: …}`. `models`: at least one."""

    preset: PresetName
    base_url: str
    models: tuple[str, ...]


def usual_places() -> Sequence[Candidate]:
    """The presets of this computer, one for each address: llama.cpp's port is LocalAI's too, and goes by the former."""
    by_url: dict[str, Candidate] = {}
    for name, preset in PRESETS.items():
        if URL(preset.base_url).host == LOOPBACK:
            by_url.setdefault(preset.base_url, Candidate(name, preset.base_url))
    return tuple(by_url.values())


async def local_servers(candidates: Iterable[Candidate] | None = None) -> Sequence[Found]:
    """The servers that answer now, in the candidates' order (None: `usual_places`), with the models that answer.

    All are asked at the same time; it takes about `PROBE_SECONDS` at most, and never raises: a server that wants a key,
    lists nothing, or isn't one of these (the playground's own port is llama.cpp's) isn't found.
    """
    asked = usual_places() if candidates is None else candidates
    places = [place for place in asked if URL(place.base_url).host == LOOPBACK]
    limits = HttpSettings(idle_timeout_seconds=PROBE_SECONDS, total_timeout_seconds=PROBE_SECONDS)
    async with HttpClient("local", limits, redirects=False) as http, asyncio.TaskGroup() as asking:
        probes = [asking.create_task(_probe(http, place)) for place in places]
    return [found for probe in probes if (found := probe.result())]


def answers(model: str) -> bool:
    """Whether a model of this name is likely to answer: embeddings, rerankers and the like don't."""
    return not _SILENT.search(model)


async def _probe(http: HttpClient, place: Candidate) -> Found | None:
    try:
        async with http.exchange("GET", f"{place.base_url}/models") as answer:
            names = model_names(await answer.json(MAX_LISTING_BYTES))
    except ProviderError:
        return None
    models = tuple(name for name in names if answers(name))
    return Found(place.preset, place.base_url, models) if models else None
