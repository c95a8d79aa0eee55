"""What stands in a paragraph, from the parser's events to Discord's marks."""

import re
import unicodedata
from dataclasses import dataclass, field
from typing import Any

from messengers.commonmark import LINE_BREAK
from messengers.discord.escaping import address_of, code_block, code_span, escaped
from messengers.formulas import stands_as_formula
from messengers.latex import readable

_STRIKE, _BOLD, _ITALIC = "Strikethrough", "Strong", "Emphasis"
_LINK = re.compile(r"https?://[^\s/]\S*", re.IGNORECASE)
_WORD = re.compile(r"[A-Za-z0-9_]")
_EMOJI = re.compile(r"[\ufe0f\u20e3]|:[\w+-]+:")  # with category So: what Discord takes for one
_ZERO_WIDTH_SPACE = "\u200b"  # between marks that would be read as one


@dataclass(slots=True)
class _Frame:
    """A style or link that is open: what is written in it, and how that reads."""

    kind: str = ""
    address: str = ""
    pieces: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    @property
    def last(self) -> str:
        """The last character written."""
        return self.pieces[-1][-1] if self.pieces else ""


class Inline:
    """One paragraph, heading or cell. `bold`: it stands in bold text already."""

    def __init__(self, data: bytes, *, bold: bool = False) -> None:
        self._data = data
        self._bold = bold
        self._frames = [_Frame()]
        self._text = ""  # not escaped yet: the parser cuts text into pieces, also within addresses

    def take(self, event: Any, start: int, end: int) -> None:
        """Write what an event says; `start` and `end` are its range in the source."""
        match event:
            case {"Text": text} | {"Html": text}:
                self._text += text
            case {"InlineHtml": html}:
                self._text += "\n" if LINE_BREAK.fullmatch(html) else html
            case "SoftBreak" | "HardBreak":
                self._text += "\n"
            case {"TaskListMarker": done}:
                self._text += "✅ " if done else "☐ "
            case {"Code": code}:
                self._add(code_span(code), code)
            case {"InlineMath": formula} | {"DisplayMath": formula}:
                self._formula(formula, start, end)
            case {"Start": kind}:
                self._start(kind, start)
            case {"End": _}:
                self._end(end)

    def text(self) -> str:
        """All of it as Discord's Markdown."""
        self._flush()
        return "".join(self._frames[0].pieces).strip(" \n")

    def words(self) -> str:
        """All of it without any marks, for where there are none."""
        self._flush()
        return "".join(self._frames[0].words).strip(" \n")

    def _add(self, written: str, words: str) -> None:
        self._flush(goes_on=bool(written))
        if written:
            side_by_side = written[0] == "`" == self._frames[-1].last
            self._frames[-1].pieces.append(_ZERO_WIDTH_SPACE + written if side_by_side else written)
            self._frames[-1].words.append(words)

    def _flush(self, *, goes_on: bool = False) -> None:
        text, self._text = self._text, ""
        if text:
            frame = self._frames[-1]
            before = next((outer.last for outer in reversed(self._frames) if outer.pieces), "\n")
            in_link = any(frame.kind == "Link" for frame in self._frames)
            frame.pieces.append(escaped(text, begins_line=before == "\n", in_link=in_link, goes_on=goes_on))
            frame.words.append(text)

    def _formula(self, formula: str, start: int, end: int) -> None:
        if not stands_as_formula(self._data, start, end, formula):
            self._text += self._data[start:end].decode()  # `$HOME/$USER`, or two prices
            return
        text = readable(formula)
        if "\n" in text:
            self._flush(goes_on=True)
            line_end = "" if self._frames[-1].last in {"", "\n"} else "\n"
            self._add(line_end + code_block(text), text)
        elif text:
            self._add(code_span(text), text)

    def _start(self, kind: Any, start: int) -> None:
        if kind == _STRIKE and self._data[start : start + 2] != b"~~":
            self._text += "~"  # "approximately"
            kind = "single ~"
        self._flush(goes_on=True)
        match kind:
            case {"Link": link} | {"Image": link}:
                email = "mailto:" if link["link_type"] == "Email" else ""
                frame = _Frame(next(iter(kind)), email + link["dest_url"])
                if link["link_type"] in {"Autolink", "Email"}:
                    frame.kind = "Autolink"
            case _:
                frame = _Frame(str(kind))
        self._frames.append(frame)

    def _end(self, end: int) -> None:
        self._flush(goes_on=True)
        if len(self._frames) == 1:
            return
        frame = self._frames.pop()
        written, words = "".join(frame.pieces), "".join(frame.words)
        match frame.kind:
            case "Link" | "Image":
                self._end_link(frame, written, words)
            case "Autolink":
                self._end_autolink(frame.address, words)
            case "single ~":
                self._add(written, words)
                self._text += "~"
            case _:
                self._add(self._styled(frame.kind, written, end), words)

    def _styled(self, kind: str, written: str, end: int) -> str:
        inside = self._bold and kind == _BOLD
        if inside or not written.strip() or any(frame.kind == kind for frame in self._frames):
            return written
        mark = {_BOLD: "**", _STRIKE: "~~"}.get(kind) or self._italic(written, end)
        if mark in _unescaped(written, inside=mark):  # in code, or in an address: the style would end there
            return written
        gap = _ZERO_WIDTH_SPACE if self._frames[-1].last == mark[0] else ""
        return f"{gap}{mark}{written}{mark}"

    def _italic(self, written: str, end: int) -> str:
        """`_` can hold bold text without its marks being taken for others, but not in a word, nor with `_` in it."""
        around = self._frames[-1].last + self._data[end : end + 1].decode("ascii", "ignore")
        return "*" if _WORD.search(around) or "_" in _unescaped(written) else "_"

    def _end_autolink(self, address: str, words: str) -> None:
        if _LINK.fullmatch(address):
            self._add(f"<{address_of(address)}>", address)
        else:
            self._text += f"<{words}>"  # `vector<std::string>`

    def _end_link(self, frame: _Frame, written: str, words: str) -> None:
        address, is_link = frame.address, _LINK.fullmatch(frame.address)
        if any(outer.kind in {"Link", "Autolink"} for outer in self._frames):
            self._add(written, words)  # a picture in a link: the link is worth more
        elif not is_link:
            self._add(written, words)
            if address and address != words:
                self._text += f" ({address})"
        elif not words.strip() or words.strip() == address:
            self._add(f"<{address_of(address)}>", address)
        elif "://" in words or _has_emoji(words):  # Discord shows no link whose text has an address or emoji in it
            self._add(f"{written} (<{address_of(address)}>)", f"{words} ({address})")
        else:
            self._add(f"[{written.strip()}]({address_of(address)})", f"{words} ({address})")


def _has_emoji(words: str) -> bool:
    return bool(_EMOJI.search(words)) or any(unicodedata.category(character) == "So" for character in words)


def _unescaped(written: str, *, inside: str = "") -> str:
    """Without escaped characters; inside of single stars also without bold marks, which may stand there."""
    bare = re.sub(r"\\.", "", written)
    return bare.replace("**", "") if inside == "*" else bare
