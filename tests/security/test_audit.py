"""Dependencies: pinned with hashes, from no address, installed as pinned; and an audit that can't pass by silence."""

import pytest

from tests.security import audit
from tests.security.audit import Pin, Verdict, differences, pins, unasked, verdict

HASH = "--hash=sha256:" + "0123456789abcdef" * 4


def test_everything_is_pinned_with_hashes_and_installed_as_it_is_pinned() -> None:
    """What somebody added by hand (any_llm's package, say) is told by the audit, and is no reason to fail here: in a
    new environment `--require-hashes` lets nothing in that isn't pinned."""
    pinned, faults = audit.offline()
    assert [fault for fault in faults if not fault.startswith("installed, but not pinned")] == []
    assert {"aiogram", "discord-py", "pytest"} <= {pin.name for pin in pinned}


@pytest.mark.parametrize(
    "line",
    [
        "aiohttp>=3.14 " + HASH,
        "aiohttp",
        "aiohttp==3.14.5",
        "aiohttp==3.14.5 --hash=md5:0123456789abcdef",
        f"aiohttp==3.14.5 {HASH} --hash=sha256:short",
        "aiohttp==3.* " + HASH,
        "aiohttp @ https://example.org/aiohttp.whl " + HASH,
        "https://example.org/aiohttp.whl " + HASH,
        "git+https://example.org/aiohttp " + HASH,
        "-e ../aiohttp",
        "--index-url https://example.org/simple",
        "--extra-index-url https://example.org/simple",
        "--find-links /wheels",
        "--trusted-host example.org",
    ],
)
def test_whatever_could_become_something_else_is_a_fault(line: str) -> None:
    assert len(pins(f"yarl==1.25.1 \\\n    {HASH}\n    # via aiohttp\n{line}\n")[1]) == 1


def test_a_file_as_it_should_be_has_none() -> None:
    text = f"# by hand\nDiscord.py==2.7.1 \\\n    {HASH} \\\n    {HASH}\naudioop==1 ; python_version < '3' {HASH}\n"
    assert pins(text) == ([Pin("discord-py", "2.7.1"), Pin("audioop", "1", here=False)], [])


def test_what_is_installed_is_just_what_is_pinned() -> None:
    pinned = [Pin("a", "1"), Pin("b", "2"), Pin("c", "3"), Pin("d", "4", here=False)]
    found = list(differences(pinned, {"a": "1", "b": "2.1", "x": "9", "pip": "23"}))
    assert found == [
        "installed is b 2.1, pinned is 2",
        "installed, but not pinned: x 9",
        "pinned, but not installed: c",
    ]
    assert list(unasked(["a~=1 # for this", "-c other.txt", "z"], pinned)) == ["asked for, but not pinned: z"]


def test_a_vulnerability_is_told_with_where_it_is_mended() -> None:
    known = {"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["5.4"], "description": "…"}
    told = verdict({"dependencies": [{"name": "pyyaml", "version": "5.3", "vulns": [known]}]})
    assert told == Verdict(["pyyaml 5.3: PYSEC-1 (CVE-1), mended in 5.4"], [])


def test_a_package_that_the_auditor_skipped_is_not_audited() -> None:
    """pip-audit ends with 0 and "no known vulnerabilities" where its source knew none of the packages."""
    assert verdict({"dependencies": [{"name": "a", "skip_reason": "not found"}]}) == Verdict([], ["a: not found"])


@pytest.mark.parametrize(
    ("found", "faults", "code"),
    [
        (Verdict([], []), [], audit.WELL),
        (Verdict(["a 1: CVE-1"], []), [], audit.FAULTY),
        (Verdict([], ["a: not found"]), [], audit.NOT_ASKED),
        (None, [], audit.NOT_ASKED),
        (None, ["a fault"], audit.FAULTY),
        (Verdict([], []), ["a fault"], audit.FAULTY),
    ],
)
def test_only_what_was_audited_and_found_well_is_a_success(found: Verdict | None, faults: list[str], code: int) -> None:
    assert audit.exit_code(found, faults) == code
