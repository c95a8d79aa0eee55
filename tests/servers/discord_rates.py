"""Rate limits of the stand-in Discord: buckets by route and channel, 50 calls a second overall, and their headers.

Source: discord-api-docs, "Rate Limits". Discord publishes no figure for a bucket; those here are what bots see
(5 posts and 5 edits in 5 s a channel; an interaction's token has its own). A bucket opens with its first call and is
full again when its time is over.
"""

import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from tests.servers.discord_errors import Json

GLOBAL = "global"
INVALID = frozenset({401, 403, 429})
Limit = tuple[int, float]  # calls, seconds


@dataclass(frozen=True, slots=True)
class RateRules:
    """What is allowed. `buckets`: limits by name, "other" for every route that has none of its own.

    `via`: whether a 429 has the header by which discord.py knows that it is Discord's, and not its doorkeeper's.
    """

    enabled: bool = True
    overall: Limit = (50, 1.0)
    via: bool = True
    buckets: Mapping[str, Limit] = field(
        default_factory=lambda: {
            "create": (5, 5.0),
            "edit": (5, 5.0),
            "delete": (5, 1.0),
            "typing": (5, 5.0),
            "webhook": (5, 2.0),
            "webhook edit": (5, 5.0),
            "other": (50, 1.0),
        }
    )

    def limit(self, bucket: str) -> Limit:
        """The limit of a bucket."""
        return self.buckets.get(bucket, self.buckets["other"])

    def with_limits(self, **limits: Limit) -> "RateRules":
        """The same rules, but for these buckets ("webhook_edit" for "webhook edit")."""
        return replace(self, buckets={**self.buckets, **{name.replace("_", " "): one for name, one in limits.items()}})


NO_RATES = RateRules(enabled=False)


@dataclass(frozen=True, slots=True)
class Refusal:
    """One 429. `bucket` is "global" where it was the limit over all. `injected`: a fault, not these rules."""

    at: float
    method: str
    path: str
    bucket: str
    retry_after: float
    injected: bool = False


@dataclass(frozen=True, slots=True)
class TooMany:
    """A 429 that is to be answered."""

    body: Json
    headers: dict[str, str]


@dataclass(slots=True)
class _Window:
    used: int = 0
    ends: float = 0.0


class Rates:
    """Counts calls by `rules`, which may be exchanged at any time. `refusals` is every 429.

    `invalid` holds the times of answers 401, 403 and 429: 10,000 within 10 minutes and Discord bans the address.
    """

    def __init__(self, rules: RateRules, now: Callable[[], float]) -> None:
        self.rules = rules
        self.refusals: list[Refusal] = []
        self.invalid: list[float] = []
        self._now = now
        self._windows: dict[tuple[str, str], _Window] = {}
        self._overall: deque[float] = deque()

    def admit(self, method: str, path: str, bucket: str, major: str, *, exempt: bool) -> dict[str, str] | TooMany:
        """Count a call: the headers for its answer, or the 429. `exempt`: it isn't part of the limit over all."""
        if not self.rules.enabled:
            return {}
        if not exempt and (wait := self._overall_wait()) > 0:
            return self.too_many(method, path, wait, everywhere=True)
        most, seconds = self.rules.limit(bucket)
        window = self._window(bucket, major, seconds)
        if window.used >= most:
            wait = window.ends - self._now()
            return self.too_many(method, path, wait, bucket=bucket, headers=self._headers(bucket, major))
        window.used += 1
        if not exempt:
            self._overall.append(self._now())
        return self._headers(bucket, major)

    def too_many(
        self,
        method: str,
        path: str,
        wait: float,
        *,
        bucket: str = "",
        everywhere: bool = False,
        headers: Mapping[str, str] | None = None,
        injected: bool = False,
    ) -> TooMany:
        """Record a 429 and make it."""
        name = GLOBAL if everywhere else bucket
        self.refusals.append(Refusal(self._now(), method, path, name, wait, injected))
        body = {
            "message": "You are being rate limited.",
            "retry_after": math.ceil(wait * 1000) / 1000,
            "global": everywhere,
        }
        shown = {**(headers or {}), "Retry-After": str(max(1, math.ceil(wait)))}
        shown["X-RateLimit-Scope"] = GLOBAL if everywhere else "user"
        if everywhere:
            shown["X-RateLimit-Global"] = "true"
        if self.rules.via:
            shown["Via"] = "1.1 google"
        return TooMany(body, shown)

    def answered(self, status: int) -> None:
        """Note an answer that counts towards a ban."""
        if status in INVALID:
            self.invalid.append(self._now())

    def forget(self) -> None:
        """Every bucket is full again."""
        self._windows.clear()
        self._overall.clear()

    def _overall_wait(self) -> float:
        most, seconds = self.rules.overall
        while self._overall and self._overall[0] <= self._now() - seconds:
            self._overall.popleft()
        return self._overall[0] + seconds - self._now() if len(self._overall) >= most else 0.0

    def _window(self, bucket: str, major: str, seconds: float) -> _Window:
        window = self._windows.setdefault((bucket, major), _Window())
        if window.ends <= self._now():
            window.used, window.ends = 0, self._now() + seconds
        return window

    def _headers(self, bucket: str, major: str) -> dict[str, str]:
        most, _ = self.rules.limit(bucket)
        window = self._windows[bucket, major]
        return {
            "X-RateLimit-Limit": str(most),
            "X-RateLimit-Remaining": str(max(0, most - window.used)),
            "X-RateLimit-Reset": f"{window.ends:.3f}",
            "X-RateLimit-Reset-After": f"{math.ceil(max(0.0, window.ends - self._now()) * 1000) / 1000:.3f}",
            "X-RateLimit-Bucket": f"{bucket.replace(' ', '-')}-bucket",
        }
