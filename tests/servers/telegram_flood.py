"""Flood control of the stand-in Telegram: how many calls a chat and the bot take, and what is refused with 429.

The figures are what bots measure; Telegram publishes "about one message a second in a chat, 20 a minute in a group,
30 a second overall". Edits count like sends, those that change nothing too.
"""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.servers.telegram_text import ApiError

EVERYWHERE = 0  # the "chat" of refusals that concern the whole bot


@dataclass(frozen=True, slots=True)
class FloodRules:
    """What is allowed. `counts`: the methods that use it up and are refused; `penalty`: seconds that it lasts.

    `overall_counts`: those of them that use up what the bot has overall; None: all of them.
    """

    enabled: bool = True
    private_burst: float = 4
    private_per_second: float = 1.0
    group_calls: int = 20
    group_seconds: float = 60.0
    overall_per_second: int = 30
    penalty: float = 5.0
    counts: frozenset[str] = frozenset(
        {"sendMessage", "sendRichMessage", "sendPhoto", "sendDocument", "editMessageText"}
    )
    overall_counts: frozenset[str] | None = None
    # As other bots measured it: (calls, seconds) that the drafts of a chat may take, "typing" among them.
    draft_limits: tuple[tuple[int, float], ...] = ((20, 5.0), (40, 30.0))
    drafts: frozenset[str] = frozenset({"sendMessageDraft", "sendChatAction"})

    def counts_overall(self, method: str) -> bool:
        """Whether a call, of those that count, uses up what the bot has overall."""
        return self.overall_counts is None or method in self.overall_counts


NO_FLOOD = FloodRules(enabled=False)


@dataclass(frozen=True, slots=True)
class Refusal:
    """One 429: when, for which call, and how long it told the bot to wait. `injected`: a fault, not these rules."""

    at: float
    method: str
    chat: int | None
    retry_after: int
    injected: bool = False


@dataclass(slots=True)
class _Place:
    calls: deque[float] = field(default_factory=deque)
    tokens: float = math.inf
    updated: float = 0.0
    blocked_until: float = 0.0


class Flood:
    """Counts calls by `rules`, which may be exchanged at any time, and records every refusal."""

    def __init__(self, rules: FloodRules, now: Callable[[], float]) -> None:
        self.rules = rules
        self.refusals: list[Refusal] = []
        self._now = now
        self._places: dict[int, _Place] = {}
        self._drafts: dict[int, _Place] = {}

    def admit(self, method: str, chat: int | None) -> None:
        """Count one call; raises the 429 where it is too many, and from then on until the penalty is over."""
        if chat is not None and method in self.rules.drafts and self.rules.enabled:
            self._admit_draft(method, chat)
        if chat is None or method not in self.rules.counts:
            return
        for place in (EVERYWHERE, chat):
            self._refuse_while_blocked(method, chat, place)
        if self.rules.enabled:
            self._spend(method, chat)

    def _admit_draft(self, method: str, chat: int) -> None:
        """Drafts have limits of their own."""
        place, now = self._drafts.setdefault(chat, _Place()), self._now()
        if place.blocked_until <= now:
            over = any(sum(at > now - span for at in place.calls) >= most for most, span in self.rules.draft_limits)
            place.blocked_until = now + self.rules.penalty if over else place.blocked_until
        if place.blocked_until > now:
            raise self.refusal(method, chat, place.blocked_until - now)
        place.calls.append(now)

    def block(self, chat: int, seconds: float) -> None:
        """Refuse everything that counts in this chat (or EVERYWHERE) for that long."""
        place = self._place(chat)
        place.blocked_until = max(place.blocked_until, self._now() + seconds)

    def refusal(self, method: str, chat: int | None, seconds: float, *, injected: bool = False) -> ApiError:
        """Record a 429 and return it."""
        retry_after = max(1, math.ceil(seconds))
        self.refusals.append(Refusal(self._now(), method, chat, retry_after, injected))
        return ApiError(429, f"Too Many Requests: retry after {retry_after}", retry_after=retry_after)

    def forget(self) -> None:
        """Every chat has its full allowance again, and no penalty."""
        self._places.clear()
        self._drafts.clear()

    def _refuse_while_blocked(self, method: str, chat: int, where: int) -> None:
        left = self._place(where).blocked_until - self._now()
        if left > 0:
            raise self.refusal(method, chat, left)

    def _spend(self, method: str, chat: int) -> None:
        overall, place = self._place(EVERYWHERE), self._place(chat)
        counts_overall = self.rules.counts_overall(method)
        if counts_overall and not self._fits(overall, self.rules.overall_per_second, 1.0):
            self.block(EVERYWHERE, self.rules.penalty)
            raise self.refusal(method, chat, self.rules.penalty)
        private = chat > 0
        if not (self._has_token(place) if private else self._fits(place, *self._group_window)):
            self.block(chat, self.rules.penalty)
            raise self.refusal(method, chat, self.rules.penalty)
        if counts_overall:
            overall.calls.append(self._now())
        if private:
            place.tokens -= 1
        else:
            place.calls.append(self._now())

    @property
    def _group_window(self) -> tuple[int, float]:
        return self.rules.group_calls, self.rules.group_seconds

    def _fits(self, place: _Place, calls: int, seconds: float) -> bool:
        while place.calls and place.calls[0] <= self._now() - seconds:
            place.calls.popleft()
        return len(place.calls) < calls

    def _has_token(self, place: _Place) -> bool:
        passed = self._now() - place.updated
        place.tokens = min(self.rules.private_burst, place.tokens + passed * self.rules.private_per_second)
        place.updated = self._now()
        return place.tokens >= 1

    def _place(self, chat: int) -> _Place:
        return self._places.setdefault(chat, _Place())
