"""The Bot API methods of the stand-in Telegram, with the error texts of the real one."""

from dataclasses import dataclass
from typing import Any

from tests.servers import telegram_media as media
from tests.servers.telegram_chats import Chat
from tests.servers.telegram_files import File, Upload, check_document, check_photo
from tests.servers.telegram_markup import parse_marked_up
from tests.servers.telegram_messages import Message, Version
from tests.servers.telegram_native import DRAFT_METHODS, RICH_METHODS, Draft, check_draft, rich_markdown
from tests.servers.telegram_text import (
    TEXT_LIMIT,
    ApiError,
    Json,
    bad_request,
    fix_text,
    inline_keyboard,
    utf16_length,
)
from tests.servers.telegram_updates import list_of_kinds
from tests.servers.telegram_wire import Parameters
from tests.servers.telegram_world import World

NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the same as a current "
    "content and reply markup of the message"
)
GENERAL = 1  # the topic of a forum that every message is in that is in no other
TOO_OLD = "query is too old and response timeout expired or query ID is invalid"


@dataclass
class BotApi:
    """The methods. `call` takes one; everything happens at once, but for the long poll.

    An older server has neither `drafts` nor `rich` messages. `refuses_drafts`: the text of a 400 for each of them.
    """

    world: World
    chats: dict[int, Chat]
    drop_bad_links: bool = False
    commands: list[Json] | None = None
    drafts: bool = True
    rich: bool = True
    refuses_drafts: str = ""

    def knows(self, method: str) -> bool:
        """Whether there is such a method."""
        unknown = (frozenset() if self.drafts else DRAFT_METHODS) | (frozenset() if self.rich else RICH_METHODS)
        return method.lower() in _METHODS and method.lower() not in unknown

    async def call(self, method: str, parameters: Parameters) -> Any:
        """The result of a call; raises ApiError."""
        if method.lower() == "getupdates":
            return await self._get_updates(parameters)
        return _METHODS[method.lower()](self, parameters)

    def get_me(self, _: Parameters) -> Json:
        all_messages = not self.world.privacy
        abilities = {"can_join_groups": True, "can_read_all_group_messages": all_messages}
        return self.world.bot.json() | abilities | {"supports_inline_queries": False}

    async def _get_updates(self, parameters: Parameters) -> list[Json]:
        if "allowed_updates" in parameters.fields:
            self.world.updates.allow(list_of_kinds(parameters.json("allowed_updates", "allowed_updates")))
        offset, limit = parameters.number("offset") or 0, parameters.number("limit") or 100
        return await self.world.updates.poll(offset, limit, parameters.number("timeout") or 0)

    def send_message(self, parameters: Parameters) -> Json:
        chat = self._chat(parameters)
        version = self._version(parameters, *self._text(parameters))
        if utf16_length(version.text) > TEXT_LIMIT:
            raise bad_request("message is too long")
        return self._send(chat, parameters, version)

    def send_message_draft(self, parameters: Parameters) -> bool:
        chat, text = self._chat(parameters), parameters.text("text")
        if self.refuses_drafts:
            raise bad_request(self.refuses_drafts)
        if chat.user is None:
            raise bad_request("PEER_ID_INVALID")
        number = check_draft(parameters.number("draft_id"), text)
        text, entities = self._text(parameters) if text else ("", [])
        thread, stops = self._thread(chat, parameters), parameters.flag("can_stop")
        keeps = parameters.flag("keep_on_stop")
        chat.show_draft(Draft(number, self.world.now(), text, entities, thread, stops, keeps))
        return True

    def send_rich_message(self, parameters: Parameters) -> Json:
        return self._send(self._chat(parameters), parameters, self._rich(parameters))

    def _rich(self, parameters: Parameters) -> Version:
        message = parameters.json("rich_message", "rich message JSON object") or {}
        markup = inline_keyboard(parameters.fields.get("reply_markup"))
        return Version(self.world.now(), rich_markdown(message), markup=markup, rich=True)

    def send_photo(self, parameters: Parameters) -> Json:
        chat = self._chat(parameters)
        upload = self._upload(parameters, "photo")
        check_photo(upload.data)
        version = self._version(parameters, *self._caption(parameters))
        return self._send(chat, parameters, version, *media.photo(self.world.files, upload.data))

    def send_document(self, parameters: Parameters) -> Json:
        chat = self._chat(parameters)
        upload = self._upload(parameters, "document")
        check_document(upload.data)
        version = self._version(parameters, *self._caption(parameters))
        sent = media.document(self.world.files, upload.data, upload.name, upload.media_type)
        return self._send(chat, parameters, version, *sent)

    def get_file(self, parameters: Parameters) -> Json:
        file = self.world.files.get(parameters.text("file_id"))
        return file.json() | {"file_path": file.path}

    def _version(self, parameters: Parameters, text: str, entities: list[Json]) -> Version:
        return Version(self.world.now(), text, entities, inline_keyboard(parameters.fields.get("reply_markup")))

    def _send(
        self,
        chat: Chat,
        parameters: Parameters,
        version: Version,
        content: Json | None = None,
        file: File | None = None,
    ) -> Json:
        thread = self._thread(chat, parameters)
        reply_to = self._reply_to(chat, parameters)
        thread = thread or chat.thread_of(reply_to)
        sent = Message(0, self.world.bot, version.at, thread, reply_to, [version], content or {}, file)
        return chat.show(chat.keep(sent))

    def edit_message_text(self, parameters: Parameters) -> Json:
        chat = self._chat(parameters)
        rich = self.rich and "rich_message" in parameters.fields  # an older server doesn't look at it
        version = self._rich(parameters) if rich else self._version(parameters, *self._text(parameters))
        message = chat.message(parameters.number("message_id") or 0)
        if not message:
            raise bad_request("message to edit not found")
        if message.sender != self.world.bot:
            raise bad_request("message can't be edited")
        if message.content:
            raise bad_request("there is no text in the message to edit")
        if not rich and utf16_length(version.text) > TEXT_LIMIT:
            raise bad_request("MESSAGE_TOO_LONG")
        if version.shows_the_same(message.versions[-1]):
            raise bad_request(NOT_MODIFIED)
        message.versions.append(version)
        self.world.changes.happened()
        return chat.show(message)

    def delete_message(self, parameters: Parameters) -> bool:
        chat = self._chat(parameters)
        message = chat.message(parameters.number("message_id") or 0)
        if not message:
            raise bad_request("message to delete not found")
        old = message.id in chat.undeletable
        if old or (message.sender != self.world.bot and chat.user is None):
            raise bad_request("message can't be deleted")
        chat.delete(message)
        return True

    def send_chat_action(self, parameters: Parameters) -> bool:
        chat = self._chat(parameters)
        action = parameters.text("action")
        if not action:
            raise bad_request("wrong parameter action in request")
        in_general = chat.is_forum and parameters.number("message_thread_id") == GENERAL
        thread = GENERAL if in_general else self._thread(chat, parameters)
        if thread is not None or not chat.is_forum:  # a forum shows none that is in no topic
            chat.actions.append((self.world.now(), action, thread))
        self.world.changes.happened()
        return True

    def answer_callback_query(self, parameters: Parameters) -> bool:
        press = self.world.open_press(parameters.text("callback_query_id"))
        if not press:
            raise bad_request(TOO_OLD)
        press.answer = {"text": parameters.text("text"), "show_alert": parameters.flag("show_alert")}
        self.world.changes.happened()
        return True

    def set_my_commands(self, parameters: Parameters) -> bool:
        commands = parameters.json("commands", "commands JSON object") or []
        for command in commands:
            name = str(command.get("command", "")).removeprefix("/")
            if not (0 < len(name) <= 32 and name.replace("_", "").isalnum() and name == name.lower()):
                raise bad_request("BOT_COMMAND_INVALID")
            if not 0 < len(str(command.get("description", ""))) <= 256:
                raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
        self.commands = commands
        return True

    def delete_webhook(self, parameters: Parameters) -> bool:
        self.world.updates.webhook = ""
        if parameters.flag("drop_pending_updates"):
            self.world.updates.drop_all()
        return True

    def _chat(self, parameters: Parameters) -> Chat:
        if not parameters.text("chat_id"):
            raise bad_request("chat_id is empty")
        chat = self.chats.get(parameters.number("chat_id") or 0)
        if not chat:
            raise bad_request("chat not found")
        if chat.refusal:
            raise ApiError(chat.refusal.code, chat.refusal.description, **chat.refusal.parameters)
        return chat

    def _text(self, parameters: Parameters) -> tuple[str, list[Json]]:
        text, mode = parameters.text("text"), parameters.text("parse_mode")
        if mode and mode.lower() != "none":
            return fix_text(*parse_marked_up(text, mode), drop_bad_links=True)
        entities = parameters.json("entities", "entities JSON object") or []
        if not isinstance(entities, list):
            raise bad_request("expected an Array of MessageEntity")
        return fix_text(text, entities, drop_bad_links=self.drop_bad_links)

    def _caption(self, parameters: Parameters) -> tuple[str, list[Json]]:
        caption = parameters.text("caption")
        if not caption.strip():
            return "", []
        text, entities = fix_text(caption, parameters.json("caption_entities", "entities JSON object") or [])
        if utf16_length(text) > media.CAPTION_LIMIT:
            raise bad_request("message caption is too long")
        return text, entities

    def _upload(self, parameters: Parameters, name: str) -> Upload:
        upload = parameters.upload(name)
        if isinstance(upload, Upload):
            return upload
        if not upload:
            raise bad_request(f"there is no {name} in the request")
        file = self.world.files.get(upload)
        return Upload(file.name, file.media_type, file.data)

    def _thread(self, chat: Chat, parameters: Parameters) -> int | None:
        thread = parameters.number("message_thread_id")
        if thread is None or thread in chat.topics:
            return thread
        not_one = chat.body["type"] == "supergroup" and not chat.is_forum and chat.message(thread)
        raise bad_request("message thread is not a forum topic thread" if not_one else "message thread not found")

    def _reply_to(self, chat: Chat, parameters: Parameters) -> int | None:
        reply = parameters.json("reply_parameters", "reply parameters JSON object") or {}
        number = reply.get("message_id", parameters.number("reply_to_message_id"))
        if number is None or chat.message(int(number)):
            return int(number) if number is not None else None
        if reply.get("allow_sending_without_reply") or parameters.flag("allow_sending_without_reply"):
            return None
        raise bad_request("message to be replied not found")


_METHODS: dict[str, Any] = {
    "getme": BotApi.get_me,
    "getupdates": None,
    "sendmessage": BotApi.send_message,
    "sendmessagedraft": BotApi.send_message_draft,
    "sendrichmessage": BotApi.send_rich_message,
    "sendphoto": BotApi.send_photo,
    "senddocument": BotApi.send_document,
    "getfile": BotApi.get_file,
    "editmessagetext": BotApi.edit_message_text,
    "deletemessage": BotApi.delete_message,
    "sendchataction": BotApi.send_chat_action,
    "answercallbackquery": BotApi.answer_callback_query,
    "setmycommands": BotApi.set_my_commands,
    "deletewebhook": BotApi.delete_webhook,
}
