"""What Discord takes as a message: lengths, components, mentions. Figures: discord-api-docs, "Create Message"."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tests.servers.discord_errors import Json, checked_length, invalid, refusal, too_long
from tests.servers.discord_messages import COMPONENTS_V2, Pings, all_components
from tests.servers.discord_world import User

CONTENT, NONCE, EMBEDS_IN_ALL, V2_TEXT, V2_PARTS = 2000, 25, 6000, 4000, 40
_ROW, _BUTTON, _TEXT_DISPLAY, _LINK_STYLE = 1, 2, 10, 5
_SELECTS = {3, 5, 6, 7, 8}


def checked_content(payload: Json) -> str:
    """The text, without white space around it: Discord's own clients and the API both trim it (seen, undocumented)."""
    content = payload.get("content")
    if content is None:
        return ""
    if not isinstance(content, str):
        raise invalid("content", "STRING_TYPE_CONVERT", "Could not interpret value as string.")
    if len(content) > CONTENT:
        raise too_long("content", CONTENT)
    return content.strip()


def checked_embeds(payload: Json) -> tuple[Json, ...]:
    """The embeds; raises where they are too many or too long."""
    embeds: list[Json] = payload.get("embeds") or []
    if len(embeds) > 10:
        raise too_long("embeds", 10)
    for index, embed in enumerate(embeds):
        for name, most in (("title", 256), ("description", 4096)):
            if len(embed.get(name) or "") > most:
                raise too_long(f"embeds.{index}.{name}", most)
    if sum(map(_embed_length, embeds)) > EMBEDS_IN_ALL:
        raise invalid("embeds", "MAX_EMBED_SIZE_EXCEEDED", f"Embed size exceeds maximum size of {EMBEDS_IN_ALL}")
    return tuple(embeds)


def _embed_length(embed: Json) -> int:
    fields = "".join(field.get("name", "") + field.get("value", "") for field in embed.get("fields", []))
    footer = (embed.get("footer") or {}).get("text", "")
    return len((embed.get("title") or "") + (embed.get("description") or "") + fields + footer)


def checked_components(payload: Json) -> tuple[Json, ...]:
    """The components; raises where a row or a button is none that Discord takes."""
    components: list[Json] = payload.get("components") or []
    if (payload.get("flags") or 0) & COMPONENTS_V2:
        _check_v2(payload, components)
    else:
        _check_rows(components)
    names = [part["custom_id"] for part in all_components(components) if part.get("custom_id")]
    if len(names) != len(set(names)):
        raise invalid("components", "COMPONENT_CUSTOM_ID_DUPLICATED", "Component custom id cannot be duplicated")
    return tuple(components)


def _check_rows(rows: Sequence[Json]) -> None:
    if len(rows) > 5:
        raise too_long("components", 5)
    for index, row in enumerate(rows):
        path, inside = f"components.{index}", row.get("components", [])
        if row.get("type") != _ROW:
            raise invalid(f"{path}.type", "UNION_TYPE_CHOICES", "Value of field must be one of (1,).")
        if not 1 <= len(inside) <= 5:
            raise invalid(f"{path}.components", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5 in length.")
        if len(inside) > 1 and any(part.get("type") != _BUTTON for part in inside):
            raise invalid(f"{path}.components", "COMPONENT_LAYOUT_WIDTH_EXCEEDED", "The row is too wide.")
        for place, part in enumerate(inside):
            _check_part(f"{path}.components.{place}", part)


def _check_part(path: str, part: Json) -> None:
    if part.get("type") in _SELECTS:
        checked_length(f"{path}.custom_id", part.get("custom_id"), 1, 100)
        return
    if part.get("type") != _BUTTON:
        raise invalid(f"{path}.type", "UNION_TYPE_CHOICES", "Value of field must be one of (2, 3, 5, 6, 7, 8).")
    if part.get("style") not in range(1, 7):
        raise invalid(f"{path}.style", "BASE_TYPE_CHOICES", "Value must be one of {1, 2, 3, 4, 5, 6}.")
    if len(part.get("label") or "") > 80:
        raise too_long(f"{path}.label", 80)
    if not part.get("label") and not part.get("emoji"):
        raise invalid(path, "BUTTON_COMPONENT_INVALID", "A button must have a label or an emoji")
    name = "url" if part["style"] == _LINK_STYLE else "custom_id"
    checked_length(f"{path}.{name}", part.get(name), 1, 512 if name == "url" else 100)


def _check_v2(payload: Json, components: Sequence[Json]) -> None:
    if payload.get("content") or payload.get("embeds"):
        word = "The content and embeds fields cannot be used when using MessageFlags.IS_COMPONENTS_V2"
        raise invalid("content", "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2", word)
    parts = list(all_components(list(components)))
    if len(parts) > V2_PARTS:
        raise too_long("components", V2_PARTS)
    if sum(len(part.get("content", "")) for part in parts if part.get("type") == _TEXT_DISPLAY) > V2_TEXT:
        raise too_long("components", V2_TEXT)


def checked_nonce(payload: Json) -> str:
    """The nonce, "" for none."""
    nonce = payload.get("nonce")
    if nonce is None:
        return ""
    if len(str(nonce)) > NONCE:
        raise too_long("nonce", NONCE)
    return str(nonce)


def require_something(text: str, parts: Iterable[object]) -> None:
    """Raises for a message without anything in it."""
    if not text and not any(parts):
        raise refusal(50006)


@dataclass(frozen=True, slots=True)
class Audience:
    """Who is there to be mentioned; `everyone`: whether the author may mention all of them."""

    users: Mapping[int, User]
    roles: frozenset[int] = frozenset()
    everyone: bool = False


def pings(text: str, allowed: Json | None, replied: User | None, there: Audience) -> Pings:
    """Who a message notifies.

    Without `allowed` (the field `allowed_mentions`) all that is written pings, and so does a reply.
    """
    rules: Json = {"parse": ["users", "roles", "everyone"], "replied_user": True} if allowed is None else allowed
    _check_allowed(rules)
    parse = rules.get("parse", [])
    named = _allowed_ids(re.findall(r"<@!?(\d+)>", text), "users", rules)
    found = {number: there.users[number] for number in named if number in there.users}
    if replied and rules.get("replied_user"):
        found[replied.id] = replied
    called = [role for role in _allowed_ids(re.findall(r"<@&(\d+)>", text), "roles", rules) if role in there.roles]
    all_of_them = there.everyone and "everyone" in parse and bool(re.search("@everyone|@here", text))
    return Pings(tuple(found.values()), tuple(called), all_of_them)


def _allowed_ids(written: Iterable[str], kind: str, rules: Json) -> list[int]:
    listed = {str(number) for number in rules.get(kind) or []}
    return [int(number) for number in dict.fromkeys(written) if kind in rules.get("parse", []) or number in listed]


def _check_allowed(rules: Json) -> None:
    for kind in ("users", "roles"):
        if kind in rules.get("parse", []) and rules.get(kind):
            word = f'parse:["{kind}"] and {kind}: [ids...] are mutually exclusive.'
            raise invalid("allowed_mentions", "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE", word)
        if len(rules.get(kind) or []) > 100:
            raise too_long(f"allowed_mentions.{kind}", 100)
