"""What every wrapper passes on to the provider inside; each overrides what it is there for."""

from collections.abc import AsyncIterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Self, TypeGuard

from chat.errors import InternalError
from chat.events import ReplyEvent
from chat.messages import Image
from providers.base import Capabilities, ImageProvider, ImageRequest, ModelInfo, Provider, ReplyRequest, StatusSink


class Wrapper:
    """A provider around a provider, and an `ImageProvider` where `can_draw`. Opening it opens the one inside."""

    def __init__(self, provider: Provider) -> None:
        self._wrapped = provider

    @property
    def wrapped(self) -> Provider:
        """The provider inside."""
        return self._wrapped

    @property
    def capabilities(self) -> Capabilities:
        """Those of the wrapped provider."""
        return self._wrapped.capabilities

    def stream_reply(
        self, request: ReplyRequest, status: StatusSink
    ) -> AbstractAsyncContextManager[AsyncIterable[ReplyEvent]]:
        """See `Provider.stream_reply`."""
        return self._wrapped.stream_reply(request, status)

    async def draw(self, request: ImageRequest) -> Image:
        """See `ImageProvider.draw`; only where `can_draw`."""
        return await self._painter.draw(request)

    async def models(self) -> Sequence[ModelInfo]:
        """Those of the wrapped provider."""
        return await self._wrapped.models()

    @property
    def _painter(self) -> ImageProvider:
        """The wrapped provider as one that draws."""
        if not can_draw(self._wrapped):
            raise InternalError(f"{type(self._wrapped).__name__} can't draw, but is set up to")
        return self._wrapped

    async def __aenter__(self) -> Self:
        await self._wrapped.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._wrapped.__aexit__(*exc)


def can_draw(provider: Provider) -> TypeGuard[ImageProvider]:
    """Whether it draws; a wrapper has `draw` in any case, and can if the one inside can. For composition to check."""
    return can_draw(provider.wrapped) if isinstance(provider, Wrapper) else isinstance(provider, ImageProvider)
