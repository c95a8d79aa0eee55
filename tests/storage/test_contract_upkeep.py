"""The contract: dead letters are kept until somebody decides, what is old goes when it is told to."""

import time
from dataclasses import replace

import pytest

from chat.incoming import Address
from chat.replies import Final, ReplyState
from storage.base import Amount, Learned, Spent, Standing, Store
from tests.storage.conftest import OpenStore
from tests.storage.turns import CHAT, THERE, answered, given_up, history, received, said

MANY = 1000
SOON = 3600.0  # after all that a test does


# Dead letters


async def test_what_was_given_up_is_listed_oldest_first_with_its_reason_also_after_a_restart(
    open_store: OpenStore,
) -> None:
    async with open_store() as store:
        await answered(store, "fine")
        letters = [await given_up(store, "one"), await given_up(store, "two", "bad_key: 401 \ud83d no")]
    async with open_store() as store:
        found = await store.given_up(MANY)
        assert [(each.id, each.reason) for each in found] == [
            (letters[0].id, "overloaded: 503"),
            (letters[1].id, "bad_key: 401 ? no"),
        ]
        assert [each.incoming for each in found] == [letter.incoming for letter in letters], "the payload is kept"
        assert [each.id for each in await store.given_up(1)] == [letters[1].id], "of many the latest"


async def test_the_first_reason_stays_and_a_long_one_is_cut(store: Store) -> None:
    turn = await received(store, "one")
    await store.answer(turn.id, ReplyState(), Final("x"), (), failed=True, reason="a" * 9000)
    await store.finish(turn.id, [], dead=True, reason="not_sent: Refused")
    delivered = await received(store, "two")
    await store.answer(delivered.id, ReplyState(), Final("x"), (), failed=False)
    await store.finish(delivered.id, [], dead=True, reason="not_sent: Refused")
    assert [each.reason for each in await store.given_up(MANY)] == ["a" * 300, "not_sent: Refused"]


async def test_a_letter_that_is_tried_again_or_dropped_is_off_the_list_once(store: Store) -> None:
    again, dropped, fine = await given_up(store, "one"), await given_up(store, "two"), await answered(store, "three")
    reopened = await store.reopen(again.id)
    assert reopened
    assert (reopened.state, reopened.reason, reopened.reply.parts) == ("new", "", ("m1",))
    assert [await store.drop(turn.id) for turn in (dropped, dropped, again, fine)] == [True, False, False, False]
    assert not await store.drop(99)
    assert (await store.given_up(MANY), await store.dead()) == ([], 0)
    kept = await store.turn(dropped.id)
    assert kept
    assert (kept.state, kept.incoming) == ("done", dropped.incoming)


# How things stand


async def test_the_standing_counts_what_is_unfinished_and_dead_and_knows_who_waits_longest(store: Store) -> None:
    assert await store.standing() == Standing()
    await answered(store, "over")
    await given_up(store, "dead")
    running, ready = await received(store, "a"), await received(store, "b")
    await store.begin(running.id)
    await store.answer(ready.id, ReplyState(), Final("x"), (), failed=False)
    oldest = await received(store, "c")
    await received(store, "d")
    assert await store.standing() == Standing(2, 1, 1, 1, oldest.received_at)


async def test_another_programs_change_is_noticed_once_and_ones_own_is_not(open_store: OpenStore) -> None:
    async with open_store() as store, open_store() as other:
        assert await store.changed_elsewhere(), "what was changed before isn't known"
        await other.used("2026-11-21")
        await received(store, "mine")
        assert not await store.changed_elsewhere()
        await received(other, "theirs")
        assert [await store.changed_elsewhere() for _ in range(2)] == [True, False]


# Deleting


async def test_only_what_is_over_for_long_is_pruned_and_in_batches(store: Store) -> None:
    for number in range(5):
        await answered(store, f"old {number}")
    await given_up(store, "old and dead")
    running = await received(store, "old, and running still")
    await store.begin(running.id)
    border = time.time() + 0.001
    while time.time() < border:
        pass
    await answered(store, "young")
    assert [await store.prune(border, "2000-01-01", 4) for _ in range(3)] == [4, 2, 0]
    assert await history(store) == ["young", "to young"]
    assert await store.dead() == 0
    assert [turn.id for turn in await store.unfinished()] == [running.id]


async def test_usage_of_days_before_is_pruned_and_choices_stay(store: Store) -> None:
    for number, day in enumerate(("2026-11-18", "2026-11-19", "2026-11-21")):
        await answered(store, str(number), spent=Spent(day, "telegram:1", Amount(1)))
    await store.choose(CHAT.conversation, model="gpt")
    await store.prune(0, "2026-11-19", MANY)
    days = ("2026-11-18", "2026-11-19", "2026-11-21")
    assert [(await store.used(day)).messages for day in days] == [0, 1, 1]
    assert (await store.choices(CHAT.conversation)).model == "gpt"


@pytest.mark.parametrize("how", ["prune", "forget"])
async def test_the_newest_message_of_a_place_stays_known_so_that_nothing_is_asked_for_again(
    store: Store, how: str
) -> None:
    room = Address("discord", "5", message="1200")
    for message in ("1200", "999"):
        await answered(store, message, replace(room, message=message))
    await answered(store, "elsewhere", Address("discord", "6"))
    if how == "prune":
        assert await store.prune(time.time() + SOON, "2000-01-01", MANY) == 3
    else:
        await store.forget(room.conversation)
    assert await store.last_seen("discord") == {"5": "1200"}
    await answered(store, "later", replace(room, message="1300"))
    assert await store.last_seen("discord") == {"5": "1300"}


@pytest.mark.parametrize("how", ["prune", "forget"])
@pytest.mark.parametrize("commands", [("600",), ("600", "900")])
async def test_no_command_makes_messages_before_it_seen_after_the_last_one_seen_was_deleted(
    store: Store, how: str, commands: tuple[str, ...]
) -> None:
    """Else those that were not fetched yet when the bot was killed would never be asked for."""
    room = Address("discord", "5", message="100")
    await answered(store, "said", room)
    for command in commands:
        if how == "prune":
            assert await store.prune(time.time() + SOON, "2000-01-01", MANY) == 1
        else:
            await store.forget(room.conversation)
        await answered(store, f"used {command}", replace(room, message=command, token="t"))
        assert await store.last_seen("discord") == {"5": "100"}
    await store.forget(room.conversation)
    assert await store.last_seen("discord") == {"5": "100"}


async def test_where_there_were_only_commands_the_first_stays_known_when_it_is_deleted_and_when_others_are(
    store: Store,
) -> None:
    room = Address("discord", "5", token="t")
    first, second = replace(room, message="600"), replace(room, thread="2", message="900")
    await answered(store, "one", first)
    await answered(store, "two", second)
    await store.forget(second.conversation)
    assert await store.last_seen("discord") == {"5": "600"}
    await answered(store, "three", second)
    await store.forget(first.conversation)
    await store.forget(second.conversation)
    assert await store.last_seen("discord") == {"5": "600"}


async def test_a_command_that_is_deleted_alone_says_nothing_of_messages_that_stay(store: Store) -> None:
    await answered(store, "said", Address("discord", "5", message="100"))
    command = Address("discord", "5", thread="2", message="600", token="t")
    await answered(store, "used", command)
    await store.forget(command.conversation)
    assert await store.last_seen("discord") == {"5": "100"}


async def test_forgetting_without_a_turn_that_asks_takes_all_of_a_room_and_its_branches(store: Store) -> None:
    room = Address("discord", "5")
    for address in (room, replace(room, branch="7"), Address("discord", "55")):
        await answered(store, f"at {address.conversation}", address)
    await received(store, "waits", room)
    assert await store.turns_of(room.conversation) == 3
    assert await store.forget(room.conversation) == 3
    assert await store.turns_of(room.conversation) == 0
    assert await store.unfinished() == []
    assert await history(store, Address("discord", "55")) == ["at discord:55", "to at discord:55"]


async def test_what_is_forgotten_by_another_program_while_it_is_answered_comes_not_back(open_store: OpenStore) -> None:
    async with open_store() as bot, open_store() as other:
        turn = await received(bot, "secret")
        await bot.begin(turn.id)
        await other.forget(CHAT.conversation)
        await bot.checkpoint(turn.id, ReplyState(("m1",), "secret"))
        await bot.answer(turn.id, ReplyState(("m1",)), Final("secret"), (), failed=False)
        await bot.finish(turn.id, ["m1"])
        assert await bot.turn(turn.id) is None
        assert await bot.turns_of(CHAT.conversation) == 0
        assert await bot.receive(said("new", "new", THERE))


async def test_compacting_changes_nothing_that_is_kept(store: Store) -> None:
    await answered(store, "kept", THERE)
    await answered(store, "gone")
    await store.compact()
    await store.forget(CHAT.conversation)
    await store.compact()
    await store.compact()
    assert await history(store, THERE) == ["kept", "to kept"]
    assert (await received(store, "next")).id == 3


# What was learned of limits


async def test_what_was_learned_of_a_places_limits_is_there_after_a_restart_the_latest_only(
    open_store: OpenStore,
) -> None:
    first, flood = Learned("telegram:1", 2, 0.25, 1, 1e9, 1e9 + 250), Learned("telegram:-2", 4, 1, 0, 1e9, 1e9 + 14_400)
    second = replace(first, burst=1.5, refusals=2, blocked_until=1e9 + 300)
    async with open_store() as store:
        assert await store.learned() == []
        await store.learn([first, flood])
        await store.learn([second])
    async with open_store() as store:
        assert await store.learned() == [flood, second]
        await store.learn([], over=["telegram:-2", "telegram:3"])
        assert await store.learned() == [second]


async def test_deleting_what_was_said_at_a_place_does_not_undo_what_is_known_of_its_limits(store: Store) -> None:
    await answered(store, "gone")
    lesson = Learned(CHAT.budget, 2, 0.25, 1, 1e9, 1e9)
    await store.learn([lesson])
    await store.forget(CHAT.conversation)
    await store.prune(time.time() + SOON, "2000-01-01", MANY)
    assert await store.learned() == [lesson]
