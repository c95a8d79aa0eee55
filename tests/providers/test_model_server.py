"""The stand-in model server itself: what other tests build on."""

import asyncio
import sys
from pathlib import Path

import aiohttp

from tests.servers.model import Answer, ModelServer, answer_to, marks


def test_answers_differ_by_question_and_hold_each_mark_once() -> None:
    answer = answer_to("one")
    assert len(answer) > 1000
    assert [answer.count(mark) for mark in marks("one")] == [1] * 12
    assert not set(marks("one")) & set(marks("two"))


async def test_it_can_be_steered_over_http_as_a_process_of_its_own() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.servers.model", "--words-per-second", "1000",
        cwd=Path(__file__).parents[2], stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout
        url = (await process.stdout.readline()).decode().split()[-1]
        async with aiohttp.ClientSession(url.removesuffix("v1")) as session:
            await session.post("/script", json=[{"status": 529}, {"text": "as told"}])
            question = {"messages": [{"role": "user", "content": "Hi"}]}
            statuses, texts = [], []
            for _ in range(3):
                async with session.post("/v1/chat/completions", json=question) as response:
                    statuses.append(response.status)
                    texts.append(await response.text())
            async with session.get("/requests") as response:
                assert [request["body"] for request in await response.json()] == [question] * 3
        assert statuses == [529, 200, 200]
        assert "as told" in texts[1]
        assert marks("Hi")[-1] in texts[2]
    finally:
        process.terminate()
        await process.wait()


async def test_rules_stand_between_the_script_and_the_default() -> None:
    async with ModelServer() as server, aiohttp.ClientSession() as session:
        server.rule = lambda request: Answer(text="by rule") if "rule" in request.question else None
        server.default = Answer(text="by default")
        server.script(Answer(text="by script"))
        texts = []
        for question in ("rule", "rule", "other"):
            body = {"messages": [{"role": "user", "content": question}]}
            async with session.post(f"{server.url}/chat/completions", json=body) as response:
                texts.append((await response.json())["choices"][0]["message"]["content"])
    assert texts == ["by script", "by rule", "by default"]
