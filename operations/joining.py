"""What clients take apart is put together again: long pastes, and albums."""

from collections.abc import Sequence
from dataclasses import replace

from chat.incoming import Said
from storage.base import Turn

WAIT_SECONDS = 1.0  # for the next part, before the parts that are there are answered
APART_SECONDS = 5.0  # two messages further apart than that are two


class Gathering:
    """The wait for further parts; it can be stopped, as the answer could."""

    stopped = False

    def stop(self) -> None:
        """Don't answer this."""
        self.stopped = True


def may_continue(turn: Turn) -> bool:
    """Whether a further part may be on its way."""
    return isinstance(turn.incoming, Said) and (turn.incoming.unfinished or bool(turn.incoming.album))


def continues(before: Turn, after: Turn) -> bool:
    """Whether `after` is the next part of `before`."""
    one, two = before.incoming, after.incoming
    if not (isinstance(one, Said) and isinstance(two, Said)) or one.sender.id != two.sender.id:
        return False
    if one.album or two.album:
        return one.album == two.album
    return one.unfinished and abs(after.received_at - before.received_at) < APART_SECONDS


def joined(parts: Sequence[Turn]) -> Said:
    """All parts as one. The client cuts pastes at white space and drops it: a line break takes its place."""
    said = [part.incoming for part in parts if isinstance(part.incoming, Said)]
    return replace(
        said[0],
        text="\n".join(each.text for each in said if each.text),
        quotes=tuple(quote for each in said for quote in each.quotes),
        images=tuple(image for each in said for image in each.images),
        documents=tuple(document for each in said for document in each.documents),
        other=next((each.other for each in said if each.other), ""),
        album="",
        unfinished=False,
    )
