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

TRIED = """## Where the time goes, and what didn't help

With one chat (py-spy, 20 replies): a third of the bot's processor time is reading the answer, a quarter the calls to
the messenger, an eighth the thread that stores; rendering is a twentieth, the rest the event loop's. Reading costs so
much because 200 words are 200 wake-ups through cold caches. So the reader rests until the next edit is due, which took
a reply with one chat from about 85 ms to 45. One look of Python's garbage collector through all that was imported took
0.18 s, in which no reply went on; it leaves that out now.

- Reading in steps of a fixed 50 or 100 ms: as cheap, but all words are that much later. Aligned with the next edit they
  are not, and only the end of an answer is, by a tenth of a second at most.
- Resting while a permit is awaited as well: a reply of 500 at once took 11 ms instead of 16; but an end that is noticed
  a tenth of a second later often needs a call more: 1.32 times the optimum instead of 1.18 with 100 chats, where every
  call counts.
- Resting without pausing the socket: half the gain, for every packet still wakes the program.
- A window of 28 calls in a second, counted from the permit: refused with 429 as soon as calls are under way for
  different times. Counted until the answer it is safe, at the same speed.
- A permit every 40 ms (25 a second, burst of 4): safe as well, and a third of a second later with 100 chats.
- Hidden limits. Figures that are safe by every explanation of a refusal: at most one 429, but 2.1 times the optimum. A
  rate that is lowered by a factor and comes back with each permit: 2.5 refusals a place instead of 0.9. A fixed
  caution: three refusals at 7 % of the places. Looking at rates down to a tenth of the known one: 1.6 to 1.8 times
  the optimum.
"""


def store(machine: str, tables: Sequence[Table], results: Sequence[Live]) -> None:
    """The page and the plot; the plot has what of `PLOTTED` was measured."""
    found = {(one.scenario.name, one.count): one for one in results}
    panels = [panel(found[key]) for key in PLOTTED if key in found]
    parts = [HEAD, f"{machine}.\n"]
    if panels:
        PLOT.write_text(svg(panels, CAPTION), "utf-8")
        parts.append(f"![{CAPTION}]({PLOT.name})\n")
    parts += ["\n".join(f"- {note}" for note in NOTES) + "\n", *(table.markdown() for table in tables), TRIED]
    PAGE.write_text("\n".join(parts), "utf-8")
