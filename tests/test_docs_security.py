"""docs/security.md says what is: every file and every test that it names is there, and every must has its test."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "security.md"


def rows() -> list[list[str]]:
    """The table's cells, without its head."""
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def named(cell: str) -> list[str]:
    """What stands in backticks."""
    return re.findall(r"`([^`]+)`", cell)


def test_every_test_that_the_table_names_is_there() -> None:
    missing = []
    for _, _, tests in rows():
        for path, _, name in (each.partition("::") for each in named(tests)):
            text = (ROOT / path).read_text("utf-8") if (ROOT / path).is_file() else ""
            if not re.search(rf"^(async )?def {re.escape(name)}\(", text, re.M):
                missing.append(f"{path}::{name}")
    assert missing == []


def test_every_file_that_the_table_names_is_there() -> None:
    assert [file for _, kept, _ in rows() for file in named(kept) if not (ROOT / file).is_file()] == []


def test_every_must_has_a_place_and_a_test() -> None:
    assert len(rows()) > 40
    assert [must for must, kept, tests in rows() if not kept or not named(tests)] == []
