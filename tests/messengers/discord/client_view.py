"""How Discord's client reads a message: what is seen of it, and which styles it has. As far as tests need it.

The rules, and the order they are tried in, are those of the parsers that follow the client (discord-markdown).
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field

_INLINE = re.compile(
    r"\\(?P<escape>[^0-9A-Za-z\s])"
    r"|```(?:(?P<language>[a-zA-Z0-9_+\-.#]+?)\n)?\n*(?P<block>[^\n][\s\S]*?)\n*```"
    r"|(?P<ticks>`+)(?P<code>[\s\S]*?[^`])(?P=ticks)(?!`)"
    r"|<(?P<quiet>https?://[^\s>]+)>"
    r"|(?P<mention><(?:@[!&]?|#|a?:\w+:)\d+>|<t:\d+(?::\w)?>|<id:\w+>|</[\w -]+:\d+>|@everyone|@here)"
    r"|(?P<emoji>:[\w+-]+:)"
    r"|\[(?P<link>(?:\\.|[^\[\]\\])+)\]\((?P<to>https?://(?:\\.|[^\s)\\])+)\)"
    r"|(?P<address>https?://[^\s<]+)"
    r"|\*\*(?P<bold>(?:\\[\s\S]|[^\\])+?)\*\*(?!\*)"
    r"|__(?P<underline>(?:\\[\s\S]|[^\\])+?)__(?!_)"
    r"|_(?P<italic>(?:__|\\[\s\S]|[^\\_])+?)_(?![A-Za-z0-9_])"
    r"|\*(?=\S)(?P<slanted>(?:\*\*|\\[\s\S]|\s+(?:\\[\s\S]|[^\s*\\]|\*\*)|[^\s*\\])+?)\*(?!\*)"
    r"|~~(?=\S)(?P<strike>(?:\\[\s\S]|~(?!~)|[^\s~\\]|\s(?!~~))+?)~~"
    r"|\|\|(?P<spoiler>[\s\S]+?)\|\|"
)
_LINES = (
    ("quote", re.compile(r"^ *> ", re.MULTILINE)),
    ("rest quoted", re.compile(r"^ *>>> ", re.MULTILINE)),
    ("heading", re.compile(r"^#{1,3} +(?=\S)", re.MULTILINE)),
    ("subtext", re.compile(r"^-# +(?=\S)", re.MULTILINE)),
    ("bullet", re.compile(r"^ *[-*] (?=\S)", re.MULTILINE)),
    ("number", re.compile(r"^ *\d+\. (?=\S)", re.MULTILINE)),
)
_AS_WRITTEN = {
    "block": "block",
    "code": "code",
    "mention": "mention",
    "emoji": "emoji",
    "address": "",
    "quiet": "",
}
_NESTED = {
    "link": "link",
    "bold": "bold",
    "underline": "underline",
    "italic": "italic",
    "slanted": "italic",
    "strike": "strike",
    "spoiler": "spoiler",
}


@dataclass
class Seen:
    """`text` without marks; `styles` are pairs: the style, and what it covers (of a link: its address)."""

    text: str = ""
    styles: list[tuple[str, str]] = field(default_factory=list)

    def all(self, style: str) -> list[str]:
        """What has this style."""
        return [covered for name, covered in self.styles if name == style]


def seen(content: str) -> Seen:
    """The message as people see it. The marks of lines stay in the text, but count as styles."""
    view = Seen()
    view.text = "".join(_read(content, view))
    code = re.compile(r"```[\s\S]*?```")
    bare = code.sub("", content)
    for style, pattern in _LINES:
        view.styles += [(style, found[0]) for found in pattern.finditer(bare)]
    return view


def _read(content: str, view: Seen) -> Iterator[str]:
    start = 0
    for found in _INLINE.finditer(content):
        yield content[start : found.start()]
        yield _shown(found, view)
        start = found.end()
    yield content[start:]


def _shown(found: re.Match[str], view: Seen) -> str:
    if found["escape"]:
        return found["escape"]
    for name, style in _AS_WRITTEN.items():
        if found[name]:
            view.styles += [(style, found[name])] if style else []
            return found[name]
    if found["link"] and _has_emoji(found["link"]):  # such a link is none: its brackets are seen
        return found[0]
    name = next(name for name in _NESTED if found[name])
    text = "".join(_read(found[name], view))
    view.styles.append((_NESTED[name], f"{text} → {found['to']}" if name == "link" else text))
    return text


def _has_emoji(text: str) -> bool:
    signs = any(unicodedata.category(sign) == "So" or sign in "\ufe0f\u20e3" for sign in text)
    return signs or re.search(r":[\w+-]+:", text) is not None
