"""Answers what somebody said: history and question to the model, the answer live into the chat."""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from chat.buttons import Action, Button
from chat.errors import BotError, ProviderError
from chat.incoming import Incoming, Said
from chat.messages import Message
from chat.replies import Anew, Final, ReplyState
from handlers import quotas
from handlers.fitting import fit
from handlers.model import model_id
from handlers.prompt import system_prompt
from handlers.question import CantAskError, Question, understand
from handlers.services import Model, Outcome, Running, Services, Stoppable
from messengers.base import Dialect, MessengerError
from messengers.live_reply import LiveReply, Shown
from messengers.meanwhile import Thinking
from providers.base import THINKING, Lull, ReplyRequest, Status
from storage.base import Amount, Turn
from texts import Language

log = logging.getLogger(__name__)

CUT = "length"  # the reason of a turn whose answer was cut by the model's limit
WHOLE = "whole"  # the reason of one whose answer was gone on with, to its end
REFUSED = "refused"  # the reason of one that was to be asked again, and couldn't be
BEGINNING = 2000  # characters of an answer that are looked at before all of it is


async def answer(turn: Turn, said: Said, services: Services) -> Outcome:
    """Ask the conversation's model and show its answer while it grows."""
    live = live_reply(turn, services)
    with registered(turn, live, services):  # from the first moment on: /stop may come right behind the question
        async with quotas.reserved(services, said, "messages") as refusal:
            if refusal:
                return await _refused(turn, said, refusal, services)
            return await _ask(turn, said, live, services)


async def _refused(turn: Turn, said: Said, sentence: str, services: Services) -> Outcome:
    """It isn't asked. What there is of its answer stays, and can be gone on with, or asked for again, another day."""
    text, language = turn.reply.text, services.language(said)
    if not text:
        return Outcome(Final("", sentence), turn.reply)
    exchange = (await _kept(turn, said, services), Message("assistant", text))
    if _goes_on(turn):
        return Outcome(Final(text, sentence, (continue_button(turn, language),)), turn.reply, exchange, reason=CUT)
    final = Final(text, sentence, (retry_button(turn, language, turn.model),))
    return Outcome(final, turn.reply, exchange, failed=True, reason=REFUSED)


async def _kept(turn: Turn, said: Said, services: Services) -> Message:
    """The question as the history keeps it: as it is there, as it would be asked, or else its bare words."""
    try:
        return (await _question(turn, said, await _model(turn, services), services)).kept
    except CantAskError:
        return Message("user", said.text)


async def _ask(turn: Turn, said: Said, live: LiveReply, services: Services) -> Outcome:
    model = await _model(turn, services)
    try:
        question = await _question(turn, said, model, services)
    except CantAskError as reason:
        return await _refused(turn, said, reason.sentence, services)
    request = await _request(turn, question, model, services, live.lull)
    live.meanwhile.thinking = thinking(model, services, services.language(said))
    status = partial(_tell, turn, live, services.language(said))
    shown = await live.show(model.provider.stream_reply(request, status))
    return _outcome(turn, question, shown, services)


async def _model(turn: Turn, services: Services) -> Model:
    """The one that the turn names, if there still is one by that name, or the conversation's."""
    return services.models.get(turn.model) or await services.model_of(turn.incoming.address.room)


async def _question(turn: Turn, said: Said, model: Model, services: Services) -> Question:
    """What is asked: the question whose answer goes on, or a new one. Raises `CantAskError`."""
    return await _cut_short(turn, services) or await understand(said, model, services)


async def _cut_short(turn: Turn, services: Services) -> Question | None:
    """The question whose answer is to go on, as the history has it; None where it isn't in there."""
    if not _goes_on(turn):
        return None
    told = await services.store.history(turn.incoming.address.conversation, turn.id + 1)
    return Question(told[-2], told[-2]) if len(told) > 1 else None  # none: its conversation began anew since


def _goes_on(turn: Turn) -> bool:
    """Whether there is an answer that the model is to go on with."""
    return turn.reply.continues and bool(turn.reply.text)


async def _request(turn: Turn, question: Question, model: Model, services: Services, lull: Lull) -> ReplyRequest:
    said, capabilities = turn.incoming, model.provider.capabilities
    earlier = await _earlier(turn, services) if capabilities.history else ()
    system = await system_prompt(services, model, said) if capabilities.system_prompt else ""
    messages = fit(earlier, question.asked, system, model.settings)
    if _goes_on(turn):
        messages = (*messages, Message("assistant", turn.reply.text))
    return ReplyRequest(
        model.settings.model,
        messages,
        system,
        model.settings.parameters,
        _goes_on(turn),
        services.limits.attempts_per_turn,
        lull,
    )


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
    """Say why there is no answer yet: queued, loading, tried again, thought about."""
    level = logging.DEBUG if status.key == "status.slot" else logging.INFO  # a long line moves all the time
    log.log(level, "turn %d: %s %s", turn.id, status.key, dict(status.arguments))
    if status.key == THINKING:
        live.meanwhile.think()
    else:
        live.tell(language.say(status.key, **status.arguments))


def thinking(model: Model, services: Services, language: Language) -> Thinking:
    """What is shown of the model's reasoning: what its own settings say, or those of all."""
    reasoning = model.settings.reasoning or services.replies.reasoning
    return Thinking(
        partial(_so_long, language, "status.thinking") if reasoning != "hidden" else None,
        partial(_so_long, language, "reply.thought") if reasoning == "quote" else None,
    )


def _so_long(language: Language, key: str, seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    if minutes:
        return language.say(f"{key}_minutes", minutes=minutes, seconds=rest)
    return language.say(f"{key}_seconds", seconds=seconds)


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
            replace(final, thoughts=shown.thoughts),
            shown.state,
            exchange,
            failed=True,
            reason=in_short(shown.failure),
            spent=spent,
            settled=shown.settled,
        )
    dialect = services.bot.open_chat(turn.incoming.address).dialect
    if shown.end in ("done", "length") and not is_visible(text, dialect):
        sentence = language.say("reply.empty" if shown.end == "done" else "reply.only_thought")
        final = Final("", sentence, (retry_button(turn, language),), shown.thoughts)
        why = "empty" if shown.end == "done" else "empty: the limit was reached before any text"
        billed = spent if usage else None  # thinking costs as much as words
        return Outcome(final, shown.state, failed=True, reason=why, spent=billed, settled=shown.settled)
    return Outcome(
        replace(_final(turn, shown, services), thoughts=shown.thoughts),
        shown.state,
        exchange,
        reason=_reason(turn, shown),
        spent=spent,
        settled=shown.settled,
    )


def _reason(turn: Turn, shown: Shown) -> str:
    """What the turn's Continue button, or one that is still seen somewhere, finds out of an answer that didn't fail."""
    if shown.end == "length" or _is_as_before(turn, shown):
        return CUT
    return WHOLE if turn.reply.continues else ""


def _is_as_before(turn: Turn, shown: Shown) -> bool:
    """Whether it was stopped before there was any more of an answer that was to go on."""
    return shown.end == "stopped" and _goes_on(turn) and not shown.fresh


def _final(turn: Turn, shown: Shown, services: Services) -> Final:
    """How an answer ends that didn't fail."""
    text, language = shown.state.text, services.language(turn.incoming)
    match shown.end:
        case "done":
            return Final(text, anew=_anew(turn, shown, services))
        case "length":
            button = continue_button(turn, language)
            return Final(text, language.say("reply.length"), (button,), anew=_anew(turn, shown, services))
        case reason:
            buttons = (continue_button(turn, language),) if _is_as_before(turn, shown) else ()
            return Final(text, language.say(f"reply.{reason}"), buttons)


def _anew(turn: Turn, shown: Shown, services: Services) -> Anew | None:
    """From when on the answer comes as a new message. Not what failed or was stopped: who did that is looking."""
    after = services.replies.fresh_after_seconds
    if not after:
        return None
    now = time.time()
    # What an earlier run began has been there since then.
    told_at = turn.received_at if turn.state == "running" and turn.reply.parts else now - shown.seconds
    return Anew(told_at + after, services.language(turn.incoming).say("reply.anew"))


def is_visible(text: str, dialect: Dialect) -> bool:
    """Whether an answer shows anything. Its beginning nearly always tells, and all wait while a long one renders."""
    return any(dialect.render(piece, final=True).size for piece in (text[:BEGINNING], text))


def explain(turn: Turn, error: BotError, language: Language, text: str = "") -> Final:
    """A failure in one sentence with a Retry button, below what was shown already; the log gets the details."""
    log.warning("turn %d failed: %s: %s", turn.id, type(error).__name__, error.details)
    values = {"turn": str(turn.id), "provider": "?", "model": "?"} | error.arguments
    following = error.next_model if isinstance(error, ProviderError) else ""
    going_on = f"{error.key}_going_on"  # where Retry doesn't do what the usual sentence says
    key = going_on if turn.reply.continues and going_on in language.sentences else error.key
    return Final(text, language.say(key, **values), (retry_button(turn, language, following),))


def failure(turn: Turn, error: BotError, language: Language, reply: ReplyState) -> Outcome:
    """What a turn comes to that ended outside of an answer's own course; `reply` is what is shown of it."""
    return Outcome(explain(turn, error, language, reply.text), reply, failed=True, reason=in_short(error))


def in_short(error: BotError) -> str:
    """A failure in one line for the operator: `overloaded: 503 Service Unavailable`."""
    key = error.key.removeprefix("error.")
    return f"{key}: {' '.join(error.details.split())}" if error.details else key


def retry_button(turn: Turn, language: Language, model: str = "") -> Button:
    """The button that asks a turn again, or goes on with an answer that broke off while it went on.

    `model`: another one than the conversation's.
    """
    if turn.reply.continues:
        return Button(language.say("button.retry"), Action("continue", turn.id))
    if not model:
        return Button(language.say("button.retry"), Action("retry", turn.id))
    return Button(language.say("button.retry_model", model=model), Action("retry", turn.id, model_id(model)))


def continue_button(turn: Turn, language: Language) -> Button:
    """The button that asks for the rest of an answer."""
    return Button(language.say("button.continue"), Action("continue", turn.id))
