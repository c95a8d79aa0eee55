"""A Discord channel's story as a transcript to read: what people did, and each thing that they saw, in order."""

from collections.abc import Iterator

from tests.servers.discord_server import Channel, DiscordServer, Interaction, Message, Version

KINDS = {2: "uses", 3: "presses", 4: "types", 5: "sends the form"}


def transcript(server: DiscordServer, channel: Channel) -> str:
    """What a message showed while it grew is left out; each thing that it had grown to is there."""
    acts = [message.sent_at for message in channel.everything.values() if not message.author.is_bot]
    done = [each for each in server.interactions if each.channel is channel]
    entries = [*_said(channel, acts + [each.at for each in done]), *((each.at, _act(each)) for each in done)]
    lines = [line for _, line in sorted(entries, key=lambda entry: entry[0])]
    return "\n".join([f"── #{channel.name or 'direct messages'} ──", *lines])


def _said(channel: Channel, acts: list[float]) -> Iterator[tuple[float, str]]:
    for message in channel.everything.values():
        if message.author.is_bot:
            yield from _seen(message, acts)
        else:
            yield message.sent_at, _entry(message.author.name, message, message.versions[-1])


def _seen(message: Message, acts: list[float]) -> Iterator[tuple[float, str]]:
    """A bot's message as it was when people did something next, and when it began to say something else."""
    shown = False
    for version, following in zip(message.versions, [*message.versions[1:], None], strict=True):
        growing = following and following.text.startswith(version.text.removesuffix("…").rstrip())
        if growing and following and not any(version.at < act <= following.at for act in acts):
            continue
        who = message.author.name + (f" (to {message.viewer.name} alone)" if message.viewer else "")
        yield version.at, _entry(who + " (edits)" * shown, message, version)
        shown = True


def _entry(who: str, message: Message, version: Version) -> str:
    files = "".join(f"[{file.name}, {len(file.data)} bytes] " for file in version.attachments)
    thinking = "[is thinking …] " if version.flags & 1 << 7 else ""
    rows = [[button.get("label", "") for button in row.get("components", [])] for row in version.components]
    buttons = "".join("\n" + " ".join(f"[{label}]" for label in row) for row in rows)
    return f"{who}: {thinking}{files}{version.text}{buttons}".replace("\n", "\n    ")


def _act(done: Interaction) -> str:
    name = done.data.get("name") or done.data.get("custom_id") or ""
    options = " ".join(f"{given['name']}: {given['value']}" for given in done.data.get("options") or ())
    proposed = "".join(f"\n    · {choice['name']}" for choice in done.choices)
    return f"{done.person.name} {KINDS[done.kind]} /{name} {options}".rstrip() + proposed
