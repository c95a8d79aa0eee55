"""The trial for Discord at CI's size; and that what it counts can fail."""

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.chaos.discord import SHORT
from tests.chaos.discord_account import Account
from tests.chaos.discord_figures import answers_given, floods
from tests.chaos.discord_town import NOT_TAKEN, Asked, Town
from tests.chaos.discord_troubles import Troubles
from tests.chaos.kept import Kept, words_of
from tests.chaos.ledger import story
from tests.program import Program
from tests.servers.discord_interactions import DEFERRED, Answer, Interaction
from tests.servers.discord_messages import LOADING
from tests.servers.discord_rates import RateRules, Rates
from tests.servers.discord_server import DiscordServer, Message, Version

SEED = 20261121
RETRY = {"components": ({"type": 1, "components": [{"type": 2, "custom_id": "retry:5", "label": "Retry"}]},)}
STOP = ({"type": 1, "components": [{"type": 2, "custom_id": "stop:5", "label": "Stop"}]},)


@pytest.fixture
def town() -> Town:
    """Two people in a channel and in private; each place was asked something, in order."""
    town = Town(DiscordServer(), random.Random(SEED), rooms=1)
    town.begin()
    town.begin()
    return town


def shown(one: Asked, text: str | None = None, **version: object) -> Message:
    """A message of the bot's: the whole answer, or any other text."""
    text = story(one.number, words_of(one.number)) if text is None else text
    last = Version(one.at + 2, text, **version)  # type: ignore[arg-type]  # whatever a test has to say
    world = one.place.world
    return Message(world.snowflake(), one.place.id, None, world.bot, one.at + 1, [last])


def answered(asked: Sequence[Asked]) -> list[Message]:
    return [shown(one) for one in asked]


def turns(asked: Sequence[Asked], rows: int = 2) -> list[Kept]:
    keys = (f"discord:1:{one.used.id if one.used else one.number}" for one in asked)
    return [Kept(key, one.number, "done", rows) for key, one in zip(keys, asked, strict=True)]


def account(asked: Sequence[Asked], messages: Sequence[Message], **more: object) -> Account:
    return Account(asked, messages, turns(asked), **more)  # type: ignore[arg-type]  # whatever a test has to say


def missed(found: Account) -> dict[str, str]:
    """Of the table that this account comes to, what doesn't meet its target."""
    server = DiscordServer()
    with TemporaryDirectory() as folder:  # it writes its config there, and is never started
        program = Program(Path(folder), {})
    made = Troubles(server, program, Town(server, random.Random(SEED)), SHORT, random.Random(SEED))
    made.kills += found.kills
    made.spans += found.troubles
    return {one.name: one.value for one in answers_given(found, made, "") if not one.met}


def command(town: Town, *, deferred: bool = True) -> Asked:
    """Somebody used a command; Discord shows "is thinking"."""
    asked = town.asked[0]
    person, number = town.server.person("Anna"), town.server.world.snowflake()
    used = Interaction(number, "token", 2, person, asked.place, asked.at, {}, {})
    if deferred:
        used.answer = Answer(asked.at, DEFERRED, {})
        used.original = shown(asked, "", flags=LOADING)
        used.original.application_id = 1
    return replace(asked, number=len(town.asked), used=used)


def test_one_whole_answer_each_has_nothing_to_be_counted(town: Town) -> None:
    found = account(town.asked, answered(town.asked))
    assert len(town.asked) == 6
    assert (found.lost, found.doubled, found.frozen, found.unordered, found.wrongly_kept) == ([], [], [], [], [])
    assert found.slowest == 2


def test_a_question_without_an_answer_or_with_a_sentence_instead_is_lost(town: Town) -> None:
    messages = answered(town.asked)
    assert account(town.asked, messages[1:]).lost == [0]
    assert account(town.asked, [shown(town.asked[0], "⚠️ That failed."), *messages[1:]]).lost == [0]


def test_an_answer_at_another_place_is_lost(town: Town) -> None:
    text = story(0, words_of(0))
    assert account(town.asked, [shown(town.asked[1], text), *answered(town.asked)[1:]]).lost == [0]


def test_a_second_post_with_an_answer_or_its_beginning_is_a_duplicate(town: Town) -> None:
    messages = answered(town.asked)
    assert account(town.asked, [*messages, shown(town.asked[0])]).doubled == [0]
    assert account(town.asked, [*messages, shown(town.asked[0], "q0w1 q0w2")]).doubled == [0]


def test_a_post_that_can_be_stopped_is_frozen(town: Town) -> None:
    messages = answered(town.asked)
    found = account(town.asked, [*messages, shown(town.asked[0], "q0w1 q0w2", components=STOP)])
    assert [one.text for one in found.frozen] == ["q0w1 q0w2"]
    assert account(town.asked, [shown(town.asked[0], components=STOP), *messages[1:]]).lost == [0]


def test_an_answer_above_the_one_to_an_earlier_question_is_out_of_order(town: Town) -> None:
    messages = answered(list(reversed(town.asked)))
    assert account(town.asked, messages).unordered == [3, 4, 5]


def test_history_that_is_not_two_rows_is_counted(town: Town) -> None:
    found = Account(town.asked, answered(town.asked), turns(town.asked, rows=1))
    assert found.wrongly_kept == [0, 1, 2, 3, 4, 5]


def test_a_command_that_thinks_for_ever_is_lost_and_frozen_unless_a_kill_came_before_it_was_stored(
    town: Town,
) -> None:
    asked = command(town)
    assert asked.used
    assert asked.used.original
    messages, killed = [asked.used.original], [asked.at + 1]
    for found in (Account([asked], messages, turns([asked]), killed), Account([asked], messages, [])):
        assert (len(found.lost), len(found.frozen), len(found.cut)) == (1, 1, 0)
    found = Account([asked], messages, [], killed)
    assert (len(found.lost), len(found.frozen), len(found.cut)) == (0, 0, 1)


def test_a_command_that_discord_itself_declined_is_not_lost_but_counted_where_a_trouble_or_a_fault_explains_it(
    town: Town,
) -> None:
    asked = command(town, deferred=False)
    near, far = (asked.at + 2, asked.at + 3), (asked.at + 4, asked.at + 9)
    assert asked.used
    for found in (
        account([asked], [], troubles=[near]),
        account([asked], [], faults=[f"POST /interactions/{asked.used.id}/{asked.used.token}/callback"]),
    ):
        assert (found.lost, found.refused) == ([], [6])
    for found in (
        account([asked], []),
        account([asked], [], troubles=[far], faults=[f"POST /webhooks/1/{asked.used.token}"]),
    ):
        assert (found.lost, found.refused) == ([6], [])


def test_commands_none_of_which_is_answered_are_no_result(town: Town) -> None:
    asked = command(town, deferred=False)
    many = [replace(asked, number=number) for number in range(100)]
    assert len(account(many, []).lost) == 100
    assert missed(account(many, [], troubles=[(asked.at, asked.at)])) == {
        "commands answered (of four, three)": "0",
        "accepted: commands refused, visibly, amid a trouble or a fault": "100",
    }


def test_commands_cut_short_are_at_most_one_for_each_kill(town: Town) -> None:
    asked = command(town)
    used = [replace(asked, number=number) for number in range(6, 10)]
    found = Account([*town.asked, *used], answered([*town.asked, *used[1:]]), turns(town.asked), [asked.at + 1])
    name = "accepted: commands cut by a kill before they were stored"
    assert missed(found)[name] == "4"


def test_a_follow_up_that_is_there_twice_is_an_orphan_only_where_a_fault_or_a_kill_explains_it(town: Town) -> None:
    asked = command(town)
    extra = shown(asked, "q6w1 q6w2")
    messages = [shown(asked), extra]
    assert len(account([asked], messages).frozen) == 1
    explained = account([asked], messages, ambiguous=frozenset({extra.id}))
    assert (len(explained.orphans), explained.frozen) == (1, [])
    killed = account([asked], messages, kills=[extra.sent_at + 0.1])
    assert (len(killed.orphans), killed.frozen) == (1, [])


def test_first_words_in_private_while_the_bot_was_away_are_counted_apart(town: Town) -> None:
    first = replace(town.asked[0], first=True)
    found = account([first, *town.asked[1:]], answered(town.asked[1:]))
    assert (found.lost, found.unheard) == ([], [0])


def test_an_answer_with_something_else_in_it_is_marred(town: Town) -> None:
    marred = shown(town.asked[0], f"{story(0, words_of(0))}\n\n⚠️ Sorry.")
    found = account(town.asked, [marred, *answered(town.asked[1:])])
    assert (found.lost, found.marred) == ([], [0])
    assert missed(found) == {"whole, but with something else in it": "1"}


def test_a_sentence_beside_the_answers_is_counted_and_so_is_half_an_answer_that_can_be_tried_again(town: Town) -> None:
    messages = answered(town.asked)
    found = account(
        town.asked, [*messages, shown(town.asked[0], "⚠️ That failed."), shown(town.asked[1], "q1w1", **RETRY)]
    )
    assert [one.text for one in found.sentences] == ["⚠️ That failed.", "q1w1"]
    assert missed(found) == {"sentences beside the answers, failures among them": "2"}


def test_a_command_that_was_not_taken_may_say_so(town: Town) -> None:
    asked = command(town)
    assert asked.used
    asked.used.original = said = shown(asked, NOT_TAKEN)
    found = account([asked], [said, shown(asked, NOT_TAKEN)], troubles=[(asked.at, asked.at)])
    assert (found.refused, found.lost, len(found.sentences)) == ([6], [], 1)
    found = account([asked], [said, shown(asked)], troubles=[(asked.at, asked.at)])
    assert (found.refused, found.lost, len(found.sentences)) == ([], [], 1)


def test_a_429_is_the_bots_own_but_for_calls_that_an_earlier_process_made() -> None:
    rates = Rates(RateRules(), lambda: 100.0)
    rates.too_many("POST", "/channels/1/messages", 2.0, bucket="create")  # 5 in 5 s: the first was at 97
    rates.too_many("POST", "/channels/1/messages", 2.0, bucket="create", injected=True)
    assert [one.value for one in floods(rates, [96.0, 101.0])] == ["1", "0"]
    assert [one.value for one in floods(rates, [98.0])] == ["0", "1"]
    assert [one.value for one in floods(rates, [])] == ["1", "0"]
