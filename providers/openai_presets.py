"""Servers with OpenAI's protocol that are known by name: where they are, and what is peculiar about them.

    providers:
      groq: {type: openai, preset: groq, api_key: "${GROQ_API_KEY}"}

A new one is one line in `PRESETS` and one word in `PresetName`. The addresses were read in each one's documentation,
in 2026; those on this computer are the programs' own defaults. A `base_url` of one's own goes before the preset's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from providers.base import JsonValue

# How pictures are made: `POST /images/generations`, or a chat model that answers with them
ImageStyle = Literal["generations", "chat"]
PresetName = Literal[
    "", "openai", "openrouter", "huggingface", "groq", "mistral", "deepseek", "xai", "gemini",
    "ollama", "lmstudio", "vllm", "llama.cpp", "h2ogpt", "jan", "localai", "koboldcpp",
]  # fmt: skip
PRESET_NAMES: tuple[PresetName, ...] = get_args(PresetName)


@dataclass(frozen=True, slots=True)
class Preset:
    """What is known of a server. `image_parameters` go into every request for a picture; null leaves a field out.

    `max_concurrent`: how many it answers at once. What it lets wait beyond that would look like silence.
    """

    base_url: str
    needs_key: bool = True
    include_usage: bool = True
    max_concurrent: int = 32
    draws: bool = True
    images: ImageStyle = "generations"
    image_parameters: Mapping[str, JsonValue] = field(default_factory=dict)


def _here(port: int, *, max_concurrent: int = 1, draws: bool = True) -> Preset:
    """On this computer, where a key is seldom wanted. Nearly all of these answer one question after the other."""
    return Preset(f"http://127.0.0.1:{port}/v1", needs_key=False, max_concurrent=max_concurrent, draws=draws)


PRESETS: Mapping[PresetName, Preset] = {
    "": Preset("https://api.openai.com/v1", needs_key=False),
    "openai": Preset("https://api.openai.com/v1"),
    "openrouter": Preset("https://openrouter.ai/api/v1", images="chat"),
    "huggingface": Preset("https://router.huggingface.co/v1", draws=False),  # `type: huggingface` does
    "groq": Preset("https://api.groq.com/openai/v1", draws=False),
    # refuses stream_options with a 422, and counts the tokens without being asked
    "mistral": Preset("https://api.mistral.ai/v1", include_usage=False, draws=False),
    "deepseek": Preset("https://api.deepseek.com", draws=False),
    "xai": Preset("https://api.x.ai/v1", image_parameters={"size": None}),  # takes aspect_ratio
    # for pictures this address knows Imagen's models only: for gemini-3.1-…-image /images/generations answers 404
    "gemini": Preset("https://generativelanguage.googleapis.com/v1beta/openai"),
    "ollama": _here(11434),
    "lmstudio": _here(1234, draws=False),
    "vllm": _here(8000, max_concurrent=32),  # made to answer many at once
    "llama.cpp": _here(8080, draws=False),
    "h2ogpt": _here(5000, draws=False),  # on macOS 5001
    "jan": _here(1337, draws=False),
    "localai": _here(8080),
    "koboldcpp": _here(5001),
}
