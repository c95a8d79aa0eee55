"""Every server with OpenAI's chat completions and pictures: OpenAI, OpenRouter, Groq, Ollama, LM Studio, vLLM, …"""

import logging
from collections.abc import AsyncGenerator, AsyncIterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

from pydantic import Field, SecretStr, ValidationInfo, field_validator, model_validator
from yarl import URL

from chat.errors import CutOff, ModelNotFound, ParameterRefused, ProviderError, RequestRefused, TimedOut
from chat.events import ReplyEvent
from chat.messages import Image
from providers.answers import asked_until_taken, opened
from providers.base import Capabilities, ImageRequest, JsonValue, ModelInfo, ReplyRequest, StatusSink
from providers.fetch import SafeFetch
from providers.http import Exchange, HttpClient, HttpSettings, checked_base_url, checked_key
from providers.openai_presets import PRESET_NAMES, PRESETS, ImageStyle, PresetName
from providers.stream import server_events
from providers.wire import images
from providers.wire.chat_completions import END_MARK, AnswerReader, model_names, request_body
from providers.wire.plainer import parameter_in, plainer

log = logging.getLogger(__name__)

MAX_PICTURE_BYTES = 40 * 2**20  # of the JSON around it; base64 makes a picture a third longer
REMEDY = "make it one of the image_models, of a provider with images: chat"
TRAILER_SECONDS = 2.0  # how long usage and the end mark may take once the text is complete
MOST_COMPLAINTS = 3  # of one question that are given in to: servers name one parameter at a time
MOST_MODELS = 64  # whose complaints are remembered


class OpenAISettings(HttpSettings, frozen=True, extra="forbid"):
    """`type: openai`. `base_url` is what stands before `/chat/completions`; an empty key sends none.

    What isn't set is as the preset has it.
    """

    type: Literal["openai"] = "openai"
    preset: PresetName = ""
    base_url: str = "https://api.openai.com/v1"
    api_key: SecretStr = Field(default=SecretStr(""), validate_default=True)
    include_usage: bool = True  # ask for the count of tokens; a few servers refuse that
    images: ImageStyle = "generations"  # chat: image models are chat models that answer with pictures

    _base_url = field_validator("base_url")(checked_base_url)
    _api_key = field_validator("api_key")(checked_key)

    @model_validator(mode="before")
    @classmethod
    def _as_preset(cls, given: Any) -> Any:
        name = given.get("preset", "") if isinstance(given, dict) else None
        if name not in PRESET_NAMES:
            return given  # the field itself tells of it
        preset = PRESETS[name]
        known = {field: getattr(preset, field) for field in ("base_url", "include_usage", "images", "max_concurrent")}
        return known | given

    @field_validator("api_key")
    @classmethod
    def _needed(cls, key: SecretStr, info: ValidationInfo) -> SecretStr:
        name = info.data.get("preset", "")
        preset = PRESETS[name]
        if preset.needs_key and info.data.get("base_url") == preset.base_url and not key.get_secret_value():
            raise ValueError(f'is missing, and this preset needs one: api_key: "${{{name.upper()}_API_KEY}}"')
        return key

    @model_validator(mode="after")
    def _one_way_to_sign_in(self) -> Self:
        if self.api_key.get_secret_value() and URL(self.base_url).user:
            raise ValueError("an api_key and a user name in base_url exclude each other")
        return self


@dataclass(frozen=True, slots=True)
class _Form:
    """How a question is asked. `complaints`: what was refused of earlier forms of it."""

    body: dict[str, JsonValue]
    complaints: tuple[str, ...] = ()

    def after(self, refused: ProviderError) -> "_Form":
        """Without what is refused. Raises the refusal where that is nothing in it, or it was enough."""
        plain = plainer(self.body, refused.details) if len(self.complaints) < MOST_COMPLAINTS else None
        if plain:
            return _Form(plain, (*self.complaints, refused.details))
        parameter = parameter_in(self.body, refused.details)
        if not parameter or not isinstance(refused, RequestRefused):
            raise refused
        # of a configured parameter
        raise ParameterRefused(refused.details, retry_after=None, parameter=parameter, **refused.arguments) from None


class OpenAI:
    """One server. `name` is its name in the config; every error carries it as `provider`, beside `model`."""

    Settings = OpenAISettings

    @staticmethod
    def draws(given: Mapping[str, object]) -> bool:
        """Whether a provider with these settings may draw: not where it is known that nobody does there."""
        name = given.get("preset", "")
        return name not in PRESET_NAMES or PRESETS[name].draws or "base_url" in given or "images" in given

    def __init__(self, name: str, settings: OpenAISettings) -> None:
        key = settings.api_key.get_secret_value()
        self._name = name
        self._settings = settings
        headers = {"Authorization": f"Bearer {key}"} if key else None
        self._http = HttpClient(name, settings, headers=headers, secrets=(key,))
        # While a picture is drawn nothing comes, often for a minute or two: that is not silence.
        patient = settings.model_copy(update={"idle_timeout_seconds": settings.total_timeout_seconds})
        self._drawing = HttpClient(name, patient, headers=headers, secrets=(key,))
        secrets = (key, URL(settings.base_url).password or "")
        self._pictures = SafeFetch(name, settings.base_url, settings.proxy, secrets)
        self._complaints: dict[str, tuple[str, ...]] = {}  # model → why it refused what isn't sent to it any more

    @property
    def capabilities(self) -> Capabilities:
        """What the protocol can carry; a model may take less (`vision` in the config)."""
        return Capabilities(vision=True)

    def stream_reply(
        self, request: ReplyRequest, status: StatusSink
    ) -> AbstractAsyncContextManager[AsyncIterable[ReplyEvent]]:
        """As in the contract; this protocol tells `status` that the model thinks.

        What a model refuses of the parameters, or of our own, is left out: see wire/plainer.py. That further request
        counts as none; and the model gets no such one again.
        """
        return opened(self._ask(request), status, provider=self._name, model=request.model)

    async def draw(self, request: ImageRequest) -> Image:
        """As in the contract, by `POST /images/generations` or by a chat model, as is set."""
        wanted = {**PRESETS[self._settings.preset].image_parameters, **request.parameters}
        make_body = images.chat_body if self._settings.images == "chat" else images.request_body
        body = make_body(replace(request, parameters=wanted))
        try:
            found = await self._ask_for_picture(request.model, body)
        except (RequestRefused, ModelNotFound) as refused:
            plain = images.plainer(body, refused.details)
            if plain is None:
                raise
            request.again()
            found = await self._ask_for_picture(request.model, plain)
        return await self._pictures.picture(found, request.model) if isinstance(found, str) else found

    async def models(self) -> Sequence[ModelInfo]:
        """What `GET /models` lists now."""
        async with self._http.exchange("GET", f"{self._settings.base_url}/models") as answer:
            return [ModelInfo(name) for name in model_names(await answer.json())]

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        await self._drawing.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._drawing.__aexit__(*exc)
        await self._http.__aexit__(*exc)

    async def _ask_for_picture(self, model: str, body: dict[str, JsonValue]) -> Image | str:
        by_chat = self._settings.images == "chat"
        url = f"{self._settings.base_url}/{'chat/completions' if by_chat else 'images/generations'}"
        read = images.read_chat_answer if by_chat else images.read_answer
        async with self._drawing.exchange("POST", url, model=model, body=body) as answer:
            return read(await answer.json(MAX_PICTURE_BYTES))

    def _ask(self, request: ReplyRequest) -> AsyncGenerator[ReplyEvent, None]:
        known = self._complaints.get(request.model, ())
        usual = request_body(request, include_usage=self._settings.include_usage)
        for complaint in known:
            usual = plainer(usual, complaint) or usual

        def taken(form: _Form) -> None:
            if form.complaints:  # and to give in to them helped
                self._remember(request.model, (*known, *form.complaints))
                self._tell_of_change(request.model, usual, form.body)

        return asked_until_taken(_Form(usual), lambda form: self._ask_with(request, form.body), _Form.after, taken)

    def _remember(self, model: str, complaints: tuple[str, ...]) -> None:
        self._complaints.pop(model, None)
        self._complaints[model] = complaints
        if len(self._complaints) > MOST_MODELS:
            del self._complaints[next(iter(self._complaints))]

    def _tell_of_change(self, model: str, body: Mapping[str, JsonValue], plain: Mapping[str, JsonValue]) -> None:
        refused = ", ".join(key for key in body if plain.get(key) != body[key])
        instead = ", ".join(key for key in plain if key not in body)
        sent = f", and with {instead}" if instead else ""
        log.warning("%s refuses %s for %s: from now on it is asked without%s", self._name, refused, model, sent)

    async def _ask_with(self, request: ReplyRequest, body: dict[str, JsonValue]) -> AsyncGenerator[ReplyEvent, None]:
        url = f"{self._settings.base_url}/chat/completions"
        streams = bool(body["stream"])
        headers = {"Accept": "text/event-stream" if streams else "application/json"}
        client = self._http if streams else self._drawing  # nothing comes while all of an answer is made
        async with client.exchange(
            "POST", url, model=request.model, body=body, headers=headers, lull=request.lull
        ) as answer:
            reader, begun = AnswerReader(), False
            if answer.media_type == "application/json":
                for event in reader.whole(await answer.json()):
                    yield event
                _tell_of_pictures(reader, request.model)
                return
            try:
                async for said in server_events(answer):
                    for event in reader.events(said):
                        begun = True
                        yield event
                    if reader.ended:
                        break
                    _expect(answer, reader.finished, begun)
            except (CutOff, TimedOut):
                if not reader.finished:
                    raise
            if not reader.finished:
                raise CutOff(f"neither a finish_reason nor {END_MARK}")
            _tell_of_pictures(reader, request.model)
            yield reader.completed()


def _expect(answer: Exchange, finished: bool, begun: bool) -> None:
    """How long the next chunk may take: the text is complete, or there is a role alone, and the model may think."""
    if finished:
        answer.hurry(TRAILER_SECONDS)
    elif not begun:
        answer.paused()


def _tell_of_pictures(reader: AnswerReader, model: str) -> None:
    if reader.pictures:
        log.warning("%d pictures in an answer of %s: to see them, %s", reader.pictures, model, REMEDY)
