"""A reply's messages, and how to bring them to what they should show: one call at a time.

Streaming, long answers, the final clean-up and recovery after a crash are all this: wanted parts against shown parts.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from chat.buttons import Button
from messengers.base import Chat, Page, PlaceMoved, Refused
from messengers.splitting import settled, split

_LAST_WORD = re.compile(r"(?:^|\s+)\S+\s*$")


@dataclass(frozen=True, slots=True)
class Wanted:
    """One message as it should be. `source` is its Markdown, for messengers that refuse the page made of it.

    With a `rest` it is a file with that in it.
    """

    source: str
    page: Page
    buttons: tuple[Button, ...] = ()
    rest: str = ""


@dataclass(frozen=True, slots=True)
class _Message:
    """One message as it is; `shows` is None where an earlier run made it."""

    id: str
    shows: Wanted | None = None


class Screen:
    """The messages of one reply in one chat."""

    def __init__(self, chat: Chat, parts: Sequence[str] = (), *, reply: bool = False, key: str = "") -> None:
        """`parts`: messages that an earlier run made. `reply`: the first message quotes the question.

        `key`: names this answer, the same after a restart, for messengers that know a send tried again by its name.
        """
        self._chat = chat
        self._key = key
        self._reply = reply
        self._messages = [_Message(part) for part in parts]

    @property
    def parts(self) -> tuple[str, ...]:
        """The ids of the messages, in order."""
        return tuple(message.id for message in self._messages)

    def differs(self, wanted: Sequence[Wanted], *, final: bool = False) -> bool:
        """Whether a call is needed to show that."""
        surplus = len(self._messages) - len(wanted)
        return (
            surplus < 0
            or (final and surplus > 0)
            or any(message.shows != want for message, want in zip(self._messages, wanted, strict=False))
        )

    async def step(self, wanted: Sequence[Wanted], *, final: bool = False) -> None:
        """Make the one call that comes next: edits from the top, then new messages; `final` removes surplus ones.

        Raises what `Chat` raises, except for a refused page, which is sent as plain text instead, and for a place
        that moved: there all begins anew.
        """
        try:
            await self._step(wanted, final=final)
        except PlaceMoved:
            self._messages.clear()

    async def _step(self, wanted: Sequence[Wanted], *, final: bool) -> None:
        for index, want in enumerate(wanted):
            if index == len(self._messages):
                whole = not final or want.rest or self._chat.sends_are_idempotent
                self._messages.append(await self._send(want if whole else self._beginning(want), index))
                return
            if self._messages[index].shows != want:
                await self._edit(index, want)
                return
        if final and len(self._messages) > len(wanted):
            await self._chat.delete(self._messages[-1].id)
            self._messages.pop()

    def _beginning(self, want: Wanted) -> Wanted:
        """All but the last word. A send may be applied and yet fail: repeated, it must not show the whole text twice.

        So a whole text is only ever edited into its place, and what such a send leaves behind is seen to be unfinished.
        """
        beginning = _LAST_WORD.sub(" …", want.source)
        return Wanted(beginning, self._chat.dialect.render(beginning, final=False))

    def skip(self, wanted: Sequence[Wanted]) -> bool:
        """Leave the message that `step` would edit next as it is: somebody deleted it. Whether there is one."""
        for index, (message, want) in enumerate(zip(self._messages, wanted, strict=False)):
            if message.shows != want:
                self._messages[index] = replace(message, shows=want)
                return True
        return False

    async def _send(self, want: Wanted, index: int) -> _Message:
        nonce = f"{self._key}.{index}" if self._key else ""
        if want.rest:
            return _Message(await self._chat.send_rest(want.rest, nonce=nonce), want)
        previous = self._messages[-1].id if self._messages else ""
        send = partial(self._chat.send, reply=self._reply and index == 0, nonce=nonce, previous=previous)
        try:
            message = await send(want.page, want.buttons)
        except Refused:
            message = await send(self._plain(want), want.buttons)
        return _Message(message, want)

    async def _edit(self, index: int, want: Wanted) -> None:
        message = self._messages[index]
        try:
            if not want.rest:  # a file is sent whole: the one of an earlier run is as it should be
                await self._chat.edit(message.id, want.page, want.buttons)
        except Refused:
            await self._chat.edit(message.id, self._plain(want), want.buttons)
        self._messages[index] = replace(message, shows=want)

    def _plain(self, want: Wanted) -> Page:
        return self._chat.dialect.plain(want.source)


class Layout:
    """Source text to messages, for one reply: remembers where full parts end, so that those never move."""

    def __init__(self, chat: Chat) -> None:
        self._dialect = chat.dialect
        self._most = chat.most_messages
        self._source = ""
        self._cuts: list[int] = []
        self._full: list[Wanted] = []

    def pages(self, source: str, buttons: tuple[Button, ...] = (), *, final: bool) -> list[Wanted]:
        """The messages that show `source`, with the buttons under the last one. Only the open part is rendered anew."""
        if not source.startswith(self._source[: self._cuts[-1] if self._cuts else 0]):
            self._cuts, self._full = [], []  # the provider replaced text that was full already
        self._source = source
        parts = split(source, self._dialect, self._cuts)
        self._cuts = list(settled(parts, source))
        for part in parts[len(self._full) : len(self._cuts)]:
            self._full.append(Wanted(part.source, self._dialect.render(part.source, final=True)))
        growing = [
            Wanted(part.source, self._dialect.render(part.source, final=final)) for part in parts[len(self._cuts) :]
        ]
        visible = [want for want in (*self._full, *growing) if want.page.size]
        if final and parts and not visible:  # nothing but markup: better that than nothing at all
            visible = [Wanted(source, self._dialect.plain(source))]
        if self._most and len(visible) >= self._most:
            visible = self._fitting(visible, final=final)
        return [*visible[:-1], *(replace(want, buttons=buttons) for want in visible[-1:])]

    def _fitting(self, pages: list[Wanted], *, final: bool) -> list[Wanted]:
        """As many messages as there may be: the last one is kept for a file with what doesn't fit."""
        if final and len(pages) == self._most:
            return pages
        rest = "".join(page.source for page in pages[self._most - 1 :])
        pages = pages[: self._most - 1]
        return [*pages, Wanted("", Page("", 0), rest=rest)] if final else pages
