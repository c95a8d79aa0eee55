"""`playground:` in the config."""

from pydantic import BaseModel, SecretStr


class PlaygroundSettings(BaseModel, frozen=True, extra="forbid"):
    """An empty `listen` means: off. Without a password only people at this computer get in, and they are admins."""

    listen: str = "127.0.0.1:8080"
    password: SecretStr = SecretStr("")
