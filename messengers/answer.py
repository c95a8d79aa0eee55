"""An answer while it comes in: its text so far, and what is said in its place as long as there is none."""

from collections.abc import AsyncIterable, Callable
from contextlib import AbstractAsyncContextManager

from chat.events import Completed, EndReason, ReasoningDelta, Replaced, ReplyEvent, TextDelta, Usage
from messengers.meanwhile import Meanwhile, above

MAX_CHARACTERS = 200_000  # an endless answer ends here, as if the model's limit of tokens had cut it

Stream = AbstractAsyncContextManager[AsyncIterable[ReplyEvent]]


class Answer:
    """One answer. `text` is all of it so far, `usage` what it cost, if the model told."""

    def __init__(self, earlier: str, *, goes_on: bool, changed: Callable[[], None]) -> None:
        """`earlier`: the text of an earlier run, shown until there is something new; if it `goes_on`, that is put
        behind it. `changed` is called when there is something else to be shown.
        """
        self._earlier = earlier
        self._begun = earlier if goes_on else ""
        self._changed = changed
        self.text = self._begun
        self.usage: Usage | None = None
        self.meanwhile = Meanwhile(self._say)

    @property
    def known(self) -> str:
        """The best that there is: the text so far, or an earlier run's."""
        return self.text or self._earlier

    @property
    def goes_on(self) -> bool:
        """Whether it continues a text that was there before."""
        return bool(self._begun)

    @property
    def has_begun(self) -> bool:
        """Whether this run's text has."""
        return self.text != self._begun

    @property
    def is_fresh(self) -> bool:
        """Whether there is something to be seen that this run brought."""
        return self.has_begun and bool(self.text.strip())

    def source(self, thoughts: str) -> str:
        """The Markdown to be shown now; `thoughts` stand above the text."""
        return above(thoughts, self.text) if self.has_begun else self._earlier or self.meanwhile.sentence

    async def read(self, stream: Stream) -> EndReason:
        """Take in all of it; why it ended. Raises what the stream raises."""
        async with stream as events:
            async for event in events:
                match event:
                    case TextDelta(text):
                        self.text += text
                    case Replaced(text):
                        self.text = self._begun + text
                    case ReasoningDelta(text):
                        if not self.has_begun:
                            self.meanwhile.think(text)
                        continue
                    case Completed(reason, usage):
                        self.usage = usage
                        return reason
                if self.text.strip():
                    self._changed()
                if len(self.text) > MAX_CHARACTERS:
                    self.text = self.text[:MAX_CHARACTERS]
                    return "length"
        return "done"

    def _say(self) -> None:
        """There is a sentence to be shown, where nothing else is."""
        if not self.known:
            self._changed()
