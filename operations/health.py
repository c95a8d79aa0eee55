"""/healthz and /metrics on a port of their own: whether the bot still does its work, and how much of it."""

import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from aiohttp import web

from messengers.base import Messenger
from operations.metrics import CONTENT_TYPE
from storage.base import StorageError

log = logging.getLogger(__name__)

# A poll takes up to 40 s; with pauses after failures up to 30 s, two minutes without one mean that people wait.
DEAF_AFTER_SECONDS = 120.0

Figures = Callable[[], Awaitable[str]]


@asynccontextmanager
async def serve_health(listen: str, messengers: Mapping[str, Messenger], figures: Figures) -> AsyncIterator[None]:
    """Serve /healthz, and `figures` as /metrics, on `host:port` while inside; an empty `listen` serves nothing.

    Raises `OSError`: the port is in use.
    """
    if not listen:
        yield
        return
    host, _, port = listen.rpartition(":")
    app = web.Application()
    app.router.add_get("/healthz", _answer(messengers, time.monotonic()))
    app.router.add_get("/metrics", _metrics(figures))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host.strip("[]"), int(port)).start()
        yield
    finally:
        await runner.cleanup()


def _answer(messengers: Mapping[str, Messenger], started: float) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def healthz(_: web.Request) -> web.Response:
        seconds = {name: round(messenger.seconds_since_poll, 1) for name, messenger in messengers.items()}
        ok = all(age < DEAF_AFTER_SECONDS for age in seconds.values())
        running = round(time.monotonic() - started)
        body = {"status": "ok" if ok else "deaf", "seconds_since_poll": seconds, "running_seconds": running}
        return web.json_response(body, status=200 if ok else 503)

    return healthz


def _metrics(figures: Figures) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def metrics(_: web.Request) -> web.Response:
        try:
            text = await figures()
        except StorageError as error:
            log.warning("/metrics can't be told: %s", error)
            return web.Response(status=503, text="the store failed\n")
        return web.Response(body=text.encode(), headers={"Content-Type": CONTENT_TYPE})

    return metrics
