"""Messages of the stand-in Discord: every version that people saw, with its time, and whom it pinged."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tests.servers.discord_errors import Json
from tests.servers.discord_world import Attachment, User, shown_time

DEFAULT, REPLY, THREAD_CREATED, CHAT_COMMAND, CONTEXT_COMMAND = 0, 19, 18, 20, 23
SUPPRESS_EMBEDS, EPHEMERAL, LOADING, SILENT, COMPONENTS_V2 = 1 << 2, 1 << 6, 1 << 7, 1 << 12, 1 << 15
SETTABLE = SUPPRESS_EMBEDS | SILENT | COMPONENTS_V2

BLANK: Mapping[str, object] = {"content": "", "embeds": [], "attachments": [], "components": []}


@dataclass(frozen=True, slots=True)
class Version:
    """What a message showed from `at` on (Unix seconds)."""

    at: float
    text: str = ""
    components: tuple[Json, ...] = ()
    embeds: tuple[Json, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    flags: int = 0


@dataclass(frozen=True, slots=True)
class Pings:
    """Who gets a notification of a message."""

    users: tuple[User, ...] = ()
    roles: tuple[int, ...] = ()
    everyone: bool = False

    def __bool__(self) -> bool:
        return bool(self.users or self.roles or self.everyone)


@dataclass(slots=True, eq=False)
class Message:
    """A message and all that it ever showed; `deleted_at` once it is gone.

    `viewer` is the only person who sees it, where it is ephemeral. `pings` are those of its first version:
    an edit notifies nobody. `interaction` is what the API says of the command that it answers.
    """

    id: int
    channel_id: int
    guild_id: int | None
    author: User
    sent_at: float
    versions: list[Version]
    kind: int = DEFAULT
    pings: Pings = Pings()
    reference: Json | None = None
    replied: "Message | None" = None
    nonce: str = ""
    viewer: User | None = None
    interaction: Json | None = None
    application_id: int | None = None  # set where it was sent by way of an interaction
    reactions: list[str] = field(default_factory=list)
    odd: Json = field(default_factory=dict)  # what the API shows besides, or otherwise: a system message, a sticker …
    deleted_at: float | None = None

    @property
    def text(self) -> str:
        """The text shown now."""
        return self.versions[-1].text

    @property
    def texts(self) -> list[str]:
        """Every text it showed, in order."""
        return [version.text for version in self.versions]

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        """The files shown now."""
        return self.versions[-1].attachments

    @property
    def embeds(self) -> tuple[Json, ...]:
        """The embeds shown now."""
        return self.versions[-1].embeds

    @property
    def components(self) -> tuple[Json, ...]:
        """The components shown now, as the bot sent them."""
        return self.versions[-1].components

    @property
    def flags(self) -> int:
        """The flags now."""
        return self.versions[-1].flags

    @property
    def buttons(self) -> list[Json]:
        """The buttons shown now, row by row."""
        return [part for part in all_components(self.components) if part.get("type") == 2]

    @property
    def labels(self) -> list[str]:
        """What is written on the buttons."""
        return [button.get("label", "") for button in self.buttons]

    @property
    def visible(self) -> bool:
        """Whether it is still there."""
        return self.deleted_at is None

    @property
    def ephemeral(self) -> bool:
        """Whether only one person sees it."""
        return self.viewer is not None

    @property
    def thinking(self) -> bool:
        """Whether it shows "… is thinking" still."""
        return bool(self.flags & LOADING)

    @property
    def edits(self) -> int:
        """How often it was changed."""
        return len(self.versions) - 1

    def seen_by(self, viewer: User | None) -> bool:
        """Whether this person sees it now; None: anybody at all."""
        return self.visible and (self.viewer is None or self.viewer == viewer)

    def json(self) -> Json:
        """As the REST API shows it, without what depends on who looks."""
        shown = self.versions[-1]
        body: Json = {"id": str(self.id), "channel_id": str(self.channel_id), "author": self.author.json()}
        body |= {"content": shown.text, "components": list(shown.components), "embeds": list(shown.embeds)}
        body |= {"attachments": [one.json() for one in shown.attachments], "flags": shown.flags, "type": self.kind}
        body |= {"timestamp": shown_time(self.sent_at), "tts": False, "pinned": False}
        body["edited_timestamp"] = shown_time(shown.at) if self._edited else None
        return body | self._mentions() | self._optional() | self.odd

    @property
    def _edited(self) -> bool:
        # The answer that ends "… is thinking" doesn't count as an edit.
        return any(not before.flags & LOADING for before in self.versions[:-1])

    def _mentions(self) -> Json:
        roles = [str(role) for role in self.pings.roles]
        users = [user.json() for user in self.pings.users]
        return {"mentions": users, "mention_roles": roles, "mention_everyone": self.pings.everyone}

    def _optional(self) -> Json:
        body: Json = {"nonce": self.nonce} if self.nonce else {}
        if self.reference:
            body["message_reference"] = self.reference
        if self.interaction:
            body["interaction_metadata"] = self.interaction
        if self.application_id:
            body |= {"webhook_id": str(self.application_id), "application_id": str(self.application_id)}
        return body


def all_components(components: tuple[Json, ...] | list[Json]) -> Iterator[Json]:
    """Components with all that is in them, from top to bottom."""
    for part in components:
        yield part
        yield from all_components(part.get("components", []))
        if accessory := part.get("accessory"):
            yield accessory
