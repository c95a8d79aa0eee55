"""The trial for the playground at CI's size; and that what it counts can fail."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tests.chaos.kept import Kept, question, words_of, wrongly_kept
from tests.chaos.ledger import story
from tests.chaos.playground_account import Account
from tests.chaos.playground_pages import Asked

SEED = 20261121
STOP = {"label": "Stop", "action": "stop:5"}
ASKED = [Asked(0, "main", taken=True), Asked(1, "main", taken=True), Asked(2, "cats", taken=True)]

Messages = dict[str, Mapping[str, Any]]


def message(at: int, text: str, who: str = "bot", *buttons: Mapping[str, str]) -> Messages:
    return {f"{at}": {"id": f"{at}", "who": who, "text": text, "at": at, "buttons": buttons}}


def told(at: int, number: int) -> Messages:
    return message(at, story(number, words_of(number)))


def asked(at: int, number: int) -> Messages:
    return message(at, question(number), "you")


MAIN = {**asked(1, 0), **told(2, 0), **asked(3, 1), **told(4, 1)}
CATS = {**asked(1, 2), **told(2, 2)}


def account(main: Messages, cats: Messages = CATS) -> Account:
    return Account(ASKED, {"main": main, "cats": cats})


def test_one_whole_answer_each_has_nothing_to_be_counted() -> None:
    found = account(MAIN)
    assert (found.lost, found.doubled, found.frozen, found.said_twice, found.different) == ([], [], 0, [], 0)
    assert (found.ledger.unordered, found.left, found.unsettled) == ([], [], False)


def test_a_question_that_was_taken_and_has_no_answer_there_is_lost() -> None:
    assert account({**asked(1, 0), **asked(3, 1), **told(4, 1)}).lost == [0]
    assert account({**MAIN, **told(5, 2)}, asked(1, 2)).lost == [2]


def test_a_second_answer_or_a_part_of_one_is_a_duplicate() -> None:
    assert account({**MAIN, **told(5, 0)}).doubled == [0]
    assert account({**MAIN, **message(5, "q0w1 q0w2")}).doubled == [0]


def test_an_answer_that_can_be_stopped_is_frozen() -> None:
    assert account({**MAIN, **message(5, "q0w1", "bot", STOP)}).frozen == 1


def test_an_answer_above_the_one_to_an_earlier_question_is_out_of_order() -> None:
    assert account({**asked(1, 0), **told(4, 0), **asked(3, 1), **told(2, 1)}).ledger.unordered == [1]


def test_a_question_that_is_shown_twice_is_counted() -> None:
    assert account({**MAIN, **asked(5, 0)}).said_twice == [0]


def test_a_question_that_was_given_up_is_not_lost_but_told_apart() -> None:
    given_up = [replace(ASKED[0], taken=False), *ASKED[1:]]
    rest = {**asked(3, 1), **told(4, 1)}
    never_there = Account(given_up, {"main": rest, "cats": CATS})
    only_shown = Account(given_up, {"main": {**asked(1, 0), **rest}, "cats": CATS})
    for found, shown in ((never_there, []), (only_shown, [0])):
        assert (found.lost, found.left, found.only_shown) == ([], [0], shown)


def test_a_page_that_was_there_all_the_time_and_shows_something_else_is_counted() -> None:
    views = [("main", MAIN), ("main", {**MAIN, **message(4, "q1w1")}), ("cats", {})]
    assert Account(ASKED, {"main": MAIN, "cats": CATS}, views).different == 2


def test_history_that_is_not_two_rows_a_question_is_counted() -> None:
    turns = [Kept("a", 0, "done", 2), Kept("b", 1, "done", 1), Kept("c", 2, "done", 2), Kept("d", 2, "done", 2)]
    assert wrongly_kept(turns, [0, 1, 2, 3]) == [1, 2, 3]
