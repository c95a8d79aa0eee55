"""What wraps a provider, one concern each.

    Fallback([Observed(Circuit(Retrying(Limited(Supposing(provider))))), …])

From the inside out: Supposing tells of a silent model that it thinks; Limited holds one of the provider's slots for as
long as an answer streams, and none while Retrying waits to try again; Circuit counts what Retrying gave up on; Observed
tells of each candidate, also of one that Circuit doesn't ask; Fallback goes on to the next candidate. All of it before
the first fragment: after that nobody is asked again, so no text is ever doubled. `ReplyRequest.attempts` is the one
budget over all of it: Retrying spends it and tells in `error.attempts` how much, Fallback shares it out.
"""

from providers.wrappers.base import Wrapper, can_draw
from providers.wrappers.circuit import Circuit
from providers.wrappers.fallback import Candidate, Fallback
from providers.wrappers.limited import Limited
from providers.wrappers.observed import Observation, Observed
from providers.wrappers.retrying import Retrying, newest_half
from providers.wrappers.supposing import Supposing

__all__ = [
    "Candidate",
    "Circuit",
    "Fallback",
    "Limited",
    "Observation",
    "Observed",
    "Retrying",
    "Supposing",
    "Wrapper",
    "can_draw",
    "newest_half",
]
