"""/retry and the Retry button: the same question again, replacing its turn in the history."""

from functools import partial

from chat.commands import Command
from chat.incoming import Invoked, Pressed, Said
from chat.replies import Final
from handlers import quotas
from handlers.again import beside, by_way_of, closes
from handlers.model import model_id
from handlers.services import Outcome, Services
from storage.base import Turn

COMMAND = Command("retry", "turn", discreet=True)


async def handle(turn: Turn, services: Services) -> Outcome:
    """Ask the newest question of the conversation again, with a new message for the answer."""
    await services.bot.delivered(turn.incoming.address)  # the newest answer may be on its way still
    asked = await services.store.latest(turn.incoming.address.conversation, before=turn.id)
    if asked is None or not services.may_command(turn.incoming, asked.incoming):
        return Outcome(Final("", services.language(turn.incoming).say("retry.nothing")), turn.reply)
    if isinstance(asked.incoming, Said):
        async with quotas.reserved(services, asked.incoming, "messages") as refusal:
            if refusal:  # told here: begun afresh, what there is of an answer would be forgotten
                return Outcome(Final("", refusal), turn.reply)
    address = beside(asked, turn.incoming.address, services)
    return Outcome(again=await services.store.reopen(asked.id, fresh=True, address=address))


async def press(turn: Turn, pressed: Pressed, services: Services) -> Outcome:
    """Make the failed turn that the button belongs to new again, into the same message, if the presser may do that.

    The button's argument may name a model: the next one of the chain, where the one before broke off in mid-answer.
    """
    asked = await services.store.turn(pressed.action.target)
    if asked is None or not services.may_command(pressed, asked.incoming):
        return Outcome()
    # The button is there before its turn is over: the last call of its delivery may still be under way.
    await services.bot.delivered(asked.incoming.address)
    asked = await services.store.turn(pressed.action.target)
    if asked is None or asked.state != "dead" or not isinstance(asked.incoming, Said | Invoked):
        return Outcome()
    wanted = [name for name in services.models if model_id(name) == pressed.action.argument]
    reopen = partial(services.store.reopen, asked.id, model="".join(wanted))
    if not closes(asked.incoming.address, services):
        return Outcome(again=await reopen())
    # A press reaches no message but the one with the button: where there are more, it makes new ones.
    address = by_way_of(asked.incoming.address, pressed.address)
    return Outcome(again=await reopen(address=address, fresh=asked.reply.parts != (pressed.address.message,)))
