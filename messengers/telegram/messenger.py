"""Telegram as a messenger: its own polling, which acknowledges an update only when it is stored."""

import asyncio
import hashlib
import json
import logging
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.methods import AnswerCallbackQuery, DeleteWebhook, GetMe, SetMyCommands
from aiogram.types import BotCommand, Update, User
from pydantic import ValidationError

from chat.commands import MenuEntry
from chat.incoming import Address, Invoked, Said, Unreadable
from messengers.base import Chat, Fatal, MessengerError, Receive, SlowDown, Unsure
from messengers.buckets import AtMost, Rate
from messengers.budget import Budgets
from messengers.telegram.calls import Conflict, RawGetUpdates, call
from messengers.telegram.chat import TelegramChat
from messengers.telegram.drafts import DRAFTS, Server, TelegramDrafts
from messengers.telegram.drafts import UPDATES as STOP_UPDATES
from messengers.telegram.reading import UPDATES, Reader
from messengers.telegram.rendering import TelegramDialect
from messengers.telegram.rich import RichDialect
from messengers.telegram.rivals import PAUSE_SECONDS, Rivals
from messengers.telegram.settings import TelegramSettings

log = logging.getLogger(__name__)

POLL_SECONDS = 30
POLL_TIMEOUT_SECONDS = POLL_SECONDS + 10
DEAF_AFTER_SECONDS = 2.0 * POLL_TIMEOUT_SECONDS  # without a good poll: then its connection is made anew
LONGEST_PAUSE_SECONDS = 30.0
FULL_BATCH = 100  # updates in one answer: more may wait (core.telegram.org/bots/api#getupdates)

# Telegram's FAQ: about one message a second in a chat with short bursts, 20 a minute in a group, about 30 a second for
# a token; edits count like sends. What is kept below that is for calls that the network pushes together.
PRIVATE = Rate(burst=4, per_second=0.95)
GROUP = Rate(burst=4, per_second=0.95, at_most=AtMost(18, 60, reserve=6))
TOKEN = Rate(burst=28, per_second=28, at_most=AtMost(28, 1.0, strict=True))

# Telegram's FAQ, "What messages will my bot get?": mentions are not among those that privacy mode lets through.
HEARS_LITTLE = (
    "Telegram: privacy mode is on, so in groups write /ask@%s …, or reply to one of its messages; to be heard by "
    "mention as well, make it an admin, or turn privacy mode off with @BotFather AND add it to the group again"
)
HEARS_ALL = "Telegram: in groups mention @%s, or reply to one of its messages (privacy mode is off)"

DRAFTING = "#drafts"  # no Telegram address has a branch: it tells the budget of a chat's drafts from the chat's own


class Telegram:
    """See `messengers.base.Messenger`. A context manager: its connections live from enter to exit."""

    name = "telegram"

    def __init__(self, settings: TelegramSettings, commands: Collection[str], menu: Sequence[MenuEntry]) -> None:
        self._commands = commands
        self._menu = menu
        self._dialect = RichDialect() if settings.streaming == "rich" else TelegramDialect()
        self._takes_drafts = Server() if settings.streaming == "drafts" else None
        self.budgets = Budgets(
            _rate,
            TOKEN,
            lambda address: address.budget + address.branch,
            edits_count=settings.overall_limit == "calls",
        )
        # Two sessions: a long poll must never wait for a connection that sending uses, nor the other way round.
        self._polling, self._sending = _bot(settings), _bot(settings)
        self._updates_wanted = [*UPDATES, *(STOP_UPDATES if self._takes_drafts else ())]
        self._rivals = Rivals()
        self._clock = asyncio.get_running_loop().time
        self._last_good_poll = self._renewed_at = self._clock()
        self._behind = True  # what comes now may have waited since before the start, or an outage

    async def __aenter__(self) -> "Telegram":
        return self

    async def __aexit__(self, *exc: object) -> None:
        await asyncio.gather(self._polling.session.close(), self._sending.session.close())

    @property
    def seconds_since_poll(self) -> float:
        """How long ago Telegram last answered a poll: the messenger's health."""
        return self._clock() - self._last_good_poll

    def open(self, address: Address) -> Chat:
        """See `Messenger.open`."""
        budget = self.budgets.of(address)
        return TelegramChat(self._sending, address, self._dialect, budget, self._drafts_at(address))

    def _drafts_at(self, address: Address) -> TelegramDrafts | None:
        """Drafts have permits of their own at a place, under those of the bot token."""
        if not (self._takes_drafts and address.private):
            return None
        permits = self.budgets.of(replace(address, branch=DRAFTING))
        return TelegramDrafts(self._sending, address, permits, self._takes_drafts)

    async def run(self, reception: Receive) -> None:
        """See `Messenger.run`. Raises `Fatal` for a token that Telegram doesn't know, or that another program uses."""
        reader = await self._introduce()
        try:
            async with asyncio.TaskGroup() as beside:
                await self._poll(reader, reception, beside)
        except ExceptionGroup as failures:  # what ended the polling, in the group's wrapping
            raise failures.exceptions[0] from None

    async def _poll(self, reader: Reader, receive: Receive, beside: asyncio.TaskGroup) -> None:
        offset: int | None = None
        pause = 1.0
        while True:
            try:
                before, updates = offset, await self._updates(offset)
                for update in updates:
                    await self._take(update, reader, receive)
                    offset = _after(update, offset)
                    if query := _query_of(update):  # also under a button that means nothing any more
                        beside.create_task(self._acknowledge(query))
                pause = 1.0
                self._behind = len(updates) >= FULL_BATCH
                if updates and offset == before:  # no number to confirm: it comes again until a newer one has
                    await asyncio.sleep(pause)
            except Fatal:
                raise
            except Conflict as conflict:
                await self._yield_to(conflict)
            except (MessengerError, OSError) as failure:
                self._behind = True
                log.warning("polling Telegram failed, again in %g s: %s", pause, failure)
                await asyncio.sleep(failure.retry_after if isinstance(failure, SlowDown) else pause)
                pause = min(LONGEST_PAUSE_SECONDS, pause * 2)
                await self._renew()

    async def _updates(self, offset: int | None) -> list[dict[str, Any]]:
        """One long poll. It is given up where the client's own time-out doesn't end it."""
        poll = RawGetUpdates(offset=offset, timeout=POLL_SECONDS, allowed_updates=self._updates_wanted)
        try:
            async with asyncio.timeout(DEAF_AFTER_SECONDS):
                updates: list[dict[str, Any]] = await call(self._polling, poll, POLL_TIMEOUT_SECONDS) or []
        except TimeoutError:
            raise Unsure("a poll hangs") from None
        self._last_good_poll = self._clock()
        return updates

    async def _yield_to(self, conflict: Conflict) -> None:
        """Wait a little where another program polls. Raises `Fatal` where it doesn't end."""
        if self._rivals.seen(self._clock()):
            raise Fatal(f"for a minute now {conflict}.")
        log.warning("polling Telegram failed, again in %g s: %s", PAUSE_SECONDS, conflict)
        await asyncio.sleep(PAUSE_SECONDS)

    async def _renew(self) -> None:
        """Where nothing was heard for long, connect anew: the address may be another one by now."""
        if min(self.seconds_since_poll, self._clock() - self._renewed_at) < DEAF_AFTER_SECONDS:
            return
        log.warning("Telegram wasn't heard for %.0f s: its connection is made anew", self.seconds_since_poll)
        self._renewed_at = self._clock()
        await self._polling.session.close()

    async def _introduce(self) -> Reader:
        """Ask who the bot is until Telegram tells, and set the menu."""
        me = await self._met()
        log.info("Telegram: this is @%s", me.username)
        log.info(HEARS_ALL if me.can_read_all_group_messages else HEARS_LITTLE, me.username)
        await self._set_menu()
        return Reader(me.id, me.username or "", self._commands)

    async def _met(self) -> User:
        """Who the bot is. A webhook that another program left behind would keep its updates from us: it is removed."""
        pause = 1.0
        while True:
            try:
                me: User = await call(self._polling, GetMe())
                await call(self._polling, DeleteWebhook(drop_pending_updates=False))
            except Fatal:
                raise
            except MessengerError as failure:
                wait = failure.retry_after if isinstance(failure, SlowDown) else pause
                log.warning("Telegram can't be reached, again in %g s: %s", wait, failure)
                await asyncio.sleep(wait)
                pause = min(LONGEST_PAUSE_SECONDS, pause * 2)
            else:
                return me

    async def _set_menu(self) -> None:
        shown = [entry for entry in self._menu if entry.command.access != "admin"]
        for language in shown[0].description if shown else ():
            commands = [BotCommand(command=each.command.name, description=each.description[language]) for each in shown]
            try:
                await call(self._polling, SetMyCommands(commands=commands, language_code=language or None))
            except MessengerError as failure:
                log.warning("the menu of commands was not set: %s", failure)

    async def _take(self, raw: dict[str, Any], reader: Reader, receive: Receive) -> None:
        """Hand in one update. One that can't be understood is put aside as it is, and stops nobody else."""
        try:
            update = Update.model_validate(raw)
            incoming = reader.read(update)
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            payload = json.dumps(raw)
            key = f"telegram:{reader.bot_id}:{_number_of(raw) or hashlib.sha256(payload.encode()).hexdigest()}"
            await receive(Unreadable(Address("telegram", "unreadable"), key, _reason(error), payload))
            return
        if isinstance(incoming, Said | Invoked) and self._behind:
            incoming = replace(incoming, late=True)
        if incoming:
            await receive(incoming)

    async def _acknowledge(self, query: str) -> None:
        """End the spinner on a pressed button. Too late is no harm."""
        try:
            await call(self._sending, AnswerCallbackQuery(callback_query_id=query), timeout=5)
        except MessengerError as failure:
            log.debug("a button press was not acknowledged: %s", failure)


def _rate(address: Address) -> Rate:
    if address.branch == DRAFTING:
        return DRAFTS
    return PRIVATE if address.private else GROUP


def _number_of(update: dict[str, Any]) -> int | None:
    """An update's own number; None where it has none that is one."""
    number = update.get("update_id")
    return number if isinstance(number, int) else None


def _after(update: dict[str, Any], offset: int | None) -> int | None:
    """What confirms an update, and all before it."""
    number = _number_of(update)
    return offset if number is None else number + 1


def _query_of(update: dict[str, Any]) -> str:
    """The id of the pressed button's query, of an update that may be malformed."""
    query = update.get("callback_query")
    return str(query.get("id", "")) if isinstance(query, dict) else ""


def _reason(error: Exception) -> str:
    """Why an update can't be understood, without what people wrote: pydantic's own text quotes it."""
    if not isinstance(error, ValidationError):
        return type(error).__name__
    faults = error.errors(include_input=False, include_url=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['type']}" for fault in faults)[:500]


def _bot(settings: TelegramSettings) -> Bot:
    session = AiohttpSession(proxy=settings.proxy or None, api=TelegramAPIServer.from_base(settings.api_base_url))
    return Bot(settings.token.get_secret_value(), session)
