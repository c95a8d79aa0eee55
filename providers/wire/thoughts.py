"""Thinking that a server writes into the answer itself, as `<think>…</think>`: told apart from the text. No I/O.

Local servers that don't know a model's way of thinking do so (llama.cpp without its template, LM Studio, vLLM without
a reasoning parser). Only at the very beginning of an answer is it thinking; anywhere else the words are the answer's.
Where the template has put the first mark into the prompt (DeepSeek-R1, QwQ), only the second one comes: alone on its
line, outside of code, and with no first one before it, it makes thinking of all that was said until then.
"""

from collections.abc import Iterator
from typing import Literal

from chat.events import ReasoningDelta, Replaced, ReplyEvent, TextDelta

BEGIN, END = "<think>", "</think>"


class Thoughts:
    """The pieces of one answer's text, in; its events, out. `end` gives what was held back."""

    def __init__(self) -> None:
        self._stage: Literal["begins", "thinks", "thought", "speaks"] = "begins"
        self._held = ""  # perhaps the beginning of a mark
        self._thought: list[str] = []
        self._unopened = _Unopened()

    def split(self, text: str) -> Iterator[ReplyEvent]:
        """The events that a piece of text adds."""
        match self._stage:
            case "begins":
                yield from self._begin(self._held + text)
            case "thinks":
                yield from self._think(self._held + text)
            case "thought":
                yield from self._speak(text.lstrip())
            case "speaks":
                yield from self._speak(text)

    def end(self, *, cut: bool = False) -> Iterator[ReplyEvent]:
        """What is left at the end of the answer. Thinking without an end is the answer: better that than none.

        `cut`: it was ended by a limit. Then thinking is but thinking: the answer would have come after it.
        """
        left = "".join(self._thought) + self._held if self._stage in ("begins", "thinks") else ""
        if cut and self._stage == "thinks":
            left = ""
        self._stage, self._held = "speaks", ""
        if left:
            yield TextDelta(left)

    def _begin(self, text: str) -> Iterator[ReplyEvent]:
        visible = text.lstrip()
        if BEGIN.startswith(visible) and visible != BEGIN:
            self._held = text
        elif visible.startswith(BEGIN):
            self._stage, self._held = "thinks", ""
            yield from self._think(visible.removeprefix(BEGIN))
        else:
            self._stage, self._held = "speaks", ""
            yield from self._speak(text)

    def _think(self, text: str) -> Iterator[ReplyEvent]:
        thought, mark, answer = text.partition(END)
        held = 0 if mark else _beginning_of_end(thought)
        self._held = thought[len(thought) - held :]
        thought = thought[: len(thought) - held]
        if thought:
            self._thought.append(thought)
            yield ReasoningDelta(thought)
        if mark:
            self._stage = "thought"
            self._unopened.over = True
            self._thought.clear()
            yield from self._speak(answer.lstrip())

    def _speak(self, text: str) -> Iterator[ReplyEvent]:
        if text:
            self._stage = "speaks"
            answer = "" if self._unopened.over else self._unopened.answer(text)
            yield Replaced(answer) if answer else TextDelta(text)


class _Unopened:
    """Looks for an end mark that no beginning stands for. `over`: there is none to be looked for any more."""

    LINE = 24  # characters of a line that are looked at: a mark or a fence, and white space

    def __init__(self) -> None:
        self.over = False
        self._found = False
        self._fenced = False
        self._line = ""
        self._tail = ""  # perhaps the first half of a beginning

    def answer(self, text: str) -> str:
        """The answer behind the mark, as soon as there is any; empty before."""
        while not self._found and not self.over:
            line, end, text = text.partition("\n")
            self._add(line)
            if not end:
                return ""
            self._end_line()
        answer = text.lstrip() if self._found else ""
        self.over = self.over or bool(answer)
        return answer

    def _add(self, line: str) -> None:
        self._line = (self._line + line)[: self.LINE]
        seen = self._tail + line
        self._tail = seen[1 - len(BEGIN) :]
        self.over = BEGIN in seen

    def _end_line(self) -> None:
        line, self._line, self._tail = self._line.strip(), "", ""
        self._found = line == END and not self._fenced
        self._fenced ^= line.startswith(("```", "~~~"))


def _beginning_of_end(text: str) -> int:
    """How many characters at the end of `text` may be the beginning of `END`."""
    return next((size for size in range(len(END) - 1, 0, -1) if text.endswith(END[:size])), 0)
