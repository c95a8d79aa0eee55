"""/usage: what the asker used today, and what is left."""

from chat.commands import Command
from chat.replies import Final
from handlers.quotas import reset
from handlers.services import Outcome, Services, who
from storage.base import Turn

COMMAND = Command("usage", discreet=True)


async def handle(turn: Turn, services: Services) -> Outcome:
    """Messages, pictures and tokens of today."""
    asked, now, limits = turn.incoming, services.now(), services.limits
    used = await services.store.used(f"{now:%Y-%m-%d}", who(asked))
    say = services.language(asked).say
    unlimited = services.access.is_admin(asked)
    text = say(
        "usage.admin" if unlimited else "usage.limited",
        messages=used.messages,
        images=used.images,
        tokens=used.input_tokens + used.output_tokens,
        most_messages=limits.messages_per_day,
        most_images=limits.images_per_day,
        **reset(services, now),
    )
    return Outcome(Final(text), turn.reply)
