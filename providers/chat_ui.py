"""chat-ui, in front of H2o's models in the documents, or wherever somebody runs one. Its conversations are deleted."""

import asyncio
import logging
import re
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, contextmanager
from typing import Any, Literal, Self, TypeVar

from pydantic import field_validator
from yarl import URL

from chat.errors import HostGone, ModelNotFound, Overloaded, ProviderError, Unreachable
from chat.events import Completed, ReplyEvent
from providers.answers import opened
from providers.base import Capabilities, ModelInfo, ReplyRequest, StatusSink
from providers.chat_ui_dialects import Dialect, Legacy, Modern
from providers.http import HttpClient, HttpSettings, checked_base_url

log = logging.getLogger(__name__)

PUBLIC_URL = "https://gpt-gm.h2o.ai"  # the host of the documents
FAREWELL_SECONDS = 5.0
FAREWELL_PAUSE_SECONDS = 0.5

_DIALECTS: Mapping[str, Callable[[HttpClient, str], Dialect]] = {"legacy": Legacy, "modern": Modern}
_PAGE = re.compile(r"<!doctype html|<html", re.IGNORECASE)
# The conversation is not ours any more: the server forgot it, or our session, since it was made.
_LOST = re.compile(r"Conversation not found|access to this conversation|accept the welcome modal")

Result = TypeVar("Result")


class ChatUiSettings(HttpSettings, frozen=True, extra="forbid"):
    """`type: chat_ui`. `base_url` is where its start page is; `dialect` is legacy for 0.4, modern for 0.20."""

    type: Literal["chat_ui"] = "chat_ui"
    dialect: Literal["legacy", "modern"] = "legacy"
    base_url: str = PUBLIC_URL

    _base_url = field_validator("base_url")(checked_base_url)


class ChatUi:
    """One chat-ui, with one session for all who ask. `name` is its name in the config, for errors.

    `farewell_seconds`: how long deleting a conversation may take, all attempts together.
    """

    Settings = ChatUiSettings

    def __init__(self, name: str, settings: ChatUiSettings, *, farewell_seconds: float = FAREWELL_SECONDS) -> None:
        url = URL(settings.base_url).with_user(None)
        # SvelteKit refuses forms without these (403): legacy looks at the one, modern at the other.
        headers = {"Referer": f"{url}/", "Origin": str(url.origin())}
        self._name = name
        self._settings = settings
        self._farewell_seconds = farewell_seconds
        self._http = HttpClient(name, settings, headers=headers, cookies=True)
        self._dialect = self._new_dialect()
        self._errands: set[asyncio.Task[Any]] = set()

    @property
    def capabilities(self) -> Capabilities:
        """History and system prompt go in (see providers/wire/chat_ui.py); pictures don't."""
        return Capabilities()

    def stream_reply(
        self, request: ReplyRequest, status: StatusSink
    ) -> AbstractAsyncContextManager[AsyncIterable[ReplyEvent]]:
        """As in the contract; this protocol tells `status` that the model thinks."""
        return opened(self._ask(request), status, provider=self._name, model=request.model)

    async def models(self) -> Sequence[ModelInfo]:
        """What the server lists now; in the legacy dialect, which has no list, the documents' three."""
        with self._explained():
            return await self._dialect.models()

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        self._dialect = self._new_dialect()  # the cookies of an earlier session are gone, so are its sessions
        return self

    async def __aexit__(self, *exc: object) -> None:
        try:
            # A server may keep silent for as long as its time-outs allow; the end of the program can't wait for that.
            if self._errands:
                await asyncio.wait(self._errands, timeout=self._farewell_seconds + 1)
            for errand in self._errands:
                errand.cancel()
            await asyncio.gather(*self._errands, return_exceptions=True)
        finally:
            await self._http.__aexit__(*exc)

    async def _ask(self, request: ReplyRequest) -> AsyncGenerator[ReplyEvent, None]:
        finished = False
        with self._explained():
            # As an errand: were it cancelled with us, a conversation would be made whose id nobody knows.
            begun = self._errand(self._dialect.begin(request))
            try:
                await asyncio.wait([begun])
                conversation = begun.result()
                with _kept():
                    async with aclosing(self._dialect.ask(conversation, request)) as events:
                        async for event in events:
                            finished = isinstance(event, Completed)
                            yield event
            finally:
                self._errand(self._leave(begun, finished=finished))

    def _errand(self, work: Coroutine[Any, Any, Result]) -> asyncio.Task[Result]:
        """A task that may outlive the reply that it belongs to; `__aexit__` waits for it."""
        task = asyncio.create_task(work)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)
        return task

    async def _leave(self, begun: asyncio.Task[str], *, finished: bool) -> None:
        """Delete the conversation, also one that is still being made; a failure is for the log only."""
        try:
            async with asyncio.timeout(self._farewell_seconds):
                try:
                    conversation = await begun
                except ProviderError:
                    return  # there is none, and whoever asked was told why
                await self._delete(conversation, finished=finished)
        except (ProviderError, TimeoutError) as error:
            reason = str(error) or f"not done after {self._farewell_seconds:g} s"
            log.warning("%s: a conversation may be left on the server: %s", self._name, reason)

    async def _delete(self, conversation: str, *, finished: bool) -> None:
        while True:
            try:
                return await self._dialect.leave(conversation, finished=finished)
            except ModelNotFound:
                return None  # 404: it is gone already
            except ProviderError as error:
                if not error.transient:
                    raise
            await asyncio.sleep(FAREWELL_PAUSE_SECONDS)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Where the public host of the documents doesn't answer as a chat-ui, say that it is gone and what to do."""
        try:
            yield
        except ProviderError as error:
            dead = isinstance(error, Unreachable) or _PAGE.search(error.details)
            if not dead or URL(self._settings.base_url).host != URL(PUBLIC_URL).host:
                raise
            details = (
                f"{PUBLIC_URL} is presumed gone: point base_url at a chat-ui of your own, "
                f"or use h2oGPT's OpenAI-compatible API (type: openai); {error.details}"
            )
            raise HostGone(details, retry_after=None, **error.arguments) from None

    def _new_dialect(self) -> Dialect:
        return _DIALECTS[self._settings.dialect](self._http, self._settings.base_url)


@contextmanager
def _kept() -> Iterator[None]:
    """A conversation that was lost since it was made is nobody's fault, and a new one helps: try again."""
    try:
        yield
    except ProviderError as error:
        if not _LOST.search(error.details):
            raise
        raise Overloaded(error.details, retry_after=error.retry_after, **error.arguments) from None
