"""Variables: the `.env` beside the config, and `${NAME}` in the config's values."""

import re
from collections.abc import Mapping
from pathlib import Path

from settings.faults import Fault, Problem

ENTRY = re.compile(r"(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=\s*(?P<value>.*)", re.DOTALL)
DOUBLE_QUOTED = re.compile(r'"(?P<inside>(?:[^"\\]|\\.)*)"\s*(?:#.*)?')
SINGLE_QUOTED = re.compile(r"'(?P<inside>[^']*)'\s*(?:#.*)?")
ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}

# `$${` is a plain `${`; a `${` that is no variable is the third alternative
VARIABLE = re.compile(r"\$\$\{|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}$]*))?\}|\$\{")


def dotenv_beside(config: Path) -> Path:
    """Where the variables for this config may be."""
    return config.with_name(".env")


def read_dotenv(path: Path) -> tuple[dict[str, str], list[Fault]]:
    """The variables in a `.env`, as shells and Docker write them; no file: none. Lines that aren't are faults."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        return {}, []
    except UnicodeDecodeError:
        return {}, [Fault(path.name, "is not UTF-8 text", "save it as UTF-8")]
    except OSError as error:
        return {}, [Fault(path.name, f"can't be read: {error.strerror}", "make it readable, or remove it")]
    variables: dict[str, str] = {}
    faults = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        entry = ENTRY.fullmatch(line.strip())
        value = _value(entry["value"]) if entry else None
        if entry and value is not None:
            variables[entry["name"]] = value
        else:
            faults.append(Fault(f"{path.name} line {number}", *NOT_AN_ENTRY))
    return variables, faults


NOT_AN_ENTRY: Problem = (
    "is not NAME=value",
    'write NAME=value, or NAME="a value" with both quotes on one line; a comment starts with #',
)


def _value(text: str) -> str | None:
    """What stands behind `=`, without quotes and comment; None where a quote is left open."""
    if text.startswith('"'):
        quoted = DOUBLE_QUOTED.fullmatch(text)
        return quoted and re.sub(r"\\(.)", lambda escape: ESCAPES.get(escape[1], escape[1]), quoted["inside"])
    if text.startswith("'"):
        quoted = SINGLE_QUOTED.fullmatch(text)
        return quoted and quoted["inside"]
    return re.split(r"(?:^|\s+)#", text, maxsplit=1)[0].rstrip()


def expand(text: str, variables: Mapping[str, str]) -> tuple[str, list[Problem]]:
    """Put variables in: `${NAME}` must be set, `${NAME:-default}` may be unset or empty, as in a shell.

    A variable's value is taken as it is: what looks like a variable in it stays.
    """
    problems: list[Problem] = []

    def replacement(found: re.Match[str]) -> str:
        name, default = found["name"], found["default"]
        if found[0] == "$${":
            return "${"
        if not name:
            problems.append(MALFORMED)
        elif default is not None:
            return variables.get(name) or default
        elif name in variables:
            return variables[name]
        else:
            problems.append(_unset(name))
        return ""

    return VARIABLE.sub(replacement, text), problems


MALFORMED: Problem = (
    "has a ${ that is not a variable",
    "write ${NAME} or ${NAME:-default} (letters, digits and _; no $ in the default), or $${ for a plain ${",
)


def _unset(name: str) -> Problem:
    return (
        f"needs the variable {name}, which is not set",
        f"set {name} in the environment or in the .env beside the config, or give a default: ${{{name}:-default}}",
    )
