"""The command `python -m tests.chaos`: what it says of trials that met their targets, and of others."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.chaos.__main__ import judge, table, trial
from tests.chaos.figures import Figure, Setting, at_most, exactly


async def good(setting: Setting) -> Sequence[Figure]:
    (setting.folder / "left.txt").write_text(str(setting.seed), "utf-8")
    assert str(setting.folder) in folders()
    return [exactly("lost", 0), at_most("waited", 2.5, 3, " s"), Figure("told", str(setting.folder))]


async def lossy(_: Setting) -> Sequence[Figure]:
    return [exactly("lost", 1), exactly("doubled", 0)]


async def broken(_: Setting) -> Sequence[Figure]:
    raise RuntimeError("nobody expects this")


def folders() -> list[str]:
    """Those of trials that are there now."""
    return [str(folder) for folder in Path(tempfile.gettempdir()).glob("parley-chaos-*")]


async def test_a_trial_that_met_its_targets_has_run_in_a_folder_of_its_own_that_is_gone_afterwards() -> None:
    report = await judge("Good", good, 7, short=True)
    assert report.met
    assert [one.verdict for one in report.figures] == ["met", "met", ""]
    assert report.figures[2].value not in folders()


async def test_one_target_that_was_not_met_is_said_and_fails_the_trial() -> None:
    report = await judge("Lossy", lossy, 7, short=True)
    assert not report.met
    assert "lost     1  0  NOT MET" in table(report)
    assert "| lost | 1 | 0 | NOT MET |" in report.markdown()


async def test_a_trial_that_raises_is_one_that_failed_and_its_traceback_is_printed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    report = await judge("Broken", broken, 7, short=True)
    assert not report.met
    assert "failed: RuntimeError" in table(report)
    assert "nobody expects this" in capsys.readouterr().err


async def test_a_trial_that_is_not_there_fails_alone() -> None:
    report = await judge("Absent", trial("no_such_trial"), 7, short=True)
    assert (report.met, report.figures[0].value) == (False, "failed: ImportError")
