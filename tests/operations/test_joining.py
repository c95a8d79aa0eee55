"""What a client takes apart is one question again: long pastes and albums, never across people or conversations."""

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.buttons import Action
from chat.incoming import Address, Attachment, Incoming, Quote, Said, Sender
from chat.replies import ReplyState
from handlers.settings import LimitsSettings, ModelSettings
from operations.joining import APART_SECONDS, WAIT_SECONDS, continues, joined, may_continue
from providers.base import Capabilities
from storage.base import Turn
from tests.fakes import words
from tests.handlers.scene import ANNA, BOB, GROUP, PRIVATE, TOPIC, Desk, invoked, play, pressed, said

STORY = " ".join(f"word{number}" for number in range(100))


def piece(text: str, address: Address = PRIVATE, sender: Sender = ANNA) -> Said:
    """A part of a paste that goes on."""
    return replace(said(text, address, sender), unfinished=True)


def photo(name: str, album: str = "a1", text: str = "", sender: Sender = ANNA) -> Said:
    """A picture of an album."""
    one = said(text, sender=sender, key=f"{album} {name}")
    return replace(one, album=album, images=(Attachment(name, "", "image/jpeg", 5),))


def turn(number: int, incoming: Incoming, received_at: float = 0.0) -> Turn:
    return Turn(number, incoming, received_at=received_at)


def seeing() -> Desk:
    """A desk whose model takes pictures, with the files of some."""
    desk = Desk(model=ModelSettings(provider="fake", vision=True), capabilities=Capabilities(vision=True))
    desk.chat().files |= {name: name.encode() for name in "abcdefghij"}
    return desk


def pictures(desk: Desk) -> list[list[str]]:
    """The pictures of each request."""
    return [[image.data.decode() for image in request.messages[-1].images] for request in desk.provider.requests]


# What belongs together


@pytest.mark.parametrize(
    ("before", "after", "together"),
    [
        (piece("1"), said("2"), True),
        (piece("1"), piece("2"), True),
        (said("1"), said("2"), False),
        (said("1"), piece("2"), False),
        (piece("1"), said("2", sender=BOB), False),
        (photo("a"), photo("b"), True),
        (photo("a"), photo("b", "a2"), False),
        (photo("a"), photo("b", sender=BOB), False),
        (photo("a"), said("2"), False),
        (said("1"), photo("a"), False),
        (piece("1"), photo("a"), False),
        (piece("1"), invoked("help"), False),
        (invoked("help"), said("2"), False),
    ],
)
def test_parts_belong_together_by_their_album_or_by_a_text_that_goes_on_and_by_who_wrote(
    before: Incoming, after: Incoming, together: bool
) -> None:
    assert continues(turn(1, before), turn(2, after)) is together


def test_texts_that_are_seconds_apart_are_two_and_pictures_of_an_album_never_are() -> None:
    for seconds, together in ((0.0, True), (APART_SECONDS - 0.1, True), (APART_SECONDS, False), (3600, False)):
        assert continues(turn(1, piece("1"), 100), turn(2, said("2"), 100 + seconds)) is together
        assert continues(turn(1, photo("a"), 100), turn(2, photo("b"), 100 + seconds))


def test_only_a_text_that_goes_on_and_a_part_of_an_album_are_waited_for() -> None:
    assert may_continue(turn(1, piece("1")))
    assert may_continue(turn(1, photo("a")))
    for other in (said("1"), invoked("image")):
        assert not may_continue(turn(1, other))


def test_the_whole_has_all_that_its_parts_had_in_order_and_is_the_first_ones() -> None:
    file = Attachment("f", "a.txt")
    parts = [
        replace(piece("one"), quotes=(Quote("reply", "Bob", "x"),)),
        replace(said(""), documents=(file,), other="video"),
        replace(said("three"), images=(Attachment("p"),), quotes=(Quote("forward", "Eve", "y"),), other="voice"),
    ]
    whole = joined([turn(number, part) for number, part in enumerate(parts, 1)])
    assert whole.text == "one\nthree"
    assert [quote.text for quote in whole.quotes] == ["x", "y"]
    assert (whole.documents, whole.images, whole.other) == ((file,), (Attachment("p"),), "video")
    assert (whole.key, whole.address, whole.sender) == (parts[0].key, parts[0].address, ANNA)
    assert not may_continue(turn(1, whole)), "after a restart it is not waited for again"


@given(st.lists(st.text(min_size=1, max_size=30), min_size=1, max_size=8))
def test_no_text_of_any_part_is_lost(texts: list[str]) -> None:
    whole = joined([turn(number, piece(text)) for number, text in enumerate(texts)])
    assert whole.text == "\n".join(texts)


# What is answered


def test_a_paste_of_three_parts_is_one_question_with_one_answer() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(piece("one"), piece("two"), said("three"))

    desk = play(Desk(), work)
    assert desk.provider.questions == ["one\ntwo\nthree"]
    assert desk.sent() == ["All right."]
    assert desk.states() == ["done"] * 3


@pytest.mark.parametrize("pause", [0.05, 0.9])
def test_parts_that_come_one_by_one_are_waited_for(pause: float) -> None:
    async def work(desk: Desk) -> None:
        for part in (piece("one"), piece("two"), piece("three"), said("four")):
            await desk.hand_in(part)
            await asyncio.sleep(pause)

    desk = play(Desk(), work)
    assert desk.provider.questions == ["one\ntwo\nthree\nfour"]


def asked_after(desk: Desk, *incoming: Incoming) -> float:
    """Seconds until the model is asked."""

    async def work(desk: Desk) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await desk.hand_in(*incoming)
        async with asyncio.timeout(60):
            while not desk.provider.requests:
                await asyncio.sleep(0.01)
        waited.append(loop.time() - began)

    waited: list[float] = []
    play(desk, work)
    return waited[0]


def test_what_nothing_follows_waits_about_a_second_and_all_else_not_at_all() -> None:
    assert asked_after(Desk(), said("hello")) < 0.1
    assert asked_after(Desk(), piece("one"), said("two")) <= WAIT_SECONDS + 0.1
    assert asked_after(Desk(), piece("as long as a part, but all")) <= WAIT_SECONDS + 0.1
    assert asked_after(seeing(), photo("a")) <= WAIT_SECONDS + 0.1


def test_an_album_whose_parts_came_together_waits_hardly_longer() -> None:
    """The last part's age is read off the real clock, which stands still here: so it is waited for twice."""
    assert asked_after(seeing(), *map(photo, "abc")) <= 2 * WAIT_SECONDS + 0.1


def test_an_album_is_one_question_with_all_its_pictures_and_the_one_text_under_them() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(photo("a", text="Which is best?"), *map(photo, "bcdefghij"))

    desk = play(seeing(), work)
    assert desk.provider.questions == ["Which is best?"]
    assert pictures(desk) == [list("abcdefghij")]
    assert desk.sent() == ["All right."]


def test_two_albums_are_two_questions() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(photo("a"), photo("b"), photo("c", "a2"), photo("d", "a2"))

    assert pictures(play(seeing(), work)) == [["a", "b"], ["c", "d"]]


def test_a_message_behind_a_paste_is_a_question_of_its_own() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(piece("one"), said("two"), said("three"))

    assert play(Desk(), work).provider.questions == ["one\ntwo", "three"]


def test_what_others_say_meanwhile_is_theirs() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(piece("of Anna", GROUP), said("of Bob", GROUP, BOB), said("in the topic", TOPIC))

    desk = play(Desk(), work)
    assert sorted(desk.provider.questions) == ["Anna: in the topic", "Anna: of Anna", "Bob: of Bob"]


def test_a_command_that_stops_replies_stops_the_wait_for_parts_too() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(piece("one"), invoked("new"), said("two"))

    desk = play(Desk(), work)
    assert desk.provider.questions == ["two"]


def test_parts_that_wait_behind_an_answer_are_joined_when_their_turn_comes() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(said("story"))
        await asyncio.sleep(1)
        await desk.hand_in(piece("one"), piece("two"), said("three"), said("next"))

    desk = play(Desk(words(STORY)), work)
    assert desk.provider.questions == ["story", "one\ntwo\nthree", "next"]


def test_the_whole_is_what_counts_for_the_length_of_a_question() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(piece("x" * 60), said("y" * 60))

    desk = play(Desk(limits=LimitsSettings(input_characters=100)), work)
    assert desk.sent() == [desk.say("reply.too_long", length=121, limit=100)]


def test_it_is_remembered_as_one_question() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(piece("one"), said("two"))
        await desk.settle()
        await desk.hand_in(said("three"))

    desk = play(Desk(), work)
    assert [message.text for message in desk.provider.requests[1].messages] == ["one\ntwo", "All right.", "three"]


def test_a_retry_asks_the_whole_again() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(piece("one"), said("two"))
        await desk.settle()
        await desk.hand_in(invoked("retry"))

    assert play(Desk(), work).provider.questions == ["one\ntwo", "one\ntwo"]


def test_no_part_is_refused_for_its_neighbours() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(*map(photo, "abcdef"))

    desk = seeing()
    desk.services = replace(desk.services, limits=LimitsSettings(waiting_per_chat=2))
    assert pictures(play(desk, work)) == [list("abcdef")]


def test_stop_right_behind_a_paste_stops_it() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(piece("one"), said("two"))
        await asyncio.sleep(0.3)
        await desk.hand_in(invoked("stop"))

    desk = play(Desk(words(STORY)), work)
    assert desk.sent() == [desk.say("reply.stopped")]


# Crashes


@pytest.mark.parametrize("stored", [1, 2, 3])
def test_after_a_crash_between_two_parts_there_is_still_exactly_one_answer(stored: int) -> None:
    parts = [piece("one"), piece("two"), said("three")]

    async def work(desk: Desk) -> None:
        for part in parts[:stored]:
            await desk.keep(part)
        await desk.reception.resume(["telegram"])
        await asyncio.sleep(0.5)
        await desk.hand_in(*parts)  # the messenger hands in again what wasn't acknowledged, and more

    desk = play(Desk(), work)
    assert desk.provider.questions == ["one\ntwo\nthree"]
    assert desk.sent() == ["All right."]
    assert desk.states() == ["done"] * 3


def test_after_a_crash_while_the_joined_question_was_answered_it_is_answered_whole_once() -> None:
    async def work(desk: Desk) -> None:
        numbers = [await desk.keep(part) for part in (piece("one"), piece("two"), said("three"))]
        whole = joined([desk.store.turns[number] for number in numbers])
        await desk.store.join(numbers[0], whole, numbers[1:])
        desk.store.change(numbers[0], "running", reply=ReplyState())
        await desk.reception.resume(["telegram"])

    desk = play(Desk(), work)
    assert desk.provider.questions == ["one\ntwo\nthree"]
    assert desk.states() == ["done"] * 3


def test_a_first_part_that_was_begun_alone_before_a_crash_takes_in_what_follows_it() -> None:
    async def work(desk: Desk) -> None:
        await desk.keep(piece("one"), "running")
        await desk.keep(said("two"))
        await desk.reception.resume(["telegram"])

    assert play(Desk(), work).provider.questions == ["one\ntwo"]


def test_a_store_that_fails_while_joining_delays_the_answer_and_loses_nothing() -> None:
    async def work(desk: Desk) -> None:
        desk.store.failing["join"] = 3
        await desk.hand_in(piece("one"), said("two"))

    desk = play(Desk(), work)
    assert desk.provider.questions == ["one\ntwo"]
    assert desk.states() == ["done", "done"]


def test_a_press_or_a_control_command_between_two_parts_parts_nothing() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(piece("one"), invoked("help"), pressed(Action("stop", 99)), said("two"))

    assert play(Desk(), work).provider.questions == ["one\ntwo"]
