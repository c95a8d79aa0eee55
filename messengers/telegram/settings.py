"""`telegram:` in the config; apart from the rest, so that reading a config doesn't import aiogram."""

from typing import Literal

from pydantic import BaseModel, SecretStr


class TelegramSettings(BaseModel, frozen=True, extra="forbid"):
    """An empty token means: off."""

    token: SecretStr = SecretStr("")
    api_base_url: str = "https://api.telegram.org"
    proxy: str = ""  # http://… or socks5://…
    streaming: Literal["edits", "drafts", "rich"] = "edits"  # how an answer grows, and what it becomes
    overall_limit: Literal["calls", "messages"] = "calls"  # what counts against the 30 a second of a bot
