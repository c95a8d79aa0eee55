"""How the file itself is read: strict YAML, variables, `.env`; and what is said where that fails."""

import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config import ConfigError, Fault, load
from settings.reading import read

FILE = "config.yaml"


def value(folder: Path, text: str, **environ: str) -> object:
    """What stands behind `x:`."""
    (folder / FILE).write_text(text, encoding="utf-8")
    reading = read(folder / FILE, environ)
    assert reading.faults == []
    return reading.tree["x"]


def faults(folder: Path, text: str | bytes, **environ: str) -> list[Fault]:
    (folder / FILE).write_bytes(text if isinstance(text, bytes) else text.encode())
    try:
        return read(folder / FILE, environ).faults
    except ConfigError as error:
        return list(error.faults)


def test_a_missing_file_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no such file — copy config.example.yaml"):
        load(tmp_path / "nowhere.yaml", {})


def test_a_folder_is_no_config(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="can't be read: Is a directory"):
        load(tmp_path, {})


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"", "is empty"),
        (b"# only a comment\n", "is empty"),
        (b"- a\n- b\n", "does not consist of settings"),
        (b"just text", "does not consist of settings"),
        (b"\xff\xfea\x00", "is not UTF-8 text"),
        (b"a: 1\nb: \x07\n", "has a character that text can't have, in line 2"),
        (b"#" * 1_000_001, "is larger than a megabyte"),
        (b"a: 1\n---\nb: 1\n", "is not valid YAML in line 2, column 1"),
        (b"a: 1\n b: 1\n", "is not valid YAML in line 2, column 3"),
        (b"a: {b: 1\n", "is not valid YAML in line 2, column 1"),
        (b"a:\n\tb: 1\n", "is not valid YAML in line 2, column 1"),
        (b"a: 'b\n", "is not valid YAML in line 2, column 1"),
        (b"a: *b\n", "is not valid YAML in line 1, column 4"),
        (b"[" * 5000, "is nested too deeply"),
    ],
)
def test_a_file_that_is_no_config_is_one_fault(tmp_path: Path, text: bytes, problem: str) -> None:
    (found,) = faults(tmp_path, text)
    assert found.problem == problem
    assert found.remedy


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("a:\n\tb: 1", "spaces instead of tabs"),
        ("a: 'b", "close the quote"),
        ('a: "C:\\windows"', "a backslash is special"),
        ("a: [b\nc: d", "close the bracket"),
        ("a: {b: 1\nc: d", "close the brace"),
        ("a: b: c", "into quotes if it holds a colon"),
        ("a:\n  b: 1\n  c\nd: 1", "name: value"),
        ("a: *b", "starts with *"),
        ("a: !b", "starts with !"),
        ("a: @b", "must be in quotes"),
        ("a:\n  b: 1\n c: 2", "indent"),
        ("a: 1\n---\nb: 1", "remove the ---"),
    ],
)
def test_yaml_gone_wrong_has_a_remedy_for_people(tmp_path: Path, text: str, remedy: str) -> None:
    (found,) = faults(tmp_path, text)
    assert remedy in found.remedy


def test_a_key_written_twice_is_a_fault_wherever_it_is(tmp_path: Path) -> None:
    found = faults(tmp_path, "a: 1\nb:\n  - {c: 1, c: 2}\na: 3\n'b': 1\n")
    assert {(each.path, each.problem) for each in found} == {
        ("b[0].c", "is written twice, in lines 3 and 3"),
        ("a", "is written twice, in lines 1 and 4"),
        ("b", "is written twice, in lines 2 and 5"),
    }


def test_keys_are_text_as_written_and_dates_too(tmp_path: Path) -> None:
    assert value(tmp_path, "x: {4.5: 2026-13-45, on: 2026-01-01, 007: y}") == {
        "4.5": "2026-13-45",
        "on": "2026-01-01",
        "007": "y",
    }


def test_anchors_aliases_and_merges_are_welcome(tmp_path: Path) -> None:
    text = "base: &base {a: 1, b: 2}\nx: {<<: *base, b: 3, c: *base}\ny: {<<: *base, a: 0}\n"
    assert value(tmp_path, text) == {"a": 1, "b": 3, "c": {"a": 1, "b": 2}}


def laughs(levels: int, line: str) -> str:
    return "a0: &a0 [lol]\n" + "".join(line.format(n=n, m=n - 1) for n in range(1, levels))


@pytest.mark.parametrize(
    "text",
    [
        laughs(30, "a{n}: &a{n} [*a{m}, *a{m}, *a{m}, *a{m}, *a{m}, *a{m}, *a{m}, *a{m}, *a{m}]\n"),
        laughs(60, "a{n}: &a{n} {{k: *a{m}, l: *a{m}}}\n"),
        "a0: &a0 {k: 1}\n" + "".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}, *a{n - 1}]}}\n" for n in range(1, 40)),
        laughs(2000, "a{n}: &a{n} [*a{m}]\n"),
        "a: &a [*a]\n",
        "a: &a {b: {<<: *a}}\n",
    ],
    ids=["lists", "sections", "merges", "chain", "itself", "merges itself"],
)
def test_a_bomb_of_aliases_is_refused_at_once(tmp_path: Path, text: str) -> None:
    started = time.monotonic()
    (found,) = faults(tmp_path, text)
    assert time.monotonic() - started < 5
    assert found.remedy in {"use fewer aliases (*name)", "settings are at most a few levels deep",
                            "remove the alias (*name)"}  # fmt: skip


def test_variables_are_put_in(tmp_path: Path) -> None:
    environ = {"A": "one", "EMPTY": "", "TRICK": "${A} $${A}\n- x: 'y"}
    assert value(tmp_path, 'x: "${A}-${B:-two}-${EMPTY:-three}-${EMPTY}-$${A}-$A-{date}"', **environ) == (
        "one-two-three--${A}-$A-{date}"
    )
    assert value(tmp_path, "x: ['${TRICK}', 'plain ${A:-}', 5]", **environ) == [environ["TRICK"], "plain one", 5]


def test_an_unset_variable_is_named_with_its_setting(tmp_path: Path) -> None:
    first, second = faults(tmp_path, "telegram:\n  token: ${TOKEN}\nlist: [a, '${OTHER}']\n")
    assert (first.path, second.path) == ("telegram.token", "list[1]")
    assert "TOKEN" in first.problem
    assert "OTHER" in second.problem


@pytest.mark.parametrize("text", ["${", "${A", "${1A}", "${A-b}", "${A:b}", "${A:-${B}}", "${ A }", "${}"])
def test_a_malformed_variable_is_a_fault_and_not_quoted(tmp_path: Path, text: str) -> None:
    found = faults(tmp_path, f"x: '{text}'", A="1", B="2")
    assert found[0].problem == "has a ${ that is not a variable"


def test_dotenv_is_read_as_shells_write_it_and_the_real_environment_wins(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(
        b"\xef\xbb\xbf# comment\r\n\r\nA=one # comment\r\nexport B = 'two # ${A}' # comment\r\n"
        b'C="th\\"r\\nee"\r\nD=\r\nE=a#b=c\r\nF= # nothing\r\nG=mine\r\n'
    )
    text = "x: ['${A}', '${B}', '${C}', '${D}', '${E}', '${F}', '${G}']"
    assert value(tmp_path, text, G="theirs") == ["one", "two # ${A}", 'th"r\nee', "", "a#b=c", "", "theirs"]


def test_a_line_of_dotenv_that_is_none_is_a_fault_without_the_line(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=1\nhunter2\nB='hunter2\n=hunter2\n", encoding="utf-8")
    found = faults(tmp_path, "x: 1")
    assert [each.path for each in found] == [".env line 2", ".env line 3", ".env line 4"]
    assert "hunter2" not in str(ConfigError(found))


def test_faults_of_dotenv_are_told_along_with_those_of_the_config(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("nonsense", encoding="utf-8")
    assert [each.path for each in faults(tmp_path, "")] == [".env line 1", FILE]
    assert [each.path for each in faults(tmp_path, "x: ${Y}")] == [".env line 1", "x"]


def test_a_dotenv_that_is_no_text_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"A=\xff")
    assert [each.problem for each in faults(tmp_path, "x: 1")] == ["is not UTF-8 text"]
    (tmp_path / ".env").unlink()
    (tmp_path / ".env").mkdir()
    assert "can't be read" in faults(tmp_path, "x: 1")[0].problem


def test_a_tag_and_a_key_that_is_no_word_are_faults(tmp_path: Path) -> None:
    assert [each.path for each in faults(tmp_path, "a: !!int '5'\nb: !!str 5\n")] == ["a", "b"]
    for value in ("!!python/object/apply:os.system [id]", "!!python/object/new:set {a: b}", "!!set {a, b}", "!x [1]"):
        assert [(each.path, each.problem) for each in faults(tmp_path, f"a: {value}\nb: [{value}]\n")] == [
            ("a", "has a YAML tag"),
            ("b[0]", "has a YAML tag"),
        ]
    assert faults(tmp_path, "a:\n  ? [b]\n  : 1\n")[0].problem == "has a key in line 2 that is not a word"
    assert "names no section" in faults(tmp_path, "a: {<<: 5}")[0].problem


@pytest.mark.parametrize("text", ["=", "<<", "0x_", "0b_", "9" * 5000])
def test_a_value_that_yaml_itself_stumbles_over_is_text(tmp_path: Path, text: str) -> None:
    assert value(tmp_path, f"x: {text}") == text


BROKEN = st.text(alphabet="ab1 \n\t:-{}[],'\"*&!|>%@`#?$~=<.é\x00\u2028", max_size=60)


@given(before=BROKEN, after=BROKEN)
@settings(max_examples=150, deadline=None)
def test_no_text_makes_anything_but_a_config_or_its_faults(before: str, after: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / FILE
        file.write_text(f"{before}models: {{a: {{provider: b}}}}\n{after}", encoding="utf-8")
        with pytest.raises(ConfigError) as caught:  # "b" is never a provider: there is always a fault
            load(file, {})
        assert caught.value.faults
