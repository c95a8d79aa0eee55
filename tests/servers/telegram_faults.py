"""Faults on demand: what goes wrong between the bot and the stand-in Telegram, by script or by seeded chance."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from tests.servers.faults import NetworkFault, Script, drawn

FaultKind = Literal["flood", "bad_gateway", "reset", "stall", "cut_body", "conflict", "unauthorized"]
POLLING = "getUpdates"
DOWNLOAD = "download"  # the "method" of what is no call: reading a file
SENDS = frozenset({"sendMessage", "sendRichMessage", "sendPhoto", "sendDocument"})
ANY = "*"


@dataclass(frozen=True, slots=True)
class Fault(NetworkFault):
    """See `NetworkFault`; besides those of any network, what Telegram answers."""

    kind: FaultKind

    @classmethod
    def flood(cls, retry_after: float) -> "Fault":
        """429; the chat keeps refusing sends and edits for that long."""
        return cls("flood", retry_after)

    @classmethod
    def bad_gateway(cls, *, applied: bool = False) -> "Fault":
        """502 with a page of HTML."""
        return cls("bad_gateway", applied=applied)

    @classmethod
    def conflict(cls) -> "Fault":
        """409: another poller (getUpdates only)."""
        return cls("conflict")

    @classmethod
    def unauthorized(cls) -> "Fault":
        """401, as after the token was revoked."""
        return cls("unauthorized")


@dataclass(slots=True)
class Injected:
    """A fault that was injected: `applied` says whether the call took effect, `answered` whether the bot was told."""

    at: float
    fault: Fault
    method: str
    chat: int | None
    applied: bool = False
    answered: bool = False
    message: int | None = None  # the message that the call sent or changed, where it was applied

    @property
    def ambiguous(self) -> bool:
        """It happened, and the bot can't know it."""
        return self.applied and not self.answered


@dataclass(frozen=True, slots=True)
class _Planned:
    method: str
    chat: int | None
    fault: Fault

    def fits(self, method: str, chat: int | None) -> bool:
        return self.method in (ANY, method) and self.chat in (None, chat)


class Faults(Script[Fault, _Planned]):
    """What is to go wrong next, and the record of what did."""

    def __init__(self) -> None:
        super().__init__()
        self.injected: list[Injected] = []
        self._methods: frozenset[str] | None = None

    def next(self, method: str, *faults: Fault, chat: int | None = None) -> None:
        """Let the next calls of `method` ("*" = any), one for each fault, fail like this; with `chat` only there.

        The method "download" is the reading of a file.
        """
        self._planned.extend(_Planned(method, chat, fault) for fault in faults)

    def at_random(self, rates: Mapping[Fault, float], *, seed: int, methods: Collection[str] | None = None) -> None:
        """Let each call (of `methods`) fail with these probabilities, until `stop`. Conflicts hit getUpdates only."""
        self._by_chance(rates.items(), seed)
        self._methods = frozenset(methods) if methods is not None else None

    @property
    def ambiguous_sends(self) -> list[Injected]:
        """Messages that were sent although the bot can't know it: each may leave an orphan."""
        return [one for one in self.injected if one.method in SENDS and one.ambiguous]

    def draw(self, method: str, chat: int | None) -> Fault | None:
        """What is to go wrong with this call, if anything."""
        for plan in self._planned:
            if plan.fits(method, chat):
                self._planned.remove(plan)
                return plan.fault
        if not self._rates or not (self._methods is None or method in self._methods):
            return None
        fault = drawn(self._rates, self._random)
        return None if fault and fault.kind == "conflict" and method != POLLING else fault
