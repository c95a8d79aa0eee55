"""The config's text → a tree of plain values: strict YAML, variables put in. Nothing here knows a setting's name."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from settings.environment import dotenv_beside, expand, read_dotenv
from settings.faults import ConfigError, Fault, fault
from settings.faults import Path as SettingPath

MAX_BYTES = 1_000_000
MAX_VALUES = 20_000  # with every alias counted in full: a few lines of nested aliases can stand for billions
MAX_DEPTH = 40
MAX_BITS = 1000  # of a whole number: "0xff…" of thousands of digits can't even be printed
SHOWN_DEPTH = 5  # of a path that is too deep: where to look
PREFIX = "tag:yaml.org,2002:"
PLAIN = frozenset({PREFIX + "map", PREFIX + "seq"})


@dataclass(slots=True)
class Reading:
    """What was read: the tree, the faults so far, and where they are (such a setting's value means nothing)."""

    tree: dict[str, object] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)


def read(path: Path, environ: Mapping[str, str]) -> Reading:
    """Read a config and the `.env` beside it; the real environment wins. Raises `ConfigError` if there is no tree."""
    variables, faults = read_dotenv(dotenv_beside(path))
    name = path.name
    try:
        root, loader = _compose(_text(path), name)
        document = _Document(loader, {**variables, **environ})
        document.survey(root)
        tree = document.build(root, ())
    except ConfigError as error:
        raise ConfigError([*faults, *error.faults]) from None
    except RecursionError:
        raise ConfigError([*faults, Fault(name, *TOO_DEEP)]) from None
    if not isinstance(tree, dict):
        problem = "does not consist of settings", "write name: value lines, as config.example.yaml does"
        raise ConfigError([*faults, Fault(name, *problem)])
    return Reading(tree, [*faults, *document.faults])


TAGGED = ("has a YAML tag", "put a value that starts with ! into quotes")
TOO_DEEP = ("is nested too deeply", "settings are at most a few levels deep")
TOO_MUCH = ("stands for too many values", "use fewer aliases (*name)")
COPY_THE_EXAMPLE = "copy config.example.yaml to it, or name another file with --config"


def _text(path: Path) -> str:
    """The file's text. Raises `ConfigError`."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise ConfigError([Fault(str(path), "is larger than a megabyte", "is it the right file?")])
        return data.decode("utf-8-sig")
    except FileNotFoundError:
        raise ConfigError([Fault(str(path), "there is no such file", COPY_THE_EXAMPLE)]) from None
    except OSError as error:
        remedy = "make it readable for the user that runs the bot"
        raise ConfigError([Fault(str(path), f"can't be read: {error.strerror}", remedy)]) from None
    except UnicodeDecodeError:
        raise ConfigError([Fault(str(path), "is not UTF-8 text", "save it as UTF-8")]) from None


class _Loader(yaml.SafeLoader):
    """Safe YAML without dates: nothing here is one, and `2026-13-45` would end in a traceback."""

    yaml_implicit_resolvers = {  # noqa: RUF012 — PyYAML's own class attribute
        first: [(tag, form) for tag, form in forms if tag != PREFIX + "timestamp"]
        for first, forms in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _compose(text: str, name: str) -> tuple[yaml.Node, _Loader]:
    """The document's nodes, nothing made of them yet. Raises `ConfigError`."""
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        problem = f"has a character that text can't have, in line {line}"
        raise ConfigError([Fault(name, problem, "type that line again")]) from None
    except yaml.MarkedYAMLError as error:
        raise ConfigError([_syntax_fault(error, name)]) from None
    except (ValueError, OverflowError):  # "\U00110000", and a %YAML of thousands of digits: PyYAML doesn't look
        line = loader.get_mark().line + 1
        problem = f"has a number that is too large, in line {line}"
        raise ConfigError([Fault(name, problem, "after \\U in double quotes comes 0010FFFF at most")]) from None
    if root is None:
        raise ConfigError([Fault(name, "is empty", "copy config.example.yaml to it, or start without a config")])
    return root, loader


def _syntax_fault(error: yaml.MarkedYAMLError, name: str) -> Fault:
    """Where YAML gave up. Its own sentences may quote the text, so they only choose ours."""
    mark = error.problem_mark or error.context_mark
    place = f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    said = f"{error.context or ''} {error.problem or ''}"
    for hint, remedy in SYNTAX:
        if hint in said:
            return Fault(name, f"is not valid YAML{place}", remedy)
    return Fault(name, f"is not valid YAML{place}", "compare that place with config.example.yaml")


SYNTAX = (
    (r"'\t'", "indent with spaces instead of tabs"),
    ("escape", "in double quotes a backslash is special: use single quotes"),
    ("quoted scalar", "close the quote; a quote inside quotes is doubled: 'it''s'"),
    ("flow sequence", "close the bracket ], or put a comma between the entries"),
    ("flow mapping", "close the brace }, or put a comma between the entries"),
    ("mapping values are not allowed", "put the value into quotes if it holds a colon, or mend the indentation"),
    ("could not find expected ':'", "every setting is name: value, with a space after the colon"),
    ("alias", "a value that starts with * must be in quotes"),
    ("anchor", "a value that starts with & must be in quotes"),
    ("tag", "a value that starts with ! must be in quotes"),
    ("cannot start any token", "a value that starts with this character must be in quotes"),
    ("block", "indent settings of one section alike"),
    ("document", "a config is one document: remove the --- in the middle"),
)


class _Document:
    """From nodes to values. Every alias is one node met at several places."""

    def __init__(self, loader: _Loader, variables: Mapping[str, str]) -> None:
        self.faults: list[Fault] = []
        self._loader = loader
        self._variables = variables
        self._measured: dict[yaml.Node, tuple[int, int] | None] = {}  # size and height; None: being measured

    def survey(self, node: yaml.Node, path: SettingPath = ()) -> tuple[int, int]:
        """Look at each node once, before it is spread out. Returns (values, levels); raises `ConfigError`: too many."""
        if node in self._measured:
            known = self._measured[node]
            if known is None:
                raise ConfigError([fault(path, ("contains itself", "remove the alias (*name)"))])
            return known
        self._measured[node] = None
        size, height = 1, 1
        for step, child in self._children(node, path):
            child_size, child_height = self.survey(child, (*path, step))
            size, height = size + child_size, max(height, child_height + 1)
        if size > MAX_VALUES or height > MAX_DEPTH:
            problem = TOO_MUCH if size > MAX_VALUES else TOO_DEEP
            raise ConfigError([fault(path[:SHOWN_DEPTH] or ("config",), problem)])
        self._measured[node] = size, height
        return size, height

    def _children(self, node: yaml.Node, path: SettingPath) -> list[tuple[str | int, yaml.Node]]:
        match node:
            case yaml.MappingNode():
                self._check_keys(node, path)
                return [(str(key.value), value) for key, value in node.value]
            case yaml.SequenceNode():
                return list(enumerate(node.value))
            case _:
                return []

    def _check_keys(self, node: yaml.MappingNode, path: SettingPath) -> None:
        lines: dict[str, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                problem = f"has a key in line {line} that is not a word", "write name: value"
                raise ConfigError([fault(path or ("config",), problem)])
            if key.tag != PREFIX + "merge":
                key.tag = PREFIX + "str"  # a model may be called 4.5 or "on"
            if key.value in lines:
                problem = f"is written twice, in lines {lines[key.value]} and {line}", "keep one of them"
                self.faults.append(fault((*path, key.value), problem))
            lines.setdefault(key.value, line)

    def build(self, node: yaml.Node, path: SettingPath) -> object:
        """The node's value, variables put in."""
        match node:
            case yaml.MappingNode() | yaml.SequenceNode() if node.tag not in PLAIN:  # "!!python/object/apply:os.system"
                self.faults.append(fault(path, TAGGED))
                return None
            case yaml.MappingNode():
                self._merge(node, path)
                return {key.value: self.build(value, (*path, key.value)) for key, value in node.value}
            case yaml.SequenceNode():
                return [self.build(child, (*path, number)) for number, child in enumerate(node.value)]
            case yaml.ScalarNode():
                return self._scalar(node, path)
            case _:
                return None

    def _merge(self, node: yaml.MappingNode, path: SettingPath) -> None:
        """Resolve `<<: *name`. Raises `ConfigError` where it names no section."""
        try:
            self._loader.flatten_mapping(node)
        except yaml.MarkedYAMLError:
            problem = "has a << that names no section", "write <<: *name of a section marked with &name"
            raise ConfigError([fault(path or ("config",), problem)]) from None

    def _scalar(self, node: yaml.ScalarNode, path: SettingPath) -> object:
        plain = node.style is None
        if node.tag != self._loader.resolve(yaml.ScalarNode, node.value, (plain, not plain)):  # type: ignore[no-untyped-call]  # PyYAML's stubs
            self.faults.append(fault(path, TAGGED))
            return None
        try:
            value: object = self._loader.construct_object(node)
        except (ValueError, yaml.YAMLError):  # int() of "0x_" or of thousands of digits; a lone "="
            return node.value
        if isinstance(value, int) and value.bit_length() > MAX_BITS:
            return node.value
        if not isinstance(value, str):
            return value
        text, problems = expand(value, self._variables)
        self.faults += [fault(path, problem) for problem in problems]
        return text
