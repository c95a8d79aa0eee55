"""Two tiny proxies on loopback, HTTP and SOCKS5, that count what goes through them."""

import asyncio
import base64
import struct
from contextlib import suppress
from typing import Self

from yarl import URL

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Proxy:
    """What both have in common. `targets` lists the hosts and ports that were asked for."""

    scheme = ""

    def __init__(self, user: str = "", password: str = "") -> None:
        self.targets: list[tuple[str, int]] = []
        self._user, self._password = user, password

    @property
    def url(self) -> str:
        userinfo = f"{self._user}:{self._password}@" if self._user else ""
        return f"{self.scheme}://{userinfo}127.0.0.1:{self._port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            target = await self.shake_hands(reader, writer)
            if target:
                await asyncio.gather(_pump(reader, target[1]), _pump(target[0], writer))
        writer.close()

    async def shake_hands(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Streams | None:
        raise NotImplementedError

    async def connect(self, host: str, port: int) -> Streams:
        self.targets.append((host, port))
        return await asyncio.open_connection(host, port)


class HttpProxy(Proxy):
    """A forwarding proxy: the request line holds the whole address. Without its credentials it answers 407."""

    scheme = "http"

    async def shake_hands(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Streams | None:
        head = await reader.readuntil(b"\r\n\r\n")
        expected = base64.b64encode(f"{self._user}:{self._password}".encode())
        if self._user and b"Proxy-Authorization: Basic " + expected not in head:
            writer.write(b"HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            return None
        method, address, rest = head.split(b" ", 2)
        url = URL(address.decode())
        assert url.host
        assert url.port
        target = await self.connect(url.host, url.port)
        target[1].write(b" ".join((method, url.raw_path_qs.encode(), rest)))
        return target


class SocksProxy(Proxy):
    """SOCKS5 (RFC 1928) without credentials, for host names and IPv4 addresses."""

    scheme = "socks5"

    async def shake_hands(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Streams | None:
        _, methods = await reader.readexactly(2)
        await reader.readexactly(methods)
        writer.write(b"\x05\x00")
        kind = (await reader.readexactly(4))[3]
        if kind == 1:
            host = ".".join(map(str, await reader.readexactly(4)))
        else:
            host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
        (port,) = struct.unpack(">H", await reader.readexactly(2))
        target = await self.connect(host, port)
        writer.write(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
        return target


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()
