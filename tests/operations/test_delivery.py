"""A final form that comes as new messages: once, whole, and with nothing left of what it replaced, whatever happens."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial

import pytest

from chat.buttons import Action, Button
from chat.replies import Anew, Final, ReplyState
from messengers.base import MessageGone, MessengerError, Page, PlaceGone, Refused, SlowDown, Unsure
from messengers.buckets import UNLIMITED, Bucket, Rate
from messengers.budget import PlaceBudget
from operations.outbox import Letter, Outbox
from operations.tasks import Tasks
from tests.fakes import FakeChat, FakeMessage
from tests.handlers.scene import PRIVATE, said
from tests.operations.memory_store import MemoryStore
from tests.virtual_time import run_virtual

STORY = " ".join(f"word{number}" for number in range(30))
ANEW = Anew(at=0.0, pointer="further down")
UNKNOWN = ("behind send", "before checkpoint")  # a message may be there that nobody knows of
CONTINUE = Button("Continue", Action("continue", 1))


class Killed(BaseException):
    """The program is gone, just here."""


class Clock:
    """Counts what happens; the program dies where it reaches `dies_at`."""

    def __init__(self, dies_at: int = 0) -> None:
        self.dies_at = dies_at
        self.now = 0
        self.died_in = ""

    def tick(self, where: str) -> None:
        self.now += 1
        if self.now == self.dies_at:
            self.died_in = where
            raise Killed(where)


class MortalChat(FakeChat):
    """A chat whose calls the program may die before, or behind. With nonces where sends are idempotent."""

    clock = Clock()

    async def send(
        self, page: Page, buttons: Sequence[Button] = (), *, reply: bool = False, nonce: str = "", previous: str = ""
    ) -> str:
        self.clock.tick("before send")
        known = next((number for number, message in self.messages.items() if nonce and message.nonce == nonce), "")
        sent = known if known and self.sends_are_idempotent else await super().send(page, buttons, nonce=nonce)
        self.clock.tick("behind send")
        return sent

    async def edit(self, message: str, page: Page, buttons: Sequence[Button] = ()) -> None:
        self.clock.tick("before edit")
        await super().edit(message, page, buttons)
        self.clock.tick("behind edit")

    async def delete(self, message: str) -> None:
        self.clock.tick("before delete")
        await super().delete(message)
        self.clock.tick("behind delete")


class MortalStore(MemoryStore):
    """A store in which the program may die before a transaction, or behind it."""

    clock = Clock()

    async def checkpoint(self, turn: int, reply: ReplyState) -> None:
        self.clock.tick("before checkpoint")
        await super().checkpoint(turn, reply)
        self.clock.tick("behind checkpoint")


class World:
    """What outlives a kill: the chat, and the store with one answer whose messages grew."""

    def __init__(self, *shown: str, idempotent: bool = False) -> None:
        self.store = MortalStore()
        self.chat = MortalChat(limit=100)
        self.chat.sends_are_idempotent = idempotent
        for number, text in enumerate(shown, 1):
            self.chat.messages[f"old{number}"] = FakeMessage(text, ("Stop",), nonce=f"1.0.{number - 1}")

    async def prepare(self, final: Final) -> None:
        turn = await self.store.receive(said("?"))
        assert turn
        await self.store.answer(turn.id, ReplyState(tuple(self.chat.messages), final.text), final, (), failed=False)

    async def run(self, dies_at: int = 0) -> Clock:
        """The program from a start on, until all is delivered or it dies."""
        clock = self.chat.clock = self.store.clock = Clock(dies_at)
        turn = self.store.turns[1]
        if turn.state != "answered":
            return clock
        assert turn.final
        async with Tasks() as tasks:
            outbox = Outbox(lambda _: self.chat, self.store, tasks)
            outbox.put(Letter(1, PRIVATE, turn.reply, turn.final, key=turn.key))
            assert await tasks.idle(1_000_000)
            if tasks._crash.done():
                with pytest.raises(Killed):
                    await tasks.crash()
        return clock

    @property
    def texts(self) -> list[str]:
        return [message.text for message in self.chat.messages.values()]

    @property
    def whole(self) -> list[str]:
        """The messages that aren't just the beginning of one."""
        return [text for text in self.texts if not text.endswith("…")]

    @property
    def reply(self) -> ReplyState:
        return self.store.turns[1].reply


def play(world: World, final: Final, work: Callable[[World], Awaitable[object]] = World.run) -> World:
    async def whole() -> None:
        await world.prepare(final)
        await work(world)

    run_virtual(whole())
    return world


def pieces(text: str) -> list[str]:
    return text.split()


def test_an_answer_that_took_long_comes_as_a_new_message_and_the_earlier_one_goes() -> None:
    world = play(World("short"), Final("short and good", "cut", (CONTINUE,), anew=ANEW))
    assert [(message.text, message.buttons) for message in world.chat.messages.values()] == [
        ("short and good\n\ncut", ("Continue",))
    ]
    assert [call.kind for call in world.chat.calls] == ["send", "edit", "delete"]
    assert (world.store.turns[1].state, world.reply) == ("done", ReplyState(("m1",)))


def test_a_long_one_comes_anew_in_all_its_messages_before_the_first_of_the_earlier_ones_goes() -> None:
    world = play(World("word0", "word9", "word20"), Final(STORY, anew=ANEW))
    assert pieces(world.chat.text) == pieces(STORY)
    assert [call.kind for call in world.chat.calls] == ["send", "edit"] * 3 + ["delete"] * 3
    assert [call.message for call in world.chat.made("delete")] == ["old3", "old2", "old1"]


def killed(dies_at: int, shown: Sequence[str], *, idempotent: bool) -> tuple[World, str]:
    """What is left after a kill at that moment and another start; where the program died, if it came to that."""
    deaths: list[str] = []

    async def work(world: World) -> None:
        deaths.append((await world.run(dies_at)).died_in)
        await world.run()

    return play(World(*shown, idempotent=idempotent), Final(STORY, anew=ANEW), work), deaths[0]


@pytest.mark.parametrize("idempotent", [False, True])
@pytest.mark.parametrize("shown", [("word0 word1",), ("word0", "word9", "word20", "one too many")])
def test_killed_at_any_point_one_whole_answer_is_left_and_nothing_else(shown: Sequence[str], idempotent: bool) -> None:
    """But for the beginning of a message where the program dies between Telegram's doing and its own knowing."""
    deaths: set[str] = set()
    for dies_at in itertools.count(1):
        world, died_in = killed(dies_at, shown, idempotent=idempotent)
        assert pieces(" ".join(world.whole)) == pieces(STORY), f"killed {died_in}, moment {dies_at}"
        assert len(world.texts) - len(world.whole) <= (died_in in UNKNOWN and not idempotent)
        assert all(world.chat.messages[part].text in world.whole for part in world.reply.parts)
        assert (world.store.turns[1].state, world.reply.stale) == ("done", ())
        assert len(world.chat.made("send")) <= 3 + (died_in in UNKNOWN), "nobody is notified twice"
        if not died_in:
            break
        deaths.add(died_in)
    edits = set() if idempotent else {"before edit", "behind edit"}
    assert deaths >= {f"{when} {what}" for when in ("before", "behind") for what in ("send", "delete", "checkpoint")}
    assert deaths >= edits


def test_one_that_came_anew_comes_anew_again_when_it_went_on_and_is_not_taken_for_the_earlier_one() -> None:
    """Within the time that a messenger knows names of messages for: the names of the new ones are theirs alone."""

    async def twice(world: World) -> None:
        await world.run()
        world.store.change(1, "answered", reply=world.reply, final=Final(f"{STORY} more", anew=ANEW))
        await world.run()

    world = play(World("word0", idempotent=True), Final(STORY, anew=ANEW), twice)
    assert pieces(world.chat.text) == [*pieces(STORY), "more"]
    assert tuple(world.chat.messages) == world.reply.parts == ("m4", "m5", "m6")


@pytest.mark.parametrize("failure", [Unsure("502"), SlowDown(250)])
@pytest.mark.parametrize("when", range(4))
def test_a_call_that_fails_is_made_again_until_all_stands_and_nothing_is_left(
    failure: MessengerError, when: int
) -> None:
    world = World("short")
    world.chat.failures.extend([*[None] * when, failure])
    play(world, Final("short and good", anew=ANEW))
    assert (world.texts, world.reply) == (["short and good"], ReplyState(("m1",)))


def test_before_its_time_the_message_that_is_there_is_changed() -> None:
    world = play(World("short"), Final("short and good", anew=replace(ANEW, at=time.time() + 60)))
    assert [call.kind for call in world.chat.calls] == ["edit"]
    assert list(world.chat.messages) == ["old1"]


def test_what_a_flood_held_back_until_then_comes_anew_too() -> None:
    """Nobody looks at a chat for hours because an answer was about to come."""
    world = World("short")
    world.chat.failures.append(SlowDown(3600))
    hour = partial(lambda: time.time() + asyncio.get_running_loop().time() - 1000)

    async def work(each: World) -> None:
        turn = each.store.turns[1]
        assert turn.final
        async with Tasks() as tasks:
            outbox = Outbox(lambda _: each.chat, each.store, tasks, now=hour)
            outbox.put(Letter(1, PRIVATE, turn.reply, turn.final))
            assert await tasks.idle(10_000)

    play(world, Final("short and good", anew=replace(ANEW, at=time.time() + 60)), work)
    assert [call.kind for call in world.chat.made("send")] == ["send"]
    assert world.texts == ["short and good"]


@pytest.mark.parametrize("quiet", ["no notification", "closes"])
def test_where_a_new_message_helps_nobody_the_one_that_is_there_is_changed(quiet: str) -> None:
    world = World("short")
    world.chat.new_messages_notify = quiet != "no notification"
    world.chat.closes_at = time.time() + 600 if quiet == "closes" else 0.0
    play(world, Final("short and good", anew=ANEW))
    assert list(world.chat.messages) == ["old1"]
    assert world.texts == ["short and good"]


def test_where_nothing_is_there_yet_it_is_new_as_it_is() -> None:
    world = play(World(), Final("short and good", anew=ANEW))
    assert [call.kind for call in world.chat.calls] == ["send", "edit"]


@pytest.mark.parametrize("refusal", [Refused("a new message isn't taken"), PlaceGone("not enough rights to send")])
def test_where_no_new_message_is_taken_the_earlier_one_is_changed_after_all(refusal: MessengerError) -> None:
    world = World("short")
    world.chat.failures.extend([refusal, refusal] if isinstance(refusal, Refused) else [refusal])
    play(world, Final("short and good", anew=ANEW))
    assert list(world.chat.messages) == ["old1"]
    assert (world.texts, world.store.turns[1].state) == (["short and good"], "done")


def test_a_message_that_cant_be_deleted_points_to_the_answer_and_has_no_button_any_more() -> None:
    world = World("short")
    world.chat.failures.extend([None, None, Refused("after 48 hours")])
    play(world, Final("short and good", anew=ANEW))
    old, new = world.chat.messages.values()
    assert ((old.text, old.buttons), new.text) == (("further down", ()), "short and good")
    assert world.reply == ReplyState(("m1",))


@pytest.mark.parametrize("failure", [MessageGone("deleted"), Refused("no")])
def test_one_that_can_be_neither_deleted_nor_changed_holds_nothing_up(failure: MessengerError) -> None:
    world = World("short")
    world.chat.failures.extend([None, None, Refused("after 48 hours"), failure])
    play(world, Final("short and good", anew=ANEW))
    assert (world.store.turns[1].state, world.reply.parts) == ("done", ("m1",))


def test_a_message_too_many_that_cant_be_deleted_is_no_reason_to_give_the_answer_up() -> None:
    world = World("short", "and long")
    world.chat.failures.extend([None, Refused("after 48 hours")])
    play(world, Final("short"))
    assert world.texts == ["short", "…"]
    assert world.store.turns[1].state == "done"


def test_blocked_while_the_earlier_message_goes_the_answer_counts_as_delivered() -> None:
    world = World("short")
    world.chat.failures.extend([None, None, PlaceGone("blocked")])
    play(world, Final("short and good", anew=ANEW))
    assert (world.store.turns[1].state, world.reply.parts) == ("done", ("m1",))


def test_thoughts_stand_above_the_text_and_the_note_below_it() -> None:
    world = play(World("short"), Final("answer", "stopped", thoughts="> hm"))
    assert world.texts == ["> hm\n\nanswer\n\nstopped"]


def test_where_what_comes_anew_is_refused_half_way_the_earlier_messages_are_the_answer_and_the_new_ones_go() -> None:
    world = World("word0", "word9", "word20", idempotent=True)
    world.chat.failures.extend([None, Refused("no"), Refused("not as plain text either")])
    play(world, Final(STORY, anew=ANEW))
    assert list(world.chat.messages) == ["old1", "old2", "old3"]
    assert pieces(" ".join(world.texts)) == pieces(STORY)
    assert (world.store.turns[1].state, world.reply) == ("done", ReplyState(("old1", "old2", "old3")))


def test_where_the_earlier_messages_dont_take_it_either_nothing_of_them_goes() -> None:
    world = World("word0", "word9", "word20", idempotent=True)
    no = Refused("no")
    world.chat.failures.extend([None, no, no, None, None, no, no])
    play(world, Final(STORY, anew=ANEW))
    assert list(world.chat.messages) == ["old1", "old2", "old3"]
    assert world.texts[1:] == ["word9", "word20"]
    assert world.store.turns[1].state == "dead"


def test_a_message_too_many_that_cant_be_deleted_does_not_say_that_the_answer_is_further_down() -> None:
    world = World("short", "and long")
    world.chat.failures.extend([None, Refused("after 48 hours")])
    play(world, Final("short", anew=replace(ANEW, at=time.time() + 60)))
    assert world.texts == ["short", "…"]


@pytest.mark.parametrize("anew", [None, ANEW])
def test_every_message_that_is_sent_counts_as_one_with_the_token_and_no_edit_does(anew: Anew | None) -> None:
    overall = Bucket(Rate(1000, 1e-9))
    world = World(*["old"] * bool(anew))
    world.chat.budget = PlaceBudget(UNLIMITED, overall, edits_count=False)
    play(world, Final(" ".join([STORY] * 3), anew=anew))
    assert len(world.chat.made("send")) > 4
    assert 1000 - overall._tokens == pytest.approx(len(world.chat.made("send")), abs=0.01)
