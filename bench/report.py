"""Writes what `live` found to docs/live-replies.md, with its plot beside it."""

from collections.abc import Sequence

from bench.live import NOTES, Live
from bench.plot import panel, svg
from bench.table import Table
from tests.program import ROOT

PAGE = ROOT / "docs/live-replies.md"
PLOT = PAGE.with_suffix(".svg")
PLOTTED = tuple((name, count) for name in ("private", "strict") for count in (1, 100))
CAPTION = "Words sent by the model and words shown in the chat, on average over the chats that asked at once."

HEAD = """# Live replies, measured

This page is written by `make bench ARGS="live --store"`. It says how late the text of an answer is shown while it
grows, and what that costs, beside two references: the best that the messenger's limits allow, and the least that the
work costs.
"""


def store(machine: str, tables: Sequence[Table], results: Sequence[Live]) -> None:
    """The page and the plot; the plot has what of `PLOTTED` was measured."""
    found = {(one.scenario.name, one.count): one for one in results}
    panels = [panel(found[key]) for key in PLOTTED if key in found]
    parts = [HEAD, f"{machine}.\n"]
    if panels:
        PLOT.write_text(svg(panels, CAPTION), "utf-8")
        parts.append(f"![{CAPTION}]({PLOT.name})\n")
    parts += ["\n".join(f"- {note}" for note in NOTES) + "\n", *(table.markdown() for table in tables)]
    PAGE.write_text("\n".join(parts), "utf-8")
