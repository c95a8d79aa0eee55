"""OpenAI's presets: each is one line in the config, what is set goes before it, and an unknown one is told."""

from pathlib import Path
from typing import get_args

import pytest
from pydantic import ValidationError
from yarl import URL

from config import ConfigError, load
from providers.openai import OpenAISettings
from providers.openai_presets import PRESETS, PresetName
from tests.providers.asking import KEY, answered
from tests.servers.model import ModelServer

WANTED = {
    "openai", "openrouter", "huggingface", "groq", "mistral", "deepseek", "xai", "gemini", "ollama", "lmstudio", "vllm",
    "llama.cpp", "h2ogpt",
}  # fmt: skip


def settings_of(folder: Path, line: str) -> OpenAISettings:
    file = folder / "config.yaml"
    file.write_text(f"providers:\n  one: {line}\nmodels: {{m: {{provider: one, model: x}}}}\n", encoding="utf-8")
    found = load(file, {"SOME_KEY": KEY}).providers["one"]
    assert isinstance(found, OpenAISettings)
    return found


def faults_of(folder: Path, line: str) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        settings_of(folder, line)
    return [str(fault) for fault in raised.value.faults]


def test_every_name_is_in_the_table_and_what_is_there_is_what_was_asked_for() -> None:
    assert set(get_args(PresetName)) == set(PRESETS)
    assert set(PRESETS) >= WANTED


@pytest.mark.parametrize("name", sorted(set(PRESETS) - {""}))
def test_each_is_one_line_in_the_config(name: PresetName, tmp_path: Path) -> None:
    key = ', api_key: "${SOME_KEY}"' if PRESETS[name].needs_key else ""
    settings = settings_of(tmp_path, f"{{type: openai, preset: {name}{key}}}")
    assert settings.base_url == PRESETS[name].base_url
    assert (settings.include_usage, settings.images) == (PRESETS[name].include_usage, PRESETS[name].images)
    assert settings.max_concurrent == PRESETS[name].max_concurrent


@pytest.mark.parametrize("name", sorted(set(PRESETS) - {""}))
def test_only_what_is_on_this_computer_is_asked_without_a_key_and_without_tls(name: PresetName) -> None:
    url = URL(PRESETS[name].base_url)
    here = url.host == "127.0.0.1"
    assert here == (url.scheme == "http") == (not PRESETS[name].needs_key)


def test_what_is_set_goes_before_the_preset() -> None:
    settings = OpenAISettings.model_validate(
        {"preset": "mistral", "base_url": "http://gateway:1/v1", "include_usage": True, "images": "chat"}
    )
    assert (settings.base_url, settings.include_usage, settings.images) == ("http://gateway:1/v1", True, "chat")


@pytest.mark.parametrize("name", sorted(set(PRESETS) - {""}))
def test_a_server_on_this_computer_is_asked_one_question_at_a_time_unless_it_is_made_for_many(name: PresetName) -> None:
    """What Ollama lets wait (its default is one at a time) would look like silence, and time out."""
    here = URL(PRESETS[name].base_url).host == "127.0.0.1"
    assert PRESETS[name].max_concurrent == (1 if here and name != "vllm" else 32)
    assert OpenAISettings.model_validate({"preset": name, "api_key": KEY, "max_concurrent": 3}).max_concurrent == 3


def test_quirks_are_the_presets() -> None:
    assert not OpenAISettings.model_validate({"preset": "mistral", "api_key": KEY}).include_usage
    assert OpenAISettings.model_validate({"preset": "openrouter", "api_key": KEY}).images == "chat"


def test_a_public_server_without_a_key_is_a_fault(tmp_path: Path) -> None:
    (told,) = faults_of(tmp_path, "{type: openai, preset: groq}")
    assert told.startswith("providers.one.api_key")
    assert 'api_key: "${GROQ_API_KEY}"' in told
    with pytest.raises(ValidationError):
        OpenAISettings.model_validate({"preset": "openai", "api_key": ""})


def test_an_unknown_one_is_a_fault_that_lists_those_there_are(tmp_path: Path) -> None:
    (told,) = faults_of(tmp_path, "{type: openai, preset: grok}")
    assert told.startswith("providers.one.preset")
    assert all(name in told for name in WANTED)


def test_a_preset_that_is_no_name_is_a_fault(tmp_path: Path) -> None:
    assert faults_of(tmp_path, "{type: openai, preset: [groq]}")


def test_a_preset_is_only_openais(tmp_path: Path) -> None:
    (told,) = faults_of(tmp_path, "{type: chat_ui, preset: groq}")
    assert "is not a setting" in told


async def test_a_preset_answers_where_its_address_is_replaced(server: ModelServer) -> None:
    assert await answered(server, preset="mistral")
    assert "stream_options" not in server.requests[0].body
