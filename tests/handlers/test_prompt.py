"""The system prompt: exactly {date}, {time} and {user} are replaced, literally; all other braces stay."""

from datetime import datetime

import pytest

from chat.incoming import Sender
from handlers.prompt import system_prompt
from handlers.settings import ModelSettings
from tests.handlers.scene import Scene, said
from tests.virtual_time import run_virtual


def prompt(text: str, user: str = "Anna", own: str | None = None) -> str:
    services = Scene(system_prompt=text, model=ModelSettings(provider="fake", system_prompt=own)).services
    return run_virtual(system_prompt(services, services.models["smart"], said("x", sender=Sender("1", user))))


def test_date_time_and_user_are_those_of_the_question_in_the_bots_time_zone() -> None:
    zone = Scene().services.timezone
    before = datetime.now(zone)
    written = prompt("{date} {time}|{user}|{user}")
    moments = {f"{moment:%Y-%m-%d %H:%M}|Anna|Anna" for moment in (before, datetime.now(zone))}
    assert written in moments


@pytest.mark.parametrize(
    "text",
    [
        'Answer as {"json": {"key": []}}.',
        "{",
        "}",
        "{{user}",
        "{}",
        "{0}",
        "{name!r:>10}",
        "{ user }",
        "{USER}",
        "{%s}",
    ],
)
def test_every_other_brace_stays_as_it_is(text: str) -> None:
    assert prompt(text, user="ANNA") == text.replace("{user}", "ANNA")


@pytest.mark.parametrize("name", ["{date}", "{time}", "{user}", "{system_prompt}", "\\1 \\g<0>", "%s", "{"])
def test_a_name_is_put_in_literally_whatever_it_contains(name: str) -> None:
    assert prompt("You talk to {user}.", user=name) == f"You talk to {name}."


def test_a_models_own_prompt_goes_before_the_general_one_even_where_it_is_empty() -> None:
    assert prompt("general", own="own for {user}") == "own for Anna"
    assert prompt("general", own="") == ""
    assert prompt("general", own=None) == "general"
