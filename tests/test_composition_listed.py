"""`model: "*"`: what becomes of a config when it is known what its providers list."""

from pathlib import Path

import pytest

from composition import to_be_listed, with_listed, with_local_servers
from config import Config, load
from handlers.settings import ModelSettings
from providers.local import Candidate
from tests.servers.model import ModelServer


def config_of(folder: Path, models: str) -> Config:
    """A config with the providers `one` and `other`, and these models."""
    file = folder / "config.yaml"
    providers = "{one: {type: offline}, other: {type: offline}, unused: {type: offline}}"
    file.write_text(f"providers: {providers}\nmodels: {models}", "utf-8")
    return load(file, {})


ANY = "{first: {provider: other}, any: {provider: one, model: '*', %s}, last: {provider: other, model: x}}"


def test_what_a_provider_lists_stands_where_its_entry_stood_with_all_of_its_settings(tmp_path: Path) -> None:
    more = "vision: true, context_tokens: 500, parameters: {top_p: 0.1}, system_prompt: Rhyme., fallback: [last]"
    config = config_of(tmp_path, ANY % more)
    expanded = with_listed(config, {"one": ("b", "a/b:free")})
    assert list(expanded.models) == ["first", "b", "a/b:free", "last"]
    assert expanded.models["a/b:free"] == ModelSettings(
        provider="one", model="a/b:free", vision=True, context_tokens=500, parameters={"top_p": 0.1},
        system_prompt="Rhyme.", fallback=("last",),
    )  # fmt: skip
    assert (expanded.models["first"], expanded.models["last"]) == (config.models["first"], config.models["last"])


@pytest.mark.parametrize("lists", [{}, {"one": ()}, {"other": ("a",)}])
def test_where_nothing_is_listed_the_entry_stays_so_that_there_is_somebody_to_ask(
    tmp_path: Path, lists: dict[str, tuple[str, ...]]
) -> None:
    config = config_of(tmp_path, "{any: {provider: one, model: '*'}}")
    assert with_listed(config, lists) == config


@pytest.mark.parametrize("name", ["first", "last"])
def test_a_name_that_the_config_gives_wins_over_a_listed_one_wherever_it_stands(tmp_path: Path, name: str) -> None:
    config = config_of(tmp_path, ANY % "")
    expanded = with_listed(config, {"one": ("a", name, "any")})
    assert list(expanded.models) == ["first", "a", "any", "last"]
    assert expanded.models[name] == config.models[name]
    assert expanded.models["any"].model == "any", "its own name is free: the entry is gone"


def test_of_two_entries_that_list_the_same_the_first_wins_and_the_second_is_named_with_its_own(tmp_path: Path) -> None:
    config = config_of(tmp_path, "{any: {provider: one, model: '*'}, wild: {provider: other, model: '*'}}")
    expanded = with_listed(config, {"one": ("a", "b"), "other": ("b", "c")})
    assert {name: (each.provider, each.model) for name, each in expanded.models.items()} == {
        "a": ("one", "a"), "b": ("one", "b"), "b (wild)": ("other", "b"), "c": ("other", "c")
    }  # fmt: skip
    assert list(with_listed(config, {"other": ("any", "c")}).models) == ["any", "c"], "the first stays, and wins"


async def test_what_ollama_would_leave_out_in_silence_is_left_out_knowingly(tmp_path: Path) -> None:
    """Its models have a context of 4096 tokens, unless somebody sets another; what is found there was set by nobody."""
    file = tmp_path / "config.yaml"
    file.write_text("playground: {}\n", "utf-8")
    async with ModelServer(models=("small",)) as one, ModelServer(models=("large",)) as other:
        places = [Candidate("ollama", one.url), Candidate("lmstudio", other.url)]
        config = await with_local_servers(load(file, {}), places)
    assert config.models["small"].context_tokens == 4000
    assert config.models["large"].context_tokens == 16_000


def test_only_providers_of_which_all_is_offered_are_asked_for_their_lists_each_once(tmp_path: Path) -> None:
    config = config_of(
        tmp_path,
        "{any: {provider: one, model: '*'}, hot: {provider: one, model: '*', vision: true}, x: {provider: other}}",
    )
    assert to_be_listed(config) == {"one": config.providers["one"]}
