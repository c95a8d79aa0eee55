"""WHAT the bot does: which handler a turn goes to, and the one place that explains failures."""

import logging
from collections.abc import Mapping
from dataclasses import replace

from chat.commands import Command
from chat.errors import BotError, InternalError
from chat.incoming import Invoked, Left, Pressed, Said, Unreadable
from handlers import help as help_handler
from handlers import reply, retry, stop
from handlers.services import Handler, Outcome, Services
from storage.base import Turn

log = logging.getLogger(__name__)

HANDLERS: Mapping[Command, Handler] = {
    help_handler.START: help_handler.handle,
    help_handler.COMMAND: help_handler.handle,
    stop.COMMAND: stop.handle,
}
COMMANDS: tuple[Command, ...] = tuple(HANDLERS)
BY_NAME = {command.name: command for command in COMMANDS}


# How often our own death may interrupt a turn before it is given up: counted apart from failures, because counting
# the two together loses messages that were only unlucky.
MAX_INTERRUPTIONS = 20


async def attempt(turn: Turn, services: Services) -> Outcome:
    """Handle a turn; a failure, whatever it is, becomes an outcome that tells the person."""
    try:
        if turn.interruptions > MAX_INTERRUPTIONS:
            raise InternalError(f"given up after {turn.interruptions} interruptions")
        return await handle(turn, services)
    except BotError as error:
        known = error
    except Exception:
        log.exception("turn %d failed by a fault of ours", turn.id)
        known = InternalError("see the traceback above")
    # The reply may have messages by now that `turn`, read at the start, doesn't name.
    latest = await services.store.turn(turn.id) or turn
    return reply.failure(replace(turn, reply=latest.reply), known, services.language(turn.incoming))


async def handle(turn: Turn, services: Services) -> Outcome:
    """Do what a turn asks for."""
    match turn.incoming:
        case Said() as said:
            return await reply.answer(turn, said, services)
        case Invoked(command=name):
            return await HANDLERS[BY_NAME[name]](turn, services)
        case Pressed() as pressed if pressed.action.verb == "stop":
            return await stop.press(turn, pressed, services)
        case Pressed() as pressed:
            return await retry.press(turn, pressed, services)
        case Left(address=address):
            for running in list(services.running.values()):
                if running.incoming.address.budget == address.budget:
                    running.live.stop()
            return Outcome()
        case Unreadable() as unreadable:
            log.warning("an update was put aside (turn %d): %s", turn.id, unreadable.reason)
            return Outcome(failed=True)
