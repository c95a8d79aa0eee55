"""Faults on demand: what goes wrong between the bot and the stand-in Discord's REST API, by script or by chance."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from tests.servers.faults import NetworkFault, Script, drawn

FaultKind = Literal["flood", "html", "refusal", "reset", "stall", "cut_body", "wrong_type"]

CREATE = "POST /channels/*/messages"
EDIT = "PATCH /channels/*/messages/*"
TYPING = "POST /channels/*/typing"
CALLBACK = "POST /interactions/*/callback"
FOLLOW_UP = "POST /webhooks/*"
WEBHOOK_EDIT = "PATCH /webhooks/*"
ANY = "*"


@dataclass(frozen=True, slots=True)
class Fault(NetworkFault):
    """See `NetworkFault`; besides those of any network, what Discord answers. `via`, `everywhere` belong to a flood."""

    kind: FaultKind
    status: int = 0
    code: int = 0
    message: str = ""
    via: bool = True
    everywhere: bool = False

    @classmethod
    def flood(cls, retry_after: float, *, via: bool = True, everywhere: bool = False) -> "Fault":
        """429. Without `via` it lacks the header without which discord.py doesn't retry."""
        return cls("flood", retry_after, status=429, via=via, everywhere=everywhere)

    @classmethod
    def html(cls, status: int = 502, *, applied: bool = False) -> "Fault":
        """500, 502 … with a page of HTML."""
        return cls("html", status=status, applied=applied)

    @classmethod
    def refusal(cls, status: int, code: int, message: str = "injected") -> "Fault":
        """Any refusal in Discord's own form, such as 429 with 30046, "too many edits of an old message"."""
        return cls("refusal", status=status, code=code, message=message)

    @classmethod
    def wrong_type(cls) -> "Fault":
        """The call takes effect; its answer is called text, so that discord.py doesn't parse it."""
        return cls("wrong_type", applied=True)


@dataclass(slots=True)
class Injected:
    """A fault that was injected: `applied` says whether the call took effect, `answered` whether the bot was told."""

    at: float
    fault: Fault
    call: str  # "POST /channels/123/messages"
    applied: bool = False
    answered: bool = False
    message: int | None = None  # the message that the call sent or changed, where it was applied

    @property
    def ambiguous(self) -> bool:
        """It happened, and the bot can't know it."""
        return self.applied and not self.answered


@dataclass(slots=True)
class _Planned:
    pattern: str
    fault: Fault
    skip: int


class Faults(Script[Fault, _Planned]):
    """What is to go wrong next, and the record of what did.

    A pattern is matched against "METHOD /path" as `fnmatch` does it: "POST /channels/*/messages"; "*" is any call.
    """

    def __init__(self) -> None:
        super().__init__()
        self.injected: list[Injected] = []
        self._patterns: Collection[str] = (ANY,)

    def next(self, pattern: str, *faults: Fault, skip: int = 0) -> None:
        """Let the next calls that match, one for each fault, fail like this, after `skip` that don't."""
        for fault in faults:
            self._planned.append(_Planned(pattern, fault, skip))
            skip = 0

    def at_random(self, rates: Mapping[Fault, float], *, seed: int, patterns: Collection[str] = (ANY,)) -> None:
        """Let each call that matches one of `patterns` fail with these probabilities, until `stop`."""
        self._by_chance(rates.items(), seed)
        self._patterns = patterns

    @property
    def ambiguous_sends(self) -> list[Injected]:
        """Messages that were sent although the bot can't know it."""
        return [one for one in self.injected if one.call.startswith("POST ") and one.ambiguous and one.message]

    def draw(self, call: str) -> Fault | None:
        """What is to go wrong with this call, if anything."""
        plan = next((plan for plan in self._planned if fnmatchcase(call, plan.pattern)), None)
        if plan and plan.skip:
            plan.skip -= 1
        elif plan:
            self._planned.remove(plan)
            return plan.fault
        return drawn(self._rates, self._random) if self._rates and self._concerned(call) else None

    def _concerned(self, call: str) -> bool:
        return any(fnmatchcase(call, pattern) for pattern in self._patterns)
