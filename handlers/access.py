"""Who may talk to the bot: decided in memory, from numeric ids, before anything is stored."""

from collections.abc import Iterable

from pydantic import BaseModel

from chat.incoming import Incoming


class AccessSettings(BaseModel, frozen=True, extra="forbid"):
    """`access:` in the config. Entries are `messenger:id`: a person, a group with its minus (`telegram:-100555`), or
    `discord:guild:77`, `discord:channel:99`, `discord:role:88`.
    """

    public: bool = False
    admins: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    block: tuple[str, ...] = ()


class Access:
    """Closed by default: without `public` and an allow-list, only admins get an answer."""

    def __init__(self, settings: AccessSettings, trusted: Iterable[str] = (), admitted: Iterable[str] = ()) -> None:
        """`trusted`: messengers whose people are admins by being there (the playground on loopback).

        `admitted`: whose people are let in by being there (the playground behind a password).
        """
        self._admitted = frozenset(admitted)
        self._settings = settings
        self._trusted = frozenset(trusted)

    def is_admin(self, incoming: Incoming) -> bool:
        """Whether the sender is an admin."""
        address, sender = incoming.address, incoming.sender
        return address.messenger in self._trusted or f"{address.messenger}:{sender.id}" in self._settings.admins

    @property
    def has_admins(self) -> bool:
        """Whether the config names any."""
        return bool(self._settings.admins)

    def may_be_named(self, incoming: Incoming) -> bool:
        """Whether the config could make the sender an admin: not where nobody tells who people are."""
        return incoming.address.messenger not in self._admitted

    def is_blocked(self, incoming: Incoming) -> bool:
        """Whether the sender, or the place, is blocked: they get no answer at all."""
        return not self._names(incoming).isdisjoint(self._settings.block)

    def allows(self, incoming: Incoming) -> bool:
        """Whether the sender gets an answer at this place. An admin always does; a blocked one never otherwise."""
        if self.is_admin(incoming) or incoming.address.messenger in self._admitted:
            return True
        if self.is_blocked(incoming):
            return False
        return self._settings.public or not self._names(incoming).isdisjoint(self._settings.allow)

    def _names(self, incoming: Incoming) -> set[str]:
        address, sender = incoming.address, incoming.sender
        return {f"{address.messenger}:{name}" for name in (sender.id, address.place, *address.within, *sender.roles)}
