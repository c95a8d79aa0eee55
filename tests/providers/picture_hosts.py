"""Hosts of pictures on the "public internet": a TLS server on loopback, reached through proxies that lead there."""

import asyncio
import ipaddress
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from tests.providers.proxies import Proxy, SocksProxy, Streams
from tests.servers.model_images import Pictures

HOST = "pictures.example"
PUBLIC = "93.184.216.34"


class Names:
    """DNS whose answers are set: for each host a list of answers, one each time it is asked; the last one stays."""

    def __init__(self, **answers: Sequence[Sequence[str]]) -> None:
        self.asked: list[str] = []
        self._answers = {host: list(given) for host, given in answers.items()}

    def __setitem__(self, host: str, answers: Sequence[Sequence[str]]) -> None:
        self._answers[host] = list(answers)

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        try:
            return [str(ipaddress.ip_address(host))]
        except ValueError:
            pass
        answers = self._answers.get(host)
        if not answers:
            raise OSError("Name or service not known")
        return answers.pop(0) if len(answers) > 1 else answers[0]


class Diverted(Proxy):
    """A proxy that leads every connection to one local port, and says no where the address is in `unreachable`."""

    port = 0

    def __init__(self, port: int, unreachable: Sequence[str] = ()) -> None:
        super().__init__()
        self.port, self._unreachable = port, unreachable

    async def connect(self, host: str, port: int) -> Streams:
        self.targets.append((host, port))
        if host in self._unreachable:
            raise ConnectionRefusedError
        return await asyncio.open_connection("127.0.0.1", self.port)


class DivertedSocks(Diverted, SocksProxy):
    """By SOCKS5."""


class DivertedTunnel(Diverted):
    """By HTTP CONNECT."""

    scheme = "http"

    async def shake_hands(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Streams | None:
        method, authority, _ = (await reader.readuntil(b"\r\n\r\n")).decode().split(" ", 2)
        assert method == "CONNECT"
        host, _, port = authority.rpartition(":")
        target = await self.connect(host, int(port))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        return target


class PictureHost:
    """A TLS server with a certificate for `HOST` and localhost, and its files."""

    def __init__(self, port: int, pictures: Pictures) -> None:
        self.port = port
        self.pictures = pictures


def make_certificate(folder: Path) -> Path:
    """A certificate and its key in one file, trusted by whoever has SSL_CERT_FILE set to it. Skips without openssl."""
    if not shutil.which("openssl"):
        pytest.skip("needs the openssl command to make a certificate")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    arguments = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    names = ["-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST},DNS:localhost"]
    subprocess.run(
        ["openssl", "req", "-x509", *arguments, *names, "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    both = folder / "both.pem"
    both.write_text(certificate.read_text() + key.read_text())
    return both


@asynccontextmanager
async def picture_host(certificate: Path) -> AsyncIterator[PictureHost]:
    pictures = Pictures()
    app = web.Application()
    pictures.add_to(app)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        yield PictureHost(runner.addresses[0][1], pictures)
    finally:
        await runner.cleanup()
