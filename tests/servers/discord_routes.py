"""What a method of the stand-in Discord's API is: where it is found, which bucket it is counted in, what answers it."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.servers.discord_wire import Ask, Body


@dataclass(frozen=True, slots=True)
class Route:
    """A method. `bucket` names its rate limit (one for each channel, guild or interaction token in the path).

    `exempt`: it isn't part of the limit over all, nor does it need the bot's token: the interactions' endpoints.
    """

    method: str
    path: str
    handle: Callable[[Ask], Body]
    bucket: str = "other"
    status: int = 200
    exempt: bool = False
