"""Daily limits: how much is left for somebody today, and the sentence where nothing is."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Literal

from chat.incoming import Incoming
from handlers.services import Services, who
from storage.base import Amount

Kind = Literal["messages", "images"]


@asynccontextmanager
async def reserved(services: Services, incoming: Incoming, kind: Kind, count: int = 1) -> AsyncIterator[str]:
    """While inside, `count` more are set aside: what runs side by side counts before it is spent.

    Gives a sentence where so many aren't possible today, else an empty text. Admins have no limits.
    """
    if services.access.is_admin(incoming):
        yield ""
        return
    day, asker, aside = f"{services.now():%Y-%m-%d}", who(incoming), services.bot.reserved
    spent = await services.store.used(day, asker), await services.store.used(day)
    # From here on nothing is awaited until it is set aside: two that ask at once see each other.
    sentence = _refusal(services, incoming, kind, count, spent)
    if sentence:
        yield sentence
        return
    for key in ((asker, kind), ("", kind)):
        aside[key] += count
    try:
        yield ""
    finally:
        for key in ((asker, kind), ("", kind)):
            aside[key] -= count


def _refusal(services: Services, incoming: Incoming, kind: Kind, count: int, spent: tuple[Amount, Amount]) -> str:
    """`spent`: today, by the sender and by all."""
    mine, everybody = spent
    say, limits, aside = services.language(incoming).say, services.limits, services.bot.reserved
    used, limit = (
        (mine.messages, limits.messages_per_day) if kind == "messages" else (mine.images, limits.images_per_day)
    )
    if used + aside[who(incoming), kind] + count > limit:
        return say(f"quota.{kind}", limit=limit, used=used, **reset(services, services.now()))
    if kind == "messages" and everybody.messages + aside["", kind] + count > limits.all_messages_per_day:
        return say("quota.all_messages", **reset(services, services.now()))
    return ""


def reset(services: Services, now: datetime) -> dict[str, str]:
    """When the day ends, for a sentence: the clock's time there is 00:00, so what counts is how long it takes."""
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    # Compared as points in time: a day with a change of the clock has 23 or 25 hours.
    seconds = int(midnight.timestamp() - now.timestamp())
    hours, minutes = divmod(max(60, seconds) // 60, 60)
    return {"hours": str(hours), "minutes": f"{minutes:02}", "timezone": str(services.timezone)}
