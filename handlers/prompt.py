"""The system prompt of a turn: which one applies, and its placeholders."""

from chat.incoming import Incoming
from handlers.services import Model, Services


async def source_of(services: Services, model: Model, room: str) -> tuple[str, str]:
    """Where the prompt is from (`conversation`, `model` or `global`), and its text with its placeholders."""
    chosen = (await services.store.choices(room)).system_prompt
    if chosen:
        return "conversation", chosen
    if model.settings.system_prompt is not None:
        return "model", model.settings.system_prompt
    return "global", services.system_prompt


async def system_prompt(services: Services, model: Model, incoming: Incoming) -> str:
    """The conversation's own prompt, else the model's, else the global one.

    Exactly {date}, {time} and {user} are replaced, literally: other braces stay.
    """
    _, prompt = await source_of(services, model, incoming.address.room)
    now = services.now()
    values = {"{date}": f"{now:%Y-%m-%d}", "{time}": f"{now:%H:%M}", "{user}": incoming.sender.name}
    for placeholder, value in values.items():
        prompt = prompt.replace(placeholder, value)
    return prompt
