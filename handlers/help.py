"""/help and /start: what the bot does, and what whoever asks may do here."""

from collections.abc import Iterable

from chat.commands import Command
from chat.incoming import Incoming
from chat.replies import Final
from handlers.services import Outcome, Services
from storage.base import Turn
from texts import Language

COMMAND = Command("help", discreet=True)
START = Command("start", hidden=True)


async def handle(turn: Turn, services: Services, commands: Iterable[Command]) -> Outcome:
    """Say what this bot does, which model answers here, and the commands that the sender may use here."""
    asked = turn.incoming
    language = services.language(asked)
    model = await services.model_of(asked.address.room)
    usable = [each for each in commands if not each.hidden and may_use(each, asked, services)]
    lines = "\n".join(f"/{each.name} — {describe(each, language)}" for each in usable)
    return Outcome(Final(language.say("help", model=model.name, commands=lines)), turn.reply)


def describe(command: Command, language: Language) -> str:
    """A command's line in menus and in /help."""
    return language.say(f"command.{command.name}")


def may_use(command: Command, who: Incoming, services: Services) -> bool:
    """Whether the sender may use a command at this place."""
    match command.access:
        case "admin":
            return services.access.is_admin(who)
        case "owner":
            return services.owns(who)
        case "anyone":
            return True
