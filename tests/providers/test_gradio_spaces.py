"""Spaces that Hugging Face hosts: asleep, being built, broken. A proxy leads from a Space's name to the stand-in."""

import asyncio

import pytest

from chat.errors import BadKey, Garbled, ModelNotFound, Overloaded, SpaceDown
from providers.base import Status
from providers.gradio import Gradio
from tests.providers.asking import KEY, all_events, asking, text_of
from tests.providers.gradios import gradio_at
from tests.providers.proxies import HttpProxy, Streams
from tests.servers.gradio import GradioServer
from tests.servers.model import Answer


class AllToOne(HttpProxy):
    """A proxy that knows one server only, whatever is asked for."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._to = port

    async def connect(self, host: str, port: int) -> Streams:
        self.targets.append((host, port))
        return await asyncio.open_connection("127.0.0.1", self._to)


def space(app: GradioServer, proxy: HttpProxy, **settings: object) -> Gradio:
    hosts = {"base_url": "http://acme-chat.hf.space:80", "hub_url": "http://hub.example.org:80"}
    return gradio_at(app, proxy=proxy.url, **hosts, **settings)


@pytest.mark.parametrize(
    ("stages", "keys"),
    [
        (["SLEEPING", "APP_STARTING", "RUNNING"], ["status.waking", "status.starting"]),
        (["STOPPED", "STOPPED", "RUNNING"], ["status.waking"]),
        (["BUILDING", "RUNNING"], ["status.starting"]),
    ],
)
async def test_a_space_that_is_not_awake_yet_is_waited_for(stages: list[str], keys: list[str]) -> None:
    told: list[Status] = []
    async with GradioServer() as app, AllToOne(app.port) as proxy, space(app, proxy) as provider:
        app.stages.extend(stages)
        async with provider.stream_reply(asking(), told.append) as events:
            assert text_of([event async for event in events])
        assert [status.key for status in told] == keys
        assert {host for host, _ in proxy.targets} == {"acme-chat.hf.space", "hub.example.org"}
        asked = app.hub_requests[0]
        assert asked.path == "/api/spaces/by-subdomain/acme-chat"
        assert asked.headers["Authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("stage", ["PAUSED", "RUNTIME_ERROR", "BUILD_ERROR", "CONFIG_ERROR", "NO_APP_FILE"])
async def test_a_space_that_will_not_wake_is_told_as_such_at_once(stage: str) -> None:
    async with GradioServer() as app, AllToOne(app.port) as proxy, space(app, proxy) as provider:
        app.stages.append(stage)
        with pytest.raises(SpaceDown, match=f"acme-chat is {stage}") as raised:
            await all_events(provider)
        assert not raised.value.transient
        assert raised.value.arguments == {"provider": "local", "model": "stand-in"}


async def test_a_space_that_is_gone_or_private_is_told_as_such_and_what_to_set() -> None:
    """Both answer 404, and so does the hub for who may not see it: that there is no such model says nothing."""
    async with GradioServer() as app, AllToOne(app.port) as proxy, space(app, proxy) as provider:
        app.listing = Answer(status=404)
        with pytest.raises(SpaceDown, match="acme-chat is gone or private: set base_url to another Space, or api_key"):
            await all_events(provider)


async def test_a_size_that_an_app_does_not_have_is_no_space_that_is_gone() -> None:
    async with GradioServer() as app, AllToOne(app.port) as proxy:
        async with space(app, proxy, preset="qwen-2.5", fn_index=None) as provider:
            with pytest.raises(ModelNotFound, match="there are: 72B"):
                await all_events(provider)
        assert app.hub_requests == []


async def test_a_space_that_fails_while_it_runs_or_that_nobody_knows_fails_as_it_does() -> None:
    async with GradioServer() as app, AllToOne(app.port) as proxy, space(app, proxy) as provider:
        app.stages.append("RUNNING")
        app.script(Answer(status=500))
        with pytest.raises(Overloaded):
            await all_events(provider)
        app.stages.clear()
        app.script(Answer(fault="html"))
        with pytest.raises(Garbled):
            await all_events(provider)
        app.script(Answer(status=401))
        asked = len(app.hub_requests)
        with pytest.raises(BadKey):
            await all_events(provider)
        assert len(app.hub_requests) == asked, "a refused key has nothing to do with sleep"


async def test_a_space_asleep_for_too_long_is_given_up() -> None:
    """A minute, unless another time is set."""
    async with GradioServer() as app, AllToOne(app.port) as proxy:
        provider = space(app, proxy, waking_timeout_seconds=0.2)
        app.stages.append("SLEEPING")
        async with provider:
            with pytest.raises(SpaceDown, match="is SLEEPING"):
                await provider.stream_reply(asking(), lambda status: None).__aenter__()


async def test_waiting_for_a_space_can_be_stopped() -> None:
    async with GradioServer() as app, AllToOne(app.port) as proxy, space(app, proxy) as provider:
        app.stages.append("SLEEPING")
        told = asyncio.Event()

        async def ask() -> None:
            async with provider.stream_reply(asking(), lambda status: told.set()):
                pass

        task = asyncio.create_task(ask())
        await told.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_an_app_elsewhere_is_never_asked_for_at_the_hub() -> None:
    async with GradioServer() as app, gradio_at(app) as provider:
        app.script(Answer(fault="html"))
        with pytest.raises(Garbled):
            await all_events(provider)
        assert app.hub_requests == []
