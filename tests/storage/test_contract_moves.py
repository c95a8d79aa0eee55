"""The contract: a place that gets another name takes its history, and what is chosen for it, along."""

from dataclasses import replace

import pytest

from chat.incoming import Address
from chat.messages import Message
from chat.replies import ReplyState
from storage.base import Choices, Store
from tests.storage.conftest import OpenStore
from tests.storage.turns import answered, history, received

OLD = Address("telegram", "-555", private=False)
NEW = Address("telegram", "-100777", private=False)
NEIGHBOUR = Address("telegram", "-5550", private=False)  # its name begins as the old one does
BEFORE, NOW = OLD.budget, NEW.budget


@pytest.mark.parametrize("times", [1, 2])
async def test_history_and_choices_go_along_once_and_are_found_by_both_names_also_after_a_restart(
    open_store: OpenStore, times: int
) -> None:
    async with open_store() as store:
        await answered(store, "one", OLD)
        await store.choose(BEFORE, model="gpt", system_prompt="Be brief.")
        for _ in range(times):
            await store.move(BEFORE, NOW)
    async with open_store() as store:
        assert await store.moved() == {BEFORE: NOW}
        for address in (OLD, NEW):
            assert await history(store, address) == ["one", "to one"]
            assert await store.choices(address.room) == Choices("gpt", "Be brief.")
        assert [each.conversation for each in await store.activity(9)] == [NOW]


async def test_threads_and_chains_go_along_and_a_place_whose_name_is_longer_stays(store: Store) -> None:
    within = [replace(OLD, thread="11"), replace(OLD, branch="7"), replace(OLD, thread="11", branch="7")]
    for address in (*within, NEIGHBOUR):
        await answered(store, address.conversation, address)
        await store.choose(address.conversation, model=address.conversation)
    await store.move(BEFORE, NOW)
    for address in within:
        there = replace(address, place=NEW.place)
        assert await history(store, there) == [address.conversation, f"to {address.conversation}"]
        assert await store.choices(there.conversation) == Choices(address.conversation)
    assert await history(store, NEIGHBOUR) == [NEIGHBOUR.conversation, f"to {NEIGHBOUR.conversation}"]
    assert await store.choices(NEIGHBOUR.conversation) == Choices(NEIGHBOUR.conversation)


async def test_what_was_said_and_chosen_at_the_new_place_already_stays_after_what_was_said_before(
    store: Store,
) -> None:
    await answered(store, "before", OLD)
    await store.choose(BEFORE, model="old", system_prompt="old")
    await answered(store, "after", NEW)
    await store.choose(NOW, model="new")
    await store.move(BEFORE, NOW)
    assert await history(store, NEW) == ["before", "to before", "after", "to after"]
    assert await store.choices(NOW) == Choices("new", "old")


async def test_where_either_began_anew_nothing_from_before_comes_back(store: Store) -> None:
    forgotten = await answered(store, "forgotten", OLD)
    await store.begin_anew(OLD.conversation, forgotten.id)
    await answered(store, "kept", OLD)
    await store.choose(NOW, model="new")
    await store.move(BEFORE, NOW)
    assert await history(store, NEW) == ["kept", "to kept"]


async def test_what_is_not_answered_yet_keeps_its_address_and_its_answer_is_the_new_places(store: Store) -> None:
    turn = await received(store, "one", OLD)
    await store.begin(turn.id)
    await store.move(BEFORE, NOW)
    (left,) = await store.unfinished()
    assert (left.id, left.state, left.incoming.address) == (turn.id, "running", OLD)
    await store.answer(turn.id, ReplyState(), None, [Message("user", "one")], failed=False)
    await answered(store, "late", OLD)
    assert await history(store, NEW) == ["one", "late", "to late"]
    latest = await store.latest(NEW.conversation, before=99)
    assert latest
    assert latest.incoming.address == OLD


async def test_all_of_it_is_forgotten_and_begun_anew_by_the_new_name_and_by_the_old_one(store: Store) -> None:
    await store.move(BEFORE, NOW)
    for address in (OLD, NEW):
        last = await answered(store, address.place, OLD)
        assert await store.turns_of(address.conversation) == 1
        await store.begin_anew(address.conversation, last.id)
        assert await history(store, NEW) == []
        assert await store.forget(address.conversation) == 1
    assert await store.turns_of(NEW.conversation) == 0


async def test_a_second_move_is_followed_from_the_first_name_and_one_back_too(store: Store) -> None:
    await answered(store, "one", OLD)
    await store.move(BEFORE, "telegram:-2")
    await store.move("telegram:-2", NOW)
    assert await store.moved() == {BEFORE: NOW, "telegram:-2": NOW}
    assert await history(store, OLD) == await history(store, NEW) == ["one", "to one"]
    await store.move(NOW, BEFORE)
    assert await store.moved() == {"telegram:-2": BEFORE, NOW: BEFORE}
    assert await history(store, OLD) == await history(store, NEW) == ["one", "to one"]


async def test_nothing_moves_to_itself(store: Store) -> None:
    await answered(store, "one", OLD)
    await store.move(BEFORE, BEFORE)
    assert await store.moved() == {}
    assert await history(store, OLD) == ["one", "to one"]
