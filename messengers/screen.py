"""A reply's messages, and how to bring them to what they should show: one call at a time.

Streaming, long answers, the final clean-up and recovery after a crash are all this: wanted parts against shown parts.
Where a chat has drafts, the part that still grows is one until it is full, or final: then it becomes a message.
"""

import asyncio
import logging
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from chat.buttons import Button
from messengers.base import Chat, Drafts, Page, PlaceMoved, Refused, Unchangeable
from messengers.budget import Budget
from messengers.splitting import Part, settled, split

log = logging.getLogger(__name__)

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


@dataclass(frozen=True, slots=True)
class _Draft:
    """What the draft shows, and when it must be shown again, by the loop's clock."""

    shows: Wanted
    until: float


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
        self._leaving = 0  # so many of the last ones are to be removed, before others take their place
        self._draft: _Draft | None = None
        self._expected: Sequence[Wanted] = ()

    @property
    def parts(self) -> tuple[str, ...]:
        """The ids of the messages, in order."""
        return tuple(message.id for message in self._messages)

    @property
    def begun(self) -> bool:
        """Whether people see anything of this reply."""
        return bool(self._messages or self._draft)

    @property
    def budget(self) -> Budget:
        """Where the permit for the next call comes from, as far as that can be told before there is a new text."""
        return self.expect(self._expected)

    def expect(self, wanted: Sequence[Wanted]) -> Budget:
        """This is to be shown next, unless there is newer text by then; where the permit for that comes from."""
        self._expected = wanted
        drafts = self._drafts_for(wanted)
        return drafts.budget if drafts else self._chat.budget

    def sends(self, wanted: Sequence[Wanted] | None = None) -> bool:
        """Whether the next step towards that, or what is expected, sends a message, and doesn't only change one."""
        forms = self._expected if wanted is None else wanted
        complete = len(self._messages) >= max(1, len(forms))
        return not (complete or self._leaving or self._differ(forms))

    @property
    def lasts(self) -> float | None:
        """Seconds until the draft must be shown again; None where there is none."""
        return max(0.0, self._draft.until - asyncio.get_running_loop().time()) if self._draft else None

    def fade(self) -> None:
        """The draft is about to fade: it counts as not shown any more."""
        self._draft = None

    def _drafts_for(self, wanted: Sequence[Wanted]) -> Drafts | None:
        """What shows the growing part, where everything above it is as it should be."""
        above = len(self._messages)
        if max(1, len(wanted)) != above + 1 or self._leaving or self._differ(wanted):
            return None
        return self._chat.drafts

    def _differ(self, wanted: Sequence[Wanted]) -> bool:
        return self._next(wanted) is not None

    def _next(self, wanted: Sequence[Wanted]) -> int | None:
        """The place of the message that is to be changed next."""
        pairs = enumerate(zip(self._messages, wanted, strict=False))
        return next((index for index, (message, want) in pairs if message.shows != want), None)

    def differs(self, wanted: Sequence[Wanted], *, final: bool = False) -> bool:
        """Whether a call is needed to show that."""
        if not final and wanted and self._drafts_for(wanted):
            return self._draft is None or self._draft.shows != wanted[-1]
        surplus = len(self._messages) - len(wanted)
        return surplus < 0 or (final and surplus > 0) or self._leaving > 0 or self._differ(wanted)

    async def step(self, wanted: Sequence[Wanted], *, final: bool = False) -> None:
        """Make the one call that comes next: edits from the top, then new messages; `final` removes surplus ones.

        Unless `final`, what is still to grow is a draft where the chat has them.
        Raises what `Chat` raises, except for a refused page, which is sent as plain text instead, and for a place
        that moved: there all begins anew. From a message on that can't be changed, all are removed and come anew.
        """
        try:
            await (self._remove_last() if self._leaving else self._step(wanted, final=final))
        except PlaceMoved:
            self._messages.clear()
            self._leaving = 0
        except Unchangeable as refusal:
            log.info("messages are replaced: %s", refusal)
            self._leaving = len(self._messages) - (self._next(wanted) or 0)
            self._key += "+" if self._key else ""  # by their names the new ones would be taken for those

    async def _step(self, wanted: Sequence[Wanted], *, final: bool) -> None:
        for index, want in enumerate(wanted):
            if index == len(self._messages):
                growing = not final and index == len(wanted) - 1
                if growing and (drafts := self._chat.drafts):
                    return await self._show(want, drafts)
                whole = growing or want.rest or self._chat.sends_are_idempotent
                self._messages.append(await self._send(want if whole else self._beginning(want), index))
                self._draft = None  # it went with that
                return None
            if self._messages[index].shows != want:
                return await self._edit(index, want)
        if final and len(self._messages) > len(wanted):
            await self._chat.delete(self._messages[-1].id)
            self._messages.pop()
        return None

    async def _remove_last(self) -> None:
        """Take away the last of those that leave; one that can't be is left behind."""
        try:
            await self._chat.delete(self._messages[-1].id)
        except Refused as refusal:
            log.warning("a message stays that is out of date: %s", refusal)
        self._messages.pop()
        self._leaving -= 1

    async def _show(self, want: Wanted, drafts: Drafts) -> None:
        """Show the growing part as a draft. Where drafts turn out to be none, `differs` tells that it isn't shown."""
        if self._draft and self._draft.shows == want:
            return
        for page in (want.page, self._plain(want)):
            if self._chat.drafts:
                with suppress(Refused):
                    await drafts.show(page, want.buttons)
                    self._draft = _Draft(want, asyncio.get_running_loop().time() + drafts.lasts)
                    return

    def _beginning(self, want: Wanted) -> Wanted:
        """All but the last word. A send may be applied and yet fail: repeated, it must not show the whole text twice.

        So a whole text is only ever edited into its place, and what such a send leaves behind is seen to be unfinished.
        """
        beginning = _LAST_WORD.sub(" …", want.source)
        return Wanted(beginning, self._chat.dialect.render(beginning, final=False))

    def skip(self, wanted: Sequence[Wanted]) -> bool:
        """Leave the message that `step` would edit next as it is: somebody deleted it. Whether there is one."""
        index = self._next(wanted)
        if index is None:
            return False
        self._messages[index] = replace(self._messages[index], shows=wanted[index])
        return True

    def go_past(self, wanted: Sequence[Wanted]) -> bool:
        """Somebody deleted the message that `step` would edit next: go on below it. False: it is the last one.

        It counts as shown where what grows is further down; where that was to grow in it, the next one takes its place.
        """
        index = self._next(wanted)
        if index is None or index == len(self._messages) - 1:
            return False
        if index < len(wanted) - 1:
            return self.skip(wanted)
        del self._messages[index]
        return True

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
        parts = split(source, self._dialect, self._cuts, final=final)
        self._cuts = list(settled(parts, source))
        for part in parts[len(self._full) : len(self._cuts)]:
            self._full.append(self._wanted(part, final=True))
        growing = [self._wanted(part, final=final) for part in parts[len(self._cuts) :]]
        visible = [want for want in (*self._full, *growing) if want.page.size]
        if final and parts and not visible:  # nothing but markup: better that than nothing at all
            visible = [Wanted(source, self._dialect.plain(source))]
        if self._most and len(visible) >= self._most:
            visible = self._fitting(visible, final=final)
        return [*visible[:-1], *(replace(want, buttons=buttons) for want in visible[-1:])]

    def _wanted(self, part: Part, *, final: bool) -> Wanted:
        return Wanted(part.source, part.page or self._dialect.render(part.source, final=final))

    def _fitting(self, pages: list[Wanted], *, final: bool) -> list[Wanted]:
        """As many messages as there may be: the last one is kept for a file with what doesn't fit."""
        if final and len(pages) == self._most:
            return pages
        rest = "".join(page.source for page in pages[self._most - 1 :])
        pages = pages[: self._most - 1]
        return [*pages, Wanted("", Page("", 0), rest=rest)] if final else pages
