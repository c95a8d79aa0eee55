"""What is measured live: where the chats are, what the messenger allows there, and the optimum of that."""

from dataclasses import dataclass
from typing import Literal

from bench.optimum import Allowance, Window
from tests.servers.telegram_flood import FloodRules

NEW = frozenset({"sendMessage", "sendPhoto", "sendDocument"})
PRIVATE = Allowance(burst=4, per_second=1.0)
GROUP = Allowance(burst=20, per_second=0.0)  # 20 in a minute: of an answer of seconds, none comes back
CHANNEL = Allowance(burst=6, per_second=0.0)  # the post and 5 edits; none comes back within 5 s


@dataclass(frozen=True, slots=True)
class Scenario:
    """`place`: what one chat takes. `window`: what all take together. `most`: chats at once, at most."""

    name: str
    title: str
    place: Allowance
    window: Window
    messenger: Literal["telegram", "discord"] = "telegram"
    groups: bool = False
    most: int = 500

    @property
    def flood(self) -> FloodRules:
        """The stand-in's rules."""
        return FloodRules(overall_counts=None if self.window.edits else NEW)

    def counts(self, chats: list[int]) -> list[int]:
        """How many chats ask at once, of those that were asked for."""
        return sorted({min(count, self.most) for count in chats})


LIVE = {
    scenario.name: scenario
    for scenario in (
        Scenario(
            "private",
            "Telegram, private chats: burst of 4 and 1 call/s, edits count; 30 new messages/s for the token",
            PRIVATE,
            Window(30, edits=False),
        ),
        Scenario(
            "strict",
            "Telegram, private chats, where every call counts against the token's 30/s, edits too",
            PRIVATE,
            Window(30),
        ),
        Scenario(
            "groups",
            "Telegram, groups: 20 calls in any minute, edits count; 30 new messages/s for the token",
            GROUP,
            Window(30, edits=False),
            groups=True,
        ),
        Scenario(
            "discord",
            "Discord, channels: 5 posts and 5 edits in 5 s each; 50 calls/s for the token",
            CHANNEL,
            Window(50),
            messenger="discord",
            most=100,
        ),
    )
}
