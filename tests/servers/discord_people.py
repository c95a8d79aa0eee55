"""People of the stand-in Discord: what they write, which commands they use, which buttons they press."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.servers.discord_channels import TEXT, THREAD, Channel
from tests.servers.discord_commands import CHAT, MESSAGE, Commands
from tests.servers.discord_errors import Json
from tests.servers.discord_interactions import (
    AUTOCOMPLETE,
    COMMAND,
    COMPONENT,
    MODAL_SUBMIT,
    Interaction,
    Interactions,
    context_of,
)
from tests.servers.discord_messages import Message, Version, all_components
from tests.servers.discord_options import Filled, Value, submitted
from tests.servers.discord_posting import Posting
from tests.servers.discord_rules import pings
from tests.servers.discord_world import ADMINISTRATOR, Upload, User


@dataclass(frozen=True, slots=True)
class Desk:
    """What people act with."""

    posting: Posting
    commands: Commands
    interactions: Interactions


@dataclass(frozen=True, slots=True)
class Person(User):
    """Somebody who acts. They become members of the guilds where they do something."""

    desk: Desk = field(kw_only=True, repr=False, compare=False)

    # What they see

    @property
    def dm(self) -> Channel:
        """The direct messages between them and the bot."""
        return self.desk.posting.places.direct(self)

    def sees(self, channel: Channel) -> list[Message]:
        """The bot's messages that they see there, those for them alone too."""
        return channel.seen_by(self)

    # What they write

    def say(
        self,
        channel: Channel,
        text: str = "",
        *,
        attachments: Sequence[Upload] = (),
        reply_to: Message | None = None,
        ping: bool = True,
        mention_bot: bool = False,
    ) -> Message:
        """They write. `mention_bot` puts a mention of the bot before it; `ping`: a reply notifies its author."""
        posting = self.desk.posting
        self._enter(channel)
        text = f"{posting.world.bot.mention} {text}".strip() if mention_bot else text
        files = tuple(posting.world.keep(upload, channel.id) for upload in attachments)
        message = posting.message(channel, self, Version(posting.world.now(), text, attachments=files), reply_to)
        rules: Json = {"parse": ["users", "roles", "everyone"], "replied_user": ping}
        # A reply to a command's answer mentions nobody (discord-api-docs, "You Might Not Need a Privileged Intent").
        author = reply_to.author if reply_to and not reply_to.application_id else None
        message.pings = pings(text, rules, author, posting.audience(channel, self))
        return posting.post(channel, message)

    def share(self, channel: Channel, odd: Json, text: str = "") -> Message:
        """They send anything else: `odd` is laid over what the API shows ({"type": 7}, a sticker, a forward)."""
        posting = self.desk.posting
        self._enter(channel)
        message = posting.message(channel, self, Version(posting.world.now(), text))
        message.odd = odd
        return posting.post(channel, message)

    def edit(self, message: Message, text: str) -> None:
        """They change what they wrote."""
        posting = self.desk.posting
        before = message.versions[-1]
        posting.change(
            self._where(message), message, Version(posting.world.now(), text, attachments=before.attachments)
        )

    def delete(self, message: Message) -> None:
        """They delete a message: their own, or another's as a moderator."""
        self.desk.posting.remove(self._where(message), message)

    def thread(self, channel: Channel, name: str = "thread", *, begun_by: Message | None = None) -> Channel:
        """They make a thread, from a message or without one. Raises LookupError where there can be none."""
        self._enter(channel)
        if not channel.guild or channel.kind != TEXT:
            raise LookupError("threads are made in a guild's channels")
        number = begun_by.id if begun_by else 0
        made = Channel(channel.world, THREAD, name, guild=channel.guild, parent=channel, number=number)
        made.owner = self
        return channel.guild.add(made, "THREAD_CREATE")

    # Commands, buttons, forms

    def slash(self, channel: Channel, command: str, options: Mapping[str, Value] | None = None) -> Interaction:
        """They use a command: "model", or "admin stats" for a subcommand.

        Raises LookupError where their client wouldn't let them: no such command here, wrong or missing options.
        """
        name, *path = command.split()
        known = self._command(channel, name, CHAT)
        data = Filled(channel, options or {}).data(known, path)
        return self.desk.interactions.begin(COMMAND, self, channel, data)

    def autocomplete(
        self,
        channel: Channel,
        command: str,
        option: str,
        typed: str = "",
        options: Mapping[str, Value] | None = None,
    ) -> Interaction:
        """They are typing the value of an option: `typed` so far. What is proposed is in the result's `choices`."""
        name, *path = command.split()
        known = self._command(channel, name, CHAT)
        data = Filled(channel, {**(options or {}), option: typed}, focused=option).data(known, path)
        return self.desk.interactions.begin(AUTOCOMPLETE, self, channel, data)

    def context_menu(self, message: Message, command: str) -> Interaction:
        """They choose a command in the menu of a message."""
        channel = self._where(message)
        known = self._command(channel, command, MESSAGE)
        data: Json = {"id": known["id"], "name": known["name"], "type": MESSAGE, "target_id": str(message.id)}
        # With its content, whatever the bot's intents (discord-api-docs, "Message Commands").
        data["resolved"] = {"messages": {str(message.id): channel.whole_json(message)}}
        return self.desk.interactions.begin(COMMAND, self, channel, data, source=message)

    def press(self, message: Message, button: str | int = 0) -> Interaction:
        """They press a button, by its custom id, its label or its number. Raises LookupError where it isn't shown."""
        pressed = self._button(message, button)
        data: Json = {"custom_id": pressed["custom_id"], "component_type": 2, "id": 1}
        return self._use(message, data)

    def forge(self, message: Message, custom_id: str) -> Interaction:
        """A press of a button that isn't there, or isn't any more."""
        return self._use(message, {"custom_id": custom_id, "component_type": 2, "id": 1})

    def select(self, message: Message, custom_id: str, *values: str) -> Interaction:
        """They choose in a menu. Raises LookupError where it isn't shown."""
        for part in all_components(message.components):
            if part.get("custom_id") == custom_id and part["type"] != 2:
                data: Json = {"custom_id": custom_id, "component_type": part["type"], "values": list(values), "id": 1}
                return self._use(message, data)
        raise LookupError(f"no menu {custom_id!r} under message {message.id}")

    def submit_modal(self, shown: Interaction, values: Mapping[str, str]) -> Interaction:
        """They fill in the form that answered an interaction, by the fields' custom ids, and send it."""
        if not shown.modal:
            raise LookupError("no form was shown")
        data = submitted(shown.modal, values)
        source = shown.source if shown.kind == COMPONENT else None
        return self.desk.interactions.begin(MODAL_SUBMIT, self, shown.channel, data, source=source)

    # What they set

    def install(self) -> None:
        """They add the bot to their own account: its commands are there for them everywhere."""
        self.desk.posting.places.installed.add(self.id)

    def refuse_messages(self, *, refuse: bool = True) -> None:
        """They take no direct messages of the bot any more; or again."""
        refusing = self.desk.posting.places.refusing
        (refusing.add if refuse else refusing.discard)(self.id)

    def _enter(self, channel: Channel) -> None:
        if channel.guild and self.id not in channel.guild.members:
            channel.guild.join(self)

    def _where(self, message: Message) -> Channel:
        channel = self.desk.posting.places.channel(message.channel_id)
        if not channel:
            raise LookupError(f"the channel of message {message.id} is gone")
        return channel

    def _use(self, message: Message, data: Json) -> Interaction:
        channel = self._where(message)
        self._enter(channel)
        if not message.seen_by(self):
            raise LookupError(f"{self.name} doesn't see message {message.id}")
        return self.desk.interactions.begin(COMPONENT, self, channel, data, source=message)

    def _command(self, channel: Channel, name: str, kind: int) -> Json:
        self._enter(channel)
        guild = channel.guild.id if channel.guild and channel.guild.has_bot else None
        known = self.desk.commands.find(name, kind, guild)
        if not known:
            raise LookupError(f"no command {name!r} is registered")
        contexts, where = known.get("contexts"), context_of(channel)
        # Without `contexts` a command is everywhere but in private channels of a bot that only guilds install.
        installs = {str(one) for one in known.get("integration_types") or [0]}
        if contexts is not None and where not in contexts:
            raise LookupError(f"{name!r} isn't offered in context {where}")
        if not installs & self.desk.interactions.owners(self, channel).keys():
            raise LookupError(f"{name!r} isn't offered by this installation")
        needed = known.get("default_member_permissions")  # "0": administrators only
        if needed is not None and channel.guild and not _allowed(int(needed), channel.may(self)):
            raise LookupError(f"{name!r} isn't offered to {self.name}")
        return known

    def _button(self, message: Message, wanted: str | int) -> Json:
        buttons = message.buttons
        if isinstance(wanted, int) and wanted < len(buttons):
            return buttons[wanted]
        for button in buttons:
            if wanted in (button.get("custom_id"), button.get("label")) and not button.get("disabled"):
                return button
        raise LookupError(f"no button {wanted!r} under message {message.id}: {message.labels}")


def _allowed(needed: int, granted: int) -> bool:
    return bool(granted & ADMINISTRATOR) or (bool(needed) and needed & granted == needed)
