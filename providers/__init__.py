"""WHO answers: one module per protocol."""

from collections.abc import Mapping
from typing import Any, Protocol

from pydantic import BaseModel

from providers.anthropic import Anthropic
from providers.any_llm import AnyLlm
from providers.base import Provider
from providers.chat_ui import ChatUi
from providers.gradio import Gradio
from providers.huggingface import HuggingFace
from providers.offline import Offline
from providers.openai import OpenAI


class ProviderClass(Protocol):
    """What config.py and bot.py need of a provider's class."""

    @property
    def Settings(self) -> type[BaseModel]:  # noqa: N802 — a class, seen from outside
        """What can be set under `providers.<name>`, `type` included."""
        ...

    def __call__(self, name: str, settings: Any) -> Provider:
        """Make one from its name in the config and its validated `Settings`. Does no I/O."""
        ...


# By `type` in the config: a new provider is one new file, and one line here.
PROVIDERS: Mapping[str, ProviderClass] = {
    "openai": OpenAI,
    "anthropic": Anthropic,
    "chat_ui": ChatUi,
    "huggingface": HuggingFace,
    "gradio": Gradio,
    "any_llm": AnyLlm,
    "offline": Offline,
}
