"""/ask: a question, for places where a message alone doesn't reach the bot."""

from chat.commands import Command, Option
from chat.incoming import Incoming, Invoked, Said
from chat.replies import Final
from handlers.services import Outcome, Services
from storage.base import Turn

COMMAND = Command("ask", "turn", options=(Option(required=True), Option("image", "file")))


def as_said(incoming: Incoming) -> Incoming:
    """`/ask TEXT` is TEXT said to the bot; anything else stays what it is."""
    if isinstance(incoming, Invoked) and incoming.command == COMMAND.name and incoming.text.strip():
        return Said(incoming.address, incoming.sender, incoming.key, incoming.text, late=incoming.late)
    return incoming


async def handle(turn: Turn, services: Services) -> Outcome:
    """Nothing was asked: say how to."""
    return Outcome(Final(services.language(turn.incoming).say("ask.nothing")), turn.reply)
