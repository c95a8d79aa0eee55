"""The Continue button under an answer that reached its limit: asks the model for the rest, as a question of its own."""

from chat.incoming import Pressed, Said
from handlers.again import beside
from handlers.services import Outcome, Services
from storage.base import Turn


async def press(turn: Turn, pressed: Pressed, services: Services) -> Outcome:
    """Ask for the rest, once, if the presser may command that answer."""
    asked = await services.store.turn(pressed.action.target)
    if asked is None or not services.may_command(pressed, asked.incoming):
        return Outcome()
    text = services.language(pressed).say("continue")
    address = beside(asked, pressed.address, services)
    said = Said(address, pressed.sender, f"continue:{asked.key}", text)
    return Outcome(again=await services.store.receive(said))
