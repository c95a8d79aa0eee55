"""Values of the vocabulary as JSON text, and back."""

import json
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from chat.incoming import Incoming
from chat.replies import Final, ReplyState

_INCOMING: TypeAdapter[Incoming] = TypeAdapter(Annotated[Incoming, Field(discriminator="kind")])
_REPLY = TypeAdapter(ReplyState)
_FINAL = TypeAdapter(Final)


def storable(text: str) -> str:
    """The text with lone surrogates replaced: no database takes them."""
    return text.encode("utf-8", "replace").decode()


def _dump(adapter: TypeAdapter[Any], value: object) -> str:
    # Through json.dumps, which writes lone surrogates as escapes where pydantic's own JSON writer refuses them.
    return json.dumps(adapter.dump_python(value, mode="python"))


def dump_incoming(incoming: Incoming) -> str:
    """What came in, as JSON."""
    return _dump(_INCOMING, incoming)


def load_incoming(text: str) -> Incoming:
    """The reverse of `dump_incoming`."""
    return _INCOMING.validate_python(json.loads(text))


def dump_reply(reply: ReplyState) -> str:
    """A reply's state, as JSON."""
    return _dump(_REPLY, reply)


def load_reply(text: str | None) -> ReplyState:
    """The reverse of `dump_reply`; nothing stored is an empty reply."""
    return _REPLY.validate_python(json.loads(text)) if text else ReplyState()


def dump_final(final: Final) -> str:
    """A final answer, as JSON."""
    return _dump(_FINAL, final)


def load_final(text: str | None) -> Final | None:
    """The reverse of `dump_final`."""
    return _FINAL.validate_python(json.loads(text)) if text else None
