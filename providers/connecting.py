"""How a provider's connections are made: one aiohttp session each, with its proxy and what a connection may take."""

from collections.abc import Mapping

import aiohttp
from aiohttp_socks import ProxyConnector

TO_A_HOST_SECONDS = 15.0  # one that is dead is found out by this, however long models may think
CONNECTED_SECONDS = 60.0  # until there is a connection, with the name looked up and the proxy's consent
# Shorter than servers keep an idle connection (uvicorn and llama.cpp: 5 s), so none is used that is just being closed.
KEEPALIVE_SECONDS = 4.0
READ_BUFFER_BYTES = 2**16


def open_session(
    proxy: str, headers: Mapping[str, str], *, cookies: bool, connected: float = CONNECTED_SECONDS
) -> aiohttp.ClientSession:
    """A session without limits of its own, and without the proxies of the environment (aiohttp's `trust_env`).

    `proxy`: its address, or empty. `connected`: seconds until there is a connection; `Unreachable` after that.
    """
    socks = proxy.startswith("socks")
    connector = (
        ProxyConnector.from_url(proxy.replace("socks5h:", "socks5:", 1), limit=0, keepalive_timeout=KEEPALIVE_SECONDS)
        if socks
        else aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEPALIVE_SECONDS)
    )
    return aiohttp.ClientSession(
        connector=connector,
        headers=headers,
        proxy=proxy if proxy and not socks else None,
        cookie_jar=aiohttp.CookieJar(unsafe=True) if cookies else aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, connect=connected, sock_connect=TO_A_HOST_SECONDS),
        read_bufsize=READ_BUFFER_BYTES,
        trust_env=False,
    )
