"""`python -m bench.floor`: the least that such replies can cost: read the model's events, post raw edits, nothing else.

One line of JSON comes in: the model's address, and for each chat its question, how to write into it, and when the bot
wrote there (seconds after the first word). One goes out: the processor seconds that it took, start-up excluded.
"""

import asyncio
import json
import sys
import time
from typing import Any

import aiohttp

from bench.counting import WARM_UP


class Reply:
    """One answer: read, and written as often and at the same times as the bot did."""

    def __init__(self, http: aiohttp.ClientSession, model: str, chat: dict[str, Any]) -> None:
        self._http = http
        self._model = model
        self._chat = chat
        self._begun = asyncio.Event()
        self._text = ""

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._read())
            group.create_task(self._write())

    async def _read(self) -> None:
        body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": self._chat["question"]}]}
        rest = b""
        async with self._http.post(self._model, json=body) as response:
            async for chunk in response.content.iter_any():
                *events, rest = (rest + chunk).split(b"\n\n")
                for event in events:
                    self._take(event)
        self._begun.set()  # an answer without words

    def _take(self, event: bytes) -> None:
        if event == b"data: [DONE]":
            return
        for choice in json.loads(event.removeprefix(b"data: "))["choices"]:
            if text := choice["delta"].get("content"):
                self._text += text
                self._begun.set()

    async def _write(self) -> None:
        await self._begun.wait()
        begun = asyncio.get_running_loop().time()
        message = None
        for at in self._chat["calls"]:
            await asyncio.sleep(begun + at - asyncio.get_running_loop().time())
            answer = await self._call(message)
            message = message or (answer.get("result") or {}).get("message_id") or answer["id"]

    async def _call(self, message: int | str | None) -> Any:
        method, address = self._chat["edit" if message else "send"]
        body = {**self._chat["fields"], self._chat["text"]: self._text or "…"}
        if message and "{message}" in address:
            address = address.format(message=message)
        elif message:
            body["message_id"] = message
        async with self._http.request(method, address, json=body, headers=self._chat["headers"]) as response:
            return json.loads(await response.read())


async def _run(plan: dict[str, Any]) -> float:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        first = {**plan["chats"][0], "question": WARM_UP, "calls": []}
        await Reply(http, plan["model"], first).run()
        begun = time.process_time()
        await asyncio.gather(*(Reply(http, plan["model"], chat).run() for chat in plan["chats"]))
        return time.process_time() - begun


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_run(json.loads(sys.stdin.readline())))))
