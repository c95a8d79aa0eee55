"""Every server with OpenAI's chat completions and pictures: OpenAI, OpenRouter, Groq, Ollama, LM Studio, vLLM, …"""

from collections.abc import AsyncGenerator, AsyncIterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Literal, Self

from pydantic import SecretStr, field_validator, model_validator
from yarl import URL

from chat.errors import CutOff, RequestRefused, TimedOut
from chat.events import ReplyEvent
from chat.messages import Image
from providers.answers import opened
from providers.base import Capabilities, ImageRequest, JsonValue, ModelInfo, ReplyRequest, StatusSink
from providers.fetch import SafeFetch
from providers.http import HttpClient, HttpSettings, checked_base_url, checked_key
from providers.stream import server_events
from providers.wire import images
from providers.wire.chat_completions import END_MARK, AnswerReader, model_names, request_body

MAX_PICTURE_BYTES = 40 * 2**20  # of the JSON around it; base64 makes a picture a third longer
TRAILER_SECONDS = 2.0  # how long usage and the end mark may take once the text is complete


class OpenAISettings(HttpSettings, frozen=True, extra="forbid"):
    """`type: openai`. `base_url` is what stands before `/chat/completions`; an empty key sends none."""

    type: Literal["openai"] = "openai"
    base_url: str = "https://api.openai.com/v1"
    api_key: SecretStr = SecretStr("")
    include_usage: bool = True  # ask for the count of tokens; a few servers refuse that

    _base_url = field_validator("base_url")(checked_base_url)
    _api_key = field_validator("api_key")(checked_key)

    @model_validator(mode="after")
    def _one_way_to_sign_in(self) -> Self:
        if self.api_key.get_secret_value() and URL(self.base_url).user:
            raise ValueError("an api_key and a user name in base_url exclude each other")
        return self


class OpenAI:
    """One server. `name` is its name in the config; every error carries it as `provider`, beside `model`."""

    Settings = OpenAISettings

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

    @property
    def capabilities(self) -> Capabilities:
        """What the protocol can carry; a model may take less (`vision` in the config)."""
        return Capabilities(vision=True)

    def stream_reply(
        self, request: ReplyRequest, status: StatusSink
    ) -> AbstractAsyncContextManager[AsyncIterable[ReplyEvent]]:
        """As in the contract; this protocol has nothing to tell to `status`."""
        return opened(self._ask(request), provider=self._name, model=request.model)

    async def draw(self, request: ImageRequest) -> Image:
        """As in the contract, by `POST /images/generations`."""
        body = images.request_body(request)
        try:
            found = await self._ask_for_picture(request.model, body)
        except RequestRefused as refused:
            plainer = images.without_format(body, refused.details)
            if plainer is None:
                raise
            found = await self._ask_for_picture(request.model, plainer)
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
        url = f"{self._settings.base_url}/images/generations"
        async with self._drawing.exchange("POST", url, model=model, body=body) as answer:
            return images.read_answer(await answer.json(MAX_PICTURE_BYTES))

    async def _ask(self, request: ReplyRequest) -> AsyncGenerator[ReplyEvent, None]:
        body = request_body(request, include_usage=self._settings.include_usage)
        url = f"{self._settings.base_url}/chat/completions"
        headers = {"Accept": "text/event-stream"}
        async with self._http.exchange("POST", url, model=request.model, body=body, headers=headers) as answer:
            reader = AnswerReader()
            if answer.media_type == "application/json":
                for event in reader.whole(await answer.json()):
                    yield event
                return
            try:
                async for said in server_events(answer):
                    for event in reader.events(said):
                        yield event
                    if reader.ended:
                        break
                    if reader.finished:
                        answer.hurry(TRAILER_SECONDS)
            except (CutOff, TimedOut):
                if not reader.finished:
                    raise
            if not reader.finished:
                raise CutOff(f"neither a finish_reason nor {END_MARK}")
            yield reader.completed()
