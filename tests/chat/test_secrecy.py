"""A secret is found in every way in which programs write it, and nothing of it is left then."""

import html
import json
from base64 import b64encode
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from chat.secrecy import basic_credentials, forms

SECRETS = (
    "p@ss!word99", "pü1secretx", "a:b@c-secret", "p'w\"x<y>&z=+;, a", "50%off/now?#[x]", "пароль-1", "back\\slash\\1",
    "sk-0123456789",
)  # fmt: skip
WAYS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "repr": lambda secret: repr({"key": secret}),
    "repr beside both quotes": lambda secret: repr(f"'{secret}\""),
    "ascii": ascii,
    "bytes": lambda secret: repr(secret.encode()),
    "JSON": json.dumps,
    "JSON as it is": lambda secret: json.dumps(secret, ensure_ascii=False),
    "PHP's JSON": lambda secret: json.dumps(secret).replace("/", "\\/"),
    "percent": lambda secret: quote(secret, safe=""),
    "percent in a path": quote,
    "a form": quote_plus,
    "an address of aiohttp's": lambda secret: str(URL.build(scheme="http", user="me", password=secret, host="host")),
    "HTML": html.escape,
    "HTML's text": lambda secret: html.escape(secret, quote=False),
    "HTML of Flask's": lambda secret: html.escape(secret).replace("&#x27;", "&#39;").replace("&quot;", "&#34;"),
    "a header": lambda secret: aiohttp.encode_basic_auth("me", secret),
    "a header, longer user": lambda secret: aiohttp.encode_basic_auth("you", secret),
    "a header, longest user": lambda secret: aiohttp.encode_basic_auth("they", secret),
    "a proxy's header": lambda secret: b64encode(f"me:{secret}".encode("latin-1", "replace")).decode(),
}

AROUND = str.maketrans("", "", "'\"\\=")


def without(text: str, *secrets: str) -> str:
    for form in forms(secrets):
        text = text.replace(form, "*")
    return text


@pytest.mark.parametrize("write", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_is_found_however_it_is_written(secret: str, write: Callable[[str], str]) -> None:
    """What is left, but for quotes and padding around it, would be the same of any other secret."""
    left, other = without(write(secret), secret), without(write("any-other-one"), "any-other-one")
    assert "*" in left
    assert left.translate(AROUND) == other.translate(AROUND)


@given(st.text(min_size=8, max_size=30), st.text(max_size=9).filter(lambda user: ":" not in user))
def test_whatever_a_password_is_it_is_found_in_an_address_and_in_a_header(password: str, user: str) -> None:
    """Also half characters: in an environment that isn't UTF-8 there may be some."""
    sendable = password.encode("utf-8", "replace").decode()
    address = URL.build(scheme="http", user="me", password=sendable, host="host")
    assert without(str(address), password) == "http://me:*@host"
    for credentials in basic_credentials(user, sendable):
        assert "*" in without(credentials, password)
        assert without(credentials, credentials) == "*"


def test_a_short_one_is_no_secret_in_any_way_of_writing() -> None:
    assert forms(["none", "sk-1234", ""]) == ()


def test_the_longest_comes_first() -> None:
    lengths = [len(form) for form in forms(["password1", "user:password1@host"])]
    assert lengths == sorted(lengths, reverse=True)
