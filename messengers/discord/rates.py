"""When Discord may be called: what each answer's headers tell of its bucket, told to the budget of its place.

Source: discord-api-docs, "Rate Limits". Discord publishes no figures: about 5 posts and 5 edits in 5 s a channel, more
on an interaction's token, 50 calls a second over all; the headers (X-RateLimit-…) are what holds.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import aiohttp

from chat.incoming import Address
from messengers.buckets import AtMost, Rate
from messengers.budget import Budget, Budgets, Relayed
from messengers.discord.calls import is_over

START = Rate(burst=4, per_second=1, reserve=1)  # of a place, until its headers tell more
# 50 in any second is what Discord allows; what is asked besides (channels, members, commands) takes no permit.
OVERALL = Rate(burst=42, per_second=42, at_most=AtMost(42, 1.0, strict=True))
TOKEN_MARGIN_SECONDS = 60.0  # before a token ends, answers go over to the channel

_PLACE = re.compile(r"/channels/(?P<channel>\d+)/(?:messages|typing)|/webhooks/\d+/(?P<token>[^/?]+)")
_COUNTED = frozenset({"POST", "PATCH", "DELETE"})


def budgets(start: Rate = START, overall: Rate = OVERALL) -> Budgets:
    """The budgets of all channels, and of all interactions, which have buckets of their own."""
    return Budgets(lambda _: start, overall, key=_key)


def budget_of(all_of_them: Budgets, address: Address) -> Budget:
    """The budget for answers to this address: its token's as long as that is used, after that its channel's."""
    if _key(address) == address.budget:
        return all_of_them.of(address)
    channel = all_of_them.of(replace(address, token=""))
    return _TokenThenChannel(all_of_them.of(address), channel, address.token_expires_at)


def trace_config(all_of_them: Budgets) -> aiohttp.TraceConfig:
    """To be given to discord.py's client: whoever makes a call, its place learns from the answer."""
    learner = _Learner(all_of_them)
    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(learner.started)
    trace.on_request_end.append(learner.ended)
    trace.on_request_exception.append(learner.failed)
    return trace


def _key(address: Address) -> str:
    over = is_over(address.token_expires_at, TOKEN_MARGIN_SECONDS)
    return address.budget if over or not address.token else address.token


class _TokenThenChannel(Relayed):
    """Two budgets, one after the other."""

    def __init__(self, token: Budget, channel: Budget, expires_at: float) -> None:
        self._token = token
        self._channel = channel
        self._expires_at = expires_at

    @property
    def _now(self) -> Budget:
        return self._channel if is_over(self._expires_at, TOKEN_MARGIN_SECONDS) else self._token


class _Learner:
    """Follows calls from their start to their answer: what is under way isn't in an answer's figures yet."""

    def __init__(self, all_of_them: Budgets) -> None:
        self._budgets = all_of_them
        self._under_way: Counter[str] = Counter()

    async def started(self, _: Any, call: SimpleNamespace, params: aiohttp.TraceRequestStartParams) -> None:
        """A call goes out."""
        found = _PLACE.search(params.url.path) if params.method in _COUNTED else None
        call.place = (found["token"] or f"discord:{found['channel']}") if found else ""
        self._under_way[call.place] += 1

    async def failed(self, _: Any, call: SimpleNamespace, __: aiohttp.TraceRequestExceptionParams) -> None:
        """A call got no answer."""
        self._done(call.place)

    async def ended(self, _: Any, call: SimpleNamespace, params: aiohttp.TraceRequestEndParams) -> None:
        """A call was answered, by whatever status."""
        self._done(call.place)
        headers = params.response.headers
        if params.response.status == 429 and headers.get("X-RateLimit-Scope") == "global":
            self._budgets.slow_down(_number(headers, "Retry-After") or 1.0)
        elif call.place and (budget := self._budgets.at(call.place)):
            limit, remaining = _number(headers, "X-RateLimit-Limit"), _number(headers, "X-RateLimit-Remaining")
            seconds = _number(headers, "X-RateLimit-Reset-After")
            if limit and remaining is not None and seconds is not None:
                name = headers.get("X-RateLimit-Bucket") or params.method
                budget.bucket.learn(name, limit, remaining, seconds, self._under_way[call.place])

    def _done(self, place: str) -> None:
        self._under_way[place] -= 1
        if self._under_way[place] <= 0:
            del self._under_way[place]


def _number(headers: Mapping[str, str], name: str) -> float | None:
    try:
        return float(headers[name])
    except (KeyError, ValueError):
        return None
