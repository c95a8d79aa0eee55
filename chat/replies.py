"""What is kept of a reply: enough to go on with it, or to show it again, after a restart."""

from dataclasses import dataclass

from chat.buttons import Button


@dataclass(frozen=True, slots=True)
class ReplyState:
    """A reply so far: the messages that show it, in order, and its source text (Markdown, as the model wrote it).

    `stale`: messages that are to go once those of `parts` show all of it. `continues`: the text was cut by a limit, and
    the model goes on with it; what comes is put behind it.
    """

    parts: tuple[str, ...] = ()
    text: str = ""
    stale: tuple[str, ...] = ()
    continues: bool = False


@dataclass(frozen=True, slots=True)
class Anew:
    """A final form that comes as new messages, for edits notify nobody; those that grew go.

    `at`: from then on (Unix seconds); before that people have only just been told that there is an answer.
    `pointer`: what a message says in the end that can't be taken away.
    """

    at: float
    pointer: str


@dataclass(frozen=True, slots=True)
class Final:
    """How a reply is to look in the end: the text, a sentence of ours beside it, and the buttons under it.

    `thoughts`: Markdown that is shown above it, and is no part of the answer.
    """

    text: str
    note: str = ""
    buttons: tuple[Button, ...] = ()
    thoughts: str = ""
    anew: Anew | None = None
