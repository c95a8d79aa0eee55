"""Commands: ours are taken apart; a stray "/word" stays a question, and "/name@otherbot" is someone else's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.commands import BadOptionError, Option, read_command, read_options, takes

KNOWN = {"help", "stop", "start"}


@pytest.mark.parametrize(
    ("text", "name", "rest"),
    [
        ("/help", "help", ""),
        ("/help@Parley_bot", "help", ""),
        ("/help@parley_BOT me now", "help", "me now"),
        ("/HELP", "help", ""),
        ("/start ref_17", "start", "ref_17"),
        ("/help\nwith lines\nbelow", "help", "with lines\nbelow"),
        ("/stop   much   space  ", "stop", "much   space  "),
    ],
)
def test_a_command_of_ours_is_its_name_and_the_text_behind_it(text: str, name: str, rest: str) -> None:
    assert read_command(text, KNOWN, "parley_bot") == (name, rest)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "/ ",
        "/@parley_bot",
        "help",
        " /help",
        "see /help",
        "/helpme",
        "/help.",
        "//help",
        "/etc/passwd is what?",
        "/help@other_bot",
        "/help@parley_bot_2 x",
        "/хелп",
    ],
)
def test_what_is_no_command_of_ours_is_none(text: str) -> None:
    assert read_command(text, KNOWN, "parley_bot") is None


@pytest.mark.parametrize("text", ["/ help", "/\nstop", "/ stop doing that"])
def test_a_slash_with_space_behind_it_is_no_command(text: str) -> None:
    assert read_command(text, KNOWN, "parley_bot") is None


def test_a_bot_without_a_name_takes_no_command_that_names_a_bot() -> None:
    assert read_command("/help@anybot", KNOWN) is None


@given(st.text(max_size=60))
def test_no_text_at_all_makes_it_fail(text: str) -> None:
    for candidate in (text, f"/{text}", f"/help{text}"):
        found = read_command(candidate, KNOWN, "parley_bot")
        assert found is None or found[0] in KNOWN


OPTIONS = (
    Option(required=True),
    Option("ratio", "choice", choices=("1:1", "16:9")),
    Option("count", "number"),
    Option("model"),
)


@pytest.mark.parametrize(
    ("text", "values", "rest"),
    [
        ("a cat", {}, "a cat"),
        ("", {}, ""),
        ("a cat --ratio 16:9 on a mat", {"ratio": "16:9"}, "a cat on a mat"),
        ("--ratio=16:9 a cat", {"ratio": "16:9"}, "a cat"),
        ("a cat —ratio 16:9", {"ratio": "16:9"}, "a cat"),
        ("a cat —ratio=16:9", {"ratio": "16:9"}, "a cat"),
        ("кот --RATIO 1:1 --Count 2", {"ratio": "1:1", "count": "2"}, "кот"),
        ("--model org/flux.1:free cat", {"model": "org/flux.1:free"}, "cat"),
        ("--model=a=b cat", {"model": "a=b"}, "cat"),
        ("--count 1 --count 3 cat", {"count": "3"}, "cat"),
        ("--count 000000002 cat", {"count": "000000002"}, "cat"),
    ],
)
def test_options_are_taken_out_wherever_they_stand_and_the_rest_is_the_text(
    text: str, values: dict[str, str], rest: str
) -> None:
    assert read_options(text, OPTIONS) == (values, rest)


@pytest.mark.parametrize(
    "text",
    [
        "a cat - black",
        "a cat -- black",
        "a cat — black",
        "a — b—ratio",
        "-ratio 16:9",
        "---ratio 16:9",
        "ratio 16:9",
        "a--ratio 16:9",
        "–ratio 16:9",  # a short dash: no phone writes it for two hyphens
        "--2 cats",
        "--ёлка",
        "two\nlines",
    ],
)
def test_dashes_that_are_no_option_stay_in_the_text(text: str) -> None:
    assert read_options(text, OPTIONS) == ({}, text)


@pytest.mark.parametrize(
    ("text", "name", "is_known"),
    [
        ("cat --ratio 4:3", "ratio", True),
        ("cat --ratio", "ratio", True),
        ("--ratio cat", "ratio", True),
        ("cat --count two", "count", True),
        ("cat --count -1", "count", True),
        ("cat --count 1.5", "count", True),
        ("cat --count ٣", "count", True),
        ("cat --count 1234567890", "count", True),
        ("cat --model", "model", True),
        ("cat --Style oil", "style", False),
        ("—dark cat", "dark", False),
    ],
)
def test_an_unknown_option_and_a_value_that_is_none_name_themselves(text: str, name: str, is_known: bool) -> None:
    with pytest.raises(BadOptionError) as bad:
        read_options(text, OPTIONS)
    assert (bad.value.name, bad.value.option is not None) == (name, is_known)


@pytest.mark.parametrize("text", ["cat\n--ratio 16:9", "cat --ratio  16:9", "cat --ratio\n16:9", "cat\t--ratio\t16:9"])
def test_options_may_stand_on_lines_of_their_own_and_behind_any_space(text: str) -> None:
    assert read_options(text, OPTIONS) == ({"ratio": "16:9"}, "cat")


def test_an_option_with_nothing_behind_its_equals_sign_names_itself() -> None:
    with pytest.raises(BadOptionError):
        read_options("cat --ratio=", OPTIONS)


def test_space_inside_the_text_stays_as_it_was() -> None:
    assert read_options("a  poem:\n\n  one --count 2", OPTIONS)[1] == "a  poem:\n\n  one"


@pytest.mark.parametrize(
    ("option", "good", "bad"),
    [
        (
            Option("n", "number"),
            ("0", "7", "007", "999999999"),
            ("", "-1", "+1", "1.0", "1e3", " 1", "²", "1000000000"),
        ),
        (Option("c", "choice", choices=("a", "B")), ("a", "B"), ("", "A", "b", "ab", " a")),
        (Option("t"), ("x", "0", " ", "--x"), ("",)),
    ],
)
def test_what_is_a_value_for_an_option(option: Option, good: tuple[str, ...], bad: tuple[str, ...]) -> None:
    assert [value for value in good if not takes(option, value)] == []
    assert [value for value in bad if takes(option, value)] == []


@given(st.text(max_size=80))
def test_no_text_makes_reading_options_fail_otherwise_and_nothing_is_taken_without_dashes(text: str) -> None:
    try:
        values, rest = read_options(text, OPTIONS)
    except BadOptionError:
        assert "--" in text or "—" in text
        return
    assert set(values) <= {"ratio", "count", "model"}
    if "--" not in text and "—" not in text:
        assert (values, rest) == ({}, text.strip())
