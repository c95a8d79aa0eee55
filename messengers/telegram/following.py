"""In groups: what is for the bot though it doesn't say so, as the rest of an album, or of a paste that was split.

Only the picture with the caption and the first piece of the text have the mention, or the command, in them. In privacy
mode Telegram delivers nothing else, so there the rest of a split paste or of an album never comes.
"""

from collections import OrderedDict
from datetime import datetime, timedelta

from aiogram.types import Message

KEPT = 256
PASTE_SECONDS = 3  # the pieces of a paste are sent at once, and dated in whole seconds

Album = tuple[int, str]
Writer = tuple[int, int | None, int]


class Following:
    """The last messages for the bot of which there may be more. In memory only: after a restart, what belongs to
    one from before is left alone.
    """

    def __init__(self) -> None:
        self._begun: OrderedDict[Album | Writer, datetime] = OrderedDict()

    def expect(self, message: Message, *, unfinished: bool) -> None:
        """This one is for the bot; what belongs to it is, too."""
        if message.media_group_id:
            self._keep((message.chat.id, message.media_group_id), message.date)
        if unfinished:
            self._keep(_writer(message), message.date)

    def includes(self, message: Message) -> bool:
        """Whether this one belongs to one that was for the bot."""
        if message.media_group_id:
            return (message.chat.id, message.media_group_id) in self._begun
        begun = self._begun.get(_writer(message)) if message.text else None
        return begun is not None and timedelta(0) <= message.date - begun <= timedelta(seconds=PASTE_SECONDS)

    def _keep(self, what: Album | Writer, since: datetime) -> None:
        self._begun[what] = since
        self._begun.move_to_end(what)
        if len(self._begun) > KEPT:
            self._begun.popitem(last=False)


def _writer(message: Message) -> Writer:
    author = message.sender_chat or message.from_user
    topic = message.message_thread_id if message.is_topic_message else None
    return message.chat.id, topic, author.id if author else 0
