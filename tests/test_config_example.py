"""The promise of config.example.yaml: it works as it is, and shows every setting with its default."""

import re
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, SecretStr
from pydantic_core import PydanticUndefined

from config import Config, General, load
from handlers.settings import ImageModelSettings, ModelSettings
from providers import PROVIDERS
from settings.reading import read
from tests.config_folder import DISCORD_TOKEN
from tests.providers.cases import OPTIONAL

EXAMPLE = Path(__file__).parent.parent / "config.example.yaml"
ENVIRON = {
    "TELEGRAM_TOKEN": "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw",
    "DISCORD_TOKEN": DISCORD_TOKEN,
    "OPENAI_API_KEY": "sk-test",
}
SECTIONS = ("log", "health", "telegram", "discord", "playground", "storage", "access", "limits", "replies")
# what a newcomer must say for himself, or does better with than with the default
CHOSEN = {"providers.openai.api_key", "providers.gradio.preset", "models.gpt.vision"}
CHOSEN |= {f"{entry}.{name}" for entry in ("models.gpt", "image_models.gpt-image") for name in ("provider", "model")}


def uncommented(folder: Path) -> Path:
    """The example with every `#setting: …` line in force."""
    text = re.sub(r"^(\s*)#(?=[a-z_]+: )", r"\1", EXAMPLE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    file = folder / "config.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def defaults(model: type[BaseModel], path: str) -> Iterator[tuple[str, object]]:
    for name, field in model.model_fields.items():
        default = field.get_default(call_default_factory=True, validated_data={})
        yield f"{path}.{name}".removeprefix("."), default


def plain(default: object) -> object:
    match default:
        case SecretStr():
            return default.get_secret_value()
        case tuple():
            return list(default)
        case _:
            return default


def expected() -> dict[str, object]:
    """Every setting of this version and its default."""
    found = dict(defaults(General, ""))
    for section in SECTIONS:
        annotation = Config.model_fields[section].annotation
        models = [annotation, *getattr(annotation, "__args__", ())]
        (model,) = (each for each in models if isinstance(each, type) and issubclass(each, BaseModel))
        found |= dict(defaults(model, section))
    for kind in PROVIDERS.keys() - OPTIONAL.keys():
        provider = PROVIDERS[kind]
        found |= dict(defaults(provider.Settings, f"providers.{kind}"))
    found |= dict(defaults(ModelSettings, "models.gpt"))
    found |= dict(defaults(ImageModelSettings, "image_models.gpt-image"))
    return found | {"prompts": Config.model_fields["prompts"].default}


def shown(tree: object, path: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(tree, dict) and tree:
        for key, inner in tree.items():
            yield from shown(inner, f"{path}.{key}".removeprefix("."))
    else:
        yield path, tree


def test_the_example_loads_with_only_the_variables_it_names() -> None:
    config = load(EXAMPLE, ENVIRON)
    assert config.telegram is not None
    assert config.discord is not None
    assert config.playground is not None
    assert next(iter(config.models.values())).provider == "openai"
    assert next(iter(config.image_models.values())).provider == "openai"
    assert config.secrets() == set(ENVIRON.values())


def test_the_example_loads_without_telegram_and_discord() -> None:
    config = load(EXAMPLE, {"OPENAI_API_KEY": "sk-test"})
    assert config.telegram is None
    assert config.discord is None


def test_the_example_with_every_setting_in_force_means_the_same(tmp_path: Path) -> None:
    there = {"source", "storage"}
    assert load(uncommented(tmp_path), ENVIRON).model_dump(exclude=there) == load(EXAMPLE, ENVIRON).model_dump(
        exclude=there
    )


def test_the_example_shows_every_setting_with_its_default(tmp_path: Path) -> None:
    reading = read(uncommented(tmp_path), {"OPENAI_API_KEY": "sk-test"})
    assert reading.faults == []
    tree = dict(shown(reading.tree))
    for path, default in expected().items():
        assert path in tree, f"{path} is not in the example"
        if path not in CHOSEN:
            assert default is not PydanticUndefined
            assert tree[path] == plain(default), path


def test_the_prompts_that_the_example_proposes_can_be_used(tmp_path: Path) -> None:
    (proposed,) = re.findall(r"^#prompts: .*# for example (.*)$", EXAMPLE.read_text(encoding="utf-8"), re.MULTILINE)
    file = tmp_path / "config.yaml"
    file.write_text(f"prompts: {proposed}", encoding="utf-8")
    assert {"translator", "poet"} == load(file, {}).prompts.keys()


def test_every_section_is_in_the_list_above() -> None:
    others = {*General.model_fields, "providers", "models", "image_models", "prompts", "source", "answered_by_demo"}
    assert set(SECTIONS) == Config.model_fields.keys() - others
