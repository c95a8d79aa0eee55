"""Figures in Prometheus' text format, version 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats).

Written here because that is all that is needed of its client library, whose registry would be module state.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of a family; a histogram's have a `suffix` to its name."""

    value: float
    labels: Labels
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class Family:
    """All samples of one name, which is without the program's prefix. Counters' names end in `_total`."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    meaning: str
    samples: Sequence[Sample]


class Histogram:
    """How often a duration was how long, in seconds."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self._sum = 0.0

    def observe(self, seconds: float) -> None:
        """Count one."""
        place = next((place for place, bound in enumerate(self._bounds) if seconds <= bound), len(self._bounds))
        self._counts[place] += 1
        self._sum += seconds

    def samples(self, labels: Labels) -> Iterator[Sample]:
        """Its buckets, each with what is in the smaller ones, its sum and its count."""
        bounds = (*(f"{bound:g}" for bound in self._bounds), "+Inf")
        for bound, count in zip(bounds, accumulate(self._counts), strict=True):
            yield Sample(count, {**labels, "le": bound}, "_bucket")
        yield Sample(self._sum, labels, "_sum")
        yield Sample(sum(self._counts), labels, "_count")


def exposition(families: Iterable[Family], prefix: str = "parley_") -> str:
    """All of them as text. A family without samples is left out."""
    lines: list[str] = []
    for family in families:
        if family.samples:
            name = prefix + family.name
            lines += [f"# HELP {name} {_escaped(family.meaning)}", f"# TYPE {name} {family.kind}"]
            lines += [_line(name, sample) for sample in family.samples]
    return "".join(f"{line}\n" for line in lines)


def _line(name: str, sample: Sample) -> str:
    pairs = ",".join(f'{label}="{_quoted(value)}"' for label, value in sample.labels.items())
    labels = f"{{{pairs}}}" if pairs else ""
    return f"{name}{sample.suffix}{labels} {sample.value!r}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _quoted(text: str) -> str:
    return _escaped(text).replace('"', '\\"')
