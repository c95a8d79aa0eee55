"""Fetching a picture by an address that somebody else named: it comes whole, and never out of our own network."""

import asyncio
import gzip
import itertools
import traceback
from collections.abc import AsyncIterator, Sequence

import pytest
from aiohttp import web

from chat import errors
from chat.errors import ProviderError
from providers import fetch
from providers.fetch import SafeFetch, is_public
from tests.providers.asking import KEY
from tests.servers.model import ModelServer
from tests.servers.model_images import tiny_png

PNG = tiny_png()


@pytest.fixture
async def other() -> AsyncIterator[ModelServer]:
    """Something else that listens on this machine."""
    async with ModelServer() as server:
        server.pictures.keep("/pictures/secret.png", PNG)
        yield server


def fetch_for(server: ModelServer, **fields: object) -> SafeFetch:
    return SafeFetch("local", server.url, secrets=(KEY,), **fields)  # type: ignore[arg-type]  # as the test names them


def own(server: ModelServer, name: str = "1.png") -> str:
    """An address on the very server that is configured."""
    return f"http://127.0.0.1:{server.port}/pictures/{name}"


async def refusal(fetching: SafeFetch, url: str) -> ProviderError:
    with pytest.raises(ProviderError) as raised:
        await fetching.picture(url, "painter")
    assert raised.value.arguments == {"provider": "local", "model": "painter"}
    return raised.value


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "93.184.216.34", "2606:4700:4700::1111", "2a00:1450:4001:830::200e", "64:ff9b::808:808",
     "::ffff:8.8.8.8"],
)  # fmt: skip
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
     "192.0.2.1", "198.18.0.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
     "::", "::1", "fe80::1", "fe80::1%2", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "::127.0.0.1",
     "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
     "64:ff9b:1::808:808", "2002:7f00:1::", "2002:808:808::", "2001::1", "2001:db8::1", "3fff::1", "100::1"],
)  # fmt: skip
def test_addresses_of_machines_and_networks_of_their_own_are_not(address: str) -> None:
    assert not is_public(address)


async def test_a_picture_on_the_configured_server_is_fetched_without_key_or_cookie(server: ModelServer) -> None:
    server.pictures.keep("/pictures/1.png", PNG)
    picture = await fetch_for(server).picture(own(server) + "?sig=a%2Bb%3D#there")
    assert (picture.data, picture.media_type) == (PNG, "image/png")
    seen = server.pictures.fetches[0]
    assert {"Authorization", "Cookie"}.isdisjoint(seen.headers)
    assert (seen.headers["Host"], seen.query["sig"]) == (f"127.0.0.1:{server.port}", "a+b=")


@pytest.mark.parametrize(
    "url",
    ["https://127.0.0.1:{port}/pictures/secret.png", "http://127.0.0.1:{port}/pictures/secret.png",
     "https://localhost:{port}/", "https://127.1:{port}/", "https://2130706433:{port}/", "https://0x7f000001:{port}/",
     "https://0177.0.0.1:{port}/", "https://[fd00::1]:{port}/", "https://[64:ff9b::7f00:1]:{port}/",
     "https://0:{port}/", "https://[::1]:{port}/", "https://[::ffff:127.0.0.1]:{port}/", "https://[::]:{port}/",
     "https://user@127.0.0.1:{port}/", "https://169.254.169.254/latest/meta-data/", "https://[fe80::1]:{port}/",
     "http://93.184.216.34/1.png", "file:///etc/passwd", "ftp://127.0.0.1/1.png", "//127.0.0.1:{port}/", "nonsense",
     "", "https://", "https://[::1", "https://h:99999/", "https:///1.png", "\ud83d"],
)  # fmt: skip
async def test_whatever_leads_elsewhere_than_the_public_internet_is_refused(
    server: ModelServer, other: ModelServer, url: str
) -> None:
    error = await refusal(fetch_for(server), url.format(port=other.port))
    assert type(error) is errors.Garbled
    assert "refused" in error.details
    assert other.pictures.fetches == []


@pytest.mark.parametrize(
    "location", ["http://127.0.0.1:{port}/pictures/secret.png", "https://127.0.0.1:{port}/pictures/secret.png",
                 "https://localhost:{port}/", "//127.0.0.1:{port}/pictures/secret.png", "file:///etc/passwd", "http://["]
)  # fmt: skip
async def test_a_redirect_goes_through_the_same_door(server: ModelServer, other: ModelServer, location: str) -> None:
    server.pictures.redirects["/pictures/1.png"] = location.format(port=other.port)
    error = await refusal(fetch_for(server), own(server))
    assert "refused" in error.details
    assert len(server.pictures.fetches) == 1
    assert other.pictures.fetches == []


async def test_three_redirects_are_followed_and_a_fourth_is_not(server: ModelServer) -> None:
    server.pictures.keep("/pictures/end.png", PNG)
    chain = ["1", "2", "3", "4", "end"]
    for here, there in itertools.pairwise(chain):
        server.pictures.redirects[f"/pictures/{here}.png"] = f"{there}.png"
    assert (await fetch_for(server).picture(own(server, "2.png"))).data == PNG
    assert "more than 3 redirects" in (await refusal(fetch_for(server), own(server, "1.png"))).details
    assert len(server.pictures.fetches) == 8


async def test_a_picture_above_the_limit_is_not_read_to_its_end(server: ModelServer) -> None:
    server.pictures.keep("/pictures/1.png", PNG + bytes(fetch.MAX_BYTES))
    error = await refusal(fetch_for(server), own(server))
    assert type(error) is errors.Garbled
    assert str(fetch.MAX_BYTES) in error.details


@pytest.mark.parametrize("body", [b"", b"<html>", b"%PDF-1.7", b"RIFF1234WAVE", PNG[1:], gzip.compress(PNG, mtime=0)])
async def test_what_does_not_begin_as_a_picture_is_none_whatever_it_is_called(server: ModelServer, body: bytes) -> None:
    server.pictures.keep("/pictures/1.png", body)
    assert "not a picture" in (await refusal(fetch_for(server), own(server))).details


async def test_packed_bodies_are_not_unpacked_for_a_few_bytes_can_become_gigabytes() -> None:
    async def packed(_: web.Request) -> web.Response:
        return web.Response(body=gzip.compress(PNG, mtime=0), headers={"Content-Encoding": "gzip"})

    app = web.Application()
    app.router.add_get("/1.png", packed)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        assert "not a picture" in (await refusal(SafeFetch("local", f"{base}/v1"), f"{base}/1.png")).details
    finally:
        await runner.cleanup()


async def test_an_address_whose_time_is_over_is_no_bad_key_and_its_signature_stays_quiet(server: ModelServer) -> None:
    error = await refusal(fetch_for(server), own(server, KEY) + "?sig=s1gnature")
    assert type(error) is errors.Garbled
    assert error.details.startswith(f"GET http://127.0.0.1:{server.port}/pictures/[key]: 403")
    assert not any(word in line for line in traceback.format_exception(error) for word in (KEY, "s1gnature"))


async def test_a_host_that_keeps_silent_is_given_up(server: ModelServer) -> None:
    async def silent(host: str, port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return [host, str(port)]

    error = await refusal(fetch_for(server, resolve=silent, seconds=0.05), "https://pictures.example/1.png")
    assert type(error) is errors.TimedOut


async def test_a_server_that_is_gone_is_unreachable(server: ModelServer, other: ModelServer) -> None:
    url, fetching = own(other), fetch_for(other)
    await other.__aexit__()
    assert type(await refusal(fetching, url)) is errors.Unreachable
