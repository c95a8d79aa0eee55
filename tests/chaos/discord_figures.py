"""The table of the trial for Discord: what was done to the bot, and what came of the answers."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from tests.chaos.discord_account import Account
from tests.chaos.discord_town import Asked
from tests.chaos.discord_troubles import GATEWAY, LONG_SILENCE, OUTAGE, Troubles
from tests.chaos.figures import Figure, at_least, at_most, exactly
from tests.servers.discord_rates import GLOBAL, RateRules, Rates, Refusal
from tests.servers.discord_server import DiscordServer

FOLLOW_UPS = "POST /webhooks/"


def troubles_made(made: Troubles) -> Iterator[Figure]:
    """What was asked and what went wrong: so much, or it was no trial."""
    size, server, asked = made.size, made.server, made.town.asked
    kinds = (*GATEWAY, LONG_SILENCE)
    yield at_least("messages", len(asked), size.messages)
    yield at_least("of them by commands", sum(bool(one.used) for one in asked), size.messages // 10)
    yield Figure("places", f"{len(made.town.places)}")
    yield exactly("kill -9", len(made.kills), size.kills)
    yield exactly("SIGTERM", len(made.exits), size.terms + 1)
    yield exactly("exits that weren't clean", sum(code != 0 for code in made.exits))
    total = size.gateway_faults * len(GATEWAY) + size.long_silences
    yield at_least("gateway faults", sum(made.happened[kind] for kind in kinds), total)
    yield from (Figure(f"gateway: {kind}", f"{made.happened[kind]}") for kind in kinds)
    yield Figure("sessions begun, resumed", f"{len(server.gateway.identifies)}, {_resumed(server)}")
    yield exactly(f"outages of {size.outage_seconds:g} s", made.happened[OUTAGE], size.outages)
    yield at_least("REST faults", len(server.faults.injected), size.rest_faults)
    yield Figure("sends done though they seemed to fail", f"{len(server.faults.ambiguous_sends)}")
    yield Figure("posts tried again and known by their nonce", f"{len(server.repeated)}")


def answers_given(found: Account, made: Troubles, output: str) -> Iterator[Figure]:
    """What came of it. `output`: what the bot logged."""
    server = made.server
    follow_ups = sum(one.call.startswith(FOLLOW_UPS) for one in server.faults.ambiguous_sends)
    commands = len(found.commands.asked)
    yield exactly("lost", len(found.lost))
    yield from (Figure(f"lost: {_told(one)}", "") for one in found.asked if one.number in found.lost)
    yield exactly("duplicates among posts", len(found.doubled))
    most = follow_ups + found.commands.in_flight
    yield at_most("follow-ups left behind (ambiguous ones + those right before kills)", len(found.orphans), most)
    yield exactly("commands answered twice", len(found.commands.doubled))
    yield exactly("frozen partials", len(found.frozen))
    yield exactly("whole, but with something else in it", len(found.marred))
    yield exactly("sentences beside the answers, failures among them", len(found.sentences))
    yield from (Figure(f"sentence: {one.text[:60]!r}", "") for one in found.sentences)
    yield exactly("out of order", len(found.unordered))
    yield exactly("not two rows of history", len(found.wrongly_kept))
    yield exactly("dead letters", found.dead)
    yield exactly("tracebacks in the log", output.count("Traceback"))
    yield at_least("commands answered (of four, three)", found.answered_commands, commands * 3 // 4)
    most = len(made.spans) + found.hit
    yield at_most("accepted: commands refused, visibly, amid a trouble or a fault", len(found.refused), most)
    yield at_most("accepted: commands cut by a kill before they were stored", len(found.cut), len(made.kills))
    yield Figure("accepted: first words in a new DM while the bot was down", f"{len(found.unheard)}")
    yield Figure("slowest answer", f"{found.slowest:.1f} s")
    yield from floods(server.rates, made.ends)
    yield Figure("answers 401, 403, 429 in all (10,000 in 10 min are a ban)", f"{len(server.rates.invalid)}")


def floods(rates: Rates, ends: Sequence[float]) -> Iterator[Figure]:
    """429s that weren't injected; apart those for calls of which the process can't know: `ends` are of those before."""
    earned = [one for one in rates.refusals if not one.injected]
    own = [one for one in earned if not _forgotten(one, rates.rules, ends)]
    # Told, not judged: stalls push calls together here. That there is none otherwise, the bench shows.
    yield Figure("429s that the bot earned itself", f"{len(own)}")
    yield Figure("429s for what it forgot when it was ended", f"{len(earned) - len(own)}")


def _forgotten(refusal: Refusal, rules: RateRules, ends: Sequence[float]) -> bool:
    """Whether the process was ended while calls counted that made it too many."""
    _, seconds = rules.overall if refusal.bucket == GLOBAL else rules.limit(refusal.bucket)
    begun = refusal.at + refusal.retry_after - seconds
    return any(begun <= end <= refusal.at for end in ends)


def _told(one: Asked) -> str:
    at = datetime.fromtimestamp(one.at, UTC)
    return f"question {one.number}, by {'a command' if one.used else 'a message'} at {one.place.id}, {at:%H:%M:%S.%f}"


def _resumed(server: DiscordServer) -> int:
    return sum(resumed for _, resumed in server.gateway.resumes)
