"""Text as Discord shows it: a backslash before whatever its Markdown would take for a mark.

What the client takes for one is known from the parsers that follow it (simple-markdown with Discord's rules):
`**` `*` `_` `__` `~~` `||` and backticks anywhere, `<@1>` `<#1>` `<:a:1>` `<t:1>` `<id:…>` `</a:1>` `@everyone` as
mentions, `#` `-#` `>` `>>>` `-` `+` `1.` at the beginning of a line, `[a](b)`. Addresses are taken as they are.
`:name:` becomes an emoji, also in the middle of `std::map::iterator`; only one that stands free may be meant so.
"""

import re

_MARKS = re.compile(
    r"(?P<address>https?://(?=[^\s<>()/])(?:[^\s<>()]|\([^\s<>()]*\))*(?<![.,:;\"'!?*_~|`\\\]]))"
    r"|[\\*_`\[]"
    r"|\|(?=\|)|(?<=\|)\|"
    r"|~(?=~)|(?<=~)~"
    r"|<(?=[@#:]|/?[\w -]+:)"
    r"|@(?=everyone|here)"
    r"|(?<=[\w:<]):(?=[\w+-]+:)"
)
# What may stand behind a bare address; anything else would be taken for a part of it, the next backslash too.
_FREE = re.compile(r"[.,:;\"'\])]*(\s|\Z)")
_MARKS_IN_LINKS = re.compile(_MARKS.pattern + r"|\]")
_LINE_MARKS = re.compile(r"(?m)^(?:[ \t]*(?=(?:#{1,3}|[-+>])(?:\s|$)|-#|>>>)|[ \t]*\d+(?=[.)](?:\s|$)))")
_ADDRESS_MARKS = str.maketrans({"(": "%28", ")": "%29", "<": "%3C", ">": "%3E", "\\": "%5C", " ": "%20", "\n": ""})


def escaped(text: str, *, begins_line: bool = True, in_link: bool = False, goes_on: bool = False) -> str:
    """The Markdown that shows just this text. `goes_on`: something stands directly behind it."""

    def mended(mark: re.Match[str]) -> str:
        address = mark["address"]
        if not address:
            return "\\" + mark[0]
        free = _FREE.match(text, mark.end())
        return address if free and (free[1] or not goes_on) else f"<{address}>"

    marked = (_MARKS_IN_LINKS if in_link else _MARKS).sub(mended, text)
    head, line_end, rest = ("", "", marked) if begins_line else marked.partition("\n")
    return head + line_end + _LINE_MARKS.sub(r"\g<0>\\", rest)


def address_of(link: str) -> str:
    """An address as it may stand in a link's brackets."""
    return link.translate(_ADDRESS_MARKS)


def code_span(code: str) -> str:
    """Text as inline code. Three backticks would begin a block, so there are one or two; else it is bare text."""
    runs = {len(run) for run in re.findall("`+", code)}
    mark = next((mark for mark in ("`", "``") if len(mark) not in runs), "")
    if not code.strip() or not mark:
        return escaped(code, begins_line=False)
    padding = " " if code[0] == "`" or code[-1] == "`" else ""
    return f"{mark}{padding}{code}{padding}{mark}"


def code_block(code: str, language: str = "") -> str:
    """Text as a block of code; three backticks in it are kept from ending it. Empty if there is no code."""
    code = re.sub("`{3,}", lambda run: "\u200b".join(run[0]), code.strip("\n"))
    if not code.strip():
        return ""
    name = re.match(r"[A-Za-z0-9_+\-.#]+", language.strip())
    return f"```{name[0] if name else ''}\n{code}\n```"
