"""/help and /start: what the bot does and which model answers, in the person's language."""

import pytest

from chat.incoming import Sender
from handlers import COMMANDS, attempt
from tests.handlers.scene import ADMIN, ANNA, Scene, invoked


@pytest.mark.parametrize("command", ["help", "start"])
@pytest.mark.parametrize(("language", "code"), [("ru", "ru"), ("en", "en"), ("", "en"), ("de", "en")])
async def test_help_is_said_in_the_persons_language_and_names_the_model(command: str, language: str, code: str) -> None:
    scene = Scene()
    turn = await scene.receive(invoked(command, sender=Sender("1", "Anna", language)))
    outcome = await attempt(turn, scene.services)
    assert outcome.final
    spoken = scene.texts.languages[code]
    first_line = spoken.sentences["help"].splitlines()[0]
    assert outcome.final.text.startswith(first_line)
    assert "smart" in outcome.final.text
    assert f"/stop — {spoken.say('command.stop')}" in outcome.final.text
    assert "/start" not in outcome.final.text
    assert (outcome.history, outcome.failed, scene.provider.requests) == ((), False, [])


@pytest.mark.parametrize(("sender", "listed"), [(ANNA, False), (ADMIN, True)])
async def test_commands_of_admins_are_shown_to_admins_alone(sender: Sender, listed: bool) -> None:
    scene = Scene()
    outcome = await attempt(await scene.receive(invoked("help", sender=sender)), scene.services)
    assert outcome.final
    for command in COMMANDS:
        if command.access == "admin":
            assert (f"/{command.name} " in outcome.final.text) is listed
