"""Which of the settings' values are secrets, so that they can be kept out of every output."""

import re
from collections.abc import Iterator, Mapping
from urllib.parse import unquote

from pydantic import BaseModel, SecretStr

from chat.secrecy import basic_credentials

# What a model's `parameters` may hold beside numbers: a key that the server wants in the request's body.
# "tokens" alone is no such name: words at which a model stops are called that.
_SECRET_NAME = re.compile(
    r"(?:.*_)?(?:keys?|token|secrets?|(?:api|access|auth|client|private|secret)_?(?:key|token|secret)s?"
    r"|pass(?:word|wd|phrase)s?|pwd|auth(?:orization)?|bearer|credentials?)"
)
_BETWEEN_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+")  # apiKey, api-key
_SCHEME = re.compile(r"(?:bearer|basic|token|bot|(?:api-?)?key)\s+(\S+)", re.IGNORECASE)
_BEARER = re.compile(r"\bbearer\s+([\w.~+/=-]{16,})", re.IGNORECASE)  # a shorter "bearer of …" is prose
# A password may hold an @; and blanks, where the text is nothing but an address.
_USER_INFOS = (re.compile(r"^\s*[\w+.-]+://([^/?#]*)@"), re.compile(r"://([^/?#\s]*)@"))


def secrets_in(value: object, name: str = "") -> Iterator[str]:
    """Every secret in a setting called `name`, and below it; empty ones too. A prompt may have such a name: no harm."""
    match value:
        case SecretStr():
            yield from _keys(value.get_secret_value())
        case BaseModel():
            for key, inner in value:
                yield from secrets_in(inner, key)
        case Mapping():
            for key, inner in value.items():
                yield from secrets_in(inner, str(key))
        case list() | tuple() | set() | frozenset():
            for inner in value:
                yield from secrets_in(inner, name)
        case str():
            yield from _in_text(value, name)


def _in_text(text: str, name: str) -> Iterator[str]:
    if _SECRET_NAME.fullmatch(_BETWEEN_WORDS.sub("_", name).lower()):
        yield from _keys(text)
    yield from _BEARER.findall(text)
    for user_info in {found for pattern in _USER_INFOS for found in pattern.findall(text)}:
        yield from _credentials(user_info, with_user=name.endswith("_url"))


def _keys(text: str) -> Iterator[str]:
    """It, and the key alone where it is written as in a header: `Bearer sk-…`."""
    yield text
    if found := _SCHEME.fullmatch(text.strip()):
        yield found[1]


def _credentials(user_info: str, *, with_user: bool) -> Iterator[str]:
    """What stands before the @ of a URL, as written, as decoded, and as the header that is made of it.

    A user without a password is a token.
    """
    user, _, password = user_info.partition(":")
    for part in (password, user if with_user or not password else ""):
        yield from (part, unquote(part))
    if user_info:
        yield from basic_credentials(unquote(user), unquote(password))
