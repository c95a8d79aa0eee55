"""The plot beside the table: text shown against text sent over time, with the optimum's line. SVG, written by hand."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from bench.counting import WORDS
from bench.live import Live
from bench.measured import Reply, replies_of

WIDTH, HEIGHT = 400, 240  # of one panel's inside
LEFT, TOP, RIGHT, BOTTOM = 56, 40, 16, 44  # around it
POINTS = 200  # of a line
STYLE = {"sent": "#9a9a9a", "optimum": "#2a9d4a", "shown": "#1f5fbf"}


@dataclass(frozen=True, slots=True)
class Panel:
    """One pair of axes: lines of (seconds, words) by name, over so many seconds."""

    title: str
    lines: Mapping[str, Sequence[tuple[float, float]]]
    seconds: float


def panel(one: Live) -> Panel:
    """Words sent and shown, on average over the chats that asked at once; the first of the rounds of a single chat."""
    measured = _from_beginning(one.run.replies[: one.count])
    optimum = replies_of(one.optimum)
    seconds = max([at for reply in measured for at in (*reply.left, *reply.shown) if at is not None] or [1.0]) + 0.2
    lines = {
        "sent": _curve([reply.left for reply in measured], seconds),
        "optimum": _curve([reply.shown for reply in optimum], seconds),
        "shown": _curve([reply.shown for reply in measured], seconds),
    }
    return Panel(f"{one.scenario.name}, {one.count} chat{'s' if one.count > 1 else ''}", lines, seconds)


def _from_beginning(replies: Sequence[Reply]) -> list[Reply]:
    begun = min((reply.left[0] for reply in replies if reply.left), default=0.0)
    return [
        Reply(tuple(at - begun for at in reply.left), tuple(None if at is None else at - begun for at in reply.shown))
        for reply in replies
    ]


def _curve(times: Sequence[Sequence[float | None]], seconds: float) -> list[tuple[float, float]]:
    """How many words had come by when, on average."""
    ordered = sorted(at for one in times for at in one if at is not None)
    moments = [seconds * number / POINTS for number in range(POINTS + 1)]
    return [(moment, bisect_right(ordered, moment) / len(times)) for moment in moments]


def svg(panels: Sequence[Panel], caption: str) -> str:
    """Two panels in a row."""
    rows = -(-len(panels) // 2)
    width, height = 2 * (LEFT + WIDTH + RIGHT), rows * (TOP + HEIGHT + BOTTOM) + 28
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            'font-family="sans-serif" font-size="12" fill="#333">'
        ),
        f"<title>{escape(caption)}</title>",
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for number, one in enumerate(panels):
        x, y = (number % 2) * (LEFT + WIDTH + RIGHT) + LEFT, (number // 2) * (TOP + HEIGHT + BOTTOM) + TOP
        parts += [f'<g transform="translate({x} {y})">', *_drawn(one), "</g>"]
    parts += [f'<text x="{LEFT}" y="{height - 10}">{escape(caption)}</text>', "</svg>"]
    return "\n".join(parts) + "\n"


def _drawn(one: Panel) -> list[str]:
    parts = [f'<text x="0" y="-14" font-size="14" font-weight="bold">{escape(one.title)}</text>']
    for words in range(0, WORDS + 1, 50):
        y = HEIGHT * (1 - words / WORDS)
        parts.append(f'<path d="M0 {y:.1f}H{WIDTH}" stroke="#e4e4e4"/>')
        parts.append(f'<text x="-8" y="{y + 4:.1f}" text-anchor="end">{words}</text>')
    step = next(step for step in (1, 2, 5, 10, 20, 50, 100, 1e9) if one.seconds / step <= 9)
    for number in range(int(one.seconds / step) + 1):
        x = WIDTH * number * step / one.seconds
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT + 18}" text-anchor="middle">{number * step:g}</text>')
    parts.append(f'<text x="{WIDTH}" y="{HEIGHT + 34}" text-anchor="end">seconds since the first word</text>')
    parts.append('<text x="-44" y="-14">words</text>')
    for index, (name, points) in enumerate(one.lines.items()):
        parts += _line(name, points, one.seconds, index)
    return parts


def _line(name: str, points: Sequence[tuple[float, float]], seconds: float, index: int) -> list[str]:
    path = " ".join(f"{WIDTH * at / seconds:.1f},{HEIGHT * (1 - words / WORDS):.1f}" for at, words in points)
    color, y = STYLE[name], HEIGHT - 52 + 18 * index
    return [
        f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="1.6"/>',
        f'<path d="M{WIDTH - 84} {y}h18" stroke="{color}" stroke-width="3"/>',
        f'<text x="{WIDTH - 60}" y="{y + 4}">{name}</text>',
    ]
