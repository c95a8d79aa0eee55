"""What Hugging Face's model API says, and the requests and answers of those who draw for it: pure, no I/O.

`GET /api/models/{id}`, `GET /api/models?…`, `GET /api/models/{id}?expand=inferenceProviderMapping`, and the bodies
that hf-inference, Together, Nscale and fal take for a picture (read in huggingface_hub's `inference/_providers`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from chat.errors import Garbled, ModelNotFound
from chat.messages import Image
from providers import failures
from providers.base import ImageRequest, JsonValue
from providers.wire import images

TRENDING_TEXT = 10  # models below that are not worth a place in a list
TRENDING_IMAGE = 20

# What is offered only where the hub can't be asked; each was served in 2025, and some may be gone.
TEXT_MODELS = (
    "meta-llama/Llama-3.3-70B-Instruct",
    "Qwen/Qwen2.5-72B-Instruct",
    "Qwen/Qwen2.5-Coder-32B-Instruct",
    "deepseek-ai/DeepSeek-R1",
    "google/gemma-3-27b-it",
    "openai/gpt-oss-120b",
)
IMAGE_MODELS = (
    "black-forest-labs/FLUX.1-dev",
    "black-forest-labs/FLUX.1-schnell",
    "stabilityai/stable-diffusion-xl-base-1.0",
)
ALIASES: Mapping[str, str] = {
    "llama-3.3-70b": "meta-llama/Llama-3.3-70B-Instruct",
    "qwen-2.5-72b": "Qwen/Qwen2.5-72B-Instruct",
    "qwen-2.5-coder-32b": "Qwen/Qwen2.5-Coder-32B-Instruct",
    "deepseek-r1": "deepseek-ai/DeepSeek-R1",
    "flux-dev": "black-forest-labs/FLUX.1-dev",
    "flux-schnell": "black-forest-labs/FLUX.1-schnell",
    "sdxl": "stabilityai/stable-diffusion-xl-base-1.0",
}

DRAWING = ("hf-inference", "together", "nscale", "fal-ai")  # whose answers are read here; the first that has it draws


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What decides how a model is asked; unknown things are empty."""

    model_type: str = ""
    author: str = ""
    end_token: str = ""


@dataclass(frozen=True, slots=True)
class Painter:
    """Who draws for a model, and what it calls the model."""

    provider: str
    model: str

    @property
    def path(self) -> str:
        """Where it is asked, behind the router's address."""
        match self.provider:
            case "hf-inference":
                return f"/hf-inference/models/{self.model}"
            case "fal-ai":
                return f"/fal-ai/{self.model}"
            case _:
                return f"/{self.provider}/v1/images/generations"


def model_facts(answer: JsonValue) -> ModelFacts:
    """Of `GET /api/models/{id}`. Raises `Garbled` for what is not about a model."""
    if not isinstance(answer, dict):
        raise Garbled(f"not about a model: {str(answer)[:200]}")
    config = _fields(answer.get("config"))
    end_token = _fields(config.get("tokenizer_config")).get("eos_token")
    if isinstance(end_token, dict):  # an AddedToken of the tokeniser
        end_token = end_token.get("content")
    return ModelFacts(_text(config.get("model_type")), _text(answer.get("author")), _text(end_token))


def trending_models(answer: JsonValue, least: float) -> tuple[str, ...]:
    """Of `GET /api/models?…`, those whose `trendingScore` is `least` or more. Raises `Garbled`."""
    if not isinstance(answer, list):
        raise Garbled(f"not a list of models: {str(answer)[:200]}")
    entries = [_fields(entry) for entry in answer]
    names = (_text(entry.get("id")) for entry in entries if _number(entry.get("trendingScore")) >= least)
    return tuple(dict.fromkeys(name for name in names if name))


def painter(answer: JsonValue, wanted: str = "") -> Painter:
    """Who draws, of `GET /api/models/{id}?expand=inferenceProviderMapping`: a mapping by name, or a list, of providers.

    `wanted`: only that one. Raises `ModelNotFound` if nobody known here does.
    """
    mapping = _fields(answer).get("inferenceProviderMapping")
    if isinstance(mapping, list):
        mapping = {_text(_fields(entry).get("provider")): entry for entry in mapping}
    live = {
        name: _text(_fields(entry).get("providerId"))
        for name, entry in _fields(mapping).items()
        if _fields(entry).get("task") == "text-to-image" and _fields(entry).get("status") == "live"
    }
    for name in [wanted] if wanted else DRAWING:
        if name in DRAWING and live.get(name):
            return Painter(name, live[name])
    raise ModelNotFound(f"nobody known here draws with it: text-to-image is live at {sorted(live)}")


def picture_body(provider: str, model: str, request: ImageRequest) -> dict[str, JsonValue]:
    """The JSON body that asks for a picture. `parameters` go in as they are; null leaves a field out."""
    sides: dict[str, JsonValue] = {"width": request.width, "height": request.height}
    common: dict[str, JsonValue] = {"seed": request.seed, **request.parameters}
    ours: dict[str, JsonValue] = {"prompt": request.prompt}
    match provider:
        case "together":
            return _without_nulls({**sides, **common, **ours, "model": model, "response_format": "base64"})
        case "nscale":
            size = f"{request.width}x{request.height}"
            return _without_nulls({"size": size, **common, **ours, "model": model, "response_format": "b64_json"})
        case "fal-ai":
            return _without_nulls({"image_size": sides, **common, **ours})
        case _:
            return {"inputs": request.prompt, "parameters": _without_nulls({**sides, **common})}


def read_picture(provider: str, media_type: str, body: bytes, answer: JsonValue) -> Image | str:
    """The picture in an answer, or the address where it is; `answer` is the body as JSON where it says that it is.

    Raises `Garbled`, or what the error in the answer stands for.
    """
    if provider == "hf-inference":
        if answer is not None:
            raise failures.from_error(answer)
        if not media_type.startswith("image/") and media_type != "application/octet-stream":
            raise Garbled(f"{media_type or 'nothing said of what it is'} in the place of a picture: {body[:100]!r}")
        return images.checked(body)
    match answer:
        case {"images": [{"url": str() as url}, *_]}:
            return images.read_answer({"data": [{"url": url}]})
        case _:
            return images.read_answer(answer)


def _without_nulls(fields: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    return {name: value for name, value in fields.items() if value is not None}


def _fields(value: JsonValue) -> Mapping[str, JsonValue]:
    return value if isinstance(value, dict) else {}


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else ""


def _number(value: JsonValue) -> float:
    return value if isinstance(value, int | float) else 0
