"""Daily limits: for each person and for all, not for admins; what failed is free; the sentence says for how long."""

import asyncio
import re
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from chat.buttons import Action
from chat.errors import BadKey, CutOff
from chat.events import Completed, Usage
from chat.incoming import Address, Incoming, Sender
from handlers import quotas
from handlers.access import AccessSettings
from handlers.settings import LimitsSettings
from storage.base import Amount, Spent
from tests.fakes import words
from tests.handlers.scene import ADMIN, ANNA, BOB, GROUP, PRIVATE, Desk, Scene, invoked, play, pressed, said
from tests.virtual_time import run_virtual

ANNA_IS = "telegram:1001"
AT_BOBS = Address("telegram", "5")
PLAYGROUND = Address("playground", "1")


WHEN = {"hours": "1", "minutes": "02", "timezone": "Europe/Berlin"}


def without_time(sentence: str) -> str:
    """The sentence, whatever the time that is left: it passes while a test runs."""
    return re.sub(r"\d+ (h|ч) \d\d (min|мин)", "…", sentence)


def today(scene: Scene) -> str:
    return f"{scene.services.now():%Y-%m-%d}"


async def spend(scene: Scene, who: str, day: str | None = None, **amount: int) -> None:
    """Somebody used that much."""
    turn = await scene.receive(said("earlier", Address("telegram", "77"), key=f"{who} {day} {amount}"))
    spent = Spent(day or today(scene), who, Amount(**amount))
    await scene.store.answer(turn.id, turn.reply, None, (), failed=False, spent=spent)


async def refusal(scene: Scene, incoming: Incoming, kind: quotas.Kind = "messages", count: int = 1) -> str:
    async with quotas.reserved(scene.services, incoming, kind, count) as sentence:
        return sentence


async def refused(scene: Scene, incoming: Incoming, kind: quotas.Kind = "messages", count: int = 1) -> bool:
    return bool(await refusal(scene, incoming, kind, count))


# How much


@pytest.mark.parametrize(("used", "is_refused"), [(0, False), (1, False), (2, True), (3, True)])
async def test_a_person_has_just_as_many_messages_as_the_config_says(used: int, is_refused: bool) -> None:
    scene = Scene(limits=LimitsSettings(messages_per_day=2))
    await spend(scene, ANNA_IS, messages=used)
    assert await refused(scene, said("x")) is is_refused
    assert await refused(scene, said("x", GROUP)) is is_refused, "it is the person that counts, not the place"
    assert not await refused(scene, said("x", AT_BOBS, BOB)), "nobody else's"


@pytest.mark.parametrize(("count", "is_refused"), [(1, False), (2, False), (3, True), (4, True)])
async def test_pictures_that_dont_all_fit_are_refused_together(count: int, is_refused: bool) -> None:
    scene = Scene(limits=LimitsSettings(images_per_day=3))
    await spend(scene, ANNA_IS, images=1)
    assert await refused(scene, invoked("image"), "images", count) is is_refused


async def test_messages_and_pictures_are_counted_apart() -> None:
    scene = Scene(limits=LimitsSettings(messages_per_day=5, images_per_day=5))
    await spend(scene, ANNA_IS, messages=5)
    assert not await refused(scene, invoked("image"), "images")
    await spend(scene, ANNA_IS, images=5)
    assert await refused(scene, invoked("image"), "images")


async def test_the_limit_for_all_stops_those_too_who_used_nothing() -> None:
    scene = Scene(limits=LimitsSettings(all_messages_per_day=3))
    await spend(scene, "telegram:5", messages=2)
    assert not await refused(scene, said("x"))
    await spend(scene, "playground:1", messages=1)
    sentence = await refusal(scene, said("x"))
    assert without_time(sentence) == without_time(scene.say("quota.all_messages", **WHEN))
    assert not await refused(scene, invoked("image"), "images"), "that one is for messages"


async def test_a_limit_of_nothing_lets_nobody_but_admins_through() -> None:
    scene = Scene(limits=LimitsSettings(messages_per_day=0, images_per_day=0, all_messages_per_day=0))
    assert await refused(scene, said("x"))
    assert await refused(scene, invoked("image"), "images")
    assert not await refused(scene, said("x", sender=ADMIN))
    assert not await refused(scene, invoked("image", sender=ADMIN), "images")


async def test_the_playgrounds_user_is_an_admin_where_its_people_are_trusted() -> None:
    nothing = LimitsSettings(messages_per_day=0, images_per_day=0)
    asked = said("x", PLAYGROUND, Sender("1"))
    assert not await refused(Scene(limits=nothing, trusted=["playground"]), asked)
    assert await refused(Scene(limits=nothing), asked)


async def test_what_was_used_yesterday_or_on_another_messenger_doesnt_count() -> None:
    scene = Scene(limits=LimitsSettings(messages_per_day=1, all_messages_per_day=2))
    yesterday = scene.services.now() - timedelta(days=1)
    await spend(scene, ANNA_IS, f"{yesterday:%Y-%m-%d}", messages=9)
    await spend(scene, "discord:1001", messages=1)
    assert not await refused(scene, said("x"))


async def test_the_sentence_is_in_the_persons_language_with_the_limit_and_when_it_begins_again() -> None:
    scene = Scene(limits=LimitsSettings(messages_per_day=1, images_per_day=7))
    await spend(scene, ANNA_IS, messages=1, images=6)
    russian = Sender(ANNA.id, "Анна", "ru")
    say = scene.texts.of("ru").say
    sentence = await refusal(scene, said("x", sender=russian), "messages")
    assert without_time(sentence) == without_time(say("quota.messages", limit=1, used=1, **WHEN))
    sentence = await refusal(scene, invoked("image", sender=russian), "images", 2)
    assert without_time(sentence) == without_time(say("quota.images", limit=7, used=6, **WHEN))


async def test_what_runs_side_by_side_counts_before_it_is_spent_and_no_longer_than_it_runs() -> None:
    scene = Scene(limits=LimitsSettings(messages_per_day=2, all_messages_per_day=3))
    everywhere = [said(f"x{number}", Address("telegram", "-100", str(number), private=False)) for number in range(9)]
    async with AsyncExitStack() as asking:
        sentences = [
            await asking.enter_async_context(quotas.reserved(scene.services, each, "messages")) for each in everywhere
        ]
        assert [bool(sentence) for sentence in sentences] == [False] * 2 + [True] * 7
        somebody = [said("x", sender=Sender(str(number))) for number in (6, 7)]
        assert [await refused(scene, each) for each in somebody] == [False, False]
        await asking.enter_async_context(quotas.reserved(scene.services, somebody[0], "messages"))
        assert await refused(scene, somebody[1]), "all together have no more"
    assert not await refused(scene, everywhere[0])


# When it begins again


@pytest.mark.parametrize(
    ("zone", "now", "left"),
    [
        ("UTC", "2026-11-21T00:00:00+00:00", ("24", "00")),
        ("UTC", "2026-11-21T13:29:59+00:00", ("10", "30")),
        ("UTC", "2026-11-21T23:59:59+00:00", ("0", "01")),
        ("Europe/Berlin", "2026-03-29T00:00:00+01:00", ("23", "00")),
        ("Europe/Berlin", "2026-03-29T12:00:00+02:00", ("12", "00")),
        ("Europe/Berlin", "2026-10-25T00:00:00+02:00", ("25", "00")),
        ("Europe/Berlin", "2026-10-25T02:30:00+01:00", ("21", "30")),  # the second time that it is half past two
        ("Asia/Kolkata", "2026-11-21T20:00:00+00:00", ("22", "30")),
        ("America/Havana", "2026-10-31T23:00:00-04:00", ("1", "00")),  # midnight comes twice that night
        ("Asia/Beirut", "2026-03-28T23:00:00+02:00", ("1", "00")),  # there is no midnight that night
        ("Pacific/Kiritimati", "2026-12-31T09:15:00+00:00", ("0", "45")),
    ],
)
def test_the_day_ends_at_midnight_where_the_bot_is_at_home_also_when_the_clock_changes(
    zone: str, now: str, left: tuple[str, str]
) -> None:
    services = Scene().services
    at_home = ZoneInfo(zone)
    when = quotas.reset(replace(services, timezone=at_home), datetime.fromisoformat(now).astimezone(at_home))
    assert (when["hours"], when["minutes"]) == left
    assert when["timezone"] == zone


def test_the_time_that_is_left_and_the_day_that_is_counted_are_of_the_same_zone() -> None:
    scene = Scene()
    spent = scene.services.spent(said("x"), Amount(1))
    assert spent.who == ANNA_IS
    berlin = ZoneInfo("Europe/Berlin")
    assert spent.day in {f"{datetime.now(UTC).astimezone(berlin):%Y-%m-%d}", today(scene)}


# What counts


def used(desk: Scene, who: str = ANNA_IS) -> Amount:
    return run_virtual(desk.store.used(today(desk), who))


def test_an_answer_counts_one_message_and_its_tokens() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(said("one"), said("two"))

    desk = play(Desk(["Hi", Completed("done", Usage(10, 3))], ["Ho", Completed("done", Usage(20, 4))]), work)
    assert used(desk) == used(desk, "") == Amount(2, 0, 30, 7)


@pytest.mark.parametrize("script", [[BadKey("401")], [ValueError("bug")], [Completed()], ["", Completed()]])
def test_a_failed_answer_without_text_costs_nothing(script: list[str | Exception]) -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(said("hello"))

    desk = play(Desk(script), work)
    assert desk.states() == ["dead"]
    assert used(desk).messages == 0


def test_an_answer_that_broke_off_with_text_counts_and_so_does_its_retry() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(said("hello"))
        await desk.settle()
        assert (await desk.store.used(today(desk), ANNA_IS)).messages == 1
        await desk.hand_in(pressed(Action("retry", 1)))
        await desk.settle()
        await desk.hand_in(invoked("retry"))

    desk = play(Desk(["Once upon", CutOff("reset")]), work)
    assert used(desk).messages == 3


def test_a_retry_of_an_answer_that_cost_nothing_costs_one() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(said("hello"))
        await desk.settle()
        await desk.hand_in(pressed(Action("retry", 1)))

    assert used(play(Desk([BadKey("401")]), work)).messages == 1


def test_a_stopped_answer_counts_and_a_refused_question_doesnt() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(said("story"))
        await asyncio.sleep(1)
        await desk.hand_in(invoked("stop"))
        await desk.settle()
        await desk.hand_in(said("one too many"))

    desk = play(Desk([*words("Once upon a time"), 60.0, Completed()], limits=LimitsSettings(messages_per_day=1)), work)
    assert used(desk).messages == 1
    assert desk.sent()[1].startswith("⏳")
    assert desk.states()[-1] == "done", "a refusal is no failure: no Retry button"


def test_commands_cost_nothing_and_still_work_when_all_is_used_up() -> None:
    async def work(desk: Desk) -> None:
        for command in ("help", "start", "model", "usage", "new", "system", "forget", "retry"):
            await desk.hand_in(invoked(command))
            await desk.settle()

    desk = play(Desk(limits=LimitsSettings(messages_per_day=0)), work)
    assert used(desk) == Amount()
    assert not any("⏳" in text for text in desk.sent(PRIVATE))


def test_an_admin_has_no_limit_but_what_they_use_is_shown() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(said("hello", sender=ADMIN))

    settings = AccessSettings(public=True, admins=("telegram:9",))
    desk = play(Desk(access=settings, limits=LimitsSettings(messages_per_day=0)), work)
    assert desk.sent() == ["All right."]
    assert used(desk, "telegram:9").messages == 1
