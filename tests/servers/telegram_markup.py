"""parse_mode of the stand-in Telegram: enough of HTML, MarkdownV2 and Markdown to refuse what Telegram refuses."""

import re
from html.parser import HTMLParser

from tests.servers.telegram_text import Json, bad_request, utf16_length

_TAGS = {
    "b": "bold", "strong": "bold", "i": "italic", "em": "italic", "u": "underline", "ins": "underline",
    "s": "strikethrough", "strike": "strikethrough", "del": "strikethrough", "tg-spoiler": "spoiler",
    "code": "code", "pre": "pre", "blockquote": "blockquote", "a": "text_link",
}  # fmt: skip
_MARKS = {"*": "Bold", "_": "Italic", "__": "Underline", "~": "Strikethrough", "||": "Spoiler", "`": "Code"}
_RESERVED = ">#+-=|{}.!)("
_TOKEN = re.compile(
    r"\\.|```.*?```|`[^`]*`|\[[^\]]*\]\([^)]*\)|\|\||__|[*_~`\[\]" + re.escape(_RESERVED) + "]", re.DOTALL
)


def parse_marked_up(text: str, mode: str) -> tuple[str, list[Json]]:
    """Text and entities of marked up text; raises ApiError "can't parse entities: …" where Telegram does.

    HTML gives its entities; the Markdown modes are only checked, their text is returned as it came.
    """
    match mode.lower():
        case "html":
            return _parse_html(text)
        case "markdownv2":
            _check_markdown_v2(text)
        case "markdown":
            _check_markdown(text)
        case _:
            raise bad_request("unsupported parse_mode")
    return text, []


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""
        self.entities: list[Json] = []
        self.open: list[tuple[str, Json]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _TAGS:
            raise bad_request(f'can\'t parse entities: Unsupported start tag "{tag}" at byte offset {self._offset()}')
        link = {"url": dict(attrs).get("href") or ""} if tag == "a" else {}
        self.open.append((tag, {"type": _TAGS[tag], "offset": utf16_length(self.text), **link}))

    def handle_endtag(self, tag: str) -> None:
        if not self.open:
            raise bad_request(f"can't parse entities: Unexpected end tag at byte offset {self._offset()}")
        expected, entity = self.open.pop()
        if tag != expected:
            where = f'Unmatched end tag at byte offset {self._offset()}, expected "</{expected}>", found "</{tag}>"'
            raise bad_request(f"can't parse entities: {where}")
        self.entities.append(entity | {"length": utf16_length(self.text) - entity["offset"]})

    def handle_data(self, data: str) -> None:
        self.text += data

    def _offset(self) -> int:
        line, column = self.getpos()
        before = self.rawdata.split("\n")[: line - 1]
        return len("".join(f"{part}\n" for part in before).encode()) + column


def _parse_html(text: str) -> tuple[str, list[Json]]:
    reader = _Reader()
    reader.feed(text)
    reader.close()
    if reader.open:
        raise bad_request(
            f"can't parse entities: Can't find end tag corresponding to start tag \"{reader.open[-1][0]}\""
        )
    return reader.text, reader.entities


def _check_markdown_v2(text: str) -> None:
    opened: dict[str, int] = {}
    for token in _TOKEN.finditer(text):
        mark = token.group()
        if len(mark) == 1 and mark in _RESERVED:
            problem = f"Character '{mark}' is reserved and must be escaped with the preceding '\\'"
            raise bad_request(f"can't parse entities: {problem}")
        if mark in _MARKS:
            offset = len(text[: token.start()].encode())
            if opened.pop(mark, None) is None:
                opened[mark] = offset
    for mark, offset in opened.items():
        raise bad_request(f"can't parse entities: Can't find end of {_MARKS[mark]} entity at byte offset {offset}")


def _check_markdown(text: str) -> None:
    for mark in "*_`":
        places = [match.start() for match in re.finditer(rf"(?<!\\){re.escape(mark)}", text)]
        if len(places) % 2:
            offset = len(text[: places[-1]].encode())
            raise bad_request(f"can't parse entities: Can't find end of the entity starting at byte offset {offset}")
