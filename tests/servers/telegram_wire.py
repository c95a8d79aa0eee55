"""The HTTP side of the stand-in Telegram: reading calls, and answers that arrive, arrive in part, or don't arrive."""

import json
import socket
import struct
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import BodyPartReader, web

from tests.servers.telegram_files import Upload
from tests.servers.telegram_text import Json, bad_request, read_json, refuse_lone_surrogates

BAD_GATEWAY = """<html>
<head><title>502 Bad Gateway</title></head>
<body>
<center><h1>502 Bad Gateway</h1></center>
<hr><center>nginx/1.18.0</center>
</body>
</html>
"""


class Parameters:
    """What a call came with: form fields are strings, fields of a JSON body may be anything."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.fields = dict(fields)

    def text(self, name: str) -> str:
        value = self.fields.get(name)
        text = "" if value is None else str(value)
        refuse_lone_surrogates(text)
        return text

    @property
    def logged(self) -> Json:
        """The fields as the log of calls has them: of files only what they are called and how large they are."""
        return {name: str(value) if isinstance(value, Upload) else value for name, value in self.fields.items()}

    def upload(self, name: str) -> Upload | str:
        """A file: uploaded as this field or as the one that it points to, or the id of one that is stored."""
        value = self.fields.get(name, "")
        if isinstance(value, str) and value.startswith("attach://"):
            value = self.fields.get(value.removeprefix("attach://"), "")
        return value if isinstance(value, Upload) else str(value)

    def number(self, name: str) -> int | None:
        try:
            return int(str(self.fields.get(name)))
        except ValueError:
            return None

    def json(self, name: str, what: str) -> Any:
        value = self.fields.get(name)
        return read_json(value, what) if value not in (None, "") else None

    def flag(self, name: str) -> bool:
        return str(self.fields.get(name, "")).lower() in ("true", "1", "yes")


async def read_fields(request: web.Request) -> dict[str, Any]:
    """The parameters of a call: query, form, multipart or JSON. Text that isn't UTF-8 becomes lone surrogates."""
    fields: dict[str, Any] = _form(request.rel_url.raw_query_string)
    match request.content_type:
        case "application/json":
            fields |= _object(await request.read())
        case "application/x-www-form-urlencoded":
            fields |= _form((await request.read()).decode("utf-8", "surrogateescape"))
        case "multipart/form-data":
            async for part in await request.multipart():
                if isinstance(part, BodyPartReader) and part.name:
                    fields[part.name] = await _part(part)
    return fields


async def _part(part: BodyPartReader) -> str | Upload:
    data = bytes(await part.read(decode=True))
    if part.filename is None:
        return data.decode("utf-8", "surrogateescape")
    return Upload(part.filename, part.headers.get("Content-Type", ""), data)


def _form(text: str) -> dict[str, Any]:
    return dict(parse_qsl(text, keep_blank_values=True, errors="surrogateescape"))


def _object(body: bytes) -> Json:
    try:
        fields = json.loads(body.decode("utf-8", "surrogateescape") or "{}")
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise bad_request("can't parse request JSON object")
    return fields


def answer(body: Json) -> web.Response:
    """An answer of the Bot API; the status repeats the error code."""
    return web.json_response(body, status=body.get("error_code", 200))


def file_body(data: bytes) -> web.Response:
    """A file as it is downloaded."""
    return web.Response(body=data, content_type="application/octet-stream")


def bad_gateway() -> web.Response:
    """What a proxy before Telegram says while the server behind it is away."""
    return web.Response(status=502, text=BAD_GATEWAY, content_type="text/html")


def reset(request: web.Request) -> web.Response:
    """Close the connection with a TCP reset; what is returned is never sent."""
    transport = request.transport
    if transport:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return web.Response()


async def cut_body(request: web.Request, body: Json) -> web.StreamResponse:
    """Promise the whole body, send half of it, and close the connection."""
    whole = json.dumps(body).encode()
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.content_length = len(whole)
    await response.prepare(request)
    await response.write(whole[: len(whole) // 2])
    if request.transport:
        request.transport.close()
    return response
