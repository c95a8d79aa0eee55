"""Values that messengers propose while a command is being typed: models with what is wrong with them, prompts."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from chat.incoming import Invoked
from handlers import help as help_handler
from handlers import image, model, system
from handlers.services import Services
from messengers.base import Suggestion

MOST = 25  # what Discord shows


async def suggest(asked: Invoked, option: str, services: Services) -> Sequence[Suggestion]:
    """See `messengers.base.Reception.suggest`."""
    source = SOURCES.get((asked.command, option))
    if source is None or not services.access.allows(asked):
        return ()
    typed = asked.text.strip().lower()
    found = [each for each in await source(asked, services) if typed in each.value.lower()]
    found.sort(key=lambda each: not each.value.lower().startswith(typed))
    current = [each for each in found[MOST:] if each.current]  # is to be seen, wherever it stands
    return [*found[: MOST - len(current)], *current]


async def _models(asked: Invoked, services: Services) -> list[Suggestion]:
    current = await services.model_of(asked.address.room)
    language, trouble = services.language(asked), services.bot.trouble
    return [
        Suggestion(
            name, name, name == current.name, language.say(f"trouble.{trouble[name]}") if name in trouble else ""
        )
        for name in services.models
    ]


async def _image_models(_: Invoked, services: Services) -> list[Suggestion]:
    return [Suggestion(name, name, number == 0) for number, name in enumerate(services.image_models)]


async def _prompts(asked: Invoked, services: Services) -> list[Suggestion]:
    if not help_handler.may_use(system.COMMAND, asked, services):
        return []
    return [Suggestion(name, name) for name in (*services.prompts, system.RESET)]


SOURCES: Mapping[tuple[str, str], Callable[[Invoked, Services], Awaitable[list[Suggestion]]]] = {
    (model.COMMAND.name, ""): _models,
    (image.COMMAND.name, "model"): _image_models,
    (system.COMMAND.name, ""): _prompts,
}
