"""The trial with a full disk in its short form, and that its account would tell of what got lost."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos import disk
from tests.chaos.disk import QUESTIONS, SYNCS, WRITES, Found, Wound
from tests.chaos.figures import Report

WOUND = Wound("pwrite64", "ENOSPC", "7")
GOOD = Found(WOUND, 1, frozenset(QUESTIONS), frozenset(QUESTIONS), dict.fromkeys(QUESTIONS, 1))


def test_at_full_size_each_of_the_first_writes_and_syncs_fails_in_a_run_of_its_own() -> None:
    pages = [each for each in disk.plan(short=False) if each.door == "playground" and not each.lasting]
    assert [int(each.when) for each in pages if each.call == "pwrite64"] == list(range(1, WRITES + 1))
    assert [int(each.when) for each in pages if each.call == "fdatasync"] == list(range(1, SYNCS + 1))


@pytest.mark.parametrize(
    ("found", "name"),
    [
        (replace(GOOD, failed=0), "writes that failed"),
        (replace(GOOD, stored=frozenset(QUESTIONS[1:])), "acknowledged, but not stored"),
        (replace(GOOD, stuck=1), "until the next start"),
        (replace(GOOD, answers={**GOOD.answers, 3: 0}), "lost after the next start"),
        (replace(GOOD, answers={**GOOD.answers, 3: 2}), "answered twice"),
        (replace(GOOD, damaged=True), "integrity_check"),
        (replace(GOOD, ending="unclear"), "ended otherwise"),
        (replace(GOOD, tracebacks=1), "tracebacks"),
    ],
)
def test_one_fault_in_one_run_is_a_target_that_is_not_met(found: Found, name: str) -> None:
    assert Report("disk", 1, 0, tuple(disk.figures([GOOD, GOOD]))).met
    missed = [figure.name for figure in disk.figures([GOOD, found]) if not figure.met]
    assert len(missed) == 1
    assert name in missed[0]


def test_a_database_that_was_written_over_is_not_sound_and_an_absent_table_stores_nothing(tmp_path: Path) -> None:
    database = tmp_path / "bot.db"
    assert disk.keys(database) == set()
    assert disk.is_sound(database)
    database.write_bytes(b"SQLite format 3\0" + b"\xff" * 8192)
    assert not disk.is_sound(database)
