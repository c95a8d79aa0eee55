"""The playground as a place for answers: every call changes the journal, and the browsers follow that."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from chat.buttons import Button
from chat.incoming import Attachment
from chat.messages import Image, Message
from messengers.base import Page, Refused, Unsure
from messengers.budget import Budget
from messengers.playground.archive import ArchiveError
from messengers.playground.entries import PICTURE_TYPES, labels, storable
from messengers.playground.files import Files
from messengers.playground.journal import Journal

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
    """One conversation. A call returns once `kill -9` can't undo it; a failing disk is `Unsure`, and a conversation
    that somebody deleted is `PlaceGone`.
    """

    _place: str
    _journal: Journal
    _files: Files
    budget: Budget

    @property
    def dialect(self) -> PlaygroundDialect:
        """Markdown, untouched."""
        return PlaygroundDialect()

    @property
    def sends_are_idempotent(self) -> bool:
        """A call that fails has done nothing, and a nonce is remembered."""
        return True

    @property
    def drafts(self) -> None:
        """An edit costs nothing here."""
        return

    @property
    def most_messages(self) -> int:
        """Any number."""
        return 0

    @property
    def new_messages_notify(self) -> bool:
        """Nothing does, on a page that shows all of it at once."""
        return False

    @property
    def closes_at(self) -> float:
        """Never."""
        return 0.0

    @property
    def typing_lasts(self) -> float:
        """Seconds."""
        return TYPING_LASTS

    async def send(
        self,
        page: Page,
        buttons: Sequence[Button] = (),
        *,
        reply: bool = False,
        nonce: str = "",
        previous: str = "",
    ) -> str:
        """Add a message at the end; its id. `reply` and `previous` show nothing: all is in order by itself."""
        with _disk():
            return await self._journal.send(self._place, page.text, labels(buttons), nonce=nonce)

    async def edit(self, message: str, page: Page, buttons: Sequence[Button] = ()) -> None:
        """Change a message, also one from before a restart."""
        with _disk():
            await self._journal.edit(self._place, message, page.text, labels(buttons))

    async def send_image(self, image: Image, caption: str = "", *, reply: bool = False, nonce: str = "") -> str:
        """Add a picture at the end; its id. Raises `Refused` for what isn't a picture that every browser shows."""
        if image.media_type not in PICTURE_TYPES:
            raise Refused(f"no picture for a browser: {storable(image.media_type)}")
        with _disk():
            kept = await self._files.keep(image)
            try:
                return await self._journal.send(self._place, caption, nonce=nonce, image=kept.id)
            except BaseException:
                await self._files.drop(kept.id)
                raise

    async def send_rest(self, text: str, *, nonce: str = "") -> str:
        """Raises `Refused`: an answer has room here, whatever its length."""
        raise Refused("the playground takes any number of messages")

    async def earlier(self) -> Sequence[Message] | None:
        """None: the store remembers what was said."""
        return None

    async def fetch(self, attachment: Attachment) -> bytes:
        """A file that was uploaded, also before a restart. Raises `Refused` for one that is gone."""
        with _disk():
            data = await self._files.read(attachment.id)
        if data is None:
            raise Refused("the file is gone")
        return data

    async def delete(self, message: str) -> None:
        """Take a message away, also from browsers that come back later."""
        with _disk():
            self._files.remove(await self._journal.delete(message))

    async def typing(self) -> None:
        """Show "typing …" once."""
        self._journal.typing(self._place, TYPING_LASTS)


@contextmanager
def _disk() -> Iterator[None]:
    """A disk that fails now may work when it is tried again."""
    try:
        yield
    except ArchiveError as error:
        raise Unsure(str(error)) from error
