"""The worked example of docs/adding-a-command.md works as it stands there."""

import re
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import yaml

from chat.incoming import Invoked
from handlers.services import Handler
from handlers.stop import COMMAND as STOP
from tests.handlers.scene import PRIVATE, Scene, invoked
from texts import Texts, flatten

PAGE = Path(__file__).parents[1] / "docs" / "adding-a-command.md"


def block(language: str, number: int = 0) -> str:
    found: list[str] = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    return found[number]


def module() -> ModuleType:
    """The file that the page shows."""
    made = ModuleType("handlers.roll")
    exec(compile(block("python"), "handlers/roll.py", "exec"), made.__dict__)
    return made


async def rolled(text: str) -> str:
    """What is said to `/roll TEXT`, with the page's own sentences."""
    scene, roll = Scene(), module()
    english = scene.texts.of("en")
    said = replace(english, sentences={**english.sentences, **flatten(yaml.safe_load(block("yaml")))})
    services = replace(scene.services, texts=Texts({"en": said}, "en"))
    handle: Handler = roll.handle
    turn = await scene.receive(replace(invoked(STOP.name, PRIVATE), command="roll", text=text))
    assert isinstance(turn.incoming, Invoked)
    final = (await handle(turn, services)).final
    assert final
    return final.text


async def test_the_command_of_the_page_rolls_a_die() -> None:
    assert await rolled("--sides 1") == "🎲 1"
    assert await rolled("") in {f"🎲 {number}" for number in range(1, 7)}


def test_it_is_declared_as_the_page_says() -> None:
    command = module().COMMAND
    assert (command.name, command.kind, [option.name for option in command.options]) == ("roll", "control", ["sides"])
