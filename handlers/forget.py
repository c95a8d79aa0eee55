"""/forget: deletes what is stored of a conversation; `/forget usage` deletes the asker's own figures."""

from chat.commands import Command, Option
from chat.incoming import Invoked
from chat.replies import Final
from handlers.services import Outcome, Services, who
from storage.base import Turn

COMMAND = Command(
    "forget", "barrier", access="owner", options=(Option("what", "choice", choices=("usage",)),), discreet=True
)


async def handle(turn: Turn, services: Services) -> Outcome:
    """Delete, and say what is gone. Today's figures stay until midnight: the daily limits are counted by them."""
    asked, say = turn.incoming, services.language(turn.incoming).say
    if isinstance(asked, Invoked) and asked.text.strip().lower() == "usage":
        await services.store.forget_usage(who(asked), f"{services.now():%Y-%m-%d}")
        return Outcome(Final(say("forget.usage")), turn.reply)
    await services.store.forget(asked.address.conversation, before=turn.id)
    return Outcome(Final(say("forget.done")), turn.reply)
