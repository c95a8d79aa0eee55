"""What a request may take, and the rest of providers/http.py that no server is needed for."""

import asyncio

import pytest

from chat.errors import TimedOut
from providers.http import HttpClient, HttpSettings, Patience


async def at_once() -> str:
    return "done"


async def test_a_server_that_always_has_more_at_once_does_not_outrun_the_total_time_out() -> None:
    """Such a step never waits, so no timer of the event loop could end it."""
    patience = Patience(idle=5, total=0.01)
    assert await patience.wait(at_once) == "done"
    await asyncio.sleep(0.02)
    with pytest.raises(TimedOut, match=r"not done after 0\.01 s"):
        await patience.wait(at_once)


async def test_hurry_shortens_what_is_left_and_never_lengthens_it() -> None:
    patience = Patience(idle=5, total=5)
    patience.hurry(0.01)
    patience.hurry(5)
    async with asyncio.timeout(5):
        with pytest.raises(TimedOut):
            await patience.wait(asyncio.Event().wait)


async def test_a_time_out_of_the_caller_is_the_callers() -> None:
    patience = Patience(idle=5, total=5)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await patience.wait(asyncio.Event().wait)


async def test_a_client_is_used_between_enter_and_exit() -> None:
    client = HttpClient("p", HttpSettings())
    with pytest.raises(RuntimeError):
        await client.exchange("GET", "http://127.0.0.1:1/").__aenter__()
