"""The contract: what is chosen, used and forgotten, over a restart, one conversation or person apart from the other."""

from dataclasses import replace

import pytest

from chat.incoming import Address, Invoked, Said
from chat.messages import Message
from chat.replies import ReplyState
from storage.base import Amount, Choices, Spent, Store
from tests.storage.conftest import OpenStore
from tests.storage.turns import ANNA, CHAT, THERE, answered, history, received

SHE, BOB = "telegram:1001", "telegram:5"
TODAY, YESTERDAY = "2026-11-21", "2026-11-20"


# Choices


async def test_where_nothing_is_chosen_the_config_decides(store: Store) -> None:
    assert await store.choices("telegram:1") == Choices("", "")


async def test_choices_are_kept_over_a_restart_for_their_conversation_alone(open_store: OpenStore) -> None:
    async with open_store() as first:
        await first.choose("telegram:1", model="gpt", system_prompt="Be brief, {user}. Да 👋")
        await first.choose("telegram:1/3", model="qwen", system_prompt="")
    async with open_store() as second:
        assert await second.choices("telegram:1") == Choices("gpt", "Be brief, {user}. Да 👋")
        assert await second.choices("telegram:1/3") == Choices("qwen")
        assert await second.choices("telegram:10") == Choices()


async def test_a_later_choice_replaces_an_earlier_one_and_may_take_it_back(store: Store) -> None:
    await store.choose("c", model="gpt", system_prompt="x")
    await store.choose("c", model="qwen", system_prompt="")
    assert await store.choices("c") == Choices("qwen", "")


async def test_a_prompt_with_half_an_emoji_is_stored(store: Store) -> None:
    await store.choose("c", model="", system_prompt="a \ud83d b")
    assert (await store.choices("c")).system_prompt == "a ? b"


# Beginning anew


async def test_a_conversation_begins_anew_after_a_turn_and_what_was_said_stays_stored(
    store: Store,
) -> None:
    await answered(store, "one")
    last = await answered(store, "two")
    await answered(store, "elsewhere", THERE)
    await store.begin_anew(CHAT.conversation, last.id)
    assert await history(store) == []
    assert await history(store, THERE) == ["elsewhere", "to elsewhere"]
    await answered(store, "three")
    assert await history(store) == ["three", "to three"]
    assert await store.turns_of(CHAT.conversation) == 3


async def test_beginning_anew_and_choosing_leave_each_other_alone(store: Store) -> None:
    first = await answered(store, "one")
    await store.choose(CHAT.conversation, model="gpt", system_prompt="x")
    await store.begin_anew(CHAT.conversation, first.id)
    assert await store.choices(CHAT.conversation) == Choices("gpt", "x")
    await store.choose(CHAT.conversation, model="qwen", system_prompt="y")
    assert await history(store) == []


async def test_a_very_long_history_gives_its_newest_part_in_order(store: Store) -> None:
    turn = await received(store, "long")
    many = [Message("user", str(number)) for number in range(1000)]
    await store.answer(turn.id, ReplyState(), None, many, failed=False)
    assert await history(store) == [str(number) for number in range(600, 1000)]


# Usage


async def test_what_is_spent_adds_up_for_each_person_and_day_and_for_all(store: Store) -> None:
    for number, (day, who, amount) in enumerate(
        [
            (TODAY, SHE, Amount(1, 0, 10, 5)),
            (TODAY, SHE, Amount(0, 2, 0, 0)),
            (TODAY, BOB, Amount(1, 0, 7, 3)),
            (YESTERDAY, SHE, Amount(9, 9, 9, 9)),
        ]
    ):
        await answered(store, f"k{number}", spent=Spent(day, who, amount))
    assert await store.used(TODAY, SHE) == Amount(1, 2, 10, 5)
    assert await store.used(TODAY, BOB) == Amount(1, 0, 7, 3)
    assert await store.used(TODAY) == Amount(2, 2, 17, 8)
    assert await store.used(YESTERDAY) == Amount(9, 9, 9, 9)
    assert await store.used("2026-11-22") == await store.used(TODAY, "telegram:100") == Amount()


async def test_what_is_spent_is_stored_with_the_answer_or_not_at_all(store: Store) -> None:
    turn = await received(store, "one")
    bad = [Message("user", None)]  # type: ignore[arg-type]  # something that can't be stored
    with pytest.raises(AttributeError):
        await store.answer(turn.id, ReplyState(), None, bad, failed=False, spent=Spent(TODAY, SHE, Amount(1)))
    assert await store.used(TODAY) == Amount()


async def test_ones_figures_of_days_before_are_forgotten_and_nobody_elses(store: Store) -> None:
    for number, (day, who) in enumerate([(TODAY, SHE), (YESTERDAY, SHE), ("2025-01-01", SHE), (YESTERDAY, BOB)]):
        await answered(store, f"k{number}", spent=Spent(day, who, Amount(1)))
    await store.forget_usage(SHE, TODAY)
    days = (TODAY, YESTERDAY, "2025-01-01")
    assert [(await store.used(day, SHE)).messages for day in days] == [1, 0, 0]
    assert (await store.used(YESTERDAY, BOB)).messages == 1


# Forgetting


async def test_all_of_a_conversation_is_forgotten_but_for_the_turn_that_asks(store: Store) -> None:
    for address in (CHAT, THERE):
        await answered(store, f"secret {address.place}", address)
        await store.choose(address.conversation, model="gpt", system_prompt=f"secret {address.place}")
    asking = await received(store, "forget")
    assert await store.forget(CHAT.conversation, asking.id) == 1
    assert [turn.id for turn in await store.unfinished()] == [asking.id]
    assert (await history(store), await store.choices(CHAT.conversation)) == ([], Choices())
    assert await history(store, THERE) == ["secret 5", "to secret 5"]
    assert await store.choices(THERE.conversation) == Choices("gpt", "secret 5")


async def test_a_turn_that_was_forgotten_while_it_was_delivered_does_no_harm(store: Store) -> None:
    gone = await answered(store, "one")
    await store.forget(CHAT.conversation, (await received(store, "forget")).id)
    await store.checkpoint(gone.id, ReplyState(("m1",), "x"))
    await store.answer(gone.id, ReplyState(), None, [Message("user", "one")], failed=False)
    await store.finish(gone.id, ["m1"])
    assert await store.turn(gone.id) is None
    assert await store.reopen(gone.id) is None
    assert await history(store) == []


async def test_a_number_is_never_given_twice_so_that_old_buttons_mean_nothing_new(store: Store) -> None:
    first = await answered(store, "one")
    asking = await received(store, "forget")
    await store.forget(CHAT.conversation, asking.id)
    assert (await received(store, "two")).id > asking.id > first.id


# Pictures, and asking again


async def test_pictures_that_were_sent_are_counted_over_a_restart_until_it_is_asked_again(
    open_store: OpenStore,
) -> None:
    async with open_store() as first:
        turn = await received(first, Invoked(CHAT, ANNA, "x", "image", "a cat"))
        await first.drew(turn.id)
        await first.drew(turn.id)
    async with open_store() as second:
        assert [left.drawn for left in await second.unfinished()] == [2]
        await second.finish(turn.id, [])
        again = await second.reopen(turn.id)
        assert again
        assert again.drawn == 0


async def test_the_latest_is_the_newest_that_was_said_or_drawn_and_is_over(store: Store) -> None:
    assert await store.latest(CHAT.conversation, before=99) is None
    said = await answered(store, "said")
    await answered(store, "elsewhere", THERE)
    for command in ("help", "model"):
        turn = await received(store, Invoked(CHAT, ANNA, command, command))
        await store.finish(turn.id, [])
    assert (await store.latest(CHAT.conversation, before=99)) == await store.turn(said.id)
    image = await received(store, Invoked(CHAT, ANNA, "image", "image", "a cat"))
    await store.finish(image.id, [], dead=True)
    latest = await store.latest(CHAT.conversation, before=99)
    assert latest
    assert latest.id == image.id


async def test_a_fresh_start_has_no_messages_and_an_ordinary_one_keeps_what_was_shown(store: Store) -> None:
    turn = await answered(store, "one")
    await store.finish(turn.id, ["m1"])
    kept = await store.reopen(turn.id)
    assert kept
    assert kept.reply == ReplyState(("m1",), "to one")
    await store.finish(turn.id, ["m1"])
    fresh = await store.reopen(turn.id, fresh=True)
    assert fresh
    assert fresh.reply == ReplyState()


async def test_turns_that_are_one_leave_one_to_answer_and_keep_the_keys_of_all(store: Store) -> None:
    first, second = await received(store, "a"), await received(store, "b")
    whole = Said(CHAT, ANNA, "a", "a\nb")
    await store.join(first.id, whole, [second.id])
    (left,) = await store.unfinished()
    assert (left.id, left.incoming) == (first.id, whole)
    assert await store.receive(Said(CHAT, ANNA, "b", "b")) is None, "a repeat of the second is still one"


# What an admin sees


async def test_the_conversations_that_were_used_come_latest_first_and_only_so_many(store: Store) -> None:
    for number, address in enumerate([CHAT, THERE, CHAT, Address("telegram", "9"), THERE]):
        await received(store, f"k{number}", address)
    found = await store.activity(2)
    assert [(each.conversation, each.turns) for each in found] == [(THERE.conversation, 2), ("telegram:9", 1)]
    assert len(await store.activity(99)) == 3


async def test_what_was_given_up_is_counted(store: Store) -> None:
    assert await store.dead() == 0
    for key in ("a", "b"):
        await store.finish((await received(store, key)).id, [], dead=True)
    assert await store.dead() == 2


# Chains, runs, places


async def test_a_chain_of_replies_has_a_history_of_its_own_and_is_forgotten_with_its_room(store: Store) -> None:
    room, other = Address("discord", "5"), Address("discord", "55")
    for address in (room, replace(room, branch="7"), replace(room, branch="8"), other):
        await answered(store, f"at {address.conversation}", address)
    assert await history(store, replace(room, branch="7")) == ["at discord:5:7", "to at discord:5:7"]
    newest = await store.latest(room.conversation, before=99)
    assert newest
    assert newest.incoming.address.branch == "8"
    await store.forget(room.conversation, before=99)
    assert await history(store, replace(room, branch="7")) == []
    assert await history(store, other) == ["at discord:55", "to at discord:55"]


async def test_a_turn_begun_afresh_is_another_run_and_may_have_another_model(store: Store) -> None:
    turn = await answered(store, "one")
    assert (turn.key, turn.model) == ("1.0", "")
    await store.finish(turn.id, ["m1"])
    again = await store.reopen(turn.id, model="qwen")
    assert again
    assert (again.key, again.model) == ("1.0", "qwen")
    await store.finish(turn.id, ["m1"])
    fresh = await store.reopen(turn.id, fresh=True)
    assert fresh
    assert (fresh.key, fresh.model) == ("1.1", "")


async def test_the_newest_message_of_each_place_is_known(store: Store) -> None:
    for place, message in (("5", "1200"), ("5", "999"), ("6", "7"), ("8", "")):
        address = Address("discord", place, message=message)
        await received(store, Said(address, ANNA, f"{place}.{message}", "x"))
    await received(store, Said(Address("telegram", "9", message="5"), ANNA, "t", "x"))
    assert await store.last_seen("discord") == {"5": "1200", "6": "7"}


async def test_a_command_that_was_stored_first_says_nothing_of_the_messages_before_it(store: Store) -> None:
    """Else what was said before it, and not yet fetched when the bot was killed, would never be asked for again."""
    await received(store, Said(Address("discord", "5", message="300", token="t"), ANNA, "used", "x"))
    assert await store.last_seen("discord") == {"5": "300"}
    await received(store, Said(Address("discord", "5", message="100"), ANNA, "said", "x"))
    assert await store.last_seen("discord") == {"5": "100"}
