"""What chat-ui's two dialects put into their requests, and the events of the modern one. Pure: no I/O.

Seen on the real chat-ui 0.4.0 (legacy) and 0.20.0 (modern); what was only read in its source is marked "(read)".

chat-ui keeps a conversation's history itself, but a conversation of ours lives for one turn (it is deleted after it),
and neither dialect takes earlier answers in. So history travels inside the question, as the transcript that the H2o
documents make; chat-ui then puts the model's own prompt marks around it. A first question goes in as it is.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from uuid import uuid4

from chat.errors import Garbled, ProviderError
from chat.events import Completed, ReasoningDelta, Replaced, ReplyEvent, TextDelta
from chat.messages import Message
from providers import failures
from providers.base import JsonValue, ReplyRequest
from providers.stream import TextCleaner

# The names in the H2o documents; the first is their default.
ALIASES: Mapping[str, str] = {
    "falcon-40b": "h2oai/h2ogpt-gm-oasst1-en-2048-falcon-40b-v1",
    "falcon-7b": "h2oai/h2ogpt-gm-oasst1-en-2048-falcon-7b-v3",
    "llama-13b": "h2oai/h2ogpt-gm-oasst1-en-2048-open-llama-13b",
}

_INSTRUCTION = (
    "instruction: this is a conversation between a user and an AI assistant, respond to the latest message, "
    "referring to the conversation if needed"
)
_PARAMETERS: Mapping[str, JsonValue] = {
    "temperature": 0.4,
    "truncate": 2048,
    "max_new_tokens": 1024,
    "do_sample": True,
    "repetition_penalty": 1.2,
}
_TGI_NAMES: Mapping[str, str] = {"max_tokens": "max_new_tokens", "max_completion_tokens": "max_new_tokens"}
_STATUS = re.compile(r"[45]\d\d\b")


def inputs(messages: Sequence[Message], system: str = "") -> str:
    """The question as it is, or with what was said before (and the system prompt) in a transcript around it."""
    if len(messages) == 1 and not system:
        return messages[0].text
    said = [f"{message.role}: {message.text}" for message in messages]
    return "\n".join([_INSTRUCTION, *([f"system: {system}"] if system else []), *said, "assistant:"])


def acceptance(model: str) -> dict[str, str]:
    """The form of `POST /settings` that opens a legacy session.

    `shareConversationsWithModelAuthors`, which the documents send as well, is left out: it is read as "no" then.
    """
    return {"ethicsModalAccepted": "true", "ethicsModalAcceptedAt": "", "activeModel": model, "searchEnabled": "true"}


def legacy_question(request: ReplyRequest) -> dict[str, JsonValue]:
    """The JSON body of a legacy `POST /conversation/{id}`; the request's parameters go to TGI as they are."""
    return {
        "inputs": inputs(request.messages, request.system),
        "parameters": _parameters(request.parameters),
        "stream": True,
        "options": {
            "id": str(uuid4()),
            "response_id": str(uuid4()),
            "is_retry": False,
            "use_cache": False,
            "web_search_id": "",
        },
    }


def modern_question(request: ReplyRequest, parent: str) -> dict[str, JsonValue]:
    """The JSON in the form field `data` of a modern `POST /conversation/{id}`.

    The system prompt is the conversation's own, and parameters are set by whoever runs the chat-ui.
    """
    return {"inputs": inputs(request.messages), "id": parent, "is_retry": False}


def conversation_id(answer: JsonValue) -> str:
    """From the answer to `POST /conversation`. Raises `Garbled`."""
    match answer:
        case {"conversationId": str() as conversation} if conversation:
            return conversation
        case _:
            raise Garbled(f"no conversationId: {str(answer)[:200]}")


def last_message_id(answer: JsonValue) -> str:
    """The parent of the next question, from `GET /api/v2/conversations/{id}`. Raises `Garbled`."""
    match answer:
        case {"json": {"messages": [*_, {"id": str() as parent}]}}:
            return parent
        case _:
            raise Garbled(f"no messages with ids: {str(answer)[:200]}")


def model_names(answer: JsonValue) -> tuple[str, ...]:
    """From `GET /api/v2/models` (read). Raises `Garbled`."""
    match answer:
        case {"json": [*models]}:
            names = [model.get("id") for model in models if isinstance(model, dict)]
            return tuple(name for name in names if isinstance(name, str) and name)
        case _:
            raise Garbled(f"not a list of models: {str(answer)[:200]}")


class ModernReader:
    """The JSON lines of one answer; `ended` once its `finalAnswer` came: a body that ends before was cut off."""

    def __init__(self) -> None:
        self.ended = False
        self._text = TextCleaner()
        # What was said, up to its last visible character, and the white space since. A digest will do to compare it
        # with the final answer: an endless answer must not fill the memory.
        self._said = hashlib.sha256()
        self._length = 0
        self._space = ""

    def read(self, line: JsonValue) -> list[ReplyEvent]:
        """What a line holds; titles, keep-alives, tools and the like are nothing. Raises a `ProviderError`."""
        if not isinstance(line, dict):
            raise Garbled(f"not a line of chat-ui: {str(line)[:200]}")
        match line:
            case {"type": "stream", "token": str() as token}:
                return self._say(self._text.clean(token))
            case {"type": "reasoning", "subtype": "stream", "token": str() as token}:
                return [ReasoningDelta(token)]
            case {"type": "finalAnswer", "text": str() as text}:
                self.ended = True
                return [*self._difference(text), Completed("length" if line.get("interrupted") else "done")]
            case {"type": "status", "status": "error"} | {"type": "error"}:
                raise _failure(line)
            case {"type": str()}:
                return []
            case _:
                raise Garbled(f"not a line of chat-ui: {str(line)[:200]}")

    def _say(self, text: str) -> list[ReplyEvent]:
        if not text:
            return []
        pending = self._space + text
        visible = pending.rstrip()
        self._said.update(visible.encode())
        self._length += len(visible)
        self._space = pending[len(visible) :]
        return [TextDelta(text)]

    def _difference(self, final: str) -> list[ReplyEvent]:
        """What makes the final answer of what was said. chat-ui takes the white space from its end: no difference."""
        cleaner = TextCleaner()
        final = cleaner.clean(final) + cleaner.rest()
        if not final and self._length:
            return []
        rest = final[self._length :]
        if hashlib.sha256(final[: self._length].encode()).digest() != self._said.digest():
            return [Replaced(final)]
        if self._space.startswith(rest):
            return []
        return [TextDelta(rest.removeprefix(self._space))] if rest.startswith(self._space) else [Replaced(final)]


def _parameters(given: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """The documents' parameters, and over them the given ones by TGI's names; None leaves one out."""
    named = {_TGI_NAMES.get(name, name): value for name, value in given.items()}
    if named.get("temperature") == 0:  # TGI refuses it: the most likely word is what isn't sampled
        named |= {"temperature": None, "do_sample": False}
    wanted = {**_PARAMETERS, **named, "return_full_text": False}
    return {name: value for name, value in wanted.items() if value is not None}


def _failure(line: Mapping[str, JsonValue]) -> ProviderError:
    """The failure that a line tells of: its `statusCode`, or the status at the beginning of its message."""
    message, status = line.get("message"), line.get("statusCode")
    if not isinstance(status, int) and isinstance(message, str) and (found := _STATUS.match(message)):
        status = int(found.group())
    return failures.from_error({"message": message, "code": status})
