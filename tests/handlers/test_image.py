"""/image: each picture is shown when it is ready, with progress; what is drawn is counted once, whatever happens."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from chat.buttons import Action
from chat.errors import Blocked, Overloaded
from chat.events import Completed
from chat.incoming import Sender
from chat.messages import Image
from chat.replies import ReplyState
from handlers.image import LARGEST, MOST, SMALLEST
from handlers.settings import ImageModelSettings, LimitsSettings
from messengers.base import Page, PlaceGone, Refused, SlowDown, Unsure
from providers.base import ImageRequest
from storage.base import Amount
from tests.handlers.scene import ADMIN, ANNA, GROUP, Desk, FakePainter, Scene, invoked, play, pressed, said
from tests.servers.model_images import tiny_png
from tests.virtual_time import run_virtual

OPTIONS = "`--ratio` `--count` `--model` `--seed` `--width` `--height`"


def drawing(text: str, painter: FakePainter | None = None, **scene: Any) -> Desk:
    """A desk at which somebody asked for pictures, when all is over."""

    async def work(desk: Desk) -> None:
        await desk.hand_in(invoked("image", text=text))

    return play(Desk(painter=painter or FakePainter(), **scene), work)


def at(seconds: float, then: Callable[[Desk], Awaitable[None]], text: str, desk: Desk) -> Desk:
    """Somebody asks for pictures, and something else happens while they are drawn."""

    async def work(desk: Desk) -> None:
        await desk.hand_in(invoked("image", text=text))
        await asyncio.sleep(seconds)
        await then(desk)

    return play(desk, work)


def drawn(desk: Desk) -> list[str]:
    """The pictures that people see, by their numbers."""
    return [image.data.decode() for image in desk.chat().images]


def counted(desk: Desk) -> int:
    return run_virtual(desk.store.used(f"{desk.services.now():%Y-%m-%d}", f"telegram:{ANNA.id}")).images


class Insistent(FakePainter):
    """Draws each picture at the second request for it, where it may make one."""

    async def draw(self, request: ImageRequest) -> Image:
        if request.attempts > 1:
            request.again()
        return await super().draw(request)


def test_the_limit_of_attempts_is_for_all_pictures_together() -> None:
    desk = drawing("a cat --count 4", Insistent(), limits=LimitsSettings(attempts_per_turn=3))
    assert [order.attempts for order in desk.painter.orders] == [3, 2, 1, 1]
    assert drawn(desk) == ["1", "2", "3", "4"]


class Stubborn(FakePainter):
    """Draws in one size, whatever is asked for."""

    async def draw(self, request: ImageRequest) -> Image:
        await super().draw(request)
        return Image(tiny_png(48, 32), "image/png")


def test_the_size_that_is_told_is_the_one_that_was_drawn() -> None:
    assert "48×32" in drawing("a cat --ratio 16:9", Stubborn()).sent()[0]
    assert "800×512" in drawing("a cat --ratio 16:9").sent()[0], "nothing is known of this picture"


# What is asked for


@pytest.mark.parametrize(
    ("text", "size", "prompt"),
    [
        ("a cat", (1024, 1024), "a cat"),
        ("a cat --ratio 16:9", (800, 512), "a cat"),
        ("--ratio 9:16 a cat", (512, 800), "a cat"),
        ("a —ratio=1:1 cat", (1024, 1024), "a cat"),
        ("a cat --ratio 16:9 --width 640", (640, 512), "a cat"),
        ("a cat --height 64 --width 2048 --ratio 9:16", (2048, 64), "a cat"),
    ],
)
def test_sizes_come_from_the_ratio_and_explicit_sides_win(text: str, size: tuple[int, int], prompt: str) -> None:
    (order,) = drawing(text).painter.orders
    assert ((order.width, order.height), order.prompt, order.seed) == (size, prompt, None)


@pytest.mark.parametrize(
    ("text", "model"),
    [("cat", "flux"), ("cat --model sketch", "sketch"), ("cat --model FLUX", "flux"), ("--model=Sketch cat", "sketch")],
)
def test_the_first_model_draws_where_none_is_named(text: str, model: str) -> None:
    desk = drawing(text)
    assert [order.model for order in desk.painter.orders] == [model]
    assert f"🎨 {model} · 1024×1024" in desk.sent()


def test_several_pictures_have_seeds_one_after_the_other() -> None:
    desk = drawing("a cat --seed 7 --count 4")
    assert [order.seed for order in desk.painter.orders] == [7, 8, 9, 10]
    assert "🎨 flux · 1024×1024 · seed 7" in desk.sent()


def test_the_models_parameters_go_along() -> None:
    desk = Desk(painter=FakePainter())
    flux = desk.services.image_models["flux"]
    object.__setattr__(flux, "settings", ImageModelSettings(provider="fake", model="f", parameters={"steps": 4}))
    at(0, lambda _: asyncio.sleep(0), "a cat", desk)
    assert desk.painter.orders[0].parameters == {"steps": 4}


@pytest.mark.parametrize(
    ("text", "key", "values"),
    [
        ("", "image.no_prompt", {}),
        ("--count 2", "image.no_prompt", {}),
        ("  ", "image.no_prompt", {}),
        ("cat --count 0", "image.count", {"most": MOST}),
        (f"cat --count {MOST + 1}", "image.count", {"most": MOST}),
        ("cat --ratio 4:3", "image.bad_option", {"name": "ratio", "options": OPTIONS}),
        ("cat --ratio", "image.bad_option", {"name": "ratio", "options": OPTIONS}),
        ("cat --count two", "image.bad_option", {"name": "count", "options": OPTIONS}),
        ("cat --seed -1", "image.bad_option", {"name": "seed", "options": OPTIONS}),
        ("cat --Style oil", "image.bad_option", {"name": "style", "options": OPTIONS}),
        (f"cat --width {SMALLEST - 1}", "image.size", {"smallest": SMALLEST, "largest": LARGEST}),
        (f"cat --height {LARGEST + 1}", "image.size", {"smallest": SMALLEST, "largest": LARGEST}),
        ("cat --model `dall", "model.unknown", {"name": "dall", "names": "`flux`, `sketch`"}),
        ("x" * 101, "reply.too_long", {"length": 101, "limit": 100}),
    ],
)
@pytest.mark.parametrize("language", ["en", "ru"])
def test_what_cant_be_drawn_is_one_sentence_and_costs_nothing(
    text: str, key: str, values: dict[str, Any], language: str
) -> None:
    scene = Scene(painter=FakePainter(), limits=LimitsSettings(input_characters=100))
    asked = invoked("image", sender=Sender(ANNA.id, "Anna", language), text=text)
    outcome = run_virtual(scene.handled(asked))
    assert outcome.final
    assert outcome.final.note == scene.texts.of(language).say(key, **values)
    assert (outcome.failed, outcome.spent, scene.painter.orders) == (False, None, [])


async def test_without_a_model_that_draws_it_is_said_who_can_change_that() -> None:
    scene = Scene()
    assert await scene.told(invoked("image", text="a cat")) == scene.say("image.no_models")


# What is shown


def test_each_picture_is_shown_when_it_is_ready_with_the_prompt_and_the_progress_before_it() -> None:
    desk = Desk(painter=FakePainter(seconds=10))

    async def look(desk: Desk) -> None:
        for number in (1, 2, 3):
            assert drawn(desk) == [str(done) for done in range(1, number)]
            assert desk.sent()[0] == desk.say("image.progress", number=number, count=3)
            assert desk.chat().messages["m1"].buttons == (desk.say("button.stop"),)
            await asyncio.sleep(10)

    at(5, look, "a cat --count 3", desk)
    assert drawn(desk) == ["1", "2", "3"]
    assert desk.sent() == ["🎨 flux · 1024×1024", "a cat", "a cat", "a cat"]
    assert desk.chat().messages["m1"].buttons == ()
    assert (desk.states(), counted(desk)) == (["done"], 3)


def test_progress_is_told_in_the_persons_language() -> None:
    desk = Desk(painter=FakePainter(seconds=5))

    async def work(desk: Desk) -> None:
        await desk.hand_in(invoked("image", sender=Sender(ANNA.id, "Анна", "ru"), text="кот"))
        await asyncio.sleep(3)
        assert desk.sent() == [desk.texts.of("ru").say("image.progress", number=1, count=1)]

    play(desk, work)


def test_pictures_are_no_history_and_the_model_that_answers_is_not_asked() -> None:
    async def ask(desk: Desk) -> None:
        await desk.hand_in(said("hello"))

    desk = at(30, ask, "a cat", Desk(painter=FakePainter()))
    assert [[message.text for message in request.messages] for request in desk.provider.requests] == [["hello"]]


def test_in_a_group_the_pictures_answer_whoever_asked() -> None:
    desk = Desk(painter=FakePainter())

    async def work(desk: Desk) -> None:
        await desk.hand_in(invoked("image", GROUP, text="a cat"))

    play(desk, work)
    assert len(desk.chat(GROUP).images) == 1


def test_pictures_wait_their_turn_behind_an_answer() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(said("hello"), invoked("image", text="a cat"))
        await asyncio.sleep(1)
        assert desk.painter.orders == []

    desk = play(Desk(["word ", 30.0, "end", Completed()], painter=FakePainter()), work)
    assert drawn(desk) == ["1"]


# Stopping


@pytest.mark.parametrize(("seconds", "pictures"), [(0.5, 0), (1.5, 1), (3.5, 3)])
def test_stopped_half_way_what_is_there_stays_and_what_was_begun_counts(seconds: float, pictures: int) -> None:
    async def stop(desk: Desk) -> None:
        await desk.hand_in(invoked("stop"))
        await asyncio.sleep(0.5)
        assert desk.services.bot.running == {}

    desk = at(seconds, stop, "a cat --count 4", Desk(painter=FakePainter()))
    assert (len(drawn(desk)), counted(desk)) == (pictures, pictures + 1), "the provider draws on, and is paid"
    assert desk.say("reply.stopped") in desk.sent()
    assert len(desk.painter.orders) == pictures + 1, "nothing more is begun"
    assert desk.states()[0] == "done"


def test_a_picture_that_is_on_its_way_when_somebody_stops_arrives_and_counts() -> None:
    desk = Desk(painter=FakePainter())
    desk.chat().latency = 2.0

    async def stop(desk: Desk) -> None:
        assert drawn(desk) == []
        await desk.hand_in(pressed(Action("stop", 1)))

    at(2, stop, "a cat --count 4", desk)
    assert (drawn(desk), counted(desk), len(desk.painter.orders)) == (["1"], 1, 1)


# Failures


def test_a_failure_half_way_keeps_what_is_there_tells_why_and_counts_what_was_drawn() -> None:
    desk = drawing("a cat --count 3", FakePainter(None, Blocked("no", provider="hf")))
    assert drawn(desk) == ["1"]
    assert desk.say("error.blocked", provider="hf") in desk.sent()
    assert (desk.states(), counted(desk)) == (["dead"], 1)


def test_a_failure_before_the_first_picture_costs_nothing_and_retry_draws_all() -> None:
    async def retry(desk: Desk) -> None:
        assert desk.states() == ["dead"]
        assert await desk.store.used(f"{desk.services.now():%Y-%m-%d}") == Amount()
        assert desk.chat().messages["m1"].buttons == (desk.say("button.retry"),)
        await desk.hand_in(pressed(Action("retry", 1)))

    desk = at(30, retry, "a cat --count 2", Desk(painter=FakePainter(Overloaded("503", provider="hf"))))
    assert (len(drawn(desk)), counted(desk)) == (2, 2)


def test_told_to_slow_down_it_waits_and_sends_the_same_picture() -> None:
    desk = Desk(painter=FakePainter(seconds=20))

    async def flood(desk: Desk) -> None:
        desk.chat().failures.extend([SlowDown(35), SlowDown(250), Unsure("502")])

    at(10, flood, "a cat --count 2", desk)
    assert drawn(desk) == ["1", "2"]
    sends = [call for call in desk.chat().calls if call.kind == "image"]
    assert [call.error for call in sends] == ["SlowDown", "SlowDown", "Unsure", "", ""]
    assert sends[1].at - sends[0].at > 35
    assert sends[2].at - sends[1].at > 250
    assert counted(desk) == 2


@pytest.mark.parametrize("failures", [[Refused("too big")], [Unsure("502")] * 2])
def test_a_picture_that_cant_be_shown_is_told_with_retry_and_counted(
    failures: list[Refused | Unsure],
) -> None:
    desk = Desk(painter=FakePainter(seconds=20))

    async def fail(desk: Desk) -> None:
        desk.chat().failures.extend(failures)

    at(10, fail, "a cat", desk)
    assert desk.sent() == [desk.say("error.not_sent")]
    assert desk.chat().messages["m1"].buttons == (desk.say("button.retry"),)
    assert (desk.states(), counted(desk)) == (["dead"], 1)
    assert len([call for call in desk.chat().calls if call.kind == "image"]) <= 2, "it may be there already"


def test_where_the_place_is_gone_nothing_more_is_drawn() -> None:
    desk = Desk(painter=FakePainter(seconds=20))

    async def leave(desk: Desk) -> None:
        desk.chat().failures.extend([PlaceGone("blocked")] * 9)

    at(10, leave, "a cat --count 4", desk)
    assert len(desk.painter.orders) == 1
    assert desk.services.bot.running == {}


@pytest.mark.parametrize("times", [1, 4])
def test_a_store_that_fails_for_a_while_makes_no_picture_twice(times: int) -> None:
    async def fail(desk: Desk) -> None:
        desk.store.failing["drew"] = times

    desk = at(0.5, fail, "a cat --count 2", Desk(painter=FakePainter()))
    assert drawn(desk) == ["1", "2"]
    assert (len(desk.painter.orders), counted(desk)) == (2, 2)


# Limits


def test_more_than_what_is_left_of_today_is_refused_before_anything_is_drawn() -> None:
    async def again(desk: Desk) -> None:
        await desk.hand_in(invoked("image", text="a dog --count 2"), invoked("image", text="a bird"))

    desk = at(30, again, "a cat --count 2", Desk(painter=FakePainter(), limits=LimitsSettings(images_per_day=3)))
    assert [order.prompt for order in desk.painter.orders] == ["a cat", "a cat", "a bird"]
    assert sum(text.startswith("⏳ That is more") for text in desk.sent()) == 1
    assert counted(desk) == 3


def test_admins_draw_without_a_limit() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(invoked("image", sender=ADMIN, text="a cat"))

    desk = play(Desk(painter=FakePainter(), limits=LimitsSettings(images_per_day=0)), work)
    assert drawn(desk) == ["1"]


# After a restart


def interrupted(drawn_before: int, limits: LimitsSettings | None = None) -> Desk:
    """A run that goes on with three pictures, of which an earlier run sent so many."""

    async def work(desk: Desk) -> None:
        message = await desk.chat().send(Page("🎨 Drawing", 9))
        turn = await desk.keep(
            invoked("image", text="a cat --count 3 --seed 5"), "running", reply=ReplyState((message,), "🎨 Drawing")
        )
        for _ in range(drawn_before):
            await desk.store.drew(turn)
        await desk.reception.resume(["telegram"])

    return play(Desk(painter=FakePainter(), limits=limits), work)


@pytest.mark.parametrize("drawn_before", [0, 1, 2, 3])
def test_only_the_missing_pictures_are_drawn_with_their_own_seeds_and_all_are_counted_once(drawn_before: int) -> None:
    desk = interrupted(drawn_before)
    assert [order.seed for order in desk.painter.orders] == [5, 6, 7][drawn_before:]
    assert desk.sent()[0] == "🎨 flux · 1024×1024 · seed 5"
    assert (counted(desk), desk.states()) == (3, ["done"])


def test_what_was_allowed_and_begun_is_finished_also_where_the_config_allows_less_by_now() -> None:
    desk = interrupted(2, LimitsSettings(images_per_day=1))
    assert (len(desk.painter.orders), counted(desk)) == (1, 3)
