"""WHAT the bot does: which handler a turn goes to, and the one place that explains failures."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from chat.buttons import Verb
from chat.commands import Command, CommandKind, MenuEntry
from chat.errors import BotError, InternalError
from chat.incoming import Incoming, Invoked, Left, Moved, Pressed, Said, Unreadable
from chat.replies import Final
from handlers import admin, ask, continuing, forget, image, model, new, reply, retry, stop, system, usage
from handlers import help as help_handler
from handlers.services import Handler, Outcome, Services, who
from storage.base import Turn, insist
from texts import Texts

log = logging.getLogger(__name__)


async def _help(turn: Turn, services: Services) -> Outcome:
    return await help_handler.handle(turn, services, COMMANDS)


# In the order of menus and of /help.
HANDLERS: Mapping[Command, Handler] = {
    help_handler.START: _help,
    ask.COMMAND: ask.handle,
    new.COMMAND: new.handle,
    model.COMMAND: model.handle,
    image.COMMAND: image.handle,
    stop.COMMAND: stop.handle,
    retry.COMMAND: retry.handle,
    system.COMMAND: system.handle,
    usage.COMMAND: usage.handle,
    forget.COMMAND: forget.handle,
    help_handler.COMMAND: _help,
    admin.COMMAND: admin.handle,
}
COMMANDS: tuple[Command, ...] = tuple(HANDLERS)
BY_NAME = {command.name: command for command in COMMANDS}


def menu(texts: Texts) -> Sequence[MenuEntry]:
    """The commands for menus and forms, with their descriptions in every language."""
    languages = {"": texts.of(""), **texts.languages}

    def said(key: str) -> Mapping[str, str]:
        return {code: language.say(key) for code, language in languages.items()}

    return [
        MenuEntry(
            each, said(f"command.{each.name}"), {o.name: said(f"option.{each.name}.{o.name}") for o in each.options}
        )
        for each in COMMANDS
        if not each.hidden
    ]


# How often our own death may interrupt a turn before it is given up: counted apart from failures, because counting
# the two together loses messages that were only unlucky.
MAX_INTERRUPTIONS = 20


async def attempt(turn: Turn, services: Services) -> Outcome:
    """Handle a turn; a failure, whatever it is, becomes an outcome that tells the person.

    Where the store fails, it is as after a crash: the turn is made again, into the same messages, once the store works.
    """
    try:
        if turn.interruptions >= MAX_INTERRUPTIONS:
            raise InternalError(f"given up after {turn.interruptions} interruptions")
        return await insist(partial(_handle_latest, turn, services))
    except BotError as error:
        known = error
    except Exception:
        log.exception("turn %d failed by a fault of ours", turn.id)
        known = InternalError("see the traceback above")
    if not isinstance(turn.incoming, Said | Invoked):
        return Outcome(failed=True, reason=reply.in_short(known))
    latest = await insist(partial(services.store.turn, turn.id)) or turn
    return reply.failure(turn, known, services.language(turn.incoming), latest.reply)


async def _handle_latest(turn: Turn, services: Services) -> Outcome:
    """Handle a turn with the messages that it has by now."""
    latest = await services.store.turn(turn.id)
    return await handle(replace(turn, reply=latest.reply, drawn=latest.drawn) if latest else turn, services)


async def handle(turn: Turn, services: Services) -> Outcome:
    """Do what a turn asks for."""
    match turn.incoming:
        case Said() as said:
            return await reply.answer(turn, said, services)
        case Invoked(command=name):
            return await _command(turn, BY_NAME[name], services)
        case Pressed() as pressed:
            return await PRESSES[pressed.action.verb](turn, pressed, services)
        case Left(address=address):
            for running in list(services.bot.running.values()):
                if running.incoming.address.budget == address.budget:
                    running.live.stop()
            return Outcome()
        case Moved():
            return Outcome()  # it was followed before it was acknowledged (`moving.follow`)
        case Unreadable() as unreadable:
            log.warning("an update was put aside (turn %d): %s", turn.id, unreadable.reason)
            return Outcome(failed=True, reason=f"unreadable: {unreadable.reason}")


PRESSES: Mapping[Verb, Callable[[Turn, Pressed, Services], Awaitable[Outcome]]] = {
    "stop": stop.press,
    "retry": retry.press,
    "continue": continuing.press,
    "model": model.press,
    "models": model.press,
}


async def _command(turn: Turn, command: Command, services: Services) -> Outcome:
    if not help_handler.may_use(command, turn.incoming, services):
        say = services.language(turn.incoming).say
        key = command.access if services.access.may_be_named(turn.incoming) else "page"
        sentence = say(f"access.{key}", command=command.name, entry=who(turn.incoming))
        return Outcome(Final("", sentence), turn.reply)
    return await HANDLERS[command](turn, services)


def interrupts(turn: Turn, services: Services) -> bool:
    """Whether it stops what runs in its conversation: a barrier, by somebody who may use it."""
    incoming = turn.incoming
    command = BY_NAME[incoming.command] if isinstance(incoming, Invoked) else None
    return bool(command and command.kind == "barrier" and help_handler.may_use(command, incoming, services))


def kind_of(incoming: Incoming) -> CommandKind:
    """How something that came in is run: at once, in its conversation's lane, or there after stopping what runs."""
    match incoming:
        case Said():
            return "turn"
        case Invoked(command=name):
            return BY_NAME[name].kind
        case _:
            return "control"
