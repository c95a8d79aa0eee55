"""`discord:` in the config; apart from the rest, so that reading a config doesn't import discord.py."""

from typing import Literal

from pydantic import BaseModel, SecretStr


class DiscordSettings(BaseModel, frozen=True, extra="forbid"):
    """An empty token means: off."""

    token: SecretStr = SecretStr("")
    api_base_url: str = "https://discord.com/api/v10"
    gateway_url: str = "wss://gateway.discord.gg/"
    proxy: str = ""  # http://… or socks5://…
    conversation: Literal["channel", "chain"] = "channel"  # what shares a history: a channel, or a chain of replies
