"""What a stand-in for Text Generation Inference answers: its events, its faults, its refusals.

    async for chunk in tgi_chunks(http, request, answer, text): await response.write(chunk)

As TGI's router does it (`huggingface_hub`'s client checks it in tests/real): special tokens in between, the text once
more in the last event, `{"error", "error_type"}` in mid-stream.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from tests.servers.model_answers import PIECE_BYTES, Answer, Request, break_off, pieces_of

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


async def tgi_chunks(http: web.Request, request: Request, answer: Answer, text: str) -> AsyncIterator[bytes]:
    """The bytes of a streamed answer, at its pace and with its fault."""
    yield token("<s>", special=True)
    for piece in pieces_of(answer, text):
        if answer.fault not in ("", "linger") and request.words == answer.after_words:
            async for chunk in _faulty(http, request, answer):
                yield chunk
            return
        if answer.words_per_second:
            await asyncio.sleep(1 / answer.words_per_second)
        if answer.keep_alives:
            yield b": keep-alive\n\n"
        request.words += 1
        yield token(piece)
    if answer.fault == "cut":  # the text had fewer words than were to come before it
        break_off(http)
    if answer.end_mark:
        reason = _FINISH_REASONS.get(answer.finish_reason, answer.finish_reason)
        details = {"finish_reason": reason, "generated_tokens": request.words, "seed": None, "input_length": 7}
        yield token("</s>", special=True, generated_text=text, details=details)
    if answer.fault == "linger":
        await asyncio.Event().wait()


async def _faulty(http: web.Request, request: Request, answer: Answer) -> AsyncIterator[bytes]:
    match answer.fault:
        case "error":
            failed = {"error": "Request failed during generation: Server error: CUDA out of memory"}
            yield f"data:{answer.body or json.dumps({**failed, 'error_type': 'generation'})}\n\n".encode()
        case "cut":
            yield b'data:{"index": 1, "tok'
            break_off(http)
        case "reset":
            break_off(http, reset=True)
        case "stall":
            await asyncio.Event().wait()
        case "endless":
            while True:
                request.words += 1
                yield token("and on " * 100)
        case "huge_line":
            yield b'data:{"token": {"special": false, "text": "'
            for _ in range(answer.huge_bytes // PIECE_BYTES):
                yield b"x" * PIECE_BYTES
            yield b'"}, "generated_text": "x"}\n\n'
        case _:
            return  # cut_cleanly
