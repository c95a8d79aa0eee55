"""Privacy mode of the stand-in Telegram: what of a group a bot gets to hear, as Telegram's FAQ lists it.

Mentions are not in that list. A bot that is an admin, or was added after the mode was turned off, hears everything.
"""

import re

from tests.servers.telegram_media import MEDIA
from tests.servers.telegram_messages import Message
from tests.servers.telegram_world import Person

_COMMAND = re.compile(r"/\w+(?:@(\w+))?")


def concerns(bot: Person, message: Message, replied: Message | None, *, wrote_last: bool) -> bool:
    """Whether it is delivered: service messages, replies to the bot, commands for it; those without a name are for
    the bot that wrote last."""
    text = str(message.text or message.content.get("text") or message.content.get("caption", ""))
    if not text and not MEDIA & message.content.keys():
        return True
    if replied and replied.sender == bot:
        return True
    command = _COMMAND.match(text)
    if command is None:
        return False
    return command[1].lower() == bot.username.lower() if command[1] else wrote_last
