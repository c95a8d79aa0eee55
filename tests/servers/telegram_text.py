"""The text rules of the stand-in Telegram: cleaning, trimming, entities and keyboards, with Telegram's error texts.

Facts: the wire of api.telegram.org, and TDLib's MessageEntity.cpp (fix_formatted_text), which the real server runs.
Not modelled: Telegram also marks links and @names it finds in a bot's text, and joins overlapping styles.
"""

import json
import re
from typing import Any

Json = dict[str, Any]

TEXT_LIMIT = 4096  # UTF-16 units
BUTTON_DATA_LIMIT = 64  # bytes
ENTITIES_KEPT = 100  # the rest is dropped silently

STYLES = frozenset(
    {"bold", "italic", "underline", "strikethrough", "spoiler", "blockquote", "expandable_blockquote", "code", "pre"}
    | {"text_link", "text_mention", "custom_emoji", "date_time"}
)
# Accepted and then dropped: Telegram finds these by itself.
FOUND_BY_TELEGRAM = frozenset(
    {"mention", "hashtag", "cashtag", "bot_command", "url", "email", "phone_number", "media_timestamp"}
)

_REMOVED = frozenset("\r\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u0333\u033f\u030a")
_CLEANED = {number: " " for number in range(32) if number != 10} | dict.fromkeys(map(ord, _REMOVED))
_INVISIBLE = frozenset(
    " \n\u00a0\u1680\u180e\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u200b\u200c\u200d\u200e"
    "\u200f\u202f\u205f\u2060\u2800\u3000\ufeff\uffa0"
)
# A host needs a dot: TDLib refuses http://localhost as "Wrong HTTP URL".
_HOST = r"(?:\[[0-9a-f:.]+\]|[^\s/?#@:]*[^\s/?#@:.]\.[^\s/?#@:.]+\.?)"
_LINK = re.compile(rf"(?:https?://)?(?:[^\s/?#@]*@)?{_HOST}(?::\d+)?(?:[/?#]\S*)?|tg:\S+|mailto:\S+@\S+", re.IGNORECASE)
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_COMMAND = re.compile(r"(?<![\w/<>])/[A-Za-z0-9_]{1,64}(?:@[A-Za-z0-9_]{3,32})?(?![\w/<>])")
_MENTION = re.compile(r"(?<![\w@])@[A-Za-z0-9_]{2,32}(?!\w)")


class ApiError(Exception):
    """What the Bot API answers instead of a result."""

    def __init__(self, code: int, description: str, **parameters: int) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.parameters = parameters

    def body(self) -> Json:
        body: Json = {"ok": False, "error_code": self.code, "description": self.description}
        return body | ({"parameters": self.parameters} if self.parameters else {})


def bad_request(description: str) -> ApiError:
    return ApiError(400, f"Bad Request: {description}")


def utf16_length(text: str) -> int:
    """The length as Telegram counts it."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def refuse_lone_surrogates(*texts: str) -> None:
    """Raise what Telegram answers to text that is not UTF-8."""
    if any(_LONE_SURROGATE.search(text) for text in texts):
        raise bad_request("strings must be encoded in UTF-8")


def typed_entities(text: str) -> list[Json]:
    """The commands and names in a text that a person typed, as Telegram marks them."""
    found = [(match, "bot_command") for match in _COMMAND.finditer(text)]
    found += [(match, "mention") for match in _MENTION.finditer(text) if not _inside(match, found)]
    entities = [
        {"type": kind, "offset": utf16_length(text[: match.start()]), "length": utf16_length(match.group())}
        for match, kind in found
    ]
    return sorted(entities, key=lambda entity: entity["offset"])


def _inside(match: re.Match[str], others: list[tuple[re.Match[str], str]]) -> bool:
    return any(other.start() <= match.start() < other.end() for other, _ in others)


def fix_text(text: str, entities: list[Json], *, drop_bad_links: bool = False) -> tuple[str, list[Json]]:
    """A text and its entities as Telegram stores them; raises ApiError for what it refuses."""
    if not text:
        raise bad_request("message text is empty")
    refuse_lone_surrogates(text)
    styles = [style for entity in entities if (style := _style(entity, drop_bad_links))]
    for style in styles:
        _check_bounds(style)
    styles = sorted((style for style in styles if style["length"]), key=lambda e: (e["offset"], -e["length"]))
    if styles:
        _move(styles, _boundaries(text), text)
    return _trim(text.translate(_CLEANED), styles)


def _style(entity: Json, drop_bad_links: bool) -> Json | None:
    """One entity as it is kept; None for those that are dropped silently."""
    kind = entity.get("type") if isinstance(entity, dict) else None
    if kind in FOUND_BY_TELEGRAM:
        return None
    if kind not in STYLES:
        raise bad_request("can't parse MessageEntity: Unsupported type specified")
    for field in ("offset", "length"):
        if not isinstance(entity.get(field), int):
            raise bad_request(f'can\'t parse MessageEntity: Field "{field}" must be of type Number')
    if kind == "text_link" and not _LINK.fullmatch(url := str(entity.get("url", ""))):
        refuse_lone_surrogates(url)
        if drop_bad_links:
            return None
        raise bad_request(f"entity URL '{url}' is invalid: {'Wrong HTTP URL' if url else 'URL host is empty'}")
    return dict(entity)


def _check_bounds(entity: Json) -> None:
    for field in ("offset", "length"):
        if not 0 <= entity[field] <= 1_000_000:
            raise bad_request(f"receive an entity with incorrect {field} {entity[field]}")


def _boundaries(text: str) -> dict[int, int]:
    """Where each boundary between characters moves to when the text is cleaned, both as UTF-16 offsets."""
    places = {0: 0}
    before = after = 0
    for character in text:
        units = 1 + (character > "\uffff")
        before += units
        after += 0 if character in _REMOVED else units
        places[before] = after
    return places


def _move(entities: list[Json], places: dict[int, int], text: str) -> None:
    end_of_text = max(places)
    for entity in entities:
        start, end = entity["offset"], entity["offset"] + entity["length"]
        if start > end_of_text:
            raise bad_request(f"entity begins after the end of the text at UTF-16 offset {start}")
        if end > end_of_text:
            where = f"entity beginning at UTF-16 offset {start} ends after the end of the text at UTF-16 offset {end}"
            raise bad_request(where)
        if start not in places:
            raise bad_request(
                f"entity begins in a middle of a UTF-16 symbol at byte offset {_bytes_up_to(text, start)}"
            )
        if end not in places:
            where = f"entity beginning at UTF-16 offset {start} ends in a middle of a UTF-16 symbol at byte offset"
            raise bad_request(f"{where} {_bytes_up_to(text, end)}")
        entity.update(offset=places[start], length=places[end] - places[start])


def _bytes_up_to(text: str, offset: int) -> int:
    """The bytes before the first character that begins after a UTF-16 offset."""
    before = next(end for end in range(len(text) + 1) if utf16_length(text[:end]) >= offset)
    return len(text[:before].encode())


def _trim(text: str, entities: list[Json]) -> tuple[str, list[Json]]:
    """Without white space around it; entities begin at something visible, and those that show nothing are gone."""
    if not any(character not in _INVISIBLE for character in text):
        raise bad_request("text must be non-empty")
    kept: list[Json] = []
    units = [character for character in text for _ in range(utf16_length(character))] if entities else []
    first = len(text) - len(text.lstrip(" \n"))
    last = len(units) - (len(text) - len(text.rstrip(" \n")))
    for entity in entities:
        start, end = entity["offset"], min(entity["offset"] + entity["length"], last)
        while start < end and units[start] in " \n":
            start += 1
        if start < end:
            kept.append(entity | {"offset": start - first, "length": end - start})
    kept.sort(key=lambda entity: (entity["offset"], -entity["length"]))
    return text.strip(" \n"), kept[:ENTITIES_KEPT]


def read_json(value: Any, what: str) -> Any:
    """A parameter that is JSON in a form field, and already taken apart in a JSON body."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise bad_request(f"can't parse {what}") from None


def inline_keyboard(value: Any) -> Json | None:
    """A reply_markup as Telegram keeps it; None for no buttons. Other keyboards are kept as they are."""
    markup = read_json(value, "reply keyboard markup JSON object") if value else None
    if not markup:
        return None
    if not isinstance(markup, dict):
        raise bad_request("object expected as reply markup")
    if "inline_keyboard" not in markup:
        return markup
    rows = [[_button(button) for button in row] for row in markup["inline_keyboard"] if row]
    return {"inline_keyboard": rows} if rows else None


def _button(button: Json) -> Json:
    label, data = str(button.get("text", "")), button.get("callback_data")
    refuse_lone_surrogates(label, str(data or ""))
    if not label.strip():
        raise bad_request("can't parse inline keyboard button: Text must be non-empty")
    if len(str(data or "").encode()) > BUTTON_DATA_LIMIT:
        raise bad_request("BUTTON_DATA_INVALID")
    if not data and len(button) < 2:
        problem = "Text buttons are unallowed in the inline keyboard"
        raise bad_request(f"can't parse inline keyboard button: {problem}")
    return button
