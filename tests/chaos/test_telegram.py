"""The Telegram trial at CI's size; and that its ledger can tell what is lost, double, frozen or out of order."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from tests.chaos.ledger import Asked, Ledger, Seen, story
from tests.chaos.telegram_figures import Stored, seen_figures

SEED = 20261121
ASKED = [Asked(0, "anna", 30), Asked(1, "anna", 90), Asked(2, "bob", 30)]
ANNA, BOB = 1, 2
SEEN = [
    Seen(ANNA, "anna", 2, story(0, 30)),
    Seen(ANNA, "anna", 4, story(1, 90)[:200].rpartition(" ")[0]),
    Seen(ANNA, "anna", 5, story(1, 90)[len(story(1, 90)[:200].rpartition(" ")[0]) :]),
    Seen(BOB, "bob", 2, story(2, 30)),
]


def counts(ledger: Ledger) -> tuple[list[int], list[int], list[int], list[int]]:
    """Lost, doubled and unordered questions, and the ids of frozen messages."""
    return ledger.lost, ledger.doubled, ledger.unordered, [one.id for one in ledger.frozen]


def account(seen: Sequence[Seen], **more: object) -> tuple[list[int], list[int], list[int], list[int]]:
    return counts(replace(Ledger(ASKED, seen), **more))  # type: ignore[arg-type]  # whatever a test has to say


def test_whole_answers_in_order_have_nothing_to_be_counted_also_where_one_needs_two_messages() -> None:
    assert account(SEEN) == ([], [], [], [])


def test_an_answer_that_is_missing_is_lost_also_where_only_its_last_part_is() -> None:
    assert account(SEEN[1:]) == ([0], [], [], [])
    assert account([*SEEN[:2], SEEN[3]]) == ([1], [], [], [4])


def test_an_answer_that_lacks_a_word_in_its_middle_is_lost() -> None:
    torn = replace(SEEN[0], text=SEEN[0].text.replace("q0w7 ", ""))
    assert account([torn, *SEEN[1:]]) == ([0], [], [], [2])


def test_an_answer_that_stands_there_twice_is_double() -> None:
    assert account([*SEEN, replace(SEEN[0], id=9)])[:2] == ([], [0])


def test_an_answer_that_can_still_be_stopped_is_frozen_and_lost() -> None:
    assert account([*SEEN[:3], replace(SEEN[3], open=True)]) == ([2], [], [], [2])


def test_an_answer_above_an_earlier_one_is_out_of_order() -> None:
    assert account([replace(SEEN[0], id=9), *SEEN[1:]]) == ([], [], [1], [])


def test_an_answer_with_something_else_beside_its_words_is_marred() -> None:
    assert Ledger(ASKED, SEEN).marred == []
    assert Ledger(ASKED, [*SEEN[:3], replace(SEEN[3], text=f"{SEEN[3].text}\n\n⚠️ Sorry.")]).marred == [2]


def test_what_a_send_left_behind_is_explained_by_that_very_fault_or_by_a_kill_right_after_it() -> None:
    orphan = Seen(BOB, "bob", 7, "q2w1 q2w2 …", sent_at=100)
    seen = [*SEEN, orphan]
    assert account(seen)[3] == [7]
    assert account(seen, ambiguous=frozenset({(BOB, 7)}))[3] == []
    assert account(seen, ambiguous=frozenset({(ANNA, 7)}))[3] == [7]
    assert account(seen, kills=[100.1])[3] == []
    assert account(seen, kills=[99.9, 102.3])[3] == [7]


def test_a_kill_explains_one_message_in_a_conversation_and_an_ambiguous_send_only_its_own() -> None:
    orphans = [Seen(BOB, "bob", 100 + number, "q2w1 …", sent_at=10 + number / 100) for number in range(10)]
    ledger = Ledger(ASKED, [*SEEN, *orphans], kills=[10.15])
    assert ([one.id for one in ledger.of_kills], len(ledger.frozen), ledger.in_flight) == ([109], 9, 1)
    beside = Seen(ANNA, "anna", 100, "q0w1 …", sent_at=10.1)
    ledger = Ledger(ASKED, [*SEEN, *orphans, beside], kills=[10.15, 10.16])
    assert ([one.id for one in ledger.of_kills], len(ledger.frozen), ledger.in_flight) == ([109, 100], 9, 2)
    ledger = Ledger(ASKED, [*SEEN, *orphans], ambiguous=frozenset({(BOB, 100), (BOB, 101)}))
    assert (len(ledger.of_faults), len(ledger.frozen)) == (2, 8)


def test_a_failure_beside_a_whole_answer_is_counted_also_where_it_has_half_of_it() -> None:
    sentence = Seen(BOB, "bob", 8, "⚠️ It failed.", failed=True)
    half = Seen(BOB, "bob", 9, "q2w1 q2w2\n\n⚠️ It failed.", failed=True)
    assert Ledger(ASKED, [*SEEN, sentence, half]).failures == [sentence, half]


def test_a_failure_is_right_once_for_a_question_without_an_answer_in_its_own_conversation() -> None:
    sentence = Seen(BOB, "bob", 8, "⚠️ It failed.", failed=True)
    half = Seen(BOB, "bob", 9, "q2w1 q2w2\n\n⚠️ It failed.", failed=True)
    ledger = Ledger(ASKED, [*SEEN[:3], sentence])
    assert (ledger.failures, ledger.explained, ledger.lost) == ([], {2: sentence}, [2])
    ledger = Ledger(ASKED, [*SEEN[:3], sentence, half])
    assert (ledger.failures, ledger.explained) == ([sentence], {2: half})
    assert Ledger(ASKED, [*SEEN[1:], sentence]).failures == [sentence]


def test_a_whole_answer_with_the_button_of_a_failure_is_marred() -> None:
    assert Ledger(ASKED, [*SEEN[:3], replace(SEEN[3], failed=True)]).marred == [2]


def test_what_was_counted_misses_its_target() -> None:
    sentence = Seen(BOB, "bob", 8, "⚠️ It failed.", failed=True)
    orphans = [Seen(BOB, "bob", 100 + number, "q2w1 …", sent_at=10.0) for number in range(2)]
    stored = Stored([], Counter(), 0, [], frozenset())
    assert all(one.met for one in seen_figures(Ledger(ASKED, SEEN), stored))
    found = seen_figures(Ledger(ASKED, [*SEEN, sentence, *orphans], kills=[10.1]), stored)
    missed = {one.name: one.value for one in found if not one.met}
    assert missed == {
        "frozen partials": "1",
        "failures told beside a whole answer, or twice": "1",
        "orphans, of such sends and of kills": "2",
    }


def test_commands_are_counted_by_their_answers_in_their_conversation() -> None:
    commands = {"bob": {"done\\.": 2}}
    once = [*SEEN, Seen(BOB, "bob", 8, "done.")]
    assert Ledger(ASKED, once, commands).unanswered_commands == 1
    thrice = [*once, Seen(BOB, "bob", 9, "done."), Seen(BOB, "bob", 10, "done.")]
    assert Ledger(ASKED, thrice, commands).repeated_commands == 1
    assert Ledger(ASKED, [*once, Seen(BOB, "bob", 9, "do …")], commands).frozen
