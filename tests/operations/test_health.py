"""/healthz: fine while every messenger heard its server lately, 503 once one is deaf, nothing where it is off."""

import socket
from collections.abc import Mapping
from typing import Any, cast

import aiohttp
import pytest

from messengers.base import Messenger
from operations.health import DEAF_AFTER_SECONDS, serve_health


class Heard:
    """As much of a messenger as health looks at."""

    def __init__(self, seconds: float) -> None:
        self.seconds_since_poll = seconds


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


async def asked(ages: Mapping[str, float], path: str = "/healthz", host: str = "127.0.0.1") -> tuple[int, Any]:
    port = free_port()
    messengers = cast("dict[str, Messenger]", {name: Heard(age) for name, age in ages.items()})
    async with (
        serve_health(f"{host}:{port}", messengers),
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}{path}") as response,
    ):
        return response.status, await response.json() if response.status != 404 else None


async def test_it_is_well_while_all_messengers_hear() -> None:
    status, body = await asked({"telegram": DEAF_AFTER_SECONDS - 1, "playground": 0})
    assert (status, body["status"]) == (200, "ok")
    assert body["seconds_since_poll"] == {"telegram": DEAF_AFTER_SECONDS - 1, "playground": 0}


async def test_one_deaf_messenger_is_enough_to_be_unwell() -> None:
    status, body = await asked({"telegram": DEAF_AFTER_SECONDS, "playground": 0})
    assert (status, body["status"]) == (503, "deaf")


async def test_without_messengers_it_is_well_and_no_other_path_is_served() -> None:
    assert (await asked({}))[0] == 200
    assert (await asked({}, "/"))[0] == 404


async def test_an_empty_address_serves_nothing() -> None:
    async with serve_health("", {}):
        pass


async def test_a_port_in_use_is_an_oserror_and_the_port_is_free_again_afterwards() -> None:
    port = free_port()
    async with serve_health(f"127.0.0.1:{port}", {}):
        with pytest.raises(OSError, match=str(port)):
            async with serve_health(f"127.0.0.1:{port}", {}):
                pass
    async with serve_health(f"127.0.0.1:{port}", {}):
        pass
