"""What is kept of a reply: enough to go on with it, or to show it again, after a restart."""

from dataclasses import dataclass

from chat.buttons import Button


@dataclass(frozen=True, slots=True)
class ReplyState:
    """A reply so far: the messages that show it, in order, and its source text (Markdown, as the model wrote it)."""

    parts: tuple[str, ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True)
class Final:
    """How a reply is to look in the end: the text, a sentence of ours beside it, and the buttons under it."""

    text: str
    note: str = ""
    buttons: tuple[Button, ...] = ()
