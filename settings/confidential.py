"""Which of the settings' values are secrets, so that they can be kept out of every output."""

import re
from collections.abc import Iterator, Mapping
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, SecretStr

# What a model's `parameters` may hold beside numbers: a key that the server wants in the request's body.
_SECRET_NAME = re.compile(r"(?:.*[_-])?(?:key|token|secret|password|authorization)", re.IGNORECASE)


def secrets_in(value: object, name: str = "") -> Iterator[str]:
    """Every secret in a setting called `name`, and below it; empty ones too. A prompt may have such a name: no harm."""
    match value:
        case SecretStr():
            yield value.get_secret_value()
        case BaseModel():
            for key, inner in value:
                yield from secrets_in(inner, key)
        case Mapping():
            for key, inner in value.items():
                yield from secrets_in(inner, str(key))
        case str() if _SECRET_NAME.fullmatch(name):
            yield value
        case str() if name == "proxy" or name.endswith("base_url"):
            yield from _credentials(value, with_user=name != "proxy")


def _credentials(address: str, *, with_user: bool) -> Iterator[str]:
    """What stands before the @ of a URL, as written and as decoded. A user without a password is a token."""
    try:
        url = urlsplit(address)
    except ValueError:  # a prompt and a parameter may be called "proxy" too
        return
    for part in (url.password, url.username if with_user or not url.password else None):
        if part:
            yield from (part, unquote(part))
