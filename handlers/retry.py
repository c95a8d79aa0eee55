"""The Retry button: the same question again, into the same message, replacing its turn in the history."""

from chat.incoming import Pressed, Said
from handlers.services import Outcome, Services
from storage.base import Turn


async def press(turn: Turn, pressed: Pressed, services: Services) -> Outcome:
    """Make the turn that the button belongs to new again, if it is finished and the presser may do that."""
    asked = await services.store.turn(pressed.action.target)
    if asked and isinstance(asked.incoming, Said) and services.may_command(pressed, asked.incoming):
        return Outcome(again=await services.store.reopen(asked.id))
    return Outcome()
