"""What comes along with a message: the one that it answers, the part that was marked in it, what was forwarded."""

from aiogram.types import (
    Message,
    MessageOriginChannel,
    MessageOriginChat,
    MessageOriginHiddenUser,
    MessageOriginUser,
)

from chat.incoming import Quote
from messengers.telegram.contents import words_of

LONGEST = 4000  # characters of a message that is answered

Origin = MessageOriginUser | MessageOriginHiddenUser | MessageOriginChat | MessageOriginChannel


def quotes_of(message: Message, bot_id: int) -> tuple[Quote, ...]:
    """Forwarded words as a quote, and what is answered. The bot's own words need none: they are in the history."""
    forwarded = forward_of(message)
    answered = _reply_of(message, bot_id)
    return tuple(quote for quote in (answered, forwarded) if quote and quote.text.strip())


def forward_of(message: Message) -> Quote | None:
    """The words of a forwarded message, whole: they are what it is about, and not the forwarder's."""
    origin = message.forward_origin
    return Quote("forward", _name(origin), words_of(message)) if origin else None


def replied_to(message: Message) -> Message | None:
    """The message that was answered. The one that opened a topic counts as answered by all in it: it is left out."""
    answered = message.reply_to_message
    return answered if answered and not answered.forum_topic_created else None


def _reply_of(message: Message, bot_id: int) -> Quote | None:
    marked, answered, elsewhere = message.quote, replied_to(message), message.external_reply
    if answered and marked and marked.is_manual:
        return Quote("quote", _author(answered), marked.text[:LONGEST])
    if answered:
        is_bots = answered.from_user is not None and answered.from_user.id == bot_id
        return None if is_bots else Quote("reply", _author(answered), words_of(answered)[:LONGEST])
    if elsewhere and marked:  # from another chat, Telegram shows no more than what is quoted
        return Quote("quote", _name(elsewhere.origin), marked.text[:LONGEST])
    return None


def _author(message: Message) -> str:
    if message.sender_chat:
        return message.sender_chat.full_name
    return message.from_user.full_name if message.from_user else ""


def _name(origin: Origin) -> str:
    match origin:
        case MessageOriginUser():
            return origin.sender_user.full_name
        case MessageOriginHiddenUser():
            return origin.sender_user_name
        case MessageOriginChat():
            return origin.sender_chat.full_name
        case MessageOriginChannel():
            return origin.chat.full_name
