"""What the tests of the config share: a folder to write configs to, and two types of providers."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, Field, SecretStr, field_validator

from config import Config, ConfigError, Fault, ProviderTypes, load

TOKEN = "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
# no token of anybody's: the number of a bot in base64, a time, and letters
DISCORD_TOKEN = ".".join(("MTIzNDU2Nzg5MDEyMzQ1Njc4", "GabcdE", "abcdefghijklmnopqrstuvwxyz-0123456789_"))
KEY = "sk-test-0123456789abcdef"


class NetworkSettings(BaseModel, frozen=True, extra="forbid"):
    """A provider with an address, as the real ones have."""

    base_url: str = "https://api.example.com/v1"
    api_key: SecretStr
    proxy: str = ""
    idle_timeout_seconds: float = Field(default=60, gt=0)

    @field_validator("api_key")
    @classmethod
    def _careless(cls, key: SecretStr) -> SecretStr:
        if key.get_secret_value().startswith("bad"):
            raise ValueError(f"{key.get_secret_value()} is refused")
        return key


class OfflineSettings(BaseModel, frozen=True, extra="forbid"):
    """A provider without any."""

    type: str = "offline"
    words_per_second: float = 20


class Network:
    """It answers, and doesn't draw."""

    Settings = NetworkSettings


class Offline:
    """It draws, too."""

    Settings = OfflineSettings

    async def draw(self, request: Any) -> Any:
        raise NotImplementedError


TYPES: ProviderTypes = {"openai": Network, "offline": Offline}


class Folder:
    """A folder with a config in it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self, text: str, **environ: str) -> Config:
        file = self.path / "config.yaml"
        file.write_text(text, encoding="utf-8")
        return load(file, environ, TYPES)

    def faults(self, text: str, **environ: str) -> dict[str, Fault]:
        with pytest.raises(ConfigError) as caught:
            self.load(text, **environ)
        assert caught.value.__cause__ is None
        return {fault.path: fault for fault in caught.value.faults}
