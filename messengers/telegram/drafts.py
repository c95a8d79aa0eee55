"""Text in the making as a Telegram draft: private chats only, with a Stop button of Telegram's own.

Facts: Bot API 10.3 (sendMessageDraft): up to 4096 characters, an id that isn't 0, shown for 30 s. Its rates are told
nowhere; other bots measured about 20 calls in 5 s and 40 in 30 s for a chat, "typing …" probably among them.
"""

import logging
from collections.abc import Sequence

from aiogram import Bot
from aiogram.methods import SendMessageDraft

from chat.buttons import Button
from chat.incoming import Address
from messengers.base import MessengerError, Page, Refused, Unsure
from messengers.buckets import AtMost, Priority, Rate
from messengers.budget import Budget, PlaceBudget, Relayed
from messengers.telegram.calls import Unknown, call
from messengers.telegram.keyboards import entities_of

log = logging.getLogger(__name__)

# Never more than 8 + 5 * 2 in 5 s. A few are left over for calls that the network pushes together.
DRAFTS = Rate(burst=8, per_second=2, at_most=AtMost(36, 30, reserve=2))
LASTS_SECONDS = 20.0  # of 30: showing it again may have to wait for a permit, or fail once
MOST_FAILURES = 2  # on their way, one after the other: then people see more by edits
TIMEOUT_SECONDS = 5  # a draft that is late is of no use: the next one has more text
UPDATES = ("stopped_message_generation",)


class Server:
    """What a bot's server makes of drafts, for the life of the process. One reply finds out; the others use edits."""

    def __init__(self) -> None:
        self.takes: bool | None = None
        self.asking: TelegramDrafts | None = None

    def is_open_to(self, drafts: "TelegramDrafts") -> bool:
        """Whether that one may show a draft."""
        return self.takes or (self.takes is None and self.asking in (None, drafts))

    def refuses(self, reason: MessengerError) -> None:
        """It takes no drafts: replies grow by edits from now on."""
        if self.takes is not False:
            log.warning("Telegram's server takes no drafts, answers grow by edits: %s", reason)
        self.takes = False


class _Permits(Relayed):
    """A draft is no new message, whatever the caller knows of messages."""

    def __init__(self, permits: Budget) -> None:
        self._permits = permits

    @property
    def _now(self) -> Budget:
        return self._permits

    async def permit(self, priority: Priority, *, new: bool = True) -> None:
        """See `Budget.permit`."""
        await self._permits.permit(priority, new=False)

    def answered(self, *, new: bool = True) -> None:
        """See `Budget.answered`."""
        self._permits.answered(new=False)


class TelegramDrafts:
    """See `messengers.base.Drafts`; the drafts of one reply."""

    lasts = LASTS_SECONDS

    def __init__(self, bot: Bot, address: Address, permits: PlaceBudget, server: Server) -> None:
        self._bot = bot
        self._chat_id = int(address.place)
        self._thread = int(address.thread) if address.thread else None
        self._permits = permits
        self._server = server
        self._failures = 0  # on their way, since one was shown
        self.budget: Budget = _Permits(permits)

    @property
    def usable(self) -> bool:
        """Whether a draft can be shown now. After a 429 it can't for a while, and would fade: edits go on.

        Nor for the rest of this reply, where one after the other failed on its way: nobody would see anything of it.
        """
        fails = self._failures >= MOST_FAILURES
        return not fails and self._server.is_open_to(self) and not self._permits.bucket.blocked

    async def show(self, page: Page, buttons: Sequence[Button] = ()) -> None:
        """See `Drafts.show`."""
        if not self._server.is_open_to(self):
            raise Refused("another reply finds out whether there are drafts")
        self._server.asking = self
        try:
            await call(self._bot, self._draft(page, buttons), TIMEOUT_SECONDS)
        except Unknown as refusal:
            self._server.refuses(refusal)
            raise Refused(str(refusal)) from refusal
        except Refused as refusal:
            if self._server.takes is None or not entities_of(page):  # else it may be about this text alone
                self._server.refuses(refusal)
            raise
        except Unsure:
            self._failures += 1
            raise
        else:
            self._failures = 0
            self._server.takes = self._server.takes is not False
        finally:
            self._server.asking = None

    def _draft(self, page: Page, buttons: Sequence[Button]) -> SendMessageDraft:
        """The draft has the number of the turn that its Stop button ends: Telegram tells it where that is pressed."""
        turn = next((button.action.target for button in buttons if button.action.verb == "stop"), 0)
        return SendMessageDraft(
            chat_id=self._chat_id,
            draft_id=turn or 1,
            message_thread_id=self._thread,
            text=page.text,
            entities=entities_of(page),
            can_stop=turn > 0,
            keep_on_stop=turn > 0,  # until the message that takes its place is there
        )
