"""The playground as a place for answers: every call changes the journal, and the browsers follow that."""

from collections.abc import Sequence
from dataclasses import dataclass

from chat.buttons import Button
from chat.incoming import Attachment
from chat.messages import Image
from messengers.base import Page, Refused, Unsure
from messengers.budget import Budget
from messengers.playground.journal import Journal
from messengers.playground.pictures import MEDIA_TYPES

LIMIT = 1_000_000  # characters of a message: more than any model writes, less than a browser minds
TYPING_LASTS = 5.0


class PlaygroundDialect:
    """Pages are the Markdown source itself: the browser makes safe elements of it."""

    @property
    def limit(self) -> int:
        """Characters that one message takes."""
        return LIMIT

    def render(self, source: str, *, final: bool) -> Page:
        """The source as it is; what is still open in it the page closes."""
        return Page(source, len(source))

    def plain(self, source: str) -> Page:
        """The source as it is: the page never refuses markup."""
        return Page(source, len(source))

    def measure(self, text: str) -> int:
        """Characters."""
        return len(text)


@dataclass(frozen=True, slots=True)
class PlaygroundChat:
    """The one conversation of the page. It is all in memory: nothing waits, and nothing fails before the server ends.

    After that every call raises `Unsure`: it wouldn't be seen, so it must be made again after the restart.
    """

    _journal: Journal
    budget: Budget

    @property
    def journal(self) -> Journal:
        """Where changes go. Raises `Unsure` when the server has ended."""
        if self._journal.closed:
            raise Unsure("the playground's server has ended")
        return self._journal

    @property
    def dialect(self) -> PlaygroundDialect:
        """Markdown, untouched."""
        return PlaygroundDialect()

    @property
    def sends_are_idempotent(self) -> bool:
        """A call that fails has done nothing."""
        return True

    @property
    def typing_lasts(self) -> float:
        """Seconds."""
        return TYPING_LASTS

    @property
    def most_messages(self) -> int:
        """Any number."""
        return 0

    @property
    def closes_at(self) -> float:
        """Never."""
        return 0

    async def send(
        self,
        page: Page,
        buttons: Sequence[Button] = (),
        *,
        reply: bool = False,
        nonce: str = "",
        previous: str = "",
    ) -> str:
        """Add a message at the end; its id. `reply` shows nothing: there is one conversation, in order."""
        message = self.journal.new_id()
        self.journal.put(message, "bot", page.text, buttons)
        return message

    async def edit(self, message: str, page: Page, buttons: Sequence[Button] = ()) -> None:
        """Change a message. One from before a restart comes back: the browsers still show it, and merge by id."""
        self.journal.put(message, "bot", page.text, buttons)

    async def send_image(self, image: Image, caption: str = "", *, reply: bool = False, nonce: str = "") -> str:
        """Add a picture at the end; its id. Raises `Refused` for what isn't a picture that every browser shows."""
        if image.media_type not in MEDIA_TYPES:
            raise Refused(f"no picture for a browser: {image.media_type}")
        message = self.journal.new_id()
        self.journal.add_picture(message, image, caption)
        return message

    async def send_rest(self, text: str, *, nonce: str = "") -> str:
        """Never needed: an answer may have any number of messages."""
        raise Refused("an answer has no rest here")

    async def earlier(self) -> None:
        """It is what the store remembers."""

    async def fetch(self, attachment: Attachment) -> bytes:
        """Raises `Refused`: the page sends no files."""
        raise Refused("the playground has no files")

    async def delete(self, message: str) -> None:
        """Take a message away, also from browsers that come back later."""
        self.journal.remove(message)

    async def typing(self) -> None:
        """Show "typing …" once."""
        self.journal.typing(TYPING_LASTS)
