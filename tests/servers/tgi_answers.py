"""What a stand-in for Text Generation Inference answers: its events, its faults, its refusals.

    async for chunk in tgi_chunks(http, request, answer, text): await response.write(chunk)

As TGI's router does it (`huggingface_hub`'s client checks it in tests/real): special tokens in between, the text once
more in the last event, `{"error", "error_type"}` in mid-stream.
"""

import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from tests.servers.streaming import Answer, Request, Wire, streamed

_FINISH_REASONS = {"stop": "eos_token", "length": "length", "stop_sequence": "stop_sequence"}
_QUESTION = re.compile(r"<\|im_start\|>user\n(.*?)\n<\|im_end\|>", re.DOTALL)


@dataclass(eq=False)
class TgiRequest(Request):
    """A request for a text to be gone on with."""

    @property
    def question(self) -> str:
        """The last question in a prompt of ChatML; the whole prompt if it isn't one."""
        inputs: str = self.body["inputs"]
        questions: list[str] = _QUESTION.findall(inputs)
        return questions[-1] if questions else inputs


def token(text: str, *, special: bool = False, **more: Any) -> bytes:
    """One event, as its bytes."""
    said = {"id": 7, "text": text, "logprob": -0.1, "special": special}
    event = {"index": 1, "token": said, "top_tokens": [], "generated_text": None, "details": None, **more}
    return f"data:{json.dumps(event)}\n\n".encode()


def refusal(body: Mapping[str, Any]) -> str:
    """What TGI's validation would say of a request; empty if it takes it."""
    given = {name: value for name, value in body.get("parameters", {}).items() if value is not None}
    if not isinstance(body.get("inputs"), str) or not body["inputs"]:
        return "Input validation error: `inputs` cannot be empty"
    if given.get("temperature", 1) <= 0:
        return "Input validation error: `temperature` must be strictly positive"
    if not 0 < given.get("top_p", 0.5) < 1:
        return "Input validation error: `top_p` must be > 0.0 and < 1.0"
    if given.get("max_new_tokens", 1) <= 0:
        return "Input validation error: `max_new_tokens` must be strictly positive"
    if not isinstance(given.get("stop", []), list):
        return "Failed to deserialize the JSON body into the target type: stop: expected a sequence"
    return ""


class _Events(Wire):
    """TGI's, with special tokens at both ends."""

    def begin(self) -> Iterator[bytes]:
        yield token("<s>", special=True)

    def piece(self, text: str) -> bytes:
        return token(text)

    def failure(self) -> bytes:
        failed = {"error": "Request failed during generation: Server error: CUDA out of memory"}
        return f"data:{self.answer.body or json.dumps({**failed, 'error_type': 'generation'})}\n\n".encode()

    def torn(self) -> bytes:
        return b'data:{"index": 1, "tok'

    def line_begins(self) -> bytes:
        return b'data:{"token": {"special": false, "text": "'

    def line_ends(self) -> bytes:
        return b'"}, "generated_text": "x"}\n\n'

    def end(self, said: str) -> Iterator[bytes]:
        if self.answer.end_mark:
            reason = _FINISH_REASONS.get(self.answer.finish_reason, self.answer.finish_reason)
            count = {"finish_reason": reason, "generated_tokens": self.request.words}
            details = {**count, "seed": None, "input_length": 7}
            yield token("</s>", special=True, generated_text=self.text, details=details)


def tgi_chunks(http: web.Request, request: Request, answer: Answer, text: str) -> AsyncIterator[bytes]:
    """The bytes of a streamed answer, at its pace and with its fault."""
    return streamed(http, _Events(request, answer, text))
