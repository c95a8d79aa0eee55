"""Arrivals: what was missed is read once the guilds are known, and a guild that never comes delays that once."""

import asyncio

from messengers.discord.arrivals import LONGEST_SECONDS, Arrivals
from tests.virtual_time import run_virtual


async def seconds(arrivals: Arrivals) -> float:
    clock = asyncio.get_running_loop().time
    begun = clock()
    await arrivals.complete()
    return round(clock() - begun, 3)


def test_it_is_waited_until_the_last_guild_came() -> None:
    async def work() -> None:
        arrivals = Arrivals()
        arrivals.expect(["1", "2"])
        arrivals.came("1")
        asyncio.get_running_loop().call_later(3, arrivals.came, "2")
        assert (await seconds(arrivals), await seconds(arrivals)) == (3, 0)

    run_virtual(work())


def test_a_guild_that_never_comes_is_waited_for_once_and_not_in_later_sessions() -> None:
    async def work() -> None:
        arrivals = Arrivals()
        arrivals.expect(["gone", "1"])
        arrivals.came("1")
        assert await seconds(arrivals) == LONGEST_SECONDS
        arrivals.expect(["1"])
        arrivals.came("1")
        assert await seconds(arrivals) == 0

    run_virtual(work())
