"""What the config decides while the bot runs, and can decide anew: who answers, who may ask, in which words."""

import asyncio
import logging
import os
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from zoneinfo import ZoneInfo

from composition import Record, open_models, to_be_listed, with_listed, with_local_servers
from config import Config, ConfigError, load
from handlers.access import Access, Moves
from handlers.moving import warn_of_outdated
from handlers.services import Bot, Services
from messengers.base import Messenger
from messengers.playground.server import Playground
from operations.counting import Note
from operations.outbox import Outbox
from operations.reception import Reception
from operations.redaction import set_up_log
from operations.tasks import Tasks
from providers.listing import Listings
from storage.base import Store
from texts import Texts

log = logging.getLogger("parley")


class Program:
    """What the config decides, and can decide anew while the bot runs. A context manager: it gives the reception."""

    def __init__(
        self,
        config: Config,
        messengers: Mapping[str, Messenger],
        store: Store,
        outbox: Outbox,
        tasks: Tasks,
        *,
        texts: Texts,
        note: Note,
        listings: Listings,
    ) -> None:
        self._note = note
        self._listings = listings
        self._read = config  # as it was read, without what providers list
        self.config = with_listed(config, listings.lists)
        self._changing = asyncio.Lock()  # listing takes seconds: nobody else is to change the config meanwhile
        self.texts = texts
        self.messengers = messengers
        self._outbox = outbox
        self._tasks = tasks
        self.record = Record()
        self._moves = Moves()
        self._bot = Bot(
            store=store,
            open_chat=lambda address: messengers[address.messenger].open(address),
            delivered=outbox.delivered,
            reload=self.reload,
            poll_ages=lambda: {name: messenger.seconds_since_poll for name, messenger in messengers.items()},
            trouble=self.record.trouble,
        )
        self._providers = AsyncExitStack()
        self._earlier: list[AsyncExitStack] = []  # of configs before, until the last answer of theirs is over

    async def __aenter__(self) -> Reception:
        self._moves.use(await self._bot.store.moved())
        services = await self._services(self.config, self.texts, self._providers)
        self._reception = Reception(services, self._outbox, self._tasks, self._note)
        return self._reception

    async def __aexit__(self, *exc: object) -> None:
        for providers in (*self._earlier, self._providers):
            await providers.aclose()

    async def reload(self) -> Sequence[str]:
        """Read the config again; the faults, if it can't be used: then everything stays as it is."""
        async with self._changing:
            try:
                config = await with_local_servers(load(self.config.source, os.environ))
            except ConfigError as error:
                log.error("the config can't be used, the earlier one stays:\n%s", error)
                return [str(fault) for fault in error.faults]
            self._warn_of_what_stays(config)
            set_up_log(config.log, config.secrets() | self.config.secrets())
            await self._listings.ask(to_be_listed(config))
            await self._use(config, Texts.load(config.language))
            log.info("the config was read again")
            return ()

    async def list_again(self) -> None:
        """Ask those providers for their models whose time has come, and offer what they list now."""
        async with self._changing:
            await self._listings.ask_again()
            if with_listed(self._read, self._listings.lists).models != self.config.models:
                await self._use(self._read, self.texts)
                log.info("what providers list has changed: %d models are offered now", len(self.config.models))

    def _warn_of_what_stays(self, config: Config) -> None:
        if (config.telegram, config.discord, config.playground, config.storage, config.health) != (
            self.config.telegram, self.config.discord, self.config.playground, self.config.storage, self.config.health
        ):  # fmt: skip
            log.warning("what changed in a messenger, storage or health takes effect at the next start")

    async def _use(self, read: Config, texts: Texts) -> None:
        """Answer by this config from the next turn on."""
        config = with_listed(read, self._listings.lists)
        providers, earlier = AsyncExitStack(), self._providers
        services = await self._services(config, texts, providers)
        self._read, self.config, self.texts, self._providers = read, config, texts, providers
        self._earlier.append(earlier)
        self._tasks.start(self._retire(services, earlier), "reload")

    async def _retire(self, services: Services, earlier: AsyncExitStack) -> None:
        """Close the providers of before when the last answer of theirs is over."""
        await self._reception.use(services)
        self._earlier.remove(earlier)
        await earlier.aclose()

    def _access(self, config: Config) -> Access:
        """Whoever can open the playground is let in: as an admin on loopback, where no password is asked for."""
        pages = {name: each for name, each in self.messengers.items() if isinstance(each, Playground)}
        trusted = [name for name, page in pages.items() if page.trusted]
        admitted = [name for name in pages if name not in trusted]
        access = Access(config.access, trusted, admitted, self._moves)
        warn_of_outdated(access)
        return access

    async def _services(self, config: Config, texts: Texts, stack: AsyncExitStack) -> Services:
        answering = await open_models(config, stack, self.record)
        return Services(
            bot=self._bot,
            texts=texts,
            access=self._access(config),
            limits=config.limits,
            replies=config.replies,
            models=answering.models,
            image_models=answering.image_models,
            prompts=config.prompts,
            system_prompt=config.system_prompt,
            timezone=ZoneInfo(config.timezone),
        )
