"""/retry and the Retry button: the same question again, replacing its turn in the history."""

from chat.commands import Command
from chat.incoming import Invoked, Pressed, Said
from chat.replies import Final
from handlers.services import Outcome, Services
from storage.base import Turn

COMMAND = Command("retry", "turn", discreet=True)


async def handle(turn: Turn, services: Services) -> Outcome:
    """Ask the newest question of the conversation again, with a new message for the answer."""
    await services.bot.delivered(turn.incoming.address)  # the newest answer may be on its way still
    asked = await services.store.latest(turn.incoming.address.conversation, before=turn.id)
    if asked is None or not services.may_command(turn.incoming, asked.incoming):
        return Outcome(Final("", services.language(turn.incoming).say("retry.nothing")), turn.reply)
    return Outcome(again=await services.store.reopen(asked.id, fresh=True))


async def press(turn: Turn, pressed: Pressed, services: Services) -> Outcome:
    """Make the failed turn that the button belongs to new again, into the same message, if the presser may do that."""
    # The button is there before its turn is over: the last call of its delivery may still be under way.
    await services.bot.delivered(pressed.address)
    asked = await services.store.turn(pressed.action.target)
    if asked is None or asked.state != "dead" or not isinstance(asked.incoming, Said | Invoked):
        return Outcome()
    if not services.may_command(pressed, asked.incoming):
        return Outcome()
    return Outcome(again=await services.store.reopen(asked.id))
