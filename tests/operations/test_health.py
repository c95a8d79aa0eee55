"""/healthz: fine while every messenger heard its server lately, 503 once one is deaf; and who asks for it."""

import asyncio
import socket
from collections.abc import Mapping
from typing import Any, cast

import aiohttp
import pytest

from messengers.base import Messenger
from operations.health import DEAF_AFTER_SECONDS, serve_health
from operations.status import Health, ask_health
from storage.base import StorageError


class Heard:
    """As much of a messenger as health looks at."""

    def __init__(self, seconds: float) -> None:
        self.seconds_since_poll = seconds


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


async def figures() -> str:
    return "parley_dead_letters 0\n"


async def asked(ages: Mapping[str, float], path: str = "/healthz", host: str = "127.0.0.1") -> tuple[int, Any]:
    port = free_port()
    messengers = cast("dict[str, Messenger]", {name: Heard(age) for name, age in ages.items()})
    async with (
        serve_health(f"{host}:{port}", messengers, figures),
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}{path}") as response,
    ):
        return response.status, await response.json() if response.status != 404 else None


async def test_it_is_well_while_all_messengers_hear() -> None:
    status, body = await asked({"telegram": DEAF_AFTER_SECONDS - 1, "playground": 0})
    assert (status, body["status"]) == (200, "ok")
    assert body["seconds_since_poll"] == {"telegram": DEAF_AFTER_SECONDS - 1, "playground": 0}
    assert body["running_seconds"] == 0


async def test_one_deaf_messenger_is_enough_to_be_unwell() -> None:
    status, body = await asked({"telegram": DEAF_AFTER_SECONDS, "playground": 0})
    assert (status, body["status"]) == (503, "deaf")


async def test_without_messengers_it_is_well_and_no_other_path_is_served() -> None:
    assert (await asked({}))[0] == 200
    assert (await asked({}, "/"))[0] == 404


async def test_an_empty_address_serves_nothing() -> None:
    async with serve_health("", {}, figures):
        pass


async def test_a_port_in_use_is_an_oserror_and_the_port_is_free_again_afterwards() -> None:
    port = free_port()
    async with serve_health(f"127.0.0.1:{port}", {}, figures):
        with pytest.raises(OSError, match=str(port)):
            async with serve_health(f"127.0.0.1:{port}", {}, figures):
                pass
    async with serve_health(f"127.0.0.1:{port}", {}, figures):
        pass


@pytest.mark.parametrize("fails", [False, True])
async def test_the_figures_are_served_beside_it_and_a_failing_store_is_503(fails: bool) -> None:
    async def told() -> str:
        if fails:
            raise StorageError("the disk is full")
        return await figures()

    port = free_port()
    async with (
        serve_health(f"127.0.0.1:{port}", {}, told),
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}/metrics") as response,
    ):
        assert response.status == (503 if fails else 200)
        if not fails:
            assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
            assert await response.text() == await figures()


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
async def test_whoever_asks_is_told_how_the_bot_is_wherever_it_listens(host: str) -> None:
    port = free_port()
    messengers = cast("dict[str, Messenger]", {"telegram": Heard(500)})
    async with serve_health(f"{host}:{port}", messengers, figures):
        assert await ask_health(f"{host}:{port}") == Health(False, 0, {"telegram": 500})
    assert await ask_health(f"{host}:{port}") is None, "nobody answers"


async def test_something_else_at_that_port_is_no_bot() -> None:
    async def reply(reader: Any, writer: Any) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]")
        writer.close()

    async with await asyncio.start_server(reply, "127.0.0.1", 0) as server:
        assert await ask_health(f"127.0.0.1:{server.sockets[0].getsockname()[1]}") is None
