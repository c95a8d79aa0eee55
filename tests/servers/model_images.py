"""The stand-in model's pictures: `POST /images/generations` as OpenAI's speakers have it, and files behind addresses.

    model.pictures.script(Drawing(by="url", delay=0.5))      # the next request only
    model.pictures.default = Drawing(status=429)              # all others
    model.pictures.requests[0].body                           # each request, in order; `fetches`: of addresses

It is as strict as OpenAI: gpt-image models refuse `response_format`, and answer in base64; others answer with an
address unless they are asked for base64. OpenAI's own models take a few sizes only, and no seed.
"""

import asyncio
import base64
import json
import re
import struct
import zlib
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web

from tests.servers.model_answers import error_object
from tests.servers.stand_in import arrived, watched
from tests.servers.streaming import Request, break_off

SIZES = {
    "gpt-image": ("1024x1024", "1536x1024", "1024x1536"),
    "dall-e-3": ("1024x1024", "1792x1024", "1024x1792"),
    "dall-e-2": ("256x256", "512x512", "1024x1024"),
}


def tiny_png(width: int = 2, height: int = 2, shade: int = 128) -> bytes:
    """A grey PNG that every program can read."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + bytes([shade]) * width) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@dataclass(frozen=True, slots=True)
class Drawing:
    """How to answer one request for a picture. A `status` other than 200 answers with `body` or an error object."""

    data: bytes = field(default_factory=tiny_png)
    by: Literal["as asked", "base64", "url"] = "as asked"
    url: str = ""  # instead of the server's own address of the picture
    refuses_format: bool = False  # as gpt-image models do, whatever the model is called
    delay: float = 0.0
    fault: Literal["", "cut", "silent"] = ""
    status: int = 200
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


class Pictures:
    """`requests`: every request for a picture; `fetches`: every request for a file, by its path."""

    def __init__(self, api_key: str = "") -> None:
        self.default = Drawing()
        self.requests: list[Request] = []
        self.fetches: list[web.Request] = []
        self.redirects: dict[str, str] = {}  # path → Location
        self._files: dict[str, bytes] = {}
        self._api_key = api_key
        self._scripted: deque[Drawing] = deque()

    def add_to(self, app: web.Application) -> None:
        for base in ("", "/v1"):
            app.router.add_post(f"{base}/images/generations", self._draw)
        app.router.add_get("/pictures/{name:.*}", self._file)

    def script(self, *drawings: Drawing) -> None:
        """How to answer the next requests, one each."""
        self._scripted.extend(drawings)

    def keep(self, path: str, data: bytes) -> None:
        """A file at `/pictures/…`."""
        self._files[path] = data

    async def _draw(self, http: web.Request) -> web.StreamResponse:
        request = arrived(Request, http, json.loads(await http.text()))
        self.requests.append(request)
        with watched(request):
            drawing = self._scripted.popleft() if self._scripted else self.default
            return self._refusal(request, drawing) or await self._drawn(http, request.body, drawing)
        return web.Response()

    def _refusal(self, request: Request, drawing: Drawing) -> web.Response | None:
        said, body = request.headers.get("Authorization", ""), request.body
        if self._api_key and said != f"Bearer {self._api_key}":
            return _error(401, f"Incorrect API key provided: {said}", "invalid_api_key")
        if "response_format" in body and (drawing.refuses_format or "gpt-image" in body["model"]):
            return _error(400, "Unknown parameter: 'response_format'.", "unknown_parameter")
        if not body.get("prompt") or not re.fullmatch(r"\d+x\d+|auto", body.get("size", "auto")):
            return _error(400, f"a prompt and a size are wanted: {body}", "invalid_value")
        sizes = next((sizes for name, sizes in SIZES.items() if name in body["model"]), None)
        if sizes and body.get("size", "auto") not in {*sizes, "auto"}:
            return _error(400, f"Invalid value: '{body['size']}'. Supported values are: {sizes}.", "invalid_value")
        if sizes and "seed" in body:
            return _error(400, "Unknown parameter: 'seed'.", "unknown_parameter")
        return None

    async def _drawn(self, http: web.Request, asked: Mapping[str, Any], drawing: Drawing) -> web.StreamResponse:
        await asyncio.sleep(drawing.delay)
        if drawing.fault == "silent":
            await asyncio.Event().wait()
        if drawing.status != 200:
            body = drawing.body or json.dumps(error_object("error", f"told to answer {drawing.status}"))
            return web.Response(
                status=drawing.status, body=body, headers={"Content-Type": "application/json", **drawing.headers}
            )
        if drawing.body:
            return web.Response(text=drawing.body, content_type="application/json")
        answer = json.dumps({"created": 0, "data": [self._entry(http, asked, drawing)]}).encode()
        if drawing.fault == "cut":
            head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(answer)
            break_off(http, head + answer[:-10])
        return web.Response(body=answer, content_type="application/json")

    def _entry(self, http: web.Request, asked: Mapping[str, Any], drawing: Drawing) -> dict[str, str]:
        in_base64 = asked.get("response_format") == "b64_json" or "gpt-image" in asked["model"]
        if drawing.by == "base64" or (drawing.by == "as asked" and in_base64):
            return {"b64_json": base64.b64encode(drawing.data).decode()}
        path = f"/pictures/{len(self.requests)}.png"
        self.keep(path, drawing.data)
        return {"url": drawing.url or f"http://{http.host}{path}"}

    async def _file(self, http: web.Request) -> web.StreamResponse:
        self.fetches.append(http)
        if http.path in self.redirects:
            return web.Response(status=302, headers={"Location": self.redirects[http.path]})
        if http.path not in self._files:
            return web.Response(status=403, text="the time of this address is over")
        return web.Response(body=self._files[http.path], content_type="application/octet-stream")


def _error(status: int, message: str, code: str) -> web.Response:
    return web.json_response(error_object("invalid_request_error", message, code), status=status)
