"""What the tests of chat-ui share: a provider for each dialect, and its stand-in server."""

from typing import Literal

from providers.chat_ui import FAREWELL_SECONDS, ChatUi, ChatUiSettings
from tests.servers.chat_ui import ChatUiServer

DialectName = Literal["legacy", "modern"]


def chat_ui_at(server: ChatUiServer, *, farewell_seconds: float = FAREWELL_SECONDS, **settings: object) -> ChatUi:
    """A provider that asks the server in its dialect."""
    given = {"base_url": server.url, "dialect": server.dialect, **settings}
    return ChatUi("local", ChatUiSettings.model_validate(given), farewell_seconds=farewell_seconds)
