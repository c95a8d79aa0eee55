"""How Claude's models let themselves be asked, learned from what they refuse: pure, no I/O.

Newer models refuse what older ones took: an open answer since 4.6, `temperature` and thinking with a budget since 4.7;
and old ones an answer of as many tokens as newer ones give.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from providers.base import ReplyRequest

# As in "`temperature` is deprecated for this model", or in '"thinking.type.enabled" is not supported for this model'
_NOT_TAKEN = re.compile(r"not supported|unsupported|deprecated|may not|may only|cannot|not permitted")
_REFUSABLE: Mapping[str, re.Pattern[str]] = {
    "temperature": re.compile(r"\btemperature\b"),
    "top_p": re.compile(r"\btop_p\b"),
    "top_k": re.compile(r"\btop_k\b"),
    "thinking": re.compile(r"\bthinking\b|\bbudget_tokens\b"),
}
# What stands before it: "max_tokens", and that 16000 is more than
_MOST_TOKENS = re.compile(r"max_tokens: \d+ > (\d+), which is the maximum allowed number of output tokens")
_NO_PREFILL = re.compile(r"prefill|final assistant")


@dataclass(frozen=True, slots=True)
class Manner:
    """What is left out for a model. `prefills`: it goes on with an answer that is left open. `refused`: parameters
    that it doesn't take. `most_tokens`: of an answer, where it said so.
    """

    prefills: bool = True
    refused: frozenset[str] = frozenset()
    most_tokens: int | None = None

    def after(self, request: ReplyRequest, complaint: str) -> tuple["Manner", str] | None:
        """The manner that a complaint asks for, and what it is about; None where another one wouldn't help."""
        said = complaint.lower()
        if request.continues and self.prefills and _NO_PREFILL.search(said):
            return replace(self, prefills=False), "an open answer"
        if (most := _MOST_TOKENS.search(said)) and self.most_tokens is None:
            return replace(self, most_tokens=int(most[1])), f"more than {most[1]} max_tokens"
        if name := self._refused_in(said, request):
            return replace(self, refused=self.refused | {name}), name
        return None

    def kept(self, request: ReplyRequest) -> ReplyRequest:
        """The request without the parameters that are refused, and no longer than the model answers."""
        parameters = {name: value for name, value in request.parameters.items() if name not in self.refused}
        match parameters.get("max_tokens"):
            case int() as most if self.most_tokens and most > self.most_tokens:
                parameters["max_tokens"] = self.most_tokens
        return replace(request, parameters=parameters)

    def _refused_in(self, said: str, request: ReplyRequest) -> str:
        """The parameter of the request that is named first: what stands behind it may be the reason."""
        sent = {name: words for name, words in _REFUSABLE.items() if name in self.kept(request).parameters}
        named = {found.start(): name for name, words in sent.items() if (found := words.search(said))}
        return named[min(named)] if named and _NOT_TAKEN.search(said) else ""


USUAL = Manner()
