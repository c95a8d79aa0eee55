"""The methods of the stand-in Discord's API that answer interactions: the callback, and the token's webhook."""

from collections.abc import Iterator

from tests.servers.discord_commands import check_choice
from tests.servers.discord_errors import ApiError, Json, checked_length, invalid, number, refusal, too_long
from tests.servers.discord_interactions import (
    ANSWER_SECONDS,
    AUTOCOMPLETE,
    CHOICES,
    COMMAND,
    COMPONENT,
    DEFERRED,
    DEFERRED_UPDATE,
    MESSAGE,
    MODAL,
    MODAL_SUBMIT,
    MOST_FOLLOW_UPS,
    TOKEN_SECONDS,
    UPDATE,
    Answer,
    Interaction,
    Interactions,
    metadata,
)
from tests.servers.discord_messages import CHAT_COMMAND, CONTEXT_COMMAND, DEFAULT, EPHEMERAL, LOADING, Message, Version
from tests.servers.discord_posting import Posting, is_ephemeral, require_changeable
from tests.servers.discord_routes import Route
from tests.servers.discord_wire import Ask

_FITTING = {
    COMMAND: {MESSAGE, DEFERRED, MODAL},
    COMPONENT: {MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE, MODAL},
    AUTOCOMPLETE: {CHOICES},
    MODAL_SUBMIT: {MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE},
}


class InteractionApi:
    """First answers, follow-ups, and edits of both."""

    def __init__(self, posting: Posting, interactions: Interactions) -> None:
        self._posting = posting
        self._world = posting.world
        self._interactions = interactions

    def routes(self) -> Iterator[Route]:
        """What it answers."""
        one = "/webhooks/{application}/{token}/messages/{message}"
        yield Route("POST", "/interactions/{interaction}/{token}/callback", self._callback, exempt=True)
        yield Route("POST", "/webhooks/{application}/{token}", self._follow_up, "webhook", exempt=True)
        yield Route("GET", one, self._get, "webhook", exempt=True)
        yield Route("PATCH", one, self._edit, "webhook edit", exempt=True)
        yield Route("DELETE", one, self._delete, "webhook", exempt=True)

    # The first answer

    def _callback(self, ask: Ask) -> Json | None:
        made = self._interactions.with_token(ask.path["token"])
        if not made or made.id != ask.id("interaction"):
            raise refusal(10062)
        kind, data = ask.fields.get("type"), ask.fields.get("data") or {}
        try:
            self._answer(made, int(kind or 0), data, ask)
        except ApiError as error:
            made.refused.append(error.message)
            raise
        return self._callback_body(made) if ask.query.get("with_response") in ("1", "true") else None

    def _answer(self, made: Interaction, kind: int, data: Json, ask: Ask) -> None:
        if made.answer:
            raise refusal(40060)
        if self._world.now() > made.at + ANSWER_SECONDS:
            raise refusal(10062)
        if kind not in _FITTING[made.kind] or (kind in (UPDATE, DEFERRED_UPDATE) and not made.source):
            raise invalid("type", "INTERACTION_APPLICATION_COMMAND_CALLBACK_TYPE_INVALID", "Invalid response type")
        _check_form(kind, data)
        self._act(made, kind, data, ask)
        made.answer = Answer(self._world.now(), kind, data)
        self._world.changes.happened()

    def _act(self, made: Interaction, kind: int, data: Json, ask: Ask) -> None:
        match kind:
            case 4:
                made.ephemeral = is_ephemeral(data)
                made.original = self._say(made, self._posting.written(made.channel, data, ask), data)
            case 5:
                made.ephemeral = is_ephemeral(data)
                made.original = self._say(made, Version(self._world.now(), flags=LOADING), data)
            case 6:
                made.original = made.source
            case 7 if made.source:
                version = self._posting.rewritten(made.channel, made.source, data, ask)
                made.original = self._posting.change(made.channel, made.source, version)

    def _callback_body(self, made: Interaction) -> Json:
        assert made.answer
        interaction: Json = {"id": str(made.id), "type": made.kind}
        original = made.original if made.answer.type in (MESSAGE, DEFERRED, UPDATE) else None
        if original:
            interaction |= {"response_message_id": str(original.id), "response_message_loading": original.thinking}
            interaction["response_message_ephemeral"] = original.ephemeral
        resource: Json = {"type": made.answer.type}
        if original and not original.thinking:
            resource["message"] = made.channel.whole_json(original)
        return {"interaction": interaction, "resource": resource}

    # Later

    def _usable(self, ask: Ask) -> Interaction:
        made = self._interactions.with_token(ask.path["token"])
        if not made or self._world.now() > made.at + TOKEN_SECONDS:
            raise refusal(50027)
        if ask.id("application") != self._world.application_id or not made.answer:
            raise refusal(10015)  # there is no webhook before the first answer
        return made

    def _follow_up(self, ask: Ask) -> Json:
        made = self._usable(ask)
        if made.thinking and made.original:
            # The first follow-up after "… is thinking" takes its place, and stays ephemeral or not as that was.
            return self._show(made, self._rewrite(made, made.original, ask))
        if not made.member_bot and len(made.follow_ups) >= MOST_FOLLOW_UPS:
            made.refused.append("40094")
            raise refusal(40094)
        payload = ask.fields
        message = self._say(made, self._posting.written(made.channel, payload, ask), payload, follow_up=True)
        made.follow_ups.append(message)
        self._world.changes.happened()
        return self._show(made, message)

    def _get(self, ask: Ask) -> Json:
        made, message = self._found(ask)
        return self._show(made, message)

    def _edit(self, ask: Ask) -> Json:
        made, message = self._found(ask)
        return self._show(made, self._rewrite(made, message, ask))

    def _delete(self, ask: Ask) -> None:
        made, message = self._found(ask)
        self._posting.remove(made.channel, message)

    def _found(self, ask: Ask) -> tuple[Interaction, Message]:
        made, wanted = self._usable(ask), ask.path["message"]
        there = [one for one in (made.original, *made.follow_ups) if one and one.visible]
        if wanted == "@original":
            there = [one for one in there if one is made.original]
        else:
            there = [one for one in there if one.id == number(wanted, "message_id")]
        if not there:
            raise refusal(10008)
        return made, there[0]

    # Messages

    def _say(self, made: Interaction, shown: Version, payload: Json, *, follow_up: bool = False) -> Message:
        message = self._posting.message(made.channel, self._world.bot, shown)
        if is_ephemeral(payload):
            message.viewer = made.person
            message.versions = [_with_flags(shown, shown.flags | EPHEMERAL)]
        message.kind = DEFAULT if follow_up else _KINDS.get((made.kind, made.data.get("type", 0)), DEFAULT)
        message.application_id = self._world.application_id
        message.interaction = metadata(made)
        if made.kind == COMPONENT and made.source:
            message.reference = {"message_id": str(made.source.id), "channel_id": str(made.channel.id)}
        message.pings = self._posting.notified(made.channel, self._world.bot, message.text, payload, None)
        return self._posting.post(made.channel, message)

    def _rewrite(self, made: Interaction, message: Message, ask: Ask) -> Message:
        require_changeable(made.channel)
        version = self._posting.rewritten(made.channel, message, ask.fields, ask)
        if message.thinking:
            message.pings = self._posting.notified(made.channel, self._world.bot, version.text, ask.fields, None)
        return self._posting.change(made.channel, message, _with_flags(version, version.flags & ~LOADING))

    def _show(self, made: Interaction, message: Message) -> Json:
        return made.channel.whole_json(message)


_KINDS = {(COMMAND, 1): CHAT_COMMAND, (COMMAND, 2): CONTEXT_COMMAND, (COMMAND, 3): CONTEXT_COMMAND}


def _with_flags(version: Version, flags: int) -> Version:
    return Version(version.at, version.text, version.components, version.embeds, version.attachments, flags)


def _check_form(kind: int, data: Json) -> None:
    if kind == CHOICES:
        choices = data.get("choices") or []
        if len(choices) > 25:
            raise too_long("data.choices", 25)
        for index, choice in enumerate(choices):
            check_choice(choice, f"data.choices.{index}")
    if kind == MODAL:
        checked_length("data.custom_id", data.get("custom_id"), 1, 100)
        checked_length("data.title", data.get("title"), 1, 45)
        if not 1 <= len(data.get("components") or []) <= 5:
            raise invalid("data.components", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5 in length.")
