"""Where an answer goes that is asked for once more: /retry, the Retry button, Continue."""

from dataclasses import replace

from chat.incoming import Address
from handlers.services import Services
from storage.base import Turn


def beside(asked: Turn, way: Address, services: Services) -> Address:
    """Where a further answer to a question goes, that leaves the one that is there alone; `way`: what asks for it.

    A question's token is for its own answer. A further one is an ordinary message there, below that answer.
    """
    address, parts = asked.incoming.address, asked.reply.parts
    if not address.token:
        return address
    if closes(address, services):
        return by_way_of(address, way)
    return replace(address, message=parts[-1] if parts else "", token="", token_expires_at=0.0)


def by_way_of(address: Address, way: Address) -> Address:
    """The same place, by the token of what asks for it now: for places that nothing but a token leads to."""
    token, expires_at = way.token, way.token_expires_at
    return replace(address, message=way.message, token=token, token_expires_at=expires_at, answered=True)


def closes(address: Address, services: Services) -> bool:
    """Whether nothing can be said there any more some day."""
    return bool(services.bot.open_chat(address).closes_at)
