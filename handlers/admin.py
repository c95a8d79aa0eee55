"""/admin: how the bot is, where it is used, what was given up, and reading the config again. For admins."""

import time
from datetime import datetime

from chat.commands import BadOptionError, Command, Option, read_options
from chat.incoming import Invoked, Said
from chat.replies import Final
from handlers.services import Outcome, Services, who
from storage.base import Turn

VERBS = ("status", "reload", "chats", "dead", "retry", "drop")
COMMAND = Command(
    "admin",
    access="admin",
    options=(Option("what", "choice", choices=VERBS), Option("turn", "number")),
    discreet=True,
)
CHATS = 20
LETTERS = 20


async def handle(turn: Turn, services: Services) -> Outcome:
    """One of the verbs; what there is, where it is none."""
    asked = turn.incoming
    verb, number = _read(asked.text) if isinstance(asked, Invoked) else ("", 0)
    match verb:
        case "status" | "":
            text = await _status(turn, services)
        case "reload":
            text = await _reload(turn, services)
        case "chats":
            text = await _chats(turn, services)
        case "dead":
            text = await _dead(turn, services)
        case "retry":
            return await _retry(turn, number, services)
        case "drop":
            key = "dropped" if await services.store.drop(number) else "not_dead"
            text = services.language(asked).say(f"admin.{key}", number=number)
        case _:
            text = services.language(asked).say("admin.unknown", verbs=", ".join(f"`{each}`" for each in VERBS))
    return Outcome(Final(text), turn.reply)


def _read(text: str) -> tuple[str, int]:
    """`retry 12`, and `--what retry --turn 12` of a form, as (verb, number); 0 = no number."""
    try:
        values, rest = read_options(text.lower(), COMMAND.options)
    except BadOptionError:
        return "?", 0
    words = [*filter(None, [values.get("what")]), *rest.split(), *filter(None, [values.get("turn")]), ""]
    verb, number = words[0], words[1] if len(words) > 2 else ""
    return (verb, int(number)) if number.isascii() and number.isdigit() and len(number) < 19 else (verb, 0)


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
    lines += [f"⚠️ {say('admin.moved', entry=old, name=new)}" for old, new in services.access.outdated.items()]
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


async def _dead(turn: Turn, services: Services) -> str:
    """The latest ones: never what was said, which is for the terminal alone."""
    say = services.language(turn.incoming).say
    letters = await services.store.given_up(LETTERS)
    lines = [
        f"- **{each.id}** · {datetime.fromtimestamp(each.received_at, services.timezone):%Y-%m-%d %H:%M} · "
        f"`{each.incoming.address.conversation}` · `{who(each.incoming)}` · {each.incoming.kind} · "
        f"`{each.reason.partition(':')[0] or '?'}`"
        for each in letters
    ]
    return "\n".join([*lines, "", say("admin.dead_what")]) if lines else say("admin.no_dead")


async def _retry(turn: Turn, number: int, services: Services) -> Outcome:
    """Make a turn that was given up new again. What couldn't be read can't be answered either."""
    say = services.language(turn.incoming).say
    known = await services.store.turn(number)
    if known is None or known.state != "dead" or not isinstance(known.incoming, Said | Invoked):
        return Outcome(Final(say("admin.not_dead", number=number)), turn.reply)
    again = await services.store.reopen(number)
    return Outcome(Final(say("admin.retried", number=number)), turn.reply, again=again)
