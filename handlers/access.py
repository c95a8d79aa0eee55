"""Who may talk to the bot: decided in memory, from numeric ids, before anything is stored."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from pydantic import BaseModel

from chat.incoming import Address, Incoming


class AccessSettings(BaseModel, frozen=True, extra="forbid"):
    """`access:` in the config. Entries are `messenger:id`: a person, a group with its minus (`telegram:-100555`), or
    `discord:guild:77`, `discord:channel:99`, `discord:role:88`.
    """

    public: bool = False
    admins: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    block: tuple[str, ...] = ()


class Moves:
    """Which places (`Address.budget`) have another name now, in memory: access is decided by it."""

    def __init__(self, known: Mapping[str, str] | None = None) -> None:
        """`known`: as `Store.moved` tells."""
        self._now = dict(known or {})

    def current(self, name: str) -> str:
        """What a place is called now; any other name as it is."""
        return self._now.get(name, name)

    def room(self, address: Address) -> str:
        """`Address.room`, as it is called now."""
        place = self.current(address.budget).removeprefix(f"{address.messenger}:")
        return replace(address, place=place).room

    def use(self, known: Mapping[str, str]) -> None:
        """These are the moves from now on."""
        self._now = dict(known)


class Access:
    """Closed by default: without `public` and an allow-list, only admins get an answer."""

    def __init__(
        self,
        settings: AccessSettings,
        trusted: Iterable[str] = (),
        admitted: Iterable[str] = (),
        moves: Moves | None = None,
    ) -> None:
        """`trusted`: messengers whose people are admins by being there (the playground on loopback).

        `admitted`: whose people are let in by being there (the playground behind a password). `moves`: an entry for a
        place counts for it by whatever name it has now.
        """
        self.moves = moves or Moves()
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
        return self._has(self._settings.block, incoming)

    def allows(self, incoming: Incoming) -> bool:
        """Whether the sender gets an answer at this place. An admin always does; a blocked one never otherwise."""
        if self.is_admin(incoming) or incoming.address.messenger in self._admitted:
            return True
        if self.is_blocked(incoming):
            return False
        return self._settings.public or self._has(self._settings.allow, incoming)

    @property
    def outdated(self) -> Mapping[str, str]:
        """Entries of the config for places that have another name now → that name."""
        entries = (*self._settings.allow, *self._settings.block)
        return {entry: self.moves.current(entry) for entry in entries if self.moves.current(entry) != entry}

    def _has(self, entries: Iterable[str], incoming: Incoming) -> bool:
        """Whether the sender or the place is among the entries."""
        names = {self.moves.current(name) for name in self._names(incoming)}
        return not names.isdisjoint(map(self.moves.current, entries))

    def _names(self, incoming: Incoming) -> set[str]:
        address, sender = incoming.address, incoming.sender
        return {f"{address.messenger}:{name}" for name in (sender.id, address.place, *address.within, *sender.roles)}
