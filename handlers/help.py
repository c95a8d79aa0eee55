"""/help and /start: what the bot does, in one message."""

from chat.commands import Command
from chat.replies import Final
from handlers.services import Outcome, Services
from storage.base import Turn

COMMAND = Command("help", "control")
START = Command("start", "control", hidden=True)


async def handle(turn: Turn, services: Services) -> Outcome:
    """Say what this bot does and which model answers here."""
    asked = turn.incoming
    model = services.model_of(asked.address.conversation)
    return Outcome(Final(services.language(asked).say("help", model=model.name)), turn.reply)
