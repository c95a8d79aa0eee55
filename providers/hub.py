"""What Hugging Face's hub knows of models, asked for once and remembered."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Self, TypeVar
from urllib.parse import quote

from chat.errors import BadKey, ModelNotFound, ProviderError
from providers.base import JsonValue
from providers.http import HttpClient, HttpSettings
from providers.wire import hub

log = logging.getLogger(__name__)

REMEMBERED_SECONDS = 3600.0  # who serves a model changes now and then
MOST_LISTED = 200
HUB_SECONDS = 10.0

Known = TypeVar("Known")


class Hub:
    """The model API at `url`, for the provider `name`: an async context manager.

    `key` goes along only if it is Hugging Face's (`hf_…`): the hub refuses everything with another one, and it is
    nobody's business there.
    """

    def __init__(self, name: str, url: str, proxy: str, key: str) -> None:
        self._signed_in = key.startswith("hf_")
        headers = {"Authorization": f"Bearer {key}"} if self._signed_in else None
        limits = HttpSettings(proxy=proxy, idle_timeout_seconds=HUB_SECONDS, total_timeout_seconds=HUB_SECONDS)
        self._http = HttpClient(name, limits, headers=headers, secrets=(key,))
        self._url = url
        self._remembered: dict[tuple[str, str], tuple[float, Any]] = {}

    async def facts(self, model: str) -> hub.ModelFacts:
        """What decides how a model is asked. Raises `ModelNotFound` and other `ProviderError`s."""
        return await self._get(f"/api/models/{quote(model)}", hub.model_facts, model)

    async def painter(self, model: str) -> hub.Painter:
        """Who draws with a model, named `org/model` or `org/model:provider`. Raises as `facts`."""
        name, _, wanted = model.partition(":")
        path = f"/api/models/{quote(name)}?expand=inferenceProviderMapping"
        return await self._get(path, partial(hub.painter, wanted=wanted), model)

    async def text_models(self) -> Sequence[str]:
        """The models in demand that answer; some known ones where the hub doesn't tell."""
        return await self._listed("text-generation", hub.TRENDING_TEXT, hub.TEXT_MODELS)

    async def image_models(self) -> Sequence[str]:
        """The models in demand that draw; some known ones where the hub doesn't tell."""
        return await self._listed("text-to-image", hub.TRENDING_IMAGE, hub.IMAGE_MODELS)

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._http.__aexit__(*exc)

    async def _listed(self, tag: str, least: float, known: Sequence[str]) -> Sequence[str]:
        query = f"inference=warm&pipeline_tag={tag}&sort=trendingScore&limit={MOST_LISTED}"
        try:
            found = await self._get(f"/api/models?{query}", partial(hub.trending_models, least=least))
        except ProviderError as error:
            log.warning("no list of models for %s, so the known ones: %s", tag, error)
            return known
        return found or known

    async def _get(self, path: str, read: Callable[[JsonValue], Known], model: str = "") -> Known:
        now = asyncio.get_running_loop().time()
        at, known = self._remembered.get((path, model), (0.0, None))
        if known is None or now - at > REMEMBERED_SECONDS:
            known = await self._ask(path, read, model)
            self._remembered[path, model] = (now, known)
        return known  # type: ignore[no-any-return]  # each path has one reader, and so one type

    async def _ask(self, path: str, read: Callable[[JsonValue], Known], model: str) -> Known:
        try:
            async with self._http.exchange("GET", self._url + path, model=model) as answer:
                return read(await answer.json())
        except BadKey as error:
            if self._signed_in:
                raise
            # Whoever isn't signed in gets a 401 for a model that doesn't exist, for it might be a private one.
            raise ModelNotFound(error.details, retry_after=None, **error.arguments) from None
