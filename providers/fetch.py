"""A picture by an address that somebody else named: fetched without being led into our own network.

A model's server may answer with an address. It, or whoever controls a name on the way, could name the machine we run
on, the network around it, or a cloud's metadata service. So: https only; a name is resolved here, once, and what is
connected to is one of the very addresses that were checked, whatever DNS says afterwards; redirects go through the
same door. The one exception is the server that the operator configured: its own scheme, host and port.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp_socks import ProxyConnector
from yarl import URL

from chat.errors import Garbled, ProviderError, Unreachable
from chat.messages import Image
from providers import failures
from providers.http import Exchange
from providers.patience import Patience
from providers.wire import images

MAX_REDIRECTS = 3
MAX_BYTES = 20 * 2**20
TOTAL_SECONDS = 30.0
CONNECT_SECONDS = 5.0
MAX_ADDRESSES = 4  # of one name; where the first can't be reached, as IPv6 often can't, the next may

# EOFError: a SOCKS proxy that hangs up in the middle of its greeting (asyncio.IncompleteReadError).
_FOREIGN = (*failures.FOREIGN, EOFError)
_REDIRECTS = (301, 302, 303, 307, 308)
_HEADERS = {"User-Agent": "Parley", "Accept": "image/*", "Accept-Encoding": "identity"}
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address in the last 32 bits
_UNICAST = ipaddress.IPv6Network("2000::/3")  # RFC 4291 §2.4: all that was ever given out
# Inside of it, but no place for a picture: Teredo and other protocols' own, documentation, 6to4, documentation.
_NOT_PUBLIC = [ipaddress.IPv6Network(network) for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")]

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


def is_public(address: str) -> bool:
    """Whether a numeric address is one of the public internet, for IPv4 inside of IPv6 as well."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or (ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if ip in _NAT64 else None)
        if inner is None:
            return ip in _UNICAST and not any(ip in network for network in _NOT_PUBLIC)
        ip = inner
    return ip.is_global and not ip.is_multicast


async def resolved(host: str, port: int) -> Sequence[str]:
    """The numeric addresses of a host, by the system's resolver. Raises `OSError`."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


@dataclass(frozen=True, slots=True)
class SafeFetch:
    """Fetches pictures that the server at `base_url` speaks of. `provider`, `secrets`: for errors, as in `HttpClient`.

    No key, cookie or user name is ever sent along. With a proxy the names are resolved here nevertheless, and the
    proxy is given the address: a name could mean anything where the proxy stands.
    """

    provider: str
    base_url: str
    proxy: str = ""
    secrets: tuple[str, ...] = ()
    resolve: Resolve = resolved
    seconds: float = TOTAL_SECONDS  # for all of it

    async def picture(self, url: str, model: str = "") -> Image:
        """The picture at `url`. Raises a `ProviderError`; `Garbled` for an address that is not safe, too."""
        asked = self._asked(self.base_url, model)
        patience = Patience(self.seconds, self.seconds)
        try:
            target = _absolute(url)
            for _ in range(MAX_REDIRECTS + 1):
                asked = self._asked(target, model)
                found = await self._get(target, patience)
                if isinstance(found, bytes):
                    return images.checked(found)
                target = found
            raise Garbled(f"more than {MAX_REDIRECTS} redirects")
        except ProviderError as error:
            raise asked.told(error) from None

    def _asked(self, url: str | URL, model: str) -> failures.Asked:
        secrets = (*self.secrets, URL(self.proxy).password or "")
        return failures.Asked(self.provider, "GET", URL(url), model, secrets)

    async def _get(self, target: URL, patience: Patience) -> bytes | URL:
        """The body, or where it is said to be. Every address that may be connected to is tried."""
        failure: ProviderError = Unreachable("the name has no address")
        for address in await self._addresses(target, patience):
            try:
                return await self._get_from(address, target, patience)
            except Unreachable as error:
                failure = error
        raise failure

    async def _addresses(self, target: URL, patience: Patience) -> Sequence[str]:
        """The checked addresses of a host; only the configured server is taken by its name."""
        host, port = target.raw_host or "", target.port or 0
        if _place(target) == _place(URL(self.base_url)):
            return [host]
        if target.scheme != "https":
            raise Garbled("refused: a picture's address begins with https://")
        try:
            found = await patience.wait(lambda: self.resolve(host, port))
        except (OSError, ValueError) as error:  # ValueError: a name that is none
            raise Unreachable(f"{type(error).__name__}: {error}") from None
        public = [address for address in found if is_public(address)]
        if found and not public:
            raise Garbled("refused: not an address of the public internet")
        return public[:MAX_ADDRESSES]

    async def _get_from(self, address: str, target: URL, patience: Patience) -> bytes | URL:
        pinned = target.with_host(address)
        options: dict[str, Any] = {"headers": {"Host": target.host_port_subcomponent or ""}, "allow_redirects": False}
        if target.scheme == "https":
            host = target.raw_host or ""
            options["ssl"] = await patience.wait(lambda: asyncio.to_thread(_NamedTLS.trusting_the_system, host))
        try:
            async with _session(self.proxy) as session:
                response = await patience.wait(lambda: session.get(pinned, **options))
                try:
                    return await _body_or_redirect(Exchange(response, patience), target)
                finally:
                    response.close()
        except _FOREIGN as error:
            raise failures.from_exception(error) from None


class _NamedTLS(ssl.SSLContext):
    """TLS that asks for, and checks, the certificate of `name`, while the connection is made to a bare address.

    aiohttp has `server_hostname` for that, but through SOCKS it is not used.
    """

    name: str

    @classmethod
    def trusting_the_system(cls, name: str) -> "_NamedTLS":
        """Takes some 50 ms: to be called in a thread."""
        context = cls(ssl.PROTOCOL_TLS_CLIENT)
        context.name = name
        context.load_default_certs()
        return context

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """As in ssl, with the name in the place of the address."""
        return super().wrap_bio(incoming, outgoing, server_side, self.name, session)


def _absolute(url: str) -> URL:
    try:
        target = URL(url).with_fragment(None)
        if target.scheme in ("http", "https") and target.host:
            return target.with_user(None)
    except ValueError:
        pass  # told below, without the address: it may hold anything
    raise Garbled("refused: not an address of a picture")


def _place(url: URL) -> tuple[str, str | None, int | None]:
    return url.scheme, url.raw_host, url.port


async def _body_or_redirect(answer: Exchange, target: URL) -> bytes | URL:
    if answer.status in _REDIRECTS and "Location" in answer.headers:
        return _absolute(_joined(target, answer.headers["Location"]))
    if answer.status == 200:
        return await answer.read(MAX_BYTES)
    error = failures.from_status(answer.status, answer.headers, await answer.beginning())
    # That this address refuses us (403: its time is over) says nothing about the provider's key or model.
    raise error if error.transient else Garbled(error.details)


def _joined(target: URL, location: str) -> str:
    try:
        return str(target.join(URL(location)))
    except ValueError:
        return ""


def _session(proxy: str) -> aiohttp.ClientSession:
    """For one request: no cookies, nothing unpacked (a few bytes could become gigabytes), no proxy but ours."""
    socks = proxy.startswith("socks")
    return aiohttp.ClientSession(
        connector=ProxyConnector.from_url(proxy.replace("socks5h:", "socks5:", 1)) if socks else aiohttp.TCPConnector(),
        headers=_HEADERS,
        proxy=proxy if proxy and not socks else None,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
        auto_decompress=False,
        trust_env=False,
    )
