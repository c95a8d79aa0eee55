"""The system prompt of a turn: which one applies, and its placeholders."""

from datetime import datetime

from chat.incoming import Incoming
from handlers.services import Model, Services


def system_prompt(services: Services, model: Model, incoming: Incoming) -> str:
    """The model's own prompt, else the global one; exactly {date}, {time} and {user} are replaced, literally."""
    prompt = services.system_prompt if model.settings.system_prompt is None else model.settings.system_prompt
    now = datetime.now(services.timezone)
    values = {"{date}": f"{now:%Y-%m-%d}", "{time}": f"{now:%H:%M}", "{user}": incoming.sender.name}
    for placeholder, value in values.items():
        prompt = prompt.replace(placeholder, value)
    return prompt
