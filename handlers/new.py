"""/new: the conversation begins anew; what was said stays stored, but the model isn't told any more."""

from chat.commands import Command
from chat.replies import Final
from handlers.services import Outcome, Services
from storage.base import Turn

COMMAND = Command("new", "barrier")


async def handle(turn: Turn, services: Services) -> Outcome:
    """From here on the history is empty."""
    await services.store.begin_anew(turn.incoming.address.conversation, turn.id)
    return Outcome(Final(services.language(turn.incoming).say("new.done")), turn.reply)
