"""How Discord shows Markdown: its own dialect of it, which a model's CommonMark is translated to.

The API counts code points ("our API uses Python 3", discord-api-docs #1315); UTF-16 units, of which there are never
fewer, are counted here, so that nothing is refused should that change. It trims white space from both ends.
"""

import unicodedata
from collections.abc import Callable

from messengers.base import Page
from messengers.commonmark import cleaned
from messengers.discord.escaping import escaped
from messengers.discord.markdown import written
from messengers.unfinished import closed

LIMIT = 2000

_INVISIBLE = frozenset({"Zs", "Zl", "Zp", "Cc", "Cf"})
_ALSO_INVISIBLE = frozenset("\u2800\ufffc\uffa0\u3164\u115f\u1160")


class DiscordDialect:
    """The `Dialect` of Discord; a page's text is the Markdown that is sent. `convert` is for tests."""

    limit = LIMIT

    def __init__(self, convert: Callable[[str], str] = written) -> None:
        self._convert = convert

    def render(self, source: str, *, final: bool) -> Page:
        """Markdown as Discord reads it. While not `final`, what is half written at the end is closed or held back."""
        source = cleaned(source)
        page = self._page(source if final else closed(source))
        return page if final or page.size <= self.limit else self._page(source)

    def plain(self, source: str) -> Page:
        """The source as it is, all marks to be seen; where that is too long for a message, without the backslashes."""
        source = cleaned(source)
        page = self._page_of(escaped(source))
        return page if page.size <= self.limit else self._page_of(source)

    def measure(self, text: str) -> int:
        """UTF-16 units."""
        return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2

    def _page(self, source: str) -> Page:
        try:
            text = self._convert(source)
        except BaseException as failure:
            # The contract: never raises, whatever the model wrote. The parser is written in Rust, and a panic in it is
            # a BaseException of no importable class; those that stop a program go on.
            if not isinstance(failure, Exception) and type(failure).__name__ != "PanicException":
                raise
            return self.plain(source)
        return self._page_of(text)

    def _page_of(self, text: str) -> Page:
        text = text.strip()
        if all(unicodedata.category(c) in _INVISIBLE or c in _ALSO_INVISIBLE for c in text):
            return Page("", 0)
        return Page(text, self.measure(text))


def caption_of(text: str) -> str:
    """As much of a bare text as a message takes, shown without any markup."""
    text = cleaned(text)
    if len(text) > LIMIT // 2:
        text = text[: LIMIT // 2 - 1] + "…"  # every character may need a backslash
    return escaped(text)
