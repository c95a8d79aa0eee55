"""What a stand-in Gradio app answers: its config, its values in each form, its queue's messages and faults.

As gradio 4.44.1, 5.50.0, 6.31.0 and modelscope_studio 0.5.2 were recorded (tests/recordings/gradio_*.txt).
"""

import asyncio
import copy
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from aiohttp import web

from tests.servers.streaming import Answer, Request, Wire, streamed

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


@dataclass(frozen=True, eq=False)
class _Messages(Wire):
    """Of the queue: full values first, differences from then on."""

    request: GradioRequest
    keep_alive: ClassVar[bytes] = b': keep-alive\n\ndata: {"msg":"heartbeat"}\n\n'

    def begin(self) -> Iterator[bytes]:
        yield _message(self.request, "process_starts", eta=None)

    def piece(self, text: str) -> bytes:
        return _step(self.request, text)

    def failure(self) -> bytes:
        error = None if self.answer.body == "null" else self.answer.body or "'it fell over'"
        return _message(self.request, "process_completed", output={"error": error}, success=False)

    def torn(self) -> bytes:
        return b'data: {"msg":"process_gener'

    def line_begins(self) -> bytes:
        return b'data: {"msg":"process_generating","output":{"data":["'

    def line_ends(self) -> bytes:
        return b'"]}}\n\n'

    def end(self, said: str) -> Iterator[bytes]:
        if self.answer.end_mark:
            yield _message(
                self.request, "process_completed", output={"data": _values(self.request, said)}, success=True
            )
        if self.answer.fault != "linger":
            yield b'data: {"msg":"close_stream","event_id":null}\n\n'


def messages_of(http: web.Request, request: GradioRequest, answer: Answer, text: str) -> AsyncIterator[bytes]:
    """The bytes of `GET /queue/data` once a worker is at it, at the answer's pace and with its fault."""
    return streamed(http, _Messages(request, answer, text))


async def waiting(request: GradioRequest, ranks: tuple[int, ...], seconds: float) -> AsyncIterator[bytes]:
    """The bytes of `GET /queue/data` before that."""
    for rank in ranks:
        yield _message(request, "estimation", rank=rank, queue_size=rank + 1, rank_eta=None)
    await asyncio.sleep(seconds)


def completed_early(request: GradioRequest) -> bytes:
    """What a cancelled session hears."""
    return _message(request, "process_completed", output={}, success=True)


def _step(request: GradioRequest, piece: str) -> bytes:
    pairs = request.form in ("pairs", "modelscope")
    place: list[Any] = [len(request.data[1]), 1] if pairs else [len(request.data[1]) + 1, "content"]
    inner: dict[str, list[Any]] = {"modelscope": ["text"], "parts": [0, "text"]}
    place += inner.get(request.form, [])
    values = _values(request, piece) if request.words == 1 else [[], [["append", place, piece]], []]
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
