"""Calls to Discord's REST API: with the connections, token and address of discord.py, but none of its waiting.

discord.py's own client sleeps inside a call: after one that used a bucket's last permit, before one that found it
empty, and through a 429. Text goes stale meanwhile, and a call that was done fails by its time-out. Here a call is
made at once, and a 429 is raised at once: `messengers.budget` knows what waits.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
import discord
from aiohttp_socks import ProxyConnectionError, ProxyError, ProxyTimeoutError
from discord.http import Route

from messengers.base import Fatal, MessageGone, MessengerError, PlaceGone, Refused, SlowDown, Unchangeable, Unsure

Json = dict[str, Any]

TIMEOUT_SECONDS = 15.0
TRANSFER_SECONDS = 60.0  # for calls that carry files
LONGEST_REASON = 300  # characters
PATIENCE_SECONDS = 5.0  # after a 429 that names no time

WAYS_TO_FAIL = (aiohttp.ClientError, OSError, ValueError, ProxyError, ProxyConnectionError, ProxyTimeoutError, EOFError)

# Codes of Discord's, from "JSON error codes" in discord-api-docs.
TOKEN_OVER = frozenset({10015, 10062, 50027})
MESSAGE_GONE = frozenset({10008, 50005, 50021})
PLACE_GONE = frozenset({10003, 10004, 40094, 50001, 50007, 50013, 50024, 50083, 50278, 160005})
NO_PERMISSION = 50013
NO_REPLY = 160002
TOO_OLD, ARCHIVED = 30046, 50083
FOR_A_WHILE = frozenset({40004, 40006, 40333, 130000})  # sending or a feature is off, a wall before the API, overload


class TokenOverError(MessengerError):
    """The interaction's token isn't good any more: only the channel can be written to."""


class NoReplyError(Refused):
    """The bot may write there, but not answer a message: it can't read the history."""


@dataclass(frozen=True, slots=True)
class File:
    """A file to send."""

    name: str
    data: bytes
    media_type: str


class Rest:
    """The few calls that answers need, over a logged-in client. Each raises only `MessengerError`s."""

    def __init__(self, client: discord.Client) -> None:
        self._client = client
        self._session: aiohttp.ClientSession | None = None

    @property
    def session(self) -> aiohttp.ClientSession:
        """HTTP over the client's connections, which end with the client; what traces its calls traces these too."""
        http = self._client.http
        if self._session is None or self._session.connector is not http.connector:
            self._session = aiohttp.ClientSession(
                connector=http.connector,
                connector_owner=False,
                trace_configs=[http.http_trace] if http.http_trace else None,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    @property
    def proxy(self) -> str | None:
        """An HTTP proxy; a SOCKS one is the connector's affair."""
        return self._client.http.proxy

    async def create(self, channel: str, payload: Json, files: Sequence[File] = ()) -> Json:
        """Post a message; it, as the API shows it."""
        return await self._shown("POST", f"/channels/{channel}/messages", payload, files)

    async def edit(self, channel: str, message: str, payload: Json, files: Sequence[File] = ()) -> None:
        """Change a message of ours."""
        await self.call("PATCH", f"/channels/{channel}/messages/{message}", payload, files)

    async def delete(self, channel: str, message: str) -> None:
        """Remove a message of ours."""
        await self.call("DELETE", f"/channels/{channel}/messages/{message}")

    async def typing(self, channel: str) -> None:
        """Show "typing …" for 10 s."""
        await self.call("POST", f"/channels/{channel}/typing")

    async def message(self, channel: str, message: str) -> Json:
        """A message as the API shows it."""
        return await self._shown("GET", f"/channels/{channel}/messages/{message}")

    async def follow_up(self, token: str, payload: Json, files: Sequence[File] = ()) -> Json:
        """Answer an interaction once more."""
        return await self._shown("POST", self._webhook(token) + "?wait=true", payload, files)

    async def edit_answer(self, token: str, message: str, payload: Json, files: Sequence[File] = ()) -> Json:
        """Change an answer to an interaction; the first one is `@original`."""
        return await self._shown("PATCH", f"{self._webhook(token)}/messages/{message}", payload, files)

    async def delete_answer(self, token: str, message: str) -> None:
        """Remove an answer to an interaction."""
        await self.call("DELETE", f"{self._webhook(token)}/messages/{message}")

    def _webhook(self, token: str) -> str:
        return f"/webhooks/{self._client.application_id}/{token}"

    async def listed(self, path: str) -> list[Json]:
        """What a list has in it."""
        found = await self.call("GET", path)
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise Unsure("Discord's answer is no list")
        return found

    async def told(self, path: str) -> Json:
        """What Discord tells of one thing."""
        found = await self.call("GET", path)
        if not isinstance(found, dict):
            raise Unsure("Discord's answer tells nothing")
        return found

    async def _shown(self, method: str, path: str, payload: Json | None = None, files: Sequence[File] = ()) -> Json:
        shown = await self.call(method, path, payload, files)
        if not isinstance(shown, dict) or "id" not in shown:
            raise Unsure("Discord's answer shows no message")
        return shown

    async def call(self, method: str, path: str, payload: object = None, files: Sequence[File] = ()) -> Any:
        """Any call: what Discord answers as JSON, None where that is nothing."""
        if self._client.application_id is None:
            raise Unsure("the bot isn't logged in yet")
        timeout = aiohttp.ClientTimeout(total=TRANSFER_SECONDS if files else TIMEOUT_SECONDS)
        headers = {"User-Agent": self._client.http.user_agent}
        if not path.startswith("/webhooks/"):  # those are opened by the token in the path
            headers["Authorization"] = f"Bot {self._client.http.token}"
        body: Json = {"data": _form(payload, files)} if files else {"json": payload}
        try:
            async with self.session.request(
                method, Route.BASE + path, headers=headers, proxy=self.proxy, timeout=timeout, **body
            ) as answer:
                return _read(method, answer.status, answer.headers, await answer.read(), has_files=bool(files))
        except WAYS_TO_FAIL as failure:
            # Its text may have the address in it, and that the interaction's token.
            reason = f"{method} failed: {type(failure).__name__}"
        raise Unsure(reason)


def translate(
    status: int, body: object, headers: Mapping[str, str], *, method: str = "", has_files: bool = False
) -> MessengerError:
    """The `MessengerError` for a refusal: HTTP's status, and Discord's own code in the body where it is Discord's."""
    told: Json = body if isinstance(body, dict) else {}
    code = told.get("code", 0)
    reason = f"{status}/{code}: {told.get('message') or 'no reason given'} {told.get('errors') or ''}"[:LONGEST_REASON]
    if code == TOO_OLD or (code == ARCHIVED and method == "PATCH"):  # a new message opens the thread again
        return Unchangeable(reason)
    if status == 429:
        return SlowDown(_seconds(told, headers))
    if status >= 500 or not told or code in FOR_A_WHILE:
        return Unsure(reason)
    if code in TOKEN_OVER:
        return TokenOverError(reason)
    if status == 401:
        return Fatal("Discord doesn't know this bot's token: check discord.token in the config.")
    if code in MESSAGE_GONE:
        return MessageGone(reason)
    if code == NO_REPLY:
        return NoReplyError(reason)
    if code == ARCHIVED and method == "DELETE":
        return Refused(reason)
    if code in PLACE_GONE or (status == 403 and code):
        # Where only files are forbidden, something can still be said.
        return Refused(reason) if has_files and code == NO_PERMISSION else PlaceGone(reason)
    return Refused(reason)


def _read(method: str, status: int, headers: Mapping[str, str], data: bytes, *, has_files: bool) -> Any:
    done = 200 <= status < 300
    try:
        body = json.loads(data) if data else None
    except ValueError:  # a page of whatever stands before Discord
        if done:
            raise Unsure(f"{status}, but not of Discord's") from None
        body = None
    if done:
        return body
    raise translate(status, body, headers, method=method, has_files=has_files)


def _seconds(told: Json, headers: Mapping[str, str]) -> float:
    """How long a 429 lasts. Discord's doorkeeper (a ban of the address) tells it only in a header, if at all."""
    for value in (told.get("retry_after"), headers.get("Retry-After")):
        try:
            return max(0.0, float(value))  # type: ignore[arg-type]  # None raises, as anything that is no number
        except (TypeError, ValueError):
            continue
    return PATIENCE_SECONDS


def _form(payload: object, files: Sequence[File]) -> aiohttp.FormData:
    named = [{"id": number, "filename": file.name} for number, file in enumerate(files)]
    form = aiohttp.FormData(quote_fields=False)  # Discord doesn't read escaped brackets in the names of fields
    form.add_field(
        "payload_json",
        json.dumps({**payload, "attachments": named} if isinstance(payload, dict) else payload),
        content_type="application/json",
    )
    for number, file in enumerate(files):
        form.add_field(f"files[{number}]", file.data, filename=file.name, content_type=file.media_type)
    return form


def is_over(expires_at: float, margin: float = 0.0) -> bool:
    """Whether a token that is good until then (Unix seconds) is over, or will be in `margin` seconds."""
    return time.time() > expires_at - margin
