"""What the stand-ins have in common as processes of their own: POST /control/VERB, and running until a signal."""

import argparse
import asyncio
import signal
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

from aiohttp import web

Server = TypeVar("Server")
Verb = Callable[[Any, dict[str, Any]], Any]  # the stand-in and what was posted → the result, as JSON


def add_control(app: web.Application, server: object, verbs: Mapping[str, Verb]) -> None:
    """Steer a stand-in over HTTP, on the port that it has."""

    async def control(request: web.Request) -> web.Response:
        verb = verbs.get(request.match_info["verb"])
        if not verb:
            return web.json_response({"error": f"one of {', '.join(verbs)}"}, status=404)
        try:
            wanted = await request.json() if request.can_read_body else {}
            return web.json_response({"result": verb(server, wanted)})
        except (LookupError, TypeError, ValueError) as error:
            return web.json_response({"error": repr(error)}, status=400)

    app.router.add_post("/control/{verb}", control)


async def serve(stand_in: AbstractAsyncContextManager[Server], address: Callable[[Server], str]) -> None:
    """Serve until SIGINT or SIGTERM; its address is printed once it listens."""
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with stand_in as server:
        print(address(server), flush=True)
        await stopped.wait()


def read_arguments(description: str, token: str) -> argparse.Namespace:
    """`--port` and `--token` of the command line."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one, and prints it")
    parser.add_argument("--token", default=token)
    return parser.parse_args()
