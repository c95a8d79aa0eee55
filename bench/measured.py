"""What is measured of replies that people watch, and the figures made of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any, Self

from bench.counting import WORDS, WORDS_PER_SECOND
from bench.optimum import Plan
from bench.table import NOTHING, percentile


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply: when it was asked for, when each word left the model and when it was shown (None: never).

    `calls`: when the bot wrote there.
    """

    left: tuple[float, ...]
    shown: tuple[float | None, ...]
    calls: tuple[float, ...] = ()
    whole: bool = True
    asked: float = 0.0

    @property
    def lags(self) -> list[float]:
        """Seconds from a word's leaving the model to its being shown, of those that were."""
        return [shown - left for left, shown in zip(self.left, self.shown, strict=False) if shown is not None]

    def lag(self, word: int) -> float | None:
        """That of one word; None where it was never shown."""
        shown = self.shown[word] if self.left else None
        return None if shown is None else shown - self.left[word]

    @property
    def pace(self) -> float:
        """The model's, in words per second."""
        return (len(self.left) - 1) / (self.left[-1] - self.left[0]) if len(self.left) > 1 else 0.0


@dataclass(frozen=True, slots=True)
class Run:
    """So many replies at once, and what they took of the bot and of the stand-ins."""

    replies: tuple[Reply, ...]
    calls: dict[str, int]
    refusals: int
    seconds: float
    cpu_seconds: float
    waited: float
    peak_mb: float
    stand_ins_cpu: float
    stand_ins_waited: float
    longest_stall: float
    floor_cpu: float = 0.0

    @classmethod
    def of(cls, records: Sequence[dict[str, Any]], cpu_seconds: float, waited: float, peak_mb: float) -> Self:
        """Of what the stand-ins told about each round."""
        replies = [reply for record in records for reply in record["replies"]]
        kinds = {kind for record in records for kind in record["calls"]}
        return cls(
            tuple(Reply(**{name: _frozen(value) for name, value in one.items()}) for one in replies),
            {kind: sum(record["calls"].get(kind, 0) for record in records) for kind in kinds},
            sum(record["refusals"] for record in records),
            sum(record["seconds"] for record in records),
            cpu_seconds,
            waited,
            peak_mb,
            sum(record["cpu_seconds"] for record in records),
            sum(record["waited_seconds"] for record in records),
            max(record["longest_stall"] for record in records),
        )

    def lags(self, word: int) -> list[float]:
        """Of that word, in all replies that showed it."""
        return [lag for reply in self.replies if (lag := reply.lag(word)) is not None]

    @property
    def all_lags(self) -> list[float]:
        """Of all words of all replies."""
        return [lag for reply in self.replies for lag in reply.lags]

    @property
    def kinds(self) -> str:
        """Calls per reply by kind."""
        named = ("send", "edit", "typing", *sorted(self.calls.keys() - {"send", "edit", "typing"}))
        return " / ".join(f"{self.calls.get(kind, 0) / len(self.replies):.1f}" for kind in named)

    @property
    def cpu(self) -> float:
        """Of the bot, milliseconds per reply."""
        return 1000 * self.cpu_seconds / len(self.replies)

    @property
    def floor(self) -> float:
        """Of a bare reader with as many edits, milliseconds per reply."""
        return 1000 * self.floor_cpu / len(self.replies)


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def replies_of(plan: Plan) -> list[Reply]:
    """A computed plan, as if it had been measured."""
    words = [number / WORDS_PER_SECOND for number in range(WORDS)]
    return [
        Reply(tuple(begun + word for word in words), shown)
        for begun, shown in zip(plan.begins, plan.shown, strict=True)
    ]


def figures(run: Run, plan: Plan) -> dict[str, str]:
    """One column of the table."""
    lags, planned = run.all_lags, replies_of(plan)
    best = [lag for reply in planned for lag in reply.lags]
    waits = [reply.shown[0] - reply.asked for reply in run.replies if reply.shown[0] is not None]
    return {
        "from question to first word shown, mean / p95, ms": spread(waits),
        "first word, mean / p95 late, ms": spread(run.lags(0)),
        "· optimum  ": spread([reply.lags[0] for reply in planned]),
        "all words, mean / p95 late, ms": spread(lags),
        "· optimum": spread(best),
        "· mean, × the optimum": f"{mean(lags) / mean(best):.2f}" if lags else NOTHING,
        "last word, mean / p95 late, ms": spread(run.lags(WORDS - 1)),
        "· optimum ": spread([reply.lags[-1] for reply in planned]),
        "whole answers": f"{mean(reply.whole for reply in run.replies):.0%}",
        "calls per reply": f"{sum(run.calls.values()) / len(run.replies):.1f}",
        "· send / edit / typing": run.kinds,
        "· optimum   ": f"{plan.calls / len(plan.shown):.1f}",
        "refused with 429": str(run.refusals),
        "bot: CPU per reply, ms": f"{run.cpu:.1f}",
        "· floor, ms": f"{run.floor:.1f}" if run.floor else NOTHING,
        "· × the floor": f"{run.cpu / run.floor:.2f}" if run.floor else NOTHING,
        "bot: peak memory, MB": f"{run.peak_mb:.0f}",
        "model: pace in fact, words/s": f"{mean(reply.pace for reply in run.replies):.1f}",
        "no core was free, bot / stand-ins, of the time": _shares(run),
        "stand-ins: CPU, of one core": f"{run.stand_ins_cpu / run.seconds:.0%}",
        "stand-ins: longest stall, ms": f"{1000 * run.longest_stall:.0f}",
    }


def _shares(run: Run) -> str:
    """What others took of the machine, and each of the two of the other: on an idle one it is near zero."""
    return f"{run.waited / run.seconds:.0%} / {run.stand_ins_waited / run.seconds:.0%}"


def spread(values: Sequence[float]) -> str:
    """Mean and 95th percentile of seconds, in milliseconds."""
    return f"{1000 * mean(values):.0f} / {1000 * percentile(values, 0.95):.0f}" if values else NOTHING
