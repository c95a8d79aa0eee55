"""/system: the instructions that the model gets in this conversation. For its owner, and admins."""

from chat.commands import Command, Option
from chat.incoming import Invoked
from chat.replies import Final
from handlers.prompt import source_of
from handlers.services import Outcome, Services
from storage.base import Turn

COMMAND = Command("system", "barrier", access="owner", options=(Option(suggests=True),), discreet=True)
RESET = "reset"


async def handle(turn: Turn, services: Services) -> Outcome:
    """Show the prompt; choose one of the config's by its name; `reset`; or take the text as the prompt."""
    asked = turn.incoming
    say, room = services.language(asked).say, asked.address.room
    text = asked.text.strip() if isinstance(asked, Invoked) else ""
    if not text:
        return Outcome(Final(await _show(turn, services)), turn.reply)
    if len(text) > services.limits.input_characters:
        limit = services.limits.input_characters
        return Outcome(Final("", say("reply.too_long", length=len(text), limit=limit)), turn.reply)
    prompt = "" if text.lower() == RESET else services.prompts.get(text, text)
    await services.store.choose(room, system_prompt=prompt)
    key = "system.reset" if not prompt else "system.preset" if text in services.prompts else "system.set"
    return Outcome(Final(say(key, name=text)), turn.reply)


async def _show(turn: Turn, services: Services) -> str:
    say = services.language(turn.incoming).say
    room = turn.incoming.address.room
    source, prompt = await source_of(services, await services.model_of(room), room)
    quoted = "\n".join(f"> {line}" for line in prompt.splitlines()) or "> —"
    names = ", ".join(f"`{name}`" for name in services.prompts) or "—"
    return say("system.show", source=say(f"system.source.{source}"), prompt=quoted, names=names)
