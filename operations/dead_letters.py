"""The command line's `dead`: what was given up, tried again or taken off the list."""

from collections.abc import Callable, Sequence
from datetime import datetime, tzinfo

from chat.incoming import Invoked, Pressed, Said, Unreadable
from handlers.services import who
from storage.base import Store, Turn
from texts import Language

LISTED = 1000
ALL = 10**9
SHOWN_CHARACTERS = 1000

Say = Callable[[str], None]


async def list_letters(store: Store, language: Language, timezone: tzinfo, say: Say) -> None:
    """One line each, the oldest first: number, when, conversation, who, kind, reason. Never what was said."""
    letters = await store.given_up(LISTED)
    for letter in letters:
        say(line(letter, timezone))
    if not letters:
        say(language.say("cli.dead.none"))


async def show(store: Store, numbers: Sequence[int], timezone: tzinfo, say: Say) -> Sequence[int]:
    """The line of each, and the beginning of what was said; the numbers that aren't given up."""
    unknown = []
    for number in numbers:
        letter = await store.turn(number)
        if letter is None or letter.state != "dead":
            unknown.append(number)
        else:
            say(f"{line(letter, timezone)}\n{said(letter)[:SHOWN_CHARACTERS]}")
    return unknown


async def retry(store: Store, numbers: Sequence[int] | None) -> tuple[int, Sequence[int]]:
    """Make them new again; None: all. How many it were, and the numbers of those where it can't be.

    Only questions and commands can: a button's moment is over, and what couldn't be read can't be answered.
    """
    wanted = await _wanted(store, numbers)
    can = [each for each in wanted if isinstance(each.incoming, Said | Invoked)]
    done = [each.id for each in can if await store.reopen(each.id)]
    return len(done), sorted(set(numbers or ()) - set(done))


async def drop(store: Store, numbers: Sequence[int] | None) -> tuple[int, Sequence[int]]:
    """Take them off the list; None: all. How many it were, and the numbers of those that aren't on it."""
    done = [each.id for each in await _wanted(store, numbers) if await store.drop(each.id)]
    return len(done), sorted(set(numbers or ()) - set(done))


async def _wanted(store: Store, numbers: Sequence[int] | None) -> Sequence[Turn]:
    letters = await store.given_up(ALL)
    return letters if numbers is None else [each for each in letters if each.id in numbers]


def line(letter: Turn, timezone: tzinfo) -> str:
    """A turn in one line."""
    received, incoming = datetime.fromtimestamp(letter.received_at, timezone), letter.incoming
    parts = (f"{letter.id:>6}", f"{received:%Y-%m-%d %H:%M}", incoming.address.conversation, who(incoming))
    return "  ".join((*parts, incoming.kind, letter.reason or "?"))


def said(letter: Turn) -> str:
    """What was said, or what the messenger sent instead."""
    match letter.incoming:
        case Said(text=text):
            return text
        case Invoked(command=command, text=text):
            return f"/{command} {text}"
        case Pressed(action=action):
            return f"[{action.verb}]"
        case Unreadable(payload=payload):
            return payload
        case _:
            return ""
