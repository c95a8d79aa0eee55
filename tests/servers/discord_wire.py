"""The HTTP side of the stand-in Discord: reading calls, and answers of every kind."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import BodyPartReader, web

from tests.servers.discord_errors import ApiError, Json, number, refusal
from tests.servers.discord_world import Upload

Body = Json | list[Json] | None  # None: 204


@dataclass(frozen=True, slots=True)
class Ask:
    """A call as the API's methods see it: the variable parts of its path, its query, its body and its files."""

    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Any
    files: Mapping[int, Upload] = field(default_factory=dict)

    def id(self, name: str) -> int:
        """A snowflake in the path."""
        return number(self.path[name], name)

    @property
    def fields(self) -> Json:
        """The body, where it must be an object."""
        if not isinstance(self.body, dict):
            raise refusal(50109)
        return self.body


async def read_body(request: web.Request, largest: int) -> tuple[Any, dict[int, Upload]]:
    """The body and the files of a call, JSON or multipart; raises where there is more than `largest` bytes."""
    if request.content_type != "multipart/form-data":
        data = await request.read()
        _check_size(len(data), largest)
        return (_parsed(data) if data else {}), {}
    payload: Any = {}
    files: dict[int, Upload] = {}
    size = 0
    async for part in await request.multipart():
        if isinstance(part, BodyPartReader):
            data = bytes(await part.read(decode=True))
            size += len(data)
            if part.name == "payload_json":
                payload = _parsed(data)
            else:
                files[_place(part.name or "", len(files))] = Upload(part.filename or "unknown", data)
    _check_size(size, largest)
    return payload, files


def _check_size(size: int, largest: int) -> None:
    if size > largest:
        raise refusal(40005)


def _place(name: str, default: int) -> int:
    inside = name.removeprefix("files[").removesuffix("]")
    return int(inside) if inside.isdecimal() else default


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        raise refusal(50109) from None


def answered(status: int, body: Any, headers: Mapping[str, str]) -> web.Response:
    """An answer of the API. discord.py parses it only if the content type is exactly this."""
    if status == 204:
        return web.Response(status=204, headers=headers)
    data = json.dumps(body, separators=(",", ":")).encode()
    return web.Response(status=status, body=data, headers={**headers, "Content-Type": "application/json"})


def refused(error: ApiError, headers: Mapping[str, str]) -> web.Response:
    """A refusal of the API."""
    return answered(error.status, error.body(), headers)


def html(status: int) -> web.Response:
    """What stands before Discord says while Discord itself is away."""
    page = f"<html><head><title>{status}</title></head><body><h1>{status} Server Error</h1></body></html>"
    return web.Response(status=status, text=page, content_type="text/html")


def described(files: Mapping[int, Upload], payload: Json) -> Iterator[tuple[int, Upload]]:
    """The files of a call by their number, as `attachments` of the payload names and describes them."""
    told = {str(one.get("id")): one for one in payload.get("attachments") or []}
    for place, file in sorted(files.items()):
        one = told.get(str(place), {})
        yield place, Upload(one.get("filename") or file.name, file.data, description=one.get("description") or "")
