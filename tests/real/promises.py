"""What every provider promises of an answer, asked of a real program that can't be told what to say.

The whole contract is held against servers that can (tests/providers/test_contract*.py).
"""

import asyncio
from collections.abc import Sequence

import pytest

from chat.errors import Unreachable
from chat.events import Completed, ReplyEvent
from providers.base import Provider, ReplyRequest
from tests.providers.asking import all_events, no_status, text_of


async def answers_whole(provider: Provider, request: ReplyRequest) -> Sequence[ReplyEvent]:
    """An answer has text, and one end, which comes last. Gives its events."""
    events = await all_events(provider, request)
    assert [event for event in events if isinstance(event, Completed)] == [events[-1]]
    assert text_of(events)
    return events


async def answers_side_by_side(provider: Provider, *requests: ReplyRequest) -> None:
    """Several questions at once are answered each by itself; and one that is left early disturbs no other."""
    async with asyncio.TaskGroup() as asking:
        for request in requests:
            asking.create_task(answers_whole(provider, request))
        async with provider.stream_reply(requests[0], no_status) as events:
            await anext(aiter(events))


async def lists(provider: Provider, model: str) -> None:
    """It lists the model that it is asked for."""
    assert model in [each.name for each in await provider.models()]


async def is_unreachable(provider: Provider, request: ReplyRequest) -> None:
    """Where nobody listens, that is what it says."""
    async with provider:
        with pytest.raises(Unreachable):
            await all_events(provider, request)
