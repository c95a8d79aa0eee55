"""`log:` and `health:` in the config."""

from typing import Literal

from pydantic import BaseModel


class LogSettings(BaseModel, frozen=True, extra="forbid"):
    """`text` is for people, `json` for programs: one object per line."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"


class HealthSettings(BaseModel, frozen=True, extra="forbid"):
    """Where /healthz and /metrics are served, as `host:port`. Empty means: nowhere."""

    listen: str = ""
