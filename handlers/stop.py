"""/stop and the Stop button: the model's request is closed, what has arrived stays."""

from chat.commands import Command
from chat.incoming import Incoming, Pressed
from handlers.services import Outcome, Services
from storage.base import Turn

COMMAND = Command("stop", discreet=True)


async def handle(turn: Turn, services: Services) -> Outcome:
    """Stop the replies of this conversation that the sender may stop; where there is none, nothing happens."""
    stop_all(turn.incoming, services)
    return Outcome()


def stop_all(who: Incoming, services: Services) -> None:
    """Stop what runs in the sender's conversation, as far as the sender may."""
    for running in list(services.bot.running.values()):
        here = services.in_one_room(running.incoming.address, who.address)
        if here and services.may_command(who, running.incoming):
            running.live.stop()


async def press(turn: Turn, pressed: Pressed, services: Services) -> Outcome:
    """Stop the reply that the button belongs to."""
    running = services.bot.running.get(pressed.action.target)
    if running and services.may_command(pressed, running.incoming):
        running.live.stop()
    return Outcome()
