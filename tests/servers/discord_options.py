"""What a person types into a command of the stand-in Discord, as the interaction tells it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.servers.discord_channels import Channel
from tests.servers.discord_commands import (
    BOOLEAN,
    CHANNEL,
    FILE,
    GROUP,
    INTEGER,
    NUMBER,
    PERSON,
    ROLE,
    STRING,
    SUBCOMMAND,
)
from tests.servers.discord_errors import Json
from tests.servers.discord_places import Role
from tests.servers.discord_world import Upload, User

Value = str | int | float | bool | Upload | User | Role | Channel
_PLAIN: Mapping[int, type | tuple[type, ...]] = {STRING: str, INTEGER: int, BOOLEAN: bool, NUMBER: (int, float)}


@dataclass(slots=True)
class Filled:
    """The options of a command, filled in. `focused`: the one that is being typed."""

    channel: Channel
    values: Mapping[str, Value]
    focused: str = ""
    resolved: Json = field(default_factory=dict)

    def data(self, command: Json, path: list[str]) -> Json:
        """The interaction's data; `path` leads to a subcommand. Raises LookupError for what the client refuses."""
        body: Json = {"id": command["id"], "name": command["name"], "type": command["type"]}
        if command.get("guild_id"):
            body["guild_id"] = command["guild_id"]
        body["options"] = self._inside(command, path)
        return body | ({"resolved": self.resolved} if self.resolved else {})

    def _inside(self, command: Json, path: list[str]) -> list[Json]:
        options: list[Json] = command.get("options") or []
        if not path:
            return self._filled(options)
        for option in options:
            if option["name"] == path[0] and option["type"] in (SUBCOMMAND, GROUP):
                inside = self._inside(option, path[1:])
                return [{"name": option["name"], "type": option["type"], "options": inside}]
        raise LookupError(f"no subcommand {path[0]!r} in {command['name']!r}")

    def _filled(self, options: list[Json]) -> list[Json]:
        known = {option["name"]: option for option in options}
        if strange := self.values.keys() - known.keys():
            raise LookupError(f"no options {sorted(strange)}; there are {sorted(known)}")
        missing = [name for name, option in known.items() if option.get("required") and name not in self.values]
        if missing and not self.focused:
            raise LookupError(f"required, but not given: {missing}")
        return [self._option(known[name], value) for name, value in self.values.items()]

    def _option(self, option: Json, value: Value) -> Json:
        body: Json = {"name": option["name"], "type": option["type"]}
        if option["name"] == self.focused:  # what is typed so far is told as it is
            return body | {"value": value, "focused": True}
        return body | {"value": self._value(option, value)}

    def _value(self, option: Json, value: Value) -> str | int | float | bool:
        kind, name = option["type"], option["name"]
        match value:
            case Upload() if kind == FILE:
                kept = self.channel.world.keep(value, self.channel.id)
                return self._resolve("attachments", kept.id, kept.json())
            case User() if kind == PERSON:
                return self._resolve("users", value.id, value.json())
            case Role() if kind == ROLE:
                return self._resolve("roles", value.id, value.json())
            case Channel() if kind == CHANNEL:
                return self._resolve("channels", value.id, value.json() | {"permissions": "0"})
            case str() | int() | float() if isinstance(value, _PLAIN.get(kind, ())):
                _check_plain(option, value)
                return value
        raise LookupError(f"option {name!r} takes no {type(value).__name__}")

    def _resolve(self, kind: str, number: int, body: Json) -> str:
        self.resolved.setdefault(kind, {})[str(number)] = body
        return str(number)


def _check_plain(option: Json, value: str | float) -> None:
    choices = [choice["value"] for choice in option.get("choices") or []]
    if choices and value not in choices:
        raise LookupError(f"{value!r} is none of the choices {choices}")
    if isinstance(value, str) and not option.get("min_length", 0) <= len(value) <= option.get("max_length", 6000):
        raise LookupError(f"{option['name']!r} has the wrong length")


def submitted(modal: Json, values: Mapping[str, str]) -> Json:
    """A form as it is sent back; fields without a value stay as they were. Raises LookupError for a strange field."""
    left = dict(values)
    parts = [_filled_part(part, left) for part in modal["components"]]
    if left:
        raise LookupError(f"no fields {sorted(left)} in the form")
    return {"custom_id": modal["custom_id"], "components": parts}


def _filled_part(part: Json, left: dict[str, str]) -> Json:
    if "components" in part:
        return {"type": part["type"], "components": [_filled_part(inside, left) for inside in part["components"]]}
    if "component" in part:
        return {"type": part["type"], "component": _filled_part(part["component"], left)}
    if "custom_id" not in part:
        return {"type": part["type"]}
    value = left.pop(part["custom_id"], part.get("value") or "")
    return {"type": part["type"], "custom_id": part["custom_id"], "value": value}
