"""What is right or wrong only together, of those who answer: on the raw tree, to be found along with all else."""

from collections.abc import Iterator, Mapping

from settings.faults import Fault, fault

Entries = Mapping[str, object]  # a section of named entries, as it stands in the file


def check_thinking(providers: Entries, models: Entries) -> Iterator[Fault]:
    """Anthropic refuses a question where thinking may take as many tokens as thinking and answer together."""
    for name, raw in models.items():
        match raw:
            case {
                "provider": str() as provider,
                "parameters": {"max_tokens": int() as most, "thinking": {"budget_tokens": int() as budget}},
            } if budget >= most and _type_of(providers.get(provider)) == "anthropic":
                path = ("models", name, "parameters", "thinking", "budget_tokens")
                remedy = "raise max_tokens, which is for thinking and answer together, or leave it out"
                yield fault(path, ("must be less than max_tokens", remedy))


def check_attempts(models: Entries, limits: object, default: int) -> Iterator[Fault]:
    """A fallback that no attempt is left for is never asked; `default`: how many there are where none are set."""
    attempts = limits.get("attempts_per_turn", default) if isinstance(limits, dict) else default
    chains = {name: 1 + len(_fallback_of(raw)) for name, raw in models.items()}
    longest = max(chains, key=lambda name: chains[name], default="")
    if isinstance(attempts, int) and longest and 0 < attempts < chains[longest]:
        problem = f"is too few for a model with {chains[longest] - 1} in fallback: the last is never asked"
        yield fault(("limits", "attempts_per_turn"), (problem, f"make it at least {chains[longest]}"))


def _type_of(provider: object) -> object:
    return provider.get("type") if isinstance(provider, dict) else None


def _fallback_of(model: object) -> list[object]:
    given = model.get("fallback") if isinstance(model, dict) else None
    return given if isinstance(given, list) else []
