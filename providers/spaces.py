"""Spaces that Hugging Face hosts: whether one is awake, and waiting until it is."""

import asyncio
from collections.abc import Mapping

from yarl import URL

from chat.errors import Garbled, ModelNotFound, ProviderError, SpaceDown
from providers.base import JsonValue, Status, StatusSink
from providers.http import HttpClient

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 5.0

REMEDY = "set base_url to another Space, or api_key for a private one"

_HOSTED = ".hf.space"
# What the hub calls a Space that can't answer now (read: `runtime.stage` of its API); asking a sleeping one wakes it.
_WAITING: Mapping[str, str] = {
    "SLEEPING": "status.waking",
    "STOPPED": "status.waking",
    "BUILDING": "status.starting",
    "APP_STARTING": "status.starting",
}
_DOWN = ("PAUSED", "RUNTIME_ERROR", "BUILD_ERROR", "CONFIG_ERROR", "NO_APP_FILE", "DELETING")


class Hub:
    """Where the state of Spaces is known."""

    def __init__(self, http: HttpClient, url: str, token: str) -> None:
        self._http = http
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    async def stage(self, space: str) -> str:
        """The state of a Space, named as in its host; empty where the hub can't tell."""
        url = f"{self._url}/api/spaces/by-subdomain/{space}"
        try:
            async with self._http.exchange("GET", url, headers=self._headers) as answer:
                return read_stage(await answer.json())
        except ProviderError:
            return ""


class SpaceWait:
    """The waiting for one Space during one question, for `seconds` at most. No address elsewhere is waited for."""

    def __init__(self, hub: Hub, base_url: str, status: StatusSink, seconds: float) -> None:
        host = URL(base_url).host or ""
        self._hub = hub
        self._space = host.removesuffix(_HOSTED) if host.endswith(_HOSTED) else ""
        self._status = status
        self._told = ""
        self._pause = FIRST_PAUSE_SECONDS
        self._deadline = asyncio.get_running_loop().time() + seconds

    async def after(self, failure: ProviderError) -> None:
        """Wait a little if the Space isn't awake yet; else raise `failure`, or `SpaceDown` if that is the reason."""
        stage = await self._hub.stage(self._space) if self._space else ""
        late = asyncio.get_running_loop().time() > self._deadline
        if stage in _DOWN or (stage in _WAITING and late):
            said = f"the Space {self._space} is {stage}; {failure.details}"
            raise SpaceDown(said, retry_after=None, **failure.arguments)
        if self._space and not stage and isinstance(failure, ModelNotFound):
            said = f"the Space {self._space} is gone or private: {REMEDY}; {failure.details}"
            raise SpaceDown(said, retry_after=None, **failure.arguments)
        if stage not in _WAITING:
            raise failure
        if self._told != _WAITING[stage]:
            self._told = _WAITING[stage]
            self._status(Status(self._told))
        await asyncio.sleep(self._pause)
        self._pause = min(self._pause * 1.5, LONGEST_PAUSE_SECONDS)


def may_sleep(failure: ProviderError) -> bool:
    """Whether that is how a Space which isn't awake answers: in HTML, with a server's error, or not at all."""
    return failure.transient or isinstance(failure, Garbled | ModelNotFound)


def read_stage(answer: JsonValue) -> str:
    """`runtime.stage` of what the hub tells of a Space; empty where there is none."""
    match answer:
        case {"runtime": {"stage": str() as stage}}:
            return stage
        case _:
            return ""
