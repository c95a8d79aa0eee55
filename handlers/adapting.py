"""A request as another model gets it: what was put together for the conversation's model, when a fallback is asked."""

from dataclasses import replace

from chat.messages import Message
from handlers.fitting import fit
from handlers.settings import ModelSettings
from providers.base import Capabilities, ReplyRequest

UNSEEN = "[an image that can't be shown to you]"  # in English: it is for the model


def adapted(request: ReplyRequest, settings: ModelSettings, capabilities: Capabilities) -> ReplyRequest:
    """The request with the model's own name, parameters and room, without what it can't take.

    The system prompt stays, also where the model has one of its own: the conversation was begun with it. A picture
    that it can't see is mentioned, so that it can say so. Of history it gets as much as fits; the question stays whole.
    """
    sees = settings.vision and capabilities.vision
    *earlier, question = request.messages if sees else map(_unseen, request.messages)
    system = request.system if capabilities.system_prompt else ""
    return replace(
        request,
        model=settings.model,
        messages=fit(earlier if capabilities.history else (), question, system, settings),
        system=system,
        parameters=settings.parameters,
    )


def _unseen(message: Message) -> Message:
    if not message.images:
        return message
    return Message(message.role, "\n".join([message.text] * bool(message.text) + [UNSEEN] * len(message.images)))
