"""What people do at the stand-in Discord, as its gateway tells of it: the shapes that are bent."""

import json
import math
from typing import Any

from chat.messages import Image
from messengers.discord.commands import Tree
from tests.messengers.discord.incoming import MENU, TEXTS
from tests.servers.discord_channels import Channel
from tests.servers.discord_interactions import AUTOCOMPLETE, COMMAND, COMPONENT, MODAL_SUBMIT
from tests.servers.discord_server import DiscordServer, Person, Upload

Json = dict[str, Any]

ALL_INTENTS = 2**53 - 1
TREE = Tree(MENU, TEXTS.section("discord"))
PICTURE = Image(b"\x89PNG", "image/png")
FORWARD: Json = {"message_reference": {"type": 1, "message_id": "5", "channel_id": "6"}}
SNAPSHOT: Json = {"content": "told", "attachments": [], "mentions": [], "timestamp": "2026-11-21T00:00:00+00:00"}
STICKER: Json = {"sticker_items": [{"id": "1", "name": "wave", "format_type": 1}]}
QUESTION: Json = {"type": 4, "custom_id": "question", "value": "why?"}


class Town:
    """A stand-in that nobody listens at. `events`: `{"t": name, "d": body}` of all that happened; `bot`: its id."""

    def __init__(self) -> None:
        server = DiscordServer()
        session = server.world.sessions.begin(ALL_INTENTS)
        session.left_at = math.inf  # it is remembered, though nobody listens
        anna, general = server.person("Anna", locale="ru"), server.channel("general")
        asked = _talks(anna, general)
        for channel in (general, anna.dm):
            _acts(anna, channel)
        anna.edit(asked, "What was this?")
        anna.thread(general, "short").delete()
        self.bot = server.world.bot.id
        self.application = server.world.application_id
        self.events: list[Json] = [{"t": event, "d": json.loads(body)} for _, event, body in session.events]
        self.events += [{"t": name, "d": {"id": str(general.id)}} for name in ("CHANNEL_DELETE", "GUILD_DELETE")]
        self.events.append({"t": "READY", "d": {"v": 10, "user": {"id": str(self.bot)}, "session_id": "s"}})

    def bodies(self, event: str) -> list[Json]:
        """What all events of that name said."""
        return [each["d"] for each in self.events if each["t"] == event]


def _talks(anna: Person, general: Channel) -> Any:
    asked = anna.say(general, "What is this?", mention_bot=True, attachments=[Upload("a.png", PICTURE.data)])
    anna.say(general, "and that?", reply_to=asked, mention_bot=True)
    anna.say(anna.dm, "Hello <:cat:12>", attachments=[Upload("notes.txt", b"words"), Upload("song.mp3", b"la")])
    anna.say(anna.thread(general), "in a thread", mention_bot=True)
    anna.share(anna.dm, FORWARD | {"message_snapshots": [{"message": SNAPSHOT}]})
    anna.share(anna.dm, STICKER, "look")
    return asked


def _acts(anna: Person, channel: Channel) -> None:
    """Commands, proposals, buttons and forms, with what Discord puts around each."""
    begin, said = anna.desk.interactions.begin, list(channel.everything.values())[-1]
    picture = {"id": "71", "filename": "a.png", "url": "https://cdn.example/a.png", "content_type": "image/png"}
    image = [{"type": 3, "name": "prompt", "value": "a cat"}, {"type": 4, "name": "count", "value": 2}]
    ask = [{"type": 3, "name": "question", "value": "why?"}, {"type": 11, "name": "picture", "value": "71"}]
    files = {"resolved": {"attachments": {"71": picture}}}
    begin(COMMAND, anna, channel, {"id": "1", "type": 1, "name": "image", "options": image})
    begin(COMMAND, anna, channel, {"id": "1", "type": 1, "name": "ask", "options": ask} | files)
    begin(COMMAND, anna, channel, {"id": "1", "type": 1, "name": "help"})
    typed = [{"type": 3, "name": "name", "value": "gp", "focused": True}]
    begin(AUTOCOMPLETE, anna, channel, {"id": "1", "type": 1, "name": "model", "options": typed})
    about = {"id": "2", "type": 3, "name": "Ask about", "target_id": str(said.id)}
    begin(COMMAND, anna, channel, about | {"resolved": {"messages": {str(said.id): channel.whole_json(said)}}})
    begin(COMPONENT, anna, channel, {"custom_id": "stop:7", "component_type": 2, "id": 1}, source=said)
    form = {"custom_id": f"about:{anna.desk.interactions.all[-2].id}", "components": [{"components": [QUESTION]}]}
    begin(MODAL_SUBMIT, anna, channel, form)
