"""Retrying pictures: as replies are tried again, and only where the provider inside draws."""

import asyncio
from collections import deque
from dataclasses import replace

import pytest

from chat.errors import (
    BadKey,
    Blocked,
    Garbled,
    InternalError,
    Overloaded,
    ProviderError,
    RateLimited,
    TimedOut,
    Unreachable,
)
from chat.messages import Image
from providers.base import ImageProvider, ImageRequest
from providers.wrappers import Retrying, can_draw
from tests.providers.test_wrappers import Flaky
from tests.virtual_time import run_virtual

CAT = ImageRequest("painter", "a cat")
PICTURE = Image(b"GIF89a", "image/gif")


class Painter(Flaky):
    """A provider that draws, after it failed with `refusals`, one each."""

    def __init__(self, *refusals: Exception) -> None:
        super().__init__()
        self.failures = deque(refusals)
        self.drew_at: list[float] = []

    async def draw(self, request: ImageRequest) -> Image:
        assert replace(request, attempts=1) == CAT
        self.drew_at.append(asyncio.get_running_loop().time() - 1000)
        if self.failures:
            raise self.failures.popleft()
        return PICTURE


def draw(painter: Painter, attempts: int = 4) -> Image | ProviderError:
    async def work() -> Image | ProviderError:
        try:
            return await Retrying(painter).draw(replace(CAT, attempts=attempts))
        except ProviderError as error:
            return error

    return run_virtual(work())


def test_a_failure_that_may_pass_is_tried_again_after_one_two_and_four_seconds() -> None:
    painter = Painter(Overloaded(), Unreachable(), RateLimited())
    assert draw(painter) is PICTURE
    assert painter.drew_at == pytest.approx([0, 1, 3, 7])


def test_each_request_after_the_first_is_told_so_that_one_budget_can_be_for_several_pictures() -> None:
    told: list[str] = []
    painter = Painter(Overloaded(), Unreachable())
    request = replace(CAT, attempts=4, again=lambda: told.append("again"))
    assert run_virtual(Retrying(painter).draw(request)) is PICTURE
    assert told == ["again", "again"]


def test_after_a_time_out_no_second_picture_is_asked_for_because_the_first_may_be_paid_already() -> None:
    painter = Painter(error := TimedOut())
    assert draw(painter) is error
    assert painter.drew_at == [0]


def test_a_server_that_says_how_long_is_asked_again_just_then_but_not_after_more_than_a_minute() -> None:
    patient, impatient = Painter(RateLimited(retry_after=17)), Painter(error := RateLimited(retry_after=61))
    assert draw(patient) is PICTURE
    assert patient.drew_at == pytest.approx([0, 17])
    assert draw(impatient) is error
    assert impatient.drew_at == [0]


def test_the_last_failure_is_raised_when_the_attempts_are_used_up() -> None:
    failures = [Overloaded(str(number)) for number in range(5)]
    painter = Painter(*failures)
    assert draw(painter, attempts=3) is failures[2]
    assert len(painter.drew_at) == 3


@pytest.mark.parametrize("error", [BadKey(), Blocked(), Garbled()], ids=lambda error: type(error).__name__)
def test_a_failure_that_will_not_pass_is_raised_at_once(error: ProviderError) -> None:
    painter = Painter(error)
    assert draw(painter) is error
    assert painter.drew_at == [0]


def test_whether_a_provider_draws_is_told_through_any_wrapping() -> None:
    painter, writer = Painter(), Flaky()
    assert (can_draw(painter), can_draw(Retrying(painter)), can_draw(Retrying(Retrying(painter)))) == (True,) * 3
    assert (can_draw(writer), can_draw(Retrying(writer)), can_draw(Retrying(Retrying(writer)))) == (False,) * 3
    assert isinstance(painter, ImageProvider)


async def test_to_let_a_writer_draw_is_a_fault_of_ours_that_names_it() -> None:
    with pytest.raises(InternalError, match="Flaky"):
        await Retrying(Flaky()).draw(CAT)
