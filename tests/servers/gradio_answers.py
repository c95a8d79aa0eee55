"""What a stand-in Gradio app answers: its config, its values in each form, its queue's messages and faults.

As gradio 4.44.1, 5.50.0, 6.31.0 and modelscope_studio 0.5.2 were recorded (tests/recordings/gradio_*.txt).
"""

import asyncio
import copy
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web

from tests.servers.model_answers import PIECE_BYTES, Answer, Request, break_off, pieces_of

Form = Literal["pairs", "modelscope", "messages", "parts"]
VERSIONS = {"pairs": "4.44.1", "modelscope": "4.44.1", "messages": "5.50.0", "parts": "6.31.0"}
FN_INDEX = 3


@dataclass(eq=False)
class GradioRequest(Request):
    """A join. `body` tells it in neutral words (`messages`, `system`, `model`), `data` is what came."""

    data: list[Any] = field(default_factory=list)
    fn_index: int = -1
    session: str = ""
    event_id: str = ""
    form: Form = "pairs"
    cancelled: bool = False


def config_of(form: Form, sizes: tuple[str, ...]) -> dict[str, Any]:
    """What `/config` says: a few functions that don't chat, and `FN_INDEX`, which does."""
    chatbot: dict[str, Any] = {"id": 5, "type": "chatbot", "props": {"value": [], "name": "chatbot"}}
    if form == "modelscope":
        chatbot["type"] = "modelscopechatbot"
    elif form != "parts":
        chatbot["props"]["type"] = "tuples" if form == "pairs" else form
    components = [
        {"id": 1, "type": "radio", "props": {"choices": [[size, size] for size in sizes], "label": "size"}},
        {"id": 3, "type": "textbox", "props": {"value": "the app's own", "label": "System"}},
        {"id": 4, "type": "textbox", "props": {"value": "the app's own", "visible": False}},
        chatbot,
        {"id": 6, "type": "textbox", "props": {"label": "Input"}},
    ]
    size = [1] if sizes else []
    dependencies = [_function(number, [1], [1], generator=False) for number in range(FN_INDEX)]
    dependencies.append(_function(FN_INDEX, [6, 5, 4, *size], [6, 5, 3], generator=True))
    dependencies.append(_function(FN_INDEX + 1, [6, 5], [5], generator=False))
    dependencies.append(_function(FN_INDEX + 2, [3], [4, 5], generator=False))
    prefix = {} if VERSIONS[form].startswith("4") else {"api_prefix": "/gradio_api"}
    about = {"version": VERSIONS[form], "protocol": "sse_v3", "title": "A stand-in", **prefix}
    return {**about, "components": components, "dependencies": dependencies}


def told(form: Form, data: list[Any]) -> dict[str, Any]:
    """The inputs in neutral words; raises, as real apps do, for history in a form that isn't its own."""
    question, history, *rest = data
    messages = []
    for entry in history:
        if form in ("pairs", "modelscope"):
            asked, answered = entry
            sides = (("user", asked), ("assistant", answered))
            messages += [{"role": role, "content": _read(form, side)} for role, side in sides if side is not None]
        else:
            messages.append({"role": entry["role"], "content": _read(form, entry["content"])})
    messages.append({"role": "user", "content": question})
    return {"messages": messages, **dict(zip(("system", "model"), rest, strict=False))}


async def messages_of(http: web.Request, request: GradioRequest, answer: Answer, text: str) -> AsyncIterator[bytes]:
    """The bytes of `GET /queue/data` once a worker is at it, at the answer's pace and with its fault."""
    yield _message(request, "process_starts", eta=None)
    said = ""
    for piece in pieces_of(answer, text):
        if answer.fault not in ("", "linger") and request.words == answer.after_words:
            async for chunk in _faulty(http, request, answer, said):
                yield chunk
            return
        if answer.words_per_second:
            await asyncio.sleep(1 / answer.words_per_second)
        if answer.keep_alives:
            yield b': keep-alive\n\ndata: {"msg":"heartbeat"}\n\n'
        said += piece
        yield _step(request, said, piece)
    if answer.fault == "cut":  # the text had fewer words than were to come before it
        break_off(http)
    if answer.end_mark:
        yield _message(request, "process_completed", output={"data": _values(request, said)}, success=True)
    if answer.fault == "linger":
        await asyncio.Event().wait()
    yield b'data: {"msg":"close_stream","event_id":null}\n\n'


async def waiting(request: GradioRequest, ranks: tuple[int, ...], seconds: float) -> AsyncIterator[bytes]:
    """The bytes of `GET /queue/data` before that."""
    for rank in ranks:
        yield _message(request, "estimation", rank=rank, queue_size=rank + 1, rank_eta=None)
    await asyncio.sleep(seconds)


def completed_early(request: GradioRequest) -> bytes:
    """What a cancelled session hears."""
    return _message(request, "process_completed", output={}, success=True)


async def _faulty(http: web.Request, request: GradioRequest, answer: Answer, said: str) -> AsyncIterator[bytes]:
    match answer.fault:
        case "error":
            error = None if answer.body == "null" else answer.body or "'it fell over'"
            yield _message(request, "process_completed", output={"error": error}, success=False)
        case "cut":
            yield b'data: {"msg":"process_gener'
            break_off(http)
        case "reset":
            break_off(http, reset=True)
        case "stall":
            await asyncio.Event().wait()
        case "endless":
            while True:
                said += "and on " * 100 if not request.words else ""
                yield _step(request, said, "and on " * 100)
        case "huge_line":
            yield b'data: {"msg":"process_generating","output":{"data":["'
            for _ in range(answer.huge_bytes // PIECE_BYTES):
                yield b"x" * PIECE_BYTES
            yield b'"]}}\n\n'
        case _:
            return  # cut_cleanly


def _step(request: GradioRequest, said: str, piece: str) -> bytes:
    """Full values first, differences from then on."""
    request.words += 1
    pairs = request.form in ("pairs", "modelscope")
    place: list[Any] = [len(request.data[1]), 1] if pairs else [len(request.data[1]) + 1, "content"]
    inner: dict[str, list[Any]] = {"modelscope": ["text"], "parts": [0, "text"]}
    place += inner.get(request.form, [])
    values = _values(request, said) if request.words == 1 else [[], [["append", place, piece]], []]
    return _message(request, "process_generating", output={"data": values, "is_generating": True}, success=True)


def _values(request: GradioRequest, said: str) -> list[Any]:
    question, history = request.data[0], copy.deepcopy(request.data[1])
    if request.form in ("pairs", "modelscope"):
        history.append([_written(request.form, question), _written(request.form, said)])
    else:
        for role, text in (("user", question), ("assistant", said)):
            history.append({"role": role, "metadata": {"title": None}, "content": _written(request.form, text)})
    return ["", history, request.data[2] if len(request.data) > 2 else ""]


def _written(form: Form, text: str) -> Any:
    if form == "modelscope":
        return {"id": None, "name": None, "text": text, "flushing": None, "avatar": "", "files": None}
    return [{"text": text, "type": "text"}] if form == "parts" else text


def _read(form: Form, content: Any) -> str:
    if form == "parts":
        content = "".join(part["text"] for part in content)
    elif form == "modelscope":
        content = content["text"]
    if not isinstance(content, str):
        raise TypeError(f"history in another form than {form}")
    return content


def _function(number: int, inputs: list[int], outputs: list[int], *, generator: bool) -> dict[str, Any]:
    types = {"generator": generator, "cancel": False}
    return {"id": number, "inputs": inputs, "outputs": outputs, "types": types, "backend_fn": True, "queue": True}


def _message(request: GradioRequest, kind: str, **more: Any) -> bytes:
    return f"data: {json.dumps({'msg': kind, 'event_id': request.event_id, **more})}\n\n".encode()
