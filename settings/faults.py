"""What is wrong with a config, said in our own words: pydantic's messages quote the value, which may be a secret."""

import difflib
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

Path = tuple[str | int, ...]
Problem = tuple[str, str]  # what is wrong, what to do

LEAVE_OUT = "leave it out"


@dataclass(frozen=True, slots=True)
class Fault:
    """One mistake: the setting (`models.gpt.provider`) or the file, what is wrong with it, and what to do."""

    path: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.path} — {self.problem} — {self.remedy}"


class ConfigError(Exception):
    """The config can't be used. `faults` are all the mistakes that were found; no secret is in them."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(map(str, self.faults)))


NAMED = frozenset({"providers", "models", "image_models", "prompts"})  # sections whose entries people name
NAME = re.compile(r"\w[\w.+/-]{0,39}")  # what those names look like
KEY = re.compile(r"[A-Za-z][A-Za-z_-]{0,39}\d{0,3}")


def dotted(path: Path) -> str:
    """A path as people write it: `access.admins[0]`.

    A key that looks like neither a name nor a setting isn't shown: `{token:123:AAE…}`, a space forgotten, makes a
    key of a secret.
    """
    text = ""
    for depth, step in enumerate(path):
        named = depth == 1 and path[0] in NAMED
        shown = isinstance(step, str) and (NAME if named else KEY).fullmatch(step)
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if shown else ".(unreadable key)"
    return text.removeprefix(".")


def fault(path: Path, problem: Problem) -> Fault:
    """The fault that this setting has."""
    return Fault(dotted(path), *problem)


def closest(name: str, known: Collection[str], otherwise: str) -> str:
    """A remedy for a name that isn't known: the one that was probably meant, or all there are.

    As in `dotted`, what doesn't look like a name isn't shown.
    """
    known = [name for name in known if NAME.fullmatch(name)]
    if not known:
        return "there is none yet: add it"
    if near := difflib.get_close_matches(name, known, n=1):
        return f"did you mean {near[0]}?"
    return f"{otherwise}: {', '.join(known)}"


def unknown_key(path: Path, known: Collection[str]) -> Problem:
    """What to say of a key that this version doesn't have."""
    return "is not a setting", closest(str(path[-1]), known, "there are")


def translate(error: ValidationError, model: type[BaseModel], path: Path) -> list[Fault]:
    """Pydantic's findings about the section at `path`, in our words and without the values."""
    return [
        fault((*path, *found["loc"]), _problem(found, model, path))
        for found in error.errors(include_url=False, include_input=True)
    ]


def _problem(found: ErrorDetails, model: type[BaseModel], path: Path) -> Problem:
    kind, context = found["type"], found.get("ctx", {})
    if kind == "extra_forbidden" and len(found["loc"]) == 1:
        return unknown_key((*path, *found["loc"]), list(model.model_fields))
    if kind in {"value_error", "assertion_error"}:
        return _own_words(str(context.get("error", "")), found["input"]), SEE_EXAMPLE
    for kinds, problem, remedy in WORDS:
        if kind in kinds.split():
            return problem.format_map({name: _plain(number) for name, number in context.items()}), remedy
    return "is not a value that this setting takes", SEE_EXAMPLE


def _plain(number: object) -> object:
    """0.0 as people write it."""
    return int(number) if isinstance(number, float) and number.is_integer() else number


def _own_words(text: str, value: object) -> str:
    """The sentence of a settings class's own check, unless a library wrote it and quotes a part of the value."""
    if not text or any(word in text for word in _words(value)):
        return "is not a value that this setting takes"
    return text


def _words(value: object) -> Iterator[str]:
    match value:
        case str():
            yield from re.findall(r"\w{5,}", value)
        case dict():
            yield from (word for inner in value.values() for word in _words(inner))
        case list():
            yield from (word for inner in value for word in _words(inner))


SEE_EXAMPLE = "see config.example.yaml"
# pydantic's types of errors; {…} are the names in its `ctx`, all of them from the settings class, none from the user
WORDS: tuple[tuple[str, str, str], ...] = (
    ("missing", "is missing", "add it"),
    ("extra_forbidden", "is not a setting", SEE_EXAMPLE),
    ("string_type string_sub_type", "must be text", "put it into quotes"),
    ("int_type int_parsing int_from_float int_parsing_size", "must be a whole number", "write it like 30"),
    ("float_type float_parsing finite_number", "must be a number", "write it like 0.5"),
    ("bool_type bool_parsing", "must be true or false", "write true or false"),
    ("list_type tuple_type set_type", "must be a list", 'write it like ["one", "two"], or one "- item" a line'),
    (
        "dict_type mapping_type model_type model_attributes_type",
        "must be a section",
        "put its settings below it, indented, as key: value",
    ),
    ("literal_error enum", "must be one of {expected}", "choose one of them"),
    ("greater_than_equal", "must be at least {ge}", "choose a larger number"),
    ("greater_than", "must be more than {gt}", "choose a larger number"),
    ("less_than_equal", "must be at most {le}", "choose a smaller number"),
    ("less_than", "must be less than {lt}", "choose a smaller number"),
    ("string_too_short too_short", "is too short: at least {min_length}", "make it longer"),
    ("string_too_long too_long", "is too long: at most {max_length}", "make it shorter"),
)
