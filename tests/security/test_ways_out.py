"""Where the bot's own connections could be led elsewhere, or their addresses into an error: files, proxies."""

import asyncio
import traceback
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from discord.http import Route

from chat.incoming import Attachment
from messengers.base import MessengerError, Refused, Unsure
from messengers.discord.gateway import Pulse, Shard, Turnstile
from messengers.telegram import files
from providers.fetch import SafeFetch
from tests.messengers.discord.answers import logged_in, opened, place_of
from tests.messengers.discord.incoming import FakeReception, discord_running
from tests.messengers.telegram.test_calls import answering
from tests.providers.proxies import HttpProxy
from tests.servers.discord_server import DiscordServer
from tests.servers.model import ModelServer
from tests.servers.model_images import tiny_png


class Leading(DiscordServer):
    """A stand-in whose files are said to be elsewhere."""

    elsewhere = ""

    def add_routes(self, app: web.Application) -> None:
        async def lead(_: web.Request) -> web.Response:
            raise web.HTTPFound(self.elsewhere)

        app.router.add_get("/elsewhere", lead)


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    """Something on this machine that holds a picture."""
    async with ModelServer() as server:
        server.pictures.keep("/pictures/1.png", tiny_png())
        yield server


def told(error: BaseException) -> str:
    """All that a log could say of an error, and of what it came from."""
    causes, words = error, "".join(traceback.format_exception(error))
    while cause := causes.__cause__ or causes.__context__:
        words += f"{cause} {cause!r}"
        causes = cause
    return words + repr(error)


NOWHERE = {"no host": b"http://[PATH", "no port": b"http://PATH:PATH/", "a loop": b"PATH", "not HTTP": b"ftp://x/PATH"}


@pytest.mark.parametrize("location", NOWHERE.values(), ids=NOWHERE)
async def test_no_error_of_a_download_brings_along_the_token_that_is_in_its_address(location: bytes) -> None:
    """The errors are aiogram's and its HTTP client's own: a redirect to nowhere names the whole address."""
    raw = b"HTTP/1.1 302 Found\r\nLocation: " + location + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    async with answering(raw) as bot:
        with pytest.raises(MessengerError) as caught:
            await files._read(bot, bot.session.api.file_url(bot.token, "documents/1.txt"))
    assert isinstance(caught.value, Unsure | Refused)
    assert bot.token not in told(caught.value)
    assert bot.token.partition(":")[2] not in told(caught.value)


async def test_a_file_at_discords_that_is_said_to_be_elsewhere_is_not_fetched_there(server: ModelServer) -> None:
    async with Leading() as discord, logged_in(discord) as rest:
        discord.elsewhere = f"{server.root}/pictures/1.png"
        chat = opened(rest, place_of(discord.channel()))
        with pytest.raises(Refused):
            await chat.fetch(Attachment(f"{discord.root}/elsewhere"))
    assert server.pictures.fetches == []


async def test_pictures_are_not_fetched_through_a_proxy_that_only_the_environment_names(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would resolve the name once more, and get to see the address."""
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    picture = await SafeFetch("local", server.url).picture(f"{server.root}/pictures/1.png")
    assert picture.data == tiny_png()


ENCRYPTED = "https://localhost:1/api"  # to such an address a proxy is asked for a tunnel, and can refuse that


@pytest.fixture
async def refusing() -> AsyncIterator[str]:
    """The address of a proxy that wants another password than the one in it."""
    async with HttpProxy("proxyuser1", "another") as proxy:
        yield proxy.url.replace("another", "p@ss!word99")


async def lines(caplog: pytest.LogCaptureFixture, beginning: str) -> str:
    """What the log has, unredacted, as soon as it has such a line."""
    async with asyncio.timeout(10):
        while not any(line.startswith(beginning) for line in caplog.messages):
            await asyncio.sleep(0.01)
    return caplog.text


async def test_discords_login_does_not_tell_the_password_of_a_proxy_that_refuses(
    refusing: str, caplog: pytest.LogCaptureFixture
) -> None:
    changes = {"proxy": refusing, "api_base_url": ENCRYPTED}
    async with DiscordServer() as server, discord_running(server, FakeReception(), wait=False, **changes):
        shown = await lines(caplog, "logging in to Discord failed")
    assert "ClientHttpProxyError: 407 Who are you" in shown
    assert "ss!word99" not in shown


async def test_discords_gateway_does_not_tell_the_password_of_a_proxy_that_refuses(
    refusing: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with DiscordServer() as server, discord_running(server, FakeReception()) as messenger:
        messenger._client.http.proxy = refusing
        monkeypatch.setattr(Route, "BASE", ENCRYPTED)
        with pytest.raises(Unsure) as caught:
            await Turnstile(messenger._client, 0).shards()
        async with asyncio.TaskGroup() as tasks:
            turnstile = Turnstile(messenger._client, 0)
            shard = Shard(messenger._client, 1, pulse=Pulse(), turnstile=turnstile, gateway="wss://localhost:1/")
            running = tasks.create_task(shard.run())
            shown = await lines(caplog, "Discord's gateway, shard 1: ClientHttpProxyError: 407 Who are you")
            running.cancel()
    assert "ss!word99" not in shown + told(caught.value)
