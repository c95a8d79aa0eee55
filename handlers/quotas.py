"""Daily limits: how much is left for somebody today, and the sentence where nothing is."""

from datetime import datetime, timedelta
from typing import Literal

from chat.incoming import Incoming
from handlers.services import Services, who

Kind = Literal["messages", "images"]


async def refusal(services: Services, incoming: Incoming, kind: Kind, count: int = 1) -> str:
    """Why `count` more aren't possible today, as a sentence; empty where they are. Admins have no limits."""
    if services.access.is_admin(incoming):
        return ""
    now = services.now()
    say = services.language(incoming).say
    limits = services.limits
    mine = await services.store.used(f"{now:%Y-%m-%d}", who(incoming))
    used, limit = (
        (mine.messages, limits.messages_per_day) if kind == "messages" else (mine.images, limits.images_per_day)
    )
    if used + count > limit:
        return say(f"quota.{kind}", limit=limit, used=used, **reset(services, now))
    everybody = await services.store.used(f"{now:%Y-%m-%d}")
    if kind == "messages" and everybody.messages + count > limits.all_messages_per_day:
        return say("quota.all_messages", **reset(services, now))
    return ""


def reset(services: Services, now: datetime) -> dict[str, str]:
    """When the day ends, for a sentence: the clock's time there is 00:00, so what counts is how long it takes."""
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    # Compared as points in time: a day with a change of the clock has 23 or 25 hours.
    seconds = int(midnight.timestamp() - now.timestamp())
    hours, minutes = divmod(max(60, seconds) // 60, 60)
    return {"hours": str(hours), "minutes": f"{minutes:02}", "timezone": str(services.timezone)}
