"""Writes docs/configuration.md from the settings classes; the reasons are the comments of config.example.yaml.

`make docs` calls this; tests/test_docs.py holds the page equal to what it would write.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from config import Config
from handlers.settings import ImageModelSettings, ModelSettings
from providers import PROVIDERS

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "configuration.md"
EXAMPLE = ROOT / "config.example.yaml"

SETTING = re.compile(
    r"^(?P<indent> *)#?(?P<name>[\w.-]+):(?P<value>[^#\n]*(?:\"[^\"\n]*\"[^#\n]*)?)(?:# (?P<reason>.*))?$"
)
CONTINUED = re.compile(r" {12,}# (.*)")  # a reason that needs a second line
INACTIVE = re.compile(r"^  #(?=  )")  # a whole entry that is commented out
HEADER = """\
# Every setting

Made by `make docs` from the settings classes; change those, or the comments of `config.example.yaml`, not this page.

A setting that is left out has its default. `${NAME}` is taken from the environment or from the file `.env` beside the
config; `${NAME:-default}` may be unset. `python bot.py --check` names every mistake with its remedy. Models, keys,
prompts, access and limits take effect as soon as the file is saved; messengers, storage and health at the next start.
"""


class Setting(NamedTuple):
    """One line of a table."""

    name: str
    values: str
    default: str


def settings_of(model: type[BaseModel]) -> Iterator[Setting]:
    """The settings of a class, in its order."""
    for name, field in model.model_fields.items():
        if name == "type":  # it is the title
            continue
        yield Setting(name, values_of(field), "needed" if field.is_required() else shown(field.get_default()))


def values_of(field: FieldInfo) -> str:
    """What may be written there, in words."""
    bounds = {type(each).__name__: each for each in field.metadata if type(each).__name__ in {"Ge", "Gt", "Le"}}
    low = f"from {bounds['Ge'].ge:,}" if "Ge" in bounds else f"above {bounds['Gt'].gt:g}" if "Gt" in bounds else ""
    high = f"to {bounds['Le'].le:,}" if "Le" in bounds else ""
    return " ".join(filter(None, (kind_of(field.annotation), low, high)))


def kind_of(annotation: Any) -> str:
    """A type in words."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return kind_of(arguments[0])
    if origin is Literal:
        return ", ".join(f"`{each}`" if each else '`""`' for each in arguments)
    if origin in {Union, UnionType}:
        return kind_of(next(each for each in arguments if each is not NoneType))
    if origin is tuple:
        return "list"
    if annotation in KINDS:
        return KINDS[annotation]
    return "mapping"


ENTRIES = {"any_llm": "bedrock"}  # types whose entry of the example has another name
KINDS: Mapping[Any, str] = {
    bool: "true, false",
    int: "whole number",
    float: "number",
    str: "text",
    SecretStr: "text (secret)",
}


def shown(value: object) -> str:
    """A default as YAML."""
    value = value.get_secret_value() if isinstance(value, SecretStr) else value
    return (
        f"`{json.dumps(value, ensure_ascii=False)}`"
        if not isinstance(value, bool | NoneType)
        else f"`{yaml_of(value)}`"
    )


def yaml_of(value: bool | None) -> str:
    """`true`, `false` or `null`."""
    return "null" if value is None else str(value).lower()


def reasons(text: str) -> dict[tuple[str, ...], str]:
    """Every setting of the example with the comment behind it, or above it where it is a section."""
    found: dict[tuple[str, ...], str] = {}
    path: list[tuple[int, str]] = []
    above: list[str] = []
    for line in (INACTIVE.sub("", each) for each in text.splitlines()):
        if line.startswith("# "):
            above.append(line[2:])
        elif found and (more := CONTINUED.match(line)):
            found[tuple(name for _, name in path)] += f" {more[1]}"
        elif match := SETTING.match(line):
            depth = len(match["indent"])
            path = [step for step in path if step[0] < depth] + [(depth, match["name"])]
            found[tuple(name for _, name in path)] = match["reason"] or ("" if depth else " ".join(above))
            above = []
        elif not line.strip():
            above = []
    return found


def page() -> str:
    """The whole page."""
    known = reasons(EXAMPLE.read_text("utf-8"))
    parts = [HEADER, *sections(known), *named(known)]
    return "\n".join(parts)


def sections(known: Mapping[tuple[str, ...], str]) -> Iterator[str]:
    """The settings that stand alone, and the sections of fixed names."""
    alone = []
    for name, field in Config.model_fields.items():
        model = section_of(field.annotation)
        if model:
            yield titled(f"`{name}`", known.get((name,), ""))
            yield table(settings_of(model), lambda setting, at=name: known.get((at, setting), ""))
        elif kind_of(field.annotation) != "mapping" and name not in {"source", "answered_by_demo"}:
            alone.append(Setting(name, values_of(field), shown(field.get_default())))
    yield titled("Alone at the top", "")
    yield table(iter(alone), lambda setting: known.get((setting,), ""))


def named(known: Mapping[tuple[str, ...], str]) -> Iterator[str]:
    """The sections whose entries people name."""
    for section, model in (("models", ModelSettings), ("image_models", ImageModelSettings)):
        entry = next(path[1] for path in known if path[0] == section and len(path) > 1)
        yield titled(f"`{section}.NAME`", known[(section,)])
        yield table(settings_of(model), lambda setting, at=(section, entry): known.get((*at, setting), ""))
    yield titled(
        "`prompts.NAME`", f"Text, a system prompt that people may choose with /system NAME; {known[('prompts',)]}"
    )
    yield titled("`providers.NAME`", known[("providers",)])
    for kind, provider in PROVIDERS.items():
        yield f"### `type: {kind}`\n\n{provider_reason(known, kind, 'type')}\n"
        yield table(settings_of(provider.Settings), lambda setting, at=kind: provider_reason(known, at, setting))


def provider_reason(known: Mapping[tuple[str, ...], str], kind: str, setting: str) -> str:
    """The comment of that type's entry; what several have in common is explained once."""
    entry = ENTRIES.get(kind, kind)
    same = [reason for path, reason in known.items() if path[0] == "providers" and path[2:] == (setting,) and reason]
    return known.get(("providers", entry, setting)) or (same[0] if same else "")


def section_of(annotation: Any) -> type[BaseModel] | None:
    """The class of a section, `None` for anything else."""
    for each in (annotation, *get_args(annotation)):
        if isinstance(each, type) and issubclass(each, BaseModel):
            return each if get_origin(annotation) is not dict else None
    return None


def titled(title: str, reason: str) -> str:
    """A heading with what stands above the section in the example."""
    return f"## {title}\n" + (f"\n{reason}\n" if reason else "")


def table(settings: Iterator[Setting], reason: Any) -> str:
    """A Markdown table."""
    rows = [
        f"| `{each.name}` | {each.values} | {cell(each.default)} | {cell(reason(each.name))} |" for each in settings
    ]
    return "\n".join(["| setting | values | default | what for |", "|---|---|---|---|", *rows, ""])


def cell(text: str) -> str:
    """Text that breaks no table."""
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
