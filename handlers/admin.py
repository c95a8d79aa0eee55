"""/admin: how the bot is, where it is used, and reading the config again. For admins."""

import time
from datetime import datetime

from chat.commands import Command, Option
from chat.incoming import Invoked
from chat.replies import Final
from handlers.services import Outcome, Services
from storage.base import Turn

VERBS = ("status", "reload", "chats")
COMMAND = Command("admin", access="admin", options=(Option("what", "choice", choices=VERBS),), discreet=True)
CHATS = 20


async def handle(turn: Turn, services: Services) -> Outcome:
    """One of the verbs; what there is, where it is none."""
    asked = turn.incoming
    verb = asked.text.strip().lower() if isinstance(asked, Invoked) else ""
    match verb:
        case "status" | "":
            text = await _status(turn, services)
        case "reload":
            text = await _reload(turn, services)
        case "chats":
            text = await _chats(turn, services)
        case _:
            text = services.language(asked).say("admin.unknown", verbs=", ".join(f"`{each}`" for each in VERBS))
    return Outcome(Final(text), turn.reply)


async def _status(turn: Turn, services: Services) -> str:
    say = services.language(turn.incoming).say
    used = await services.store.used(f"{services.now():%Y-%m-%d}")
    hours, minutes = divmod(int(time.time() - services.bot.started_at) // 60, 60)
    lines = [
        say("admin.running", hours=hours, minutes=f"{minutes:02}", replies=len(services.bot.running)),
        say("admin.used", messages=used.messages, images=used.images, tokens=used.input_tokens + used.output_tokens),
        say("admin.dead", dead=await services.store.dead()),
    ]
    for messenger, seconds in services.bot.poll_ages().items():
        lines.append(say("admin.messenger", messenger=messenger, seconds=f"{seconds:.0f}"))
    lines += [f"⚠️ `{name}`: {say('trouble.' + key)}" for name, key in services.bot.trouble.items()]
    return "\n".join(f"- {line}" for line in lines)


async def _reload(turn: Turn, services: Services) -> str:
    say = services.language(turn.incoming).say
    faults = await services.bot.reload()
    if not faults:
        return say("admin.reloaded")
    return "\n".join([say("admin.not_reloaded"), "", *(f"- `{fault}`" for fault in faults)])


async def _chats(turn: Turn, services: Services) -> str:
    say = services.language(turn.incoming).say
    lines = [
        f"- `{each.conversation}` · {say('admin.turns', count=each.turns)} · "
        f"{datetime.fromtimestamp(each.last_at, services.timezone):%Y-%m-%d %H:%M}"
        for each in await services.store.activity(CHATS)
    ]
    return "\n".join(lines)
