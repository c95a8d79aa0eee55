"""Commands: ours are taken apart; a stray "/word" stays a question, and "/name@otherbot" is someone else's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.commands import read_command

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
