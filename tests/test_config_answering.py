"""What is right or wrong only together, of those who answer, with the providers that there are."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from config import ConfigError, Fault, load


def faults_of(folder: Path, text: str) -> Mapping[str, Fault]:
    """What is wrong with a config, by its path."""
    file = folder / "config.yaml"
    file.write_text(text, "utf-8")
    try:
        load(file, {})
    except ConfigError as error:
        return {fault.path: fault for fault in error.faults}
    return {}


def test_thinking_with_more_tokens_than_thinking_and_answer_may_have_together_is_found_before_anthropic_says_so(
    tmp_path: Path,
) -> None:
    text = """
    providers: {{claude: {{type: {kind}, api_key: key}}}}
    models: {{a: {{provider: claude, parameters: {{{most} thinking: {{type: enabled, budget_tokens: 8000}}}}}}}}
    """
    faults = faults_of(tmp_path, text.format(kind="anthropic", most="max_tokens: 8000,"))
    assert list(faults) == ["models.a.parameters.thinking.budget_tokens"]
    assert faults["models.a.parameters.thinking.budget_tokens"].problem == "must be less than max_tokens"
    for kind, most in (("anthropic", "max_tokens: 8001,"), ("anthropic", ""), ("openai", "max_tokens: 8000,")):
        assert not faults_of(tmp_path, text.format(kind=kind, most=most))


@pytest.mark.parametrize(("limits", "wrong"), [("{attempts_per_turn: 2}", True), ("{attempts_per_turn: 3}", False)])
def test_fewer_attempts_than_there_are_models_in_a_chain_is_told_for_the_last_would_never_be_asked(
    tmp_path: Path, limits: str, wrong: bool
) -> None:
    text = f"""
    limits: {limits}
    providers: {{p: {{type: offline}}}}
    models: {{a: {{provider: p, fallback: [b, c]}}, b: {{provider: p, fallback: [a]}}, c: {{provider: p}}}}
    """
    faults = faults_of(tmp_path, text)
    assert [each.remedy for each in faults.values()] == ["make it at least 3"] * wrong
    assert list(faults) == ["limits.attempts_per_turn"] * wrong


def test_all_that_is_listed_may_fall_back_to_one_model_and_none_to_all_that_is_listed(tmp_path: Path) -> None:
    text = """
    providers: {p: {type: offline}}
    models: {a: {provider: p, fallback: [b, any]}, b: {provider: p}, any: {provider: p, model: "*", fallback: [%s]}}
    """
    assert faults_of(tmp_path, text.replace(", any]", "]") % "b") == {}
    faults = faults_of(tmp_path, text % "any")
    assert {path: (each.problem, each.remedy) for path, each in faults.items()} == {
        "models.a.fallback[1]": ("names all models that a provider lists", "name one model"),
        "models.any.fallback[0]": ("names the model itself", "name another one, or leave it out"),
    }


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        ("preset: groq, api_key: key", True),
        ("preset: llama.cpp", True),
        ("preset: openrouter, api_key: key", False),
        ("preset: llama.cpp, images: generations", False),
        ("preset: groq, base_url: 'http://gateway:1/v1'", False),
        ("api_key: key", False),
    ],
)
def test_an_image_model_of_a_server_where_nobody_draws_is_a_fault(tmp_path: Path, settings: str, wrong: bool) -> None:
    text = f"""
    providers: {{p: {{type: openai, {settings}}}}}
    models: {{a: {{provider: p}}}}
    image_models: {{b: {{provider: p}}}}
    """
    faults = faults_of(tmp_path, text)
    assert {path: each.problem for path, each in faults.items()} == (
        {"image_models.b.provider": "names a server where nobody draws"} if wrong else {}
    )
