"""One Discord channel, thread or direct message: pages out as messages, or as answers to an interaction."""

from collections.abc import Awaitable, Callable, Sequence
from hashlib import blake2b
from typing import Any

from chat.buttons import Button, encode
from chat.incoming import Address, Attachment
from chat.messages import Image, Message
from messengers.base import MessageGone, MessengerError, Page, PlaceGone, Unchangeable
from messengers.budget import Budget
from messengers.discord.calls import File, Json, NoReplyError, Rest, TokenOverError, is_over
from messengers.discord.chains import Chains
from messengers.discord.files import fetch, picture, rest_of
from messengers.discord.rates import TOKEN_MARGIN_SECONDS
from messengers.discord.rendering import DiscordDialect, caption_of

SUPPRESS_EMBEDS, EPHEMERAL = 1 << 2, 1 << 6  # flags of messages
MOST_MESSAGES_OF_GUESTS = 6  # the answer itself and five more
LONGEST_NONCE, LONGEST_LABEL = 25, 80
BUTTONS_IN_ROW, MOST_ROWS = 5, 5
NO_PINGS = {"parse": [], "replied_user": False}
BY_TOKEN_ALONE = frozenset({"guest", "ephemeral", "closed"})  # see `messengers.discord.interactions`
ORIGINAL = "@original"  # the first answer to an interaction; of a press: the message with the button


class DiscordChat:
    """See `messengers.base.Chat`.

    While an interaction's token is good, its own routes are used; after that the channel's. Where the bot is no member
    of the channel, and for what only one person is to see, there are no others.
    """

    typing_lasts = 9.0  # Discord shows it for 10 s
    drafts = None

    def __init__(
        self, rest: Rest, address: Address, dialect: DiscordDialect, budget: Budget, chains: Chains | None
    ) -> None:
        self._rest = rest
        self._address = address
        self._token = address.token
        self._is_guest = "guest" in address.within
        self._is_ephemeral = "ephemeral" in address.within
        self._bound = bool(address.token) and not BY_TOKEN_ALONE.isdisjoint(address.within)
        self._removed = False  # something was: the first message may take no first answer's place any more
        self._chains = chains
        self.dialect = dialect
        self.budget = budget

    @property
    def sends_are_idempotent(self) -> bool:
        """Posts to a channel are, by their nonce; an interaction's answers have none."""
        return not self._by_token

    @property
    def most_messages(self) -> int:
        """Where the bot is no member, it has the answer and five more."""
        return MOST_MESSAGES_OF_GUESTS - self._address.answered if self._is_guest else 0

    @property
    def new_messages_notify(self) -> bool:
        """Posts do; an interaction's answers don't. A chain's links stay: somebody may have replied to them by now."""
        return not self._address.token and not (self._chains is not None and self._address.branch)

    @property
    def closes_at(self) -> float:
        """Where only the token can be written with: its end."""
        return self._address.token_expires_at if self._bound else 0.0

    async def send(
        self,
        page: Page,
        buttons: Sequence[Button] = (),
        *,
        reply: bool = False,
        nonce: str = "",
        previous: str = "",
    ) -> str:
        """See `Chat.send`."""
        is_first = not (previous or self._address.answered or self._removed)
        payload = _payload(page.text, buttons)
        return await self._send(payload, (), reply=reply, nonce=nonce, previous=previous, is_first=is_first)

    async def send_image(self, image: Image, caption: str = "", *, reply: bool = False, nonce: str = "") -> str:
        """See `Chat.send_image`."""
        return await self._send(_payload(caption_of(caption)), (picture(image),), reply=reply, nonce=nonce)

    async def send_rest(self, text: str, *, nonce: str = "") -> str:
        """See `Chat.send_rest`."""
        return await self._send(_payload(""), (rest_of(text),), nonce=nonce)

    async def edit(self, message: str, page: Page, buttons: Sequence[Button] = ()) -> None:
        """See `Chat.edit`."""
        payload, place = _payload(page.text, buttons), self._address.place
        name = ORIGINAL if message == self._address.message else message
        await self._changed(
            lambda: self._rest.edit_answer(self._token, name, payload),
            lambda: self._rest.edit(place, message, payload),
        )

    async def delete(self, message: str) -> None:
        """See `Chat.delete`."""
        place, self._removed = self._address.place, True
        try:
            await self._changed(
                lambda: self._rest.delete_answer(self._token, message), lambda: self._rest.delete(place, message)
            )
        except MessageGone:
            return

    async def typing(self) -> None:
        """See `Chat.typing`. An interaction shows "thinking …" by itself."""
        if not self._by_token and not self._bound:
            await self._rest.typing(self._address.place)

    async def fetch(self, attachment: Attachment) -> bytes:
        """See `Chat.fetch`."""
        return await fetch(self._rest, attachment)

    async def earlier(self) -> Sequence[Message] | None:
        """See `Chat.earlier`: the chain of replies, where those are conversations."""
        if self._chains is None or not self._address.branch:
            return None
        return await self._chains.earlier(self._address.place, self._address.message)

    @property
    def _by_token(self) -> bool:
        """Whether the interaction's routes are used."""
        margin = 0.0 if self._bound else TOKEN_MARGIN_SECONDS
        return bool(self._token) and not is_over(self._address.token_expires_at, margin)

    def _go_over(self, failure: MessengerError) -> None:
        """From the token's routes to the channel's, if those can be used at all; raises if not."""
        if self._bound:
            raise PlaceGone(str(failure)) if isinstance(failure, TokenOverError | Unchangeable) else failure
        if isinstance(failure, TokenOverError):
            self._token = ""

    async def _changed(
        self, by_token: Callable[[], Awaitable[object]], by_channel: Callable[[], Awaitable[None]]
    ) -> None:
        """Change a message by the token's routes, if it can be one of its answers, and else by the channel's."""
        if self._by_token:
            try:
                await by_token()
            except (TokenOverError, MessageGone) as failure:
                self._go_over(failure)
            else:
                return
        self._require_channel()
        await by_channel()

    def _require_channel(self) -> None:
        if self._bound:
            raise PlaceGone("the interaction's token is over, and there is no other way")

    async def _send(
        self,
        payload: Json,
        files: Sequence[File],
        *,
        reply: bool = False,
        nonce: str = "",
        previous: str = "",
        is_first: bool = False,
    ) -> str:
        if self._by_token:
            try:
                return self._said(await self._answered(payload, files, is_first=is_first))
            except (TokenOverError, Unchangeable) as failure:  # its thread was archived: a post opens that again
                self._go_over(failure)
        self._require_channel()
        reference = self._reference(previous, reply=reply)
        try:
            return self._said(await self._posted(payload, files, reference, nonce))
        except MessageGone:  # what had this name was deleted: as one too many before a retry, or by somebody
            return self._said(await self._posted(payload, files, reference, f"{nonce} again"))

    async def _answered(self, payload: Json, files: Sequence[File], *, is_first: bool) -> Json:
        """The first answer, or a further one; a picture that comes before any text takes the first one's place."""
        if is_first:
            return await self._rest.edit_answer(self._token, ORIGINAL, payload, files)
        if self._is_ephemeral:
            payload = payload | {"flags": payload["flags"] | EPHEMERAL}
        return await self._rest.follow_up(self._token, payload, files)

    async def _posted(self, payload: Json, files: Sequence[File], reference: Json, nonce: str) -> Json:
        place, named = self._address.place, payload
        if nonce:
            named = payload | {"nonce": self._nonce(nonce), "enforce_nonce": True}
        try:
            shown = await self._rest.create(place, named | reference, files)
        except NoReplyError:
            shown = await self._rest.create(place, named, files)
        if nonce and not _shows(shown, payload, files):  # a try before this one was done, with the text of then
            await self._rest.edit(place, str(shown["id"]), payload, files)
        return shown

    def _nonce(self, name: str) -> str:
        """The same for the same message of an answer to the same question, whichever run sends it."""
        return blake2b(f"{self._address.message}:{name}".encode()).hexdigest()[:LONGEST_NONCE]

    def _reference(self, previous: str, *, reply: bool) -> Json:
        """What a post answers. In chains of replies each message answers the one before; a command is no message."""
        asked = self._address.message if not self._address.token else ""
        in_chain = self._chains is not None and self._address.branch
        answered = (previous or asked) if in_chain else (asked if reply else "")
        return {"message_reference": {"message_id": answered, "fail_if_not_exists": False}} if answered else {}

    def _said(self, shown: Json) -> str:
        message = str(shown["id"])
        if self._chains and self._address.branch:
            self._chains.note(message, self._address.branch)
            self._chains.see(shown)
        return message


def _payload(text: str, buttons: Sequence[Button] = ()) -> Json:
    return {
        "content": text,
        "components": _rows(buttons),
        "allowed_mentions": NO_PINGS,
        "flags": SUPPRESS_EMBEDS,
    }


def _shows(message: Json, payload: Json, files: Sequence[File]) -> bool:
    """Whether a message shows that; Discord takes away spaces around a text."""
    texts = [str(each.get("content") or "").strip() for each in (message, payload)]
    return (
        texts[0] == texts[1]
        and _keys(message) == _keys(payload)
        and len(message.get("attachments") or ()) == len(files)
    )


def _keys(message: Json) -> list[object]:
    return [key.get("custom_id") for row in message.get("components") or () for key in row.get("components") or ()]


def _rows(buttons: Sequence[Button]) -> list[Json]:
    keys: list[dict[str, Any]] = [
        {"type": 2, "style": 2, "label": button.label[:LONGEST_LABEL], "custom_id": encode(button.action)}
        for button in buttons[: BUTTONS_IN_ROW * MOST_ROWS]
    ]
    starts = range(0, len(keys), BUTTONS_IN_ROW)
    return [{"type": 1, "components": keys[start : start + BUTTONS_IN_ROW]} for start in starts]
