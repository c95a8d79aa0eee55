"""The events of a Gradio queue to the events of a reply: differences, where the answer stands, failures. No I/O.

`process_generating` holds full values the first time and a list of `[op, path, value]` for each output from then on
(gradio's `apply_diff`); `process_completed` holds full values again, and is the only end mark.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from chat.errors import CutOff, Garbled, ProviderError, RateLimited
from chat.events import Completed, Replaced, ReplyEvent, TextDelta
from providers import failures
from providers.base import JsonValue, Status
from providers.wire.gradio_app import ChatFunction, HistoryForm

# The text so far is kept, for differences build on it: an endless answer ends here, as if cut by a limit of tokens.
MAX_ANSWER_CHARACTERS = 2**20

_QUEUE_FULL = re.compile(r"queue is full", re.IGNORECASE)
_QUOTA = re.compile(r"(gpu|zerogpu) quota|too many requests", re.IGNORECASE)


def apply_differences(value: JsonValue, differences: JsonValue) -> JsonValue:
    """The value with a list of `[op, path, value]` applied; it is changed in place. Raises `Garbled`."""
    listed: Any = differences
    try:
        for operation, path, operand in listed:
            value = _applied(value, operation, path, operand)
    except (TypeError, ValueError, LookupError, AttributeError) as error:
        shown = str(differences)[:200]
        raise Garbled(f"a difference that doesn't fit ({type(error).__name__}): {shown}") from None
    return value


def answer_text(value: JsonValue, form: HistoryForm, before: int = 0) -> str | None:
    """The answer in an output's value; `before`: so many questions are older than ours, their answers are not ours.

    None where the output was left as it is (`gr.update()` without a value).
    """
    if isinstance(value, dict) and value.get("__type__") == "update":
        return answer_text(value["value"], form, before) if "value" in value else None
    if form == "none":
        return _plain_text(value)
    if not isinstance(value, list):
        return ""
    if form in ("pairs", "modelscope"):
        last = value[-1] if len(value) > before else None
        return _plain_text(last[1]) if isinstance(last, list) and len(last) > 1 else ""
    return _last_message(value, before)


def session_failure(error: ProviderError) -> ProviderError:
    """What a refused join is: a full queue is no fault of the server."""
    full = _QUEUE_FULL.search(error.details) and not isinstance(error, RateLimited)
    return RateLimited(error.details, retry_after=error.retry_after, **error.arguments) if full else error


class AnswerReader:
    """The messages of one session to the events of one answer.

    `started`: a worker is at it; `ended`: the app is done with it, well or badly. `before` as in `answer_text`.
    """

    def __init__(self, function: ChatFunction, event_id: str, before: int = 0) -> None:
        self.started = False
        self.ended = False
        self._function = function
        self._event_id = event_id
        self._before = before
        self._value: JsonValue = None
        self._has_value = False
        self._text = ""
        self._position = 0

    def read(self, message: JsonValue) -> Iterator[ReplyEvent | Status]:
        """What a message holds. Raises a `ProviderError` for a failure in it."""
        if not isinstance(message, dict):
            raise Garbled(f"not a message of a Gradio queue: {str(message)[:200]}")
        if self.ended or message.get("event_id") not in (None, self._event_id):
            return
        match message.get("msg"):
            case "estimation":
                yield from self._queued(message.get("rank"))
            case "process_starts":
                self.started = True
            case "process_generating":
                self.started = True
                yield from self._generating(_output(message))
            case "process_completed":
                self.ended = True
                yield from self._completing(_output(message))
            case "unexpected_error":
                self.ended = True
                raise failures.from_error(message.get("message") or "an unexpected error, the app says no more")
            case "close_stream" | "server_stopped":
                self.ended = True
                raise CutOff("the queue closed before process_completed")

    def _queued(self, rank: JsonValue) -> Iterator[Status]:
        """Told from the second place on: everybody passes the first one."""
        if not isinstance(rank, int) or rank + 1 == self._position or (rank == 0 and not self._position):
            return
        self._position = rank + 1
        yield Status("status.queued", {"position": str(self._position)})

    def _generating(self, output: Mapping[str, JsonValue]) -> Iterator[ReplyEvent]:
        given = self._given(output)
        self._value = apply_differences(self._value, given) if self._has_value else given
        self._has_value = True
        yield from self._shown(self._answer(self._value, self._before))

    def _completing(self, output: Mapping[str, JsonValue]) -> Iterator[ReplyEvent]:
        if "data" not in output:  # somebody cancelled it
            yield Completed("stopped")
            return
        yield from self._shown(self._answer(self._given(output)))
        yield Completed()

    def _answer(self, value: JsonValue, before: int = 0) -> str | None:
        try:
            return answer_text(value, self._function.form, before)
        except RecursionError:  # difference by difference, a value may grow deeper than any message
            raise Garbled("an answer that is nested too deeply") from None

    def _given(self, output: Mapping[str, JsonValue]) -> JsonValue:
        data = output.get("data")
        if not isinstance(data, list) or len(data) <= self._function.output:
            raise Garbled(f"no output {self._function.output}: {str(output)[:200]}")
        return data[self._function.output]

    def _shown(self, text: str | None) -> Iterator[ReplyEvent]:
        """What is new; all of it where the app changed what it had said."""
        if text is None or text == self._text:
            return
        begun = text.startswith(self._text)
        yield TextDelta(text[len(self._text) :]) if begun else Replaced(text)
        self._text = text
        if len(text) > MAX_ANSWER_CHARACTERS:
            yield Completed("length")


def _applied(value: Any, operation: str, path: list[str | int], operand: Any) -> Any:
    """`Any`, for a difference may say anything: what doesn't fit raises, and the caller explains it."""
    if not path:
        if operation not in ("replace", "append"):
            raise ValueError("an output itself is replaced or appended to")
        return operand if operation == "replace" else value + operand
    target = value
    for step in path[:-1]:
        target = target[step]
    _change(target, operation, path[-1], operand)
    return value


def _change(target: Any, operation: str, key: Any, operand: Any) -> None:
    match operation:
        case "replace":
            target[key] = operand
        case "append":
            target[key] += operand
        case "add" if isinstance(target, list):
            target.insert(int(key), operand)
        case "add":
            target[key] = operand
        case "delete":
            del target[key]
        case _:
            raise ValueError(f"an operation that Gradio doesn't have: {operation}")


def _last_message(entries: list[JsonValue], before: int) -> str:
    """The last thing said after the last question; thoughts, which have a title, are not the answer."""
    asked = [n for n, entry in enumerate(entries) if isinstance(entry, dict) and entry.get("role") == "user"]
    if len(asked) <= before and before:
        return ""
    said = [entry for entry in entries[asked[-1] + 1 if asked else 0 :] if isinstance(entry, dict)]
    answers = [entry.get("content") for entry in said if entry.get("role") == "assistant" and not _is_thought(entry)]
    return _plain_text(answers[-1]) if answers else ""


def _is_thought(entry: Mapping[str, JsonValue]) -> bool:
    metadata = entry.get("metadata")
    return isinstance(metadata, dict) and bool(metadata.get("title"))


def _plain_text(content: JsonValue) -> str:
    """A text; the text of an entry or a part; the texts of a list of parts. Files and components have none."""
    match content:
        case str():
            return content
        case list():
            return "".join(_plain_text(part) for part in content)
        case {"text": str() as text}:
            return text
        case {"content": (str() | list()) as inner}:
            return _plain_text(inner)
        case _:
            return ""


def _output(message: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
    """The output of a step that went well. Raises what a failed one stands for."""
    output = message.get("output")
    output = output if isinstance(output, dict) else {}
    if message.get("success") is not False and not output.get("error"):
        return output
    said = output.get("error")
    if not isinstance(said, str) or not said.strip():
        raise failures.from_error("the app failed and doesn't say why")
    if len(said) > 1 and said[0] == said[-1] and said[0] in "'\"":
        said = said[1:-1]  # gradio 4 shows the text as Python writes it
    raise RateLimited(said) if _QUOTA.search(said) else failures.from_error(said)
