"""/model: which models there are, and which one answers in this conversation."""

import difflib
import itertools
import zlib
from collections.abc import Mapping, Sequence

from chat.buttons import Action, Button
from chat.commands import Command, Option
from chat.incoming import Invoked, Pressed
from chat.replies import Final
from handlers.services import Model, Outcome, Services
from storage.base import Turn
from texts import Language

COMMAND = Command("model", options=(Option(suggests=True),), discreet=True)
PAGE = 20  # buttons
MOST_NAMED = 20  # in a sentence


def model_id(name: str) -> int:
    """A number for a model's name, the same after a restart: buttons have no room for names."""
    return zlib.crc32(name.encode())


async def handle(turn: Turn, services: Services) -> Outcome:
    """Without a name: the list, as buttons. With one: choose it."""
    asked, language = turn.incoming, services.language(turn.incoming)
    name = asked.text.strip() if isinstance(asked, Invoked) else ""
    if not name:
        return Outcome(await _list(turn, services, language, page=None), turn.reply)
    found = [model for model in services.models.values() if model.name.lower() == name.lower()]
    if not found:
        return Outcome(Final("", unknown(name.replace("`", ""), list(services.models), language)), turn.reply)
    await services.store.choose(asked.address.room, model=found[0].name)
    return Outcome(Final(language.say("model.chosen", model=found[0].name)), turn.reply)


def unknown(name: str, names: Sequence[str], language: Language, mark: str = "`") -> str:
    """The sentence that there is no such model, with those that there are between marks; of many the nearest ones."""
    shown = ", ".join(f"{mark}{each}{mark}" for each in _nearest(name, names))
    if len(names) <= MOST_NAMED:
        return language.say("model.unknown", name=name, names=shown)
    return language.say("model.unknown_of_many", name=name, names=shown, count=len(names))


def _nearest(name: str, names: Sequence[str]) -> Sequence[str]:
    """In the list's order, where there are few; else those that have the name in theirs, and then similar ones."""
    if len(names) <= MOST_NAMED:
        return names
    typed, by_lower = name.lower(), {each.lower(): each for each in names}
    having = [each for lower, each in by_lower.items() if typed in lower]
    similar = [by_lower[lower] for lower in difflib.get_close_matches(typed, by_lower, MOST_NAMED, cutoff=0.4)]
    nearest = dict.fromkeys((*having, *similar)) or names
    return list(itertools.islice(nearest, MOST_NAMED))


async def press(turn: Turn, pressed: Pressed, services: Services) -> Outcome:
    """A button of the list: choose a model (`model`), or turn the page (`models`). The list shows the change."""
    await services.bot.delivered(pressed.address)  # the buttons are there before the list's turn is over
    listed = await services.store.turn(pressed.action.target)
    if listed is None or listed.state not in {"done", "dead"} or not services.may_command(pressed, listed.incoming):
        return Outcome()
    if not (isinstance(listed.incoming, Invoked) and listed.incoming.command == COMMAND.name):
        return Outcome()
    page = pressed.action.argument if pressed.action.verb == "models" else None
    if pressed.action.verb == "model":
        found = [model for model in services.models.values() if model_id(model.name) == pressed.action.argument]
        if found:
            await services.store.choose(listed.incoming.address.room, model=found[0].name)
    language = services.language(listed.incoming)
    return Outcome(await _list(listed, services, language, page=page), listed.reply)


async def _list(turn: Turn, services: Services, language: Language, page: int | None) -> Final:
    """A page of the list; without a number the one that holds the current model."""
    current = await services.model_of(turn.incoming.address.room)
    names = list(services.models)
    pages = range(0, len(names), PAGE)
    page = names.index(current.name) // PAGE if page is None else min(page, len(pages) - 1)
    shown = names[page * PAGE : (page + 1) * PAGE]
    trouble = services.bot.trouble
    lines = [language.say("model.current", model=current.name)]
    lines += [f"⚠️ `{name}`: {language.say('trouble.' + trouble[name])}" for name in shown if name in trouble]
    if len(names) > 1:
        lines.append(language.say("model.choose"))
    buttons = [_button(name, current, turn, trouble) for name in shown] if len(names) > 1 else []
    return Final("\n\n".join(lines), "", (*buttons, *_turns_of_page(turn, page, pages)))


def _button(name: str, current: Model, turn: Turn, trouble: Mapping[str, str]) -> Button:
    mark = "✅ " if name == current.name else "⚠️ " if name in trouble else ""
    return Button(f"{mark}{name}", Action("model", turn.id, model_id(name)))


def _turns_of_page(turn: Turn, page: int, pages: Sequence[int]) -> list[Button]:
    before = [Button("◀", Action("models", turn.id, page - 1))] if page > 0 else []
    behind = [Button("▶", Action("models", turn.id, page + 1))] if page + 1 < len(pages) else []
    return before + behind
