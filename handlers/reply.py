"""Answers what somebody said: history and question to the model, the answer live into the chat."""

import logging
from functools import partial

from chat.buttons import Action, Button
from chat.errors import BotError
from chat.incoming import Said
from chat.messages import Message
from chat.replies import Final
from handlers.prompt import system_prompt
from handlers.services import Model, Outcome, Running, Services
from messengers.live_reply import LiveReply, Shown
from providers.base import ReplyRequest, Status
from storage.base import Turn
from texts import Language

log = logging.getLogger(__name__)


async def answer(turn: Turn, said: Said, services: Services) -> Outcome:
    """Ask the conversation's model and show its answer while it grows."""
    language = services.language(said)
    limit = services.limits.input_characters
    if len(said.text) > limit:
        sentence = language.say("reply.too_long", length=str(len(said.text)), limit=str(limit))
        return Outcome(Final("", sentence), turn.reply)
    model = services.model_of(said.address.conversation)
    request = await _request(turn, said, model, services)
    live = _live_reply(turn, said, services, language)
    services.running[turn.id] = Running(turn.id, said, live)
    try:
        shown = await live.show(model.provider.stream_reply(request, partial(_log_status, turn.id)))
    finally:
        del services.running[turn.id]
    return _outcome(turn, said, shown, language)


async def _request(turn: Turn, said: Said, model: Model, services: Services) -> ReplyRequest:
    capabilities = model.provider.capabilities
    earlier = await services.store.history(said.address.conversation, turn.id) if capabilities.history else ()
    return ReplyRequest(
        model.settings.model,
        (*earlier, Message("user", said.text)),
        system_prompt(services, model, said) if capabilities.system_prompt else "",
        model.settings.parameters,
    )


def _live_reply(turn: Turn, said: Said, services: Services, language: Language) -> LiveReply:
    return LiveReply(
        services.open_chat(said.address),
        partial(services.store.checkpoint, turn.id),
        state=turn.reply,
        buttons=(Button(language.say("button.stop"), Action("stop", turn.id)),),
        reply=quotes(said),
        may_begin=partial(services.delivered, said.address.conversation),
    )


def quotes(said: Said) -> bool:
    """Whether the answer quotes the question: where several people talk, it must be clear whom it is for."""
    return not said.address.private


def _log_status(turn: int, status: Status) -> None:
    log.info("turn %d: %s %s", turn, status.key, dict(status.arguments))


def _outcome(turn: Turn, said: Said, shown: Shown, language: Language) -> Outcome:
    text = shown.state.text
    exchange = (Message("user", said.text), Message("assistant", text)) if text.strip() else ()
    if shown.gone:
        return Outcome(None, shown.state, exchange)
    retry = (Button(language.say("button.retry"), Action("retry", turn.id)),)
    if shown.failure:
        return failure(turn, shown.failure, language, text=text, history=exchange, shown=shown)
    match shown.end:
        case "done" if text.strip():
            final = Final(text)
        case "done":
            return Outcome(Final("", language.say("reply.empty"), retry), shown.state, failed=True)
        case reason:
            final = Final(text, language.say(f"reply.{reason}"))
    return Outcome(final, shown.state, exchange)


def failure(
    turn: Turn,
    error: BotError,
    language: Language,
    *,
    text: str = "",
    history: tuple[Message, ...] = (),
    shown: Shown | None = None,
) -> Outcome:
    """A failure in one sentence with a Retry button, below what was shown already."""
    log.warning("turn %d failed: %s: %s", turn.id, type(error).__name__, error.details)
    values = {"turn": str(turn.id), "provider": "?", "model": "?"} | error.arguments
    retry = Button(language.say("button.retry"), Action("retry", turn.id))
    final = Final(text, language.say(error.key, **values), (retry,))
    return Outcome(final, shown.state if shown else turn.reply, history, failed=True)
