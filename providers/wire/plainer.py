"""The same question without what a server refuses of it: pure functions, no I/O.

A parameter of the config that one model takes another one refuses with a 400: OpenAI's reasoning models take neither
`max_tokens` nor a `temperature`, Mistral no field that it doesn't know, some servers no `stream_options`; and OpenAI
streams its newest models only to accounts that are verified, but answers all in one piece.
"""

import re
from collections.abc import Mapping

from providers.base import JsonValue

_KEPT = frozenset({"model", "messages", "stream"})  # without which there is no question; `stream` can only be off
_OURS = _KEPT | {"stream_options"}
_NEAR = 120  # characters between a name and what is said of it
_REFUSED = (
    r"unsupported|not supported|(?:does not|doesn't) support|deprecated|not permitted|extra_forbidden|unrecognized"
    r"|unknown (?:name|field|parameter)"
)
_STREAM = r"[\"'`]stream\\?[\"'`]"  # in quotation marks: it is also a word
_STREAM_REFUSED = re.compile(
    rf"verified to stream|{_STREAM}.{{0,{_NEAR}}}(?:{_REFUSED})|(?:{_REFUSED}).{{0,{_NEAR}}}{_STREAM}"
)
_OFFER = re.compile(r"expected (?:one )?of\b|(?:supported|allowed|known|valid) (?:fields|values|parameters)\b|\bknown:")
_LIMITS = ("max_tokens", "max_completion_tokens")  # an answer's: the same under two names
_OTHER_LIMIT = re.compile(rf"\buse\W{{1,4}}({'|'.join(_LIMITS)})\b")


def plainer(body: Mapping[str, JsonValue], complaint: str) -> dict[str, JsonValue] | None:
    """The body without what the server says that it doesn't take; None if that is nothing in it.

    The limit of an answer gets the name that the complaint asks for. Where streaming is refused, all is asked for at
    once.
    """
    said = complaint.lower()
    refusal = _OFFER.split(said, maxsplit=1)[0]  # what is named behind that is what the server does take
    if body.get("stream") and _STREAM_REFUSED.search(refusal):
        return {key: value for key, value in body.items() if key != "stream_options"} | {"stream": False}
    found = _OTHER_LIMIT.search(said)
    wanted = found[1] if found else ""
    refused = {key for key in body if key not in _KEPT and key != wanted and _is_refused(key, refusal)}
    if not refused:
        return None
    plain = {key: value for key, value in body.items() if key not in refused}
    for key in refused.intersection(_LIMITS) if wanted else ():
        plain.setdefault(wanted, body[key])
    return plain


def parameter_in(body: Mapping[str, JsonValue], complaint: str) -> str:
    """The first of the configured parameters in a body that the complaint names; "" if it names none."""
    said = complaint.lower()
    return next((key for key in body if key not in _OURS and re.search(_name(key.lower()), said)), "")


def _is_refused(key: str, said: str) -> bool:
    name = _name(key.lower())
    return bool(re.search(rf"{name}.{{0,{_NEAR}}}(?:{_REFUSED})|(?:{_REFUSED}).{{0,{_NEAR}}}{name}", said))


def _name(key: str) -> str:
    return rf"(?<![\w\\]){re.escape(key)}(?!\w)"  # in JSON, \n is no n
