"""`playground:` in the config."""

from pydantic import BaseModel


class PlaygroundSettings(BaseModel, frozen=True, extra="forbid"):
    """An empty `listen` means: off. On loopback its user is an admin."""

    listen: str = "127.0.0.1:8080"
