"""Answers what somebody said: history and question to the model, the answer live into the chat."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from chat.buttons import Action, Button
from chat.errors import BotError, ProviderError
from chat.incoming import Incoming, Said
from chat.messages import Message
from chat.replies import Final, ReplyState
from handlers import quotas
from handlers.fitting import fit
from handlers.model import model_id
from handlers.prompt import system_prompt
from handlers.question import CantAskError, Question, understand
from handlers.services import Model, Outcome, Running, Services, Stoppable
from messengers.base import Dialect, MessengerError
from messengers.live_reply import LiveReply, Shown
from providers.base import ReplyRequest, Status
from storage.base import Amount, Turn
from texts import Language

log = logging.getLogger(__name__)

BEGINNING = 2000  # characters of an answer that are looked at before all of it is


async def answer(turn: Turn, said: Said, services: Services) -> Outcome:
    """Ask the conversation's model and show its answer while it grows."""
    live = live_reply(turn, services)
    with registered(turn, live, services):  # from the first moment on: /stop may come right behind the question
        async with quotas.reserved(services, said, "messages") as refusal:
            if refusal:
                return Outcome(Final("", refusal), turn.reply)
            return await _ask(turn, said, live, services)


async def _ask(turn: Turn, said: Said, live: LiveReply, services: Services) -> Outcome:
    model = services.models.get(turn.model) or await services.model_of(said.address.room)
    try:
        question = await understand(said, model, services)
    except CantAskError as reason:
        return Outcome(Final("", reason.sentence), turn.reply)
    request = await _request(turn, question, model, services)
    status = partial(_tell, turn, live, services.language(said))
    shown = await live.show(model.provider.stream_reply(request, status))
    return _outcome(turn, question, shown, services)


async def _request(turn: Turn, question: Question, model: Model, services: Services) -> ReplyRequest:
    said, capabilities = turn.incoming, model.provider.capabilities
    earlier = await _earlier(turn, services) if capabilities.history else ()
    system = await system_prompt(services, model, said) if capabilities.system_prompt else ""
    messages = fit(earlier, question.asked, system, model.settings)
    attempts = services.limits.attempts_per_turn
    return ReplyRequest(model.settings.model, messages, system, model.settings.parameters, attempts=attempts)


async def _earlier(turn: Turn, services: Services) -> Sequence[Message]:
    """What was said before: as the messenger has it, where it can tell, else as it was stored."""
    address = turn.incoming.address
    try:
        told = await services.bot.open_chat(address).earlier()
    except MessengerError as failure:
        log.warning("turn %d: the messenger didn't tell what was said before: %s", turn.id, failure)
        told = None
    return await services.store.history(address.conversation, turn.id) if told is None else told


def live_reply(turn: Turn, services: Services) -> LiveReply:
    """A reply to a turn, with its Stop button."""
    asked = turn.incoming
    return LiveReply(
        services.bot.open_chat(asked.address),
        partial(services.store.checkpoint, turn.id),
        state=turn.reply,
        buttons=(Button(services.language(asked).say("button.stop"), Action("stop", turn.id)),),
        reply=quotes(asked),
        key=turn.key,
        thinking=services.language(asked).say("status.thinking"),
        may_begin=partial(services.bot.delivered, asked.address),
    )


@contextmanager
def registered(turn: Turn, live: Stoppable, services: Services) -> Iterator[None]:
    """While inside, the reply can be found and stopped."""
    services.bot.running[turn.id] = Running(turn.incoming, live)
    try:
        yield
    finally:
        del services.bot.running[turn.id]


def quotes(asked: Incoming) -> bool:
    """Whether the answer quotes what it answers: where several people talk, it must be clear whom it is for."""
    return not asked.address.private


def _tell(turn: Turn, live: LiveReply, language: Language, status: Status) -> None:
    """Say why there is no answer yet: queued, loading, tried again."""
    level = logging.DEBUG if status.key == "status.slot" else logging.INFO  # a long line moves all the time
    log.log(level, "turn %d: %s %s", turn.id, status.key, dict(status.arguments))
    live.tell(language.say(status.key, **status.arguments))


def _outcome(turn: Turn, question: Question, shown: Shown, services: Services) -> Outcome:
    text, language = shown.state.text, services.language(turn.incoming)
    # What was withheld isn't told again: with it in the history, providers withhold the answers that follow too.
    told = text.strip() and shown.end != "filtered"
    exchange = (question.kept, Message("assistant", text)) if told else ()
    usage = shown.usage
    amount = Amount(1, 0, usage.input_tokens if usage else 0, usage.output_tokens if usage else 0)
    spent = services.spent(turn.incoming, amount) if shown.fresh or not shown.failure else None
    if shown.gone:
        return Outcome(None, shown.state, exchange, spent=spent)
    if shown.failure:
        final = explain(turn, shown.failure, language, text)
        return Outcome(
            final,
            shown.state,
            exchange,
            failed=True,
            reason=in_short(shown.failure),
            spent=spent,
            settled=shown.settled,
        )
    dialect = services.bot.open_chat(turn.incoming.address).dialect
    match shown.end:
        case "done" | "length" as reason if not is_visible(text, dialect):
            sentence = language.say("reply.empty" if reason == "done" else "reply.only_thought")
            final = Final("", sentence, (retry_button(turn, language),))
            why = "empty" if reason == "done" else "empty: the limit was reached before any text"
            return Outcome(final, shown.state, failed=True, reason=why, settled=shown.settled)
        case "done":
            final = Final(text)
        case "length":
            final = Final(text, language.say("reply.length"), (continue_button(turn, language),))
        case reason:
            final = Final(text, language.say(f"reply.{reason}"))
    return Outcome(final, shown.state, exchange, spent=spent, settled=shown.settled)


def is_visible(text: str, dialect: Dialect) -> bool:
    """Whether an answer shows anything. Its beginning nearly always tells, and all wait while a long one renders."""
    return any(dialect.render(piece, final=True).size for piece in (text[:BEGINNING], text))


def explain(turn: Turn, error: BotError, language: Language, text: str = "") -> Final:
    """A failure in one sentence with a Retry button, below what was shown already; the log gets the details."""
    log.warning("turn %d failed: %s: %s", turn.id, type(error).__name__, error.details)
    values = {"turn": str(turn.id), "provider": "?", "model": "?"} | error.arguments
    following = error.next_model if isinstance(error, ProviderError) else ""
    return Final(text, language.say(error.key, **values), (retry_button(turn, language, following),))


def failure(turn: Turn, error: BotError, language: Language, reply: ReplyState) -> Outcome:
    """What a turn comes to that ended outside of an answer's own course; `reply` is what is shown of it."""
    return Outcome(explain(turn, error, language, reply.text), reply, failed=True, reason=in_short(error))


def in_short(error: BotError) -> str:
    """A failure in one line for the operator: `overloaded: 503 Service Unavailable`."""
    key = error.key.removeprefix("error.")
    return f"{key}: {' '.join(error.details.split())}" if error.details else key


def retry_button(turn: Turn, language: Language, model: str = "") -> Button:
    """The button that asks a turn again; `model`: another one than the conversation's."""
    if not model:
        return Button(language.say("button.retry"), Action("retry", turn.id))
    return Button(language.say("button.retry_model", model=model), Action("retry", turn.id, model_id(model)))


def continue_button(turn: Turn, language: Language) -> Button:
    """The button that asks for the rest of an answer."""
    return Button(language.say("button.continue"), Action("continue", turn.id))
