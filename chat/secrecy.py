"""In how many ways a secret is written: the log, and what is told of providers' failures, know it in each of them."""

import base64
import html
import json
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

from yarl import URL

SHORTEST_SECRET = 8  # shorter ones ("none", "ollama": a local server's key) would black out ordinary words


def forms(secrets: Iterable[str]) -> tuple[str, ...]:
    """All that stands for one of them in a text, to be replaced in this order. Those that are too short are left out.

    The longest come first: a secret may be part of another one (a token inside a URL).
    """
    written = {form for secret in secrets if len(secret) >= SHORTEST_SECRET for form in _forms(secret)}
    return tuple(sorted(written, key=lambda form: (-len(form), form)))


def basic_credentials(user: str, password: str) -> frozenset[str]:
    """What follows `Basic ` in a header (RFC 7617): servers and proxies quote it. aiohttp writes Latin-1 there."""
    return frozenset(base64.b64encode(data).decode() for data in _encoded(f"{user}:{password}"))


def _forms(secret: str) -> set[str]:
    return {secret, *_in_python(secret), *_in_json(secret), *_in_addresses(secret), *_in_html(secret)} | {
        form for data in _encoded(secret) for form in _in_base64(data)
    }


def _encoded(text: str) -> set[bytes]:
    """As bytes. Half a character (from an environment that isn't UTF-8) can't be sent either."""
    return {text.encode("utf-8", "replace"), text.encode("latin-1", "replace")}


def _in_python(secret: str) -> Iterator[str]:
    """As `repr` writes it, between either kind of quotes; bytes too."""
    for show in (repr, ascii, _as_bytes):
        yield show(secret)[1:-1]
        yield show(secret + "'")[1:-2]
        yield show(secret + "\"'")[1:-4]


def _as_bytes(text: str) -> str:
    return repr(text.encode("utf-8", "replace"))[1:]


def _in_json(secret: str) -> Iterator[str]:
    for ascii_only in (True, False):
        form = json.dumps(secret, ensure_ascii=ascii_only)[1:-1]
        yield from (form, form.replace("/", "\\/"))  # PHP's way


def _in_addresses(secret: str) -> Iterator[str]:
    """Which characters need no percent sign, everybody sees differently; aiohttp's errors have yarl's way."""
    text = secret.encode("utf-8", "replace").decode()
    yield from (quote(text, safe=""), quote(text), quote_plus(text))
    yield URL.build(scheme="http", host="host", user="user", password=text).raw_password or ""


def _in_html(secret: str) -> Iterator[str]:
    form = html.escape(secret)
    yield from (form, html.escape(secret, quote=False))
    yield form.replace("&#x27;", "&#39;").replace("&quot;", "&#34;")


def _in_base64(data: bytes) -> Iterator[str]:
    """Alone, and as the password behind whatever user: three bytes are four characters, so there are three ways."""
    yield base64.b64encode(data).decode().rstrip("=")
    for before, theirs in enumerate((0, 2, 3)):  # so many characters hold something of the bytes before the colon
        yield base64.b64encode(bytes(before) + b":" + data).decode().rstrip("=")[theirs:]
