"""Hugging Face: chat through its router, texts from a Text Generation Inference server, pictures from either.

`api: chat` speaks OpenAI's protocol with the router (or an Inference Endpoint); `api: tgi` speaks TGI's own with a
server at `base_url`, in the prompt format that the model was trained on, and can go on with an answer cut short.
"""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Literal, Self
from urllib.parse import quote

from pydantic import SecretStr, field_validator, model_validator
from yarl import URL

from chat.errors import CutOff, Garbled, Overloaded
from chat.events import ReplyEvent
from chat.messages import Image
from providers import failures
from providers.answers import opened
from providers.base import Capabilities, ImageRequest, ModelInfo, ReplyRequest, Status, StatusSink
from providers.fetch import SafeFetch
from providers.http import Exchange, HttpClient, HttpSettings, checked_base_url, checked_base_url_or_none, checked_key
from providers.hub import Hub
from providers.openai import MAX_PICTURE_BYTES, OpenAI, OpenAISettings
from providers.stream import ServerEvent, read_json, server_events
from providers.wire import hub, prompts, tgi

ROUTER = "https://router.huggingface.co"
NEVER_SENT = "[DONE]"  # by TGI's own protocol, but by some of its imitators
ONE_MODEL = "/"


class HuggingFaceSettings(HttpSettings, frozen=True, extra="forbid"):
    """`type: huggingface`. `base_url` is Hugging Face's router where it is empty; an empty key sends none."""

    type: Literal["huggingface"] = "huggingface"
    api: Literal["chat", "tgi"] = "chat"
    base_url: str = ""
    hub_url: str = "https://huggingface.co"
    tgi_path: Literal["/models/{model}", "/"] = "/models/{model}"
    prompt_format: Literal["auto"] | prompts.FormatName = "auto"  # of tgi; auto: by what the hub knows of the model
    api_key: SecretStr = SecretStr("")

    _api_key = field_validator("api_key")(checked_key)
    _base_url = field_validator("base_url")(checked_base_url_or_none)
    _hub_url = field_validator("hub_url")(checked_base_url)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.api == "tgi" and not self.base_url:
            raise ValueError("api: tgi needs a base_url, the address of a server: the public one is gone")
        if self.api_key.get_secret_value() and URL(self.base_url).user:
            raise ValueError("an api_key and a user name in base_url exclude each other")
        return self


class HuggingFace:
    """One server. `name` is its name in the config; every error carries it as `provider`, beside `model`."""

    Settings = HuggingFaceSettings

    def __init__(self, name: str, settings: HuggingFaceSettings) -> None:
        key = settings.api_key.get_secret_value()
        self._name, self._settings = name, settings
        self._hub = Hub(name, settings.hub_url, settings.proxy, key)
        self._chat = OpenAI(name, _chat_settings(settings))
        headers = {"Authorization": f"Bearer {key}"} if key else None
        self._http = HttpClient(name, settings, headers=headers, secrets=(key,))
        # While a picture is drawn nothing comes, often for a minute or two: that is not silence.
        patient = settings.model_copy(update={"idle_timeout_seconds": settings.total_timeout_seconds})
        self._drawing = HttpClient(name, patient, headers=headers, secrets=(key,))
        secrets = (key, URL(settings.base_url).password or "")
        self._pictures = SafeFetch(name, settings.base_url or ROUTER, settings.proxy, secrets)
        self._stack = AsyncExitStack()

    @property
    def capabilities(self) -> Capabilities:
        """A text can be gone on with, a chat can't; a chat can hold pictures, a text can't."""
        in_text = self._settings.api == "tgi"
        return Capabilities(vision=not in_text, continuing=in_text)

    @asynccontextmanager
    async def stream_reply(self, request: ReplyRequest, status: StatusSink) -> AsyncIterator[AsyncIterable[ReplyEvent]]:
        """As in the contract. A model that is still being loaded is told to `status`, with its seconds, and raised."""
        asked = replace(request, model=hub.ALIASES.get(request.model, request.model))
        async with AsyncExitStack() as stack:
            answer = (
                opened(self._generate(asked), provider=self._name, model=asked.model)
                if self._settings.api == "tgi"
                else self._chat.stream_reply(asked, status)
            )
            try:
                events = await stack.enter_async_context(answer)
            except Overloaded as error:
                if error.retry_after and "loading" in error.details.lower():
                    status(Status("status.loading", {"seconds": f"{error.retry_after:.0f}"}))
                raise
            yield events

    async def draw(self, request: ImageRequest) -> Image:
        """As in the contract, by whoever draws with this model; a TGI-shaped server draws itself."""
        model = hub.ALIASES.get(request.model, request.model)
        if self._settings.api == "tgi":
            painter, url = hub.Painter("hf-inference", model), self._model_url(model)
        else:
            painter = await self._hub.painter(model)
            url = self._router + quote(painter.path)
        found = await self._ask_for_picture(painter, url, request)
        return await self._pictures.picture(found, model) if isinstance(found, str) else found

    async def models(self) -> Sequence[ModelInfo]:
        """What the server itself says, or the models in demand on the hub where it serves them all."""
        if self._settings.api == "tgi" and self._settings.tgi_path == ONE_MODEL:
            async with self._http.exchange("GET", f"{self._settings.base_url}/info") as answer:
                return [ModelInfo(_served(await answer.json()))]
        if self._settings.api == "chat" and self._settings.base_url:
            return await self._chat.models()
        return [ModelInfo(name) for name in await self._hub.text_models()]

    async def image_models(self) -> Sequence[ModelInfo]:
        """The models in demand on the hub that draw; never fails, for some are known anyway."""
        return [ModelInfo(name) for name in await self._hub.image_models()]

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            for part in (self._hub, self._chat, self._http, self._drawing):
                await stack.enter_async_context(part)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    @property
    def _router(self) -> str:
        return self._settings.base_url.removesuffix("/v1") or ROUTER

    def _model_url(self, model: str) -> str:
        return self._settings.base_url + self._settings.tgi_path.replace("{model}", quote(model))

    async def _generate(self, request: ReplyRequest) -> AsyncGenerator[ReplyEvent, None]:
        body = tgi.request_body(await self._prompt(request), request.parameters)
        url, headers = self._model_url(request.model), {"Accept": "text/event-stream"}
        reader = tgi.TgiReader(goes_on=request.continues)
        async with self._http.exchange(
            "POST", url, model=request.model, body=body, headers=headers, lull=request.lull
        ) as answer:
            if answer.media_type == "application/json":
                for event in reader.whole(await answer.json()):
                    yield event
                return
            async for said in server_events(answer):
                for event in _read(reader, said):
                    yield event
                if reader.ended:
                    return
            raise CutOff("neither generated_text nor a finish_reason")

    async def _prompt(self, request: ReplyRequest) -> str:
        named = self._settings.prompt_format
        if named == "auto":
            facts = await self._hub.facts(request.model)
            form = prompts.chosen(facts.model_type, facts.author, facts.end_token)
        else:
            form = prompts.FORMATS[named]
        return form(request.system, request.messages, request.continues)

    async def _ask_for_picture(self, painter: hub.Painter, url: str, request: ImageRequest) -> Image | str:
        body = hub.picture_body(painter.provider, painter.model, request)
        headers = {"Accept": "image/png"} if painter.provider == "hf-inference" else None
        async with self._drawing.exchange("POST", url, model=request.model, body=body, headers=headers) as answer:
            return await _picture_in(answer, painter)


async def _picture_in(answer: Exchange, painter: hub.Painter) -> Image | str:
    data = await answer.read(MAX_PICTURE_BYTES)
    in_json = answer.media_type == "application/json" or painter.provider != "hf-inference"
    return hub.read_picture(painter.provider, answer.media_type, data, read_json(data) if in_json else None)


def _read(reader: tgi.TgiReader, said: ServerEvent) -> list[ReplyEvent]:
    if said.data.strip() in ("", NEVER_SENT):
        return []
    if said.name == "error":
        raise failures.from_error(said.data)
    return reader.read(said.json())


def _served(info: object) -> str:
    match info:
        case {"model_id": str() as model} if model:
            return model
        case _:
            raise Garbled(f"not what TGI says of itself: {str(info)[:200]}")


def _chat_settings(settings: HuggingFaceSettings) -> OpenAISettings:
    """The router's (or a server's own) OpenAI-compatible side."""
    shared = {name: getattr(settings, name) for name in (*HttpSettings.model_fields, "api_key")}
    return OpenAISettings(base_url=settings.base_url or f"{ROUTER}/v1", **shared)
