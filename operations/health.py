"""/healthz on a port of its own: whether the bot still does its work."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from aiohttp import web

from messengers.base import Messenger

log = logging.getLogger(__name__)

# A poll takes up to 40 s; with pauses after failures up to 30 s, two minutes without one mean that people wait.
DEAF_AFTER_SECONDS = 120.0


@asynccontextmanager
async def serve_health(listen: str, messengers: Mapping[str, Messenger]) -> AsyncIterator[None]:
    """Serve /healthz on `host:port` while inside; an empty `listen` serves nothing. Raises `OSError`: port in use."""
    if not listen:
        yield
        return
    host, _, port = listen.rpartition(":")
    app = web.Application()
    app.router.add_get("/healthz", _answer(messengers))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host.strip("[]"), int(port)).start()
        yield
    finally:
        await runner.cleanup()


def _answer(messengers: Mapping[str, Messenger]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def healthz(_: web.Request) -> web.Response:
        seconds = {name: round(messenger.seconds_since_poll, 1) for name, messenger in messengers.items()}
        ok = all(age < DEAF_AFTER_SECONDS for age in seconds.values())
        body = {"status": "ok" if ok else "deaf", "seconds_since_poll": seconds}
        return web.json_response(body, status=200 if ok else 503)

    return healthz
