"""The Continue button under an answer that reached its limit.

Where the model can go on with its own text, the answer goes on where it ended: in the same messages, in the middle of
the sentence, and as one answer in the history. Any other model is asked for the rest, as a question of its own.
"""

from chat.incoming import Pressed, Said
from handlers.again import beside, closes
from handlers.reply import CUT, WHOLE
from handlers.services import Outcome, Services
from storage.base import Turn


async def press(turn: Turn, pressed: Pressed, services: Services) -> Outcome:
    """Go on, once for each press of a button that is there, for whoever may command that answer."""
    asked = await services.store.turn(pressed.action.target)
    if asked is None or not services.may_command(pressed, asked.incoming) or _goes_on(asked):
        return Outcome()
    # The button is there before its turn is over: the last call of its delivery may still be under way.
    await services.bot.delivered(asked.incoming.address)
    address = asked.incoming.address
    model = services.models.get(asked.model) or await services.model_of(address.room)
    if _can_go_on(asked) and model.provider.capabilities.continuing and not closes(address, services):
        return Outcome(again=await services.store.reopen(asked.id, model=model.name, continues=True))
    return await _ask_for_rest(asked, pressed, services)


def _goes_on(asked: Turn) -> bool:
    """Whether it was pressed before: the answer is being written, or is whole by now."""
    ends = asked.state == "answered" and asked.reason != CUT and not asked.failed
    return asked.state in {"new", "running"} or asked.reason == WHOLE or ends


def _can_go_on(asked: Turn) -> bool:
    """Whether its text was cut by the limit, or broke off while it went on. Those of earlier versions don't say so."""
    return asked.reason == CUT or asked.failed


async def _ask_for_rest(asked: Turn, pressed: Pressed, services: Services) -> Outcome:
    text = services.language(pressed).say("continue")
    said = Said(beside(asked, pressed.address, services), pressed.sender, f"continue:{asked.key}", text)
    return Outcome(again=await services.store.receive(said))
