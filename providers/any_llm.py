"""The long tail of clouds (Bedrock, Vertex, Cohere, watsonx, …), through Mozilla's any-llm where it is installed.

It speaks each cloud's protocol by that cloud's own package, and hands out OpenAI's chunks. It is an extra: nothing of
it is imported before a provider of this type is configured. `pip install "any-llm-sdk[bedrock]"` brings one along.
"""

import difflib
import importlib
import importlib.util
import inspect
import json
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal, Self

from pydantic import SecretStr, ValidationError, field_validator
from yarl import URL

from chat.errors import (
    BadKey,
    Blocked,
    ContextTooLong,
    CutOff,
    Garbled,
    ModelNotFound,
    NoCredit,
    ProviderError,
    RateLimited,
    RequestRefused,
    TimedOut,
    Unreachable,
)
from chat.events import ReplyEvent
from providers import failures
from providers.answers import opened
from providers.base import Capabilities, JsonValue, ModelInfo, ReplyRequest, StatusSink
from providers.http import HttpSettings, checked_base_url_or_none, checked_key
from providers.patience import Patience
from providers.wire.chat_completions import AnswerReader, request_body

PACKAGE = "any_llm"
NOT_INSTALLED = "needs a package that isn't there: pip install any-llm-sdk"

# any-llm's own classes, by name, where no HTTP status says it better
_KINDS: Mapping[str, type[ProviderError]] = {
    "MissingApiKeyError": BadKey,
    "AuthenticationError": BadKey,
    "InsufficientFundsError": NoCredit,
    "ModelNotFoundError": ModelNotFound,
    "ContextLengthExceededError": ContextTooLong,
    "RateLimitError": RateLimited,
    "ContentFilterError": Blocked,
    "InvalidRequestError": RequestRefused,
    "UnsupportedParameterError": RequestRefused,
    "NotImplementedError": RequestRefused,
    "GatewayTimeoutError": TimedOut,
}


class AnyLlmSettings(HttpSettings, frozen=True, extra="forbid"):
    """`type: any_llm`. `provider` is any-llm's name of a cloud; without a key that cloud's own variable is used.

    A proxy is that of the environment (HTTPS_PROXY), as the clouds' packages have it.
    """

    type: Literal["any_llm"] = "any_llm"
    provider: str
    api_key: SecretStr = SecretStr("")
    base_url: str = ""  # empty: the cloud's own

    _api_key = field_validator("api_key")(checked_key)
    _base_url = field_validator("base_url")(checked_base_url_or_none)

    @field_validator("proxy")
    @classmethod
    def _no_proxy(cls, proxy: str) -> str:
        if proxy:
            raise ValueError("isn't understood by the clouds' packages: set HTTPS_PROXY in the environment")
        return proxy

    @field_validator("provider")
    @classmethod
    def _can_be_used(cls, provider: str) -> str:
        if importlib.util.find_spec(PACKAGE) is None:
            raise ValueError(NOT_INSTALLED)
        any_llm = importlib.import_module(PACKAGE).AnyLLM
        known: list[str] = any_llm.get_supported_providers()
        if provider not in known:
            near = difflib.get_close_matches(provider, known, n=1) or sorted(known)
            raise ValueError(f"is none of any-llm's: {', '.join(near)}")
        if any_llm.get_provider_class(provider).MISSING_PACKAGES_ERROR is not None:
            raise ValueError('needs more packages: pip install "any-llm-sdk[…]", with this name in the brackets')
        return provider


class AnyLlm:
    """One cloud. `name` is its name in the config; every error carries it as `provider`, beside `model`."""

    Settings = AnyLlmSettings

    def __init__(self, name: str, settings: AnyLlmSettings) -> None:
        self._name = name
        self._settings = settings
        self._made: Any = None

    @property
    def capabilities(self) -> Capabilities:
        """What the protocol can carry; a model may take less (`vision` in the config)."""
        return Capabilities(vision=True)

    def stream_reply(
        self, request: ReplyRequest, status: StatusSink
    ) -> AbstractAsyncContextManager[AsyncIterable[ReplyEvent]]:
        """As in the contract; `status` is told that the model thinks."""
        return opened(self._ask(request), status, provider=self._name, model=request.model)

    async def models(self) -> Sequence[ModelInfo]:
        """What the cloud lists now; nothing, where any-llm can't ask it."""
        patience = self._patience()
        try:
            cloud = self._cloud()
            listed = await patience.wait(cloud.alist_models) if cloud.SUPPORTS_LIST_MODELS else ()
        except self._foreign() as error:
            raise self._told(meaning(error), "") from None
        except ProviderError as error:
            raise self._told(error, "") from None
        return [ModelInfo(model.id) for model in listed]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        close = getattr(getattr(self._made, "client", None), "close", None)
        self._made = None
        if callable(close) and inspect.isawaitable(closing := close()):
            await closing

    async def _ask(self, request: ReplyRequest) -> AsyncGenerator[ReplyEvent, None]:
        reader, patience, begun = AnswerReader(), self._patience(), False
        answer: Any = None
        try:
            answer = await patience.wait(lambda: self._begin(request))
            if not hasattr(answer, "__aiter__"):
                for event in reader.whole(plain(answer)):
                    yield event
                return
            patience.accepted()
            async for chunk in _Within(patience, answer):
                for event in reader.read(plain(chunk)):
                    begun = True
                    yield event
                if not begun:
                    patience.paused()
            if not reader.finished:
                raise CutOff("no finish_reason")
            yield reader.completed()
        except self._foreign() as error:
            raise self._told(meaning(error, answering=answer is not None), request.model) from None
        except ProviderError as error:
            raise self._told(error, request.model) from None
        finally:
            if hasattr(answer, "aclose"):
                await answer.aclose()

    async def _begin(self, request: ReplyRequest) -> Any:
        cloud = self._cloud()
        body = request_body(request, include_usage=False)
        return await cloud.acompletion(**{**body, "stream": cloud.SUPPORTS_COMPLETION_STREAMING})

    def _cloud(self) -> Any:
        """any-llm's provider, made when it is first needed: a missing key is told to whoever asks."""
        if self._made is None:
            any_llm = importlib.import_module(PACKAGE).AnyLLM
            retries = any_llm.get_provider_class(self._settings.provider).MAX_RETRIES_SUPPORT
            self._made = any_llm.create(
                self._settings.provider,
                api_key=self._settings.api_key.get_secret_value() or None,
                api_base=self._settings.base_url or None,
                unified_exceptions=True,
                max_retries=None if retries == "unsupported" else 0,  # to try again is `Retrying`'s
            )
        return self._made

    def _patience(self) -> Patience:
        patience = self._settings
        return Patience(patience.idle_timeout_seconds, patience.total_timeout_seconds, patience.first_timeout_seconds)

    def _foreign(self) -> tuple[type[Exception], ...]:
        """What any-llm raises: its own errors, and these of what it can't do or can't read."""
        return importlib.import_module(f"{PACKAGE}.exceptions").AnyLLMError, ValidationError, NotImplementedError

    def _told(self, error: ProviderError, model: str) -> ProviderError:
        url = URL.build(scheme="any-llm", host=self._settings.provider)
        key = self._settings.api_key.get_secret_value()
        return failures.Asked(self._name, "POST", url, model, (key,)).told(error)


def plain(made: Any) -> Any:
    """One of any-llm's answers or chunks, as the JSON that it stands for."""
    return made.model_dump(mode="json", exclude_none=True)  # not as text: half an emoji has no UTF-8


def meaning(error: Exception, *, answering: bool = False) -> ProviderError:
    """The failure that one of any-llm's errors stands for; `answering`: the answer had begun."""
    origin = getattr(error, "original_exception", None) or error
    status, kind = getattr(error, "status_code", None), type(origin).__name__
    said: dict[str, JsonValue] = {name: getattr(error, name, None) for name in ("message", "code", "error_type")}
    complaint: dict[str, JsonValue] = {
        "error": getattr(origin, "body", None) or said
    }  # the server's own words, if kept
    headers = getattr(getattr(origin, "response", None), "headers", None) or {}
    if isinstance(status, int) and status >= 400:
        return failures.from_status(status, headers, json.dumps(complaint).encode())
    if "Timeout" in kind:
        return TimedOut(f"{kind}: {origin}")
    if any(word in kind for word in ("Connect", "Protocol", "ReadError")):
        return (CutOff if answering else Unreachable)(f"{kind}: {origin}")
    if isinstance(origin, ValueError):  # JSON's and pydantic's are
        return Garbled(f"{kind}: {origin}")
    named = _KINDS.get(type(error).__name__)
    return named(str(error)) if named else failures.from_error(complaint)


async def _next(chunks: AsyncIterator[Any]) -> Any:
    return await anext(chunks, None)


class _Within:
    """Chunks, each waited for with patience. No generator: nothing is left to be closed when a reply is stopped."""

    def __init__(self, patience: Patience, chunks: AsyncIterable[Any]) -> None:
        self._patience, self._chunks = patience, aiter(chunks)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        chunk = await self._patience.wait(lambda: _next(self._chunks))
        if chunk is None:
            raise StopAsyncIteration
        self._patience.begun()
        return chunk
