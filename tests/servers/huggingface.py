"""A stand-in for Hugging Face on loopback: TGI, the hub's model API, the router with its chat and its painters.

    async with HuggingFaceServer() as hf:
        hf.script(Answer(fault="cut")); hf.pictures.script(Drawing(status=402))     # as with ModelServer
        hf.models["org/name"] = model("org/name", eos_token="<|eot_id|>")          # what the hub knows
        ... base_url=hf.root for `api: tgi`, hf.url for `api: chat`, hub_url=hf.root ...
        hf.hub_requests                                                              # paths asked of the hub, in order

TGI answers at `/models/{model}` and at `/`. `hf.hub_failure` is what the hub answers instead, if set.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from aiohttp import web

from tests.servers.model import Answer, ModelServer
from tests.servers.model_images import Drawing
from tests.servers.stand_in import arrived, watched
from tests.servers.streaming import BrokeOff, Request, break_off
from tests.servers.tgi_answers import TgiRequest, refusal, tgi_chunks


def model(
    name: str,
    *,
    model_type: str = "qwen2",
    eos_token: Any = "<|im_end|>",
    tag: str = "text-generation",
    trending: float = 12,
    painters: Any = None,
) -> dict[str, Any]:
    """What the hub says of a model. `painters`: its `inferenceProviderMapping`."""
    config = {"model_type": model_type, "tokenizer_config": {"eos_token": eos_token}}
    author = name.partition("/")[0] if "/" in name else None
    return {
        "id": name, "modelId": name, "author": author, "pipeline_tag": tag, "trendingScore": trending, "config": config,
        "inferenceProviderMapping": painters if painters is not None else {}, "inference": "warm", "tags": [],
    }  # fmt: skip


def drawn_by(provider: str, model_there: str, **more: Any) -> dict[str, Any]:
    """A mapping with one painter."""
    return {provider: {"status": "live", "providerId": model_there, "task": "text-to-image", **more}}


class HuggingFaceServer(ModelServer):
    """The server. `requests` is every question, to TGI and to the router; `pictures.requests` every picture's."""

    def __init__(self, *, api_key: str = "") -> None:
        super().__init__(api_key=api_key)
        self.models: dict[str, dict[str, Any]] = {
            "stand-in": model("stand-in", painters=drawn_by("hf-inference", "stand-in"))
        }
        self.hub_requests: list[web.Request] = []
        self.hub_failure: Answer | None = None
        routes = self._routes
        for path in ("/models/{model:.+}", "/"):
            routes.add_post(path, self._generate)
        routes.add_get("/info", self._info)
        routes.add_get("/api/models", self._list_hub)
        routes.add_get("/api/models/{model:.+}", self._describe)
        routes.add_post("/{painter:hf-inference}/models/{model:.+}", self._paint)
        routes.add_post("/{painter:together|nscale}/v1/images/generations", self._paint)
        routes.add_post("/{painter:fal-ai}/{model:.+}", self._paint)

    async def _generate(self, http: web.Request) -> web.StreamResponse:
        body = json.loads(await http.text())
        if "image/" in http.headers.get("Accept", ""):
            return await self._paint(http)
        request = self._take(TgiRequest, http, body)
        with watched(request):
            return await self._generated(http, request)
        return web.Response()

    async def _generated(self, http: web.Request, request: TgiRequest) -> web.StreamResponse:
        if wrong_key := self._wrong_key(http):
            return wrong_key
        if complaint := refusal(request.body):
            return web.json_response({"error": complaint, "error_type": "validation"}, status=422)
        answer = self._next(request)
        if answer.fault not in ("json", "silent", "garbage", "html") and answer.status != 200 and not answer.body:
            failed = {"error": f"told to answer {answer.status}", "error_type": "overloaded"}
            return web.json_response(failed, status=answer.status, headers=answer.headers)
        if answer.fault == "json" or not request.body.get("stream"):
            text = "".join(answer.pieces) or answer.text or ""
            return web.json_response([{"generated_text": text}])
        return await self._answer(http, request, answer)

    def _chunks(self, http: web.Request, request: Request, answer: Answer, text: str) -> AsyncIterator[bytes]:
        if isinstance(request, TgiRequest):
            return tgi_chunks(http, request, answer, text)
        return super()._chunks(http, request, answer, text)

    def _wrong_key(self, http: web.Request) -> web.Response | None:
        said = http.headers.get("Authorization", "")
        if not self._api_key or said == f"Bearer {self._api_key}":
            return None
        return web.json_response({"error": f"Invalid credentials in Authorization header: {said}"}, status=401)

    async def _info(self, http: web.Request) -> web.Response:
        self.listings += 1
        if self.listing:
            return web.Response(status=self.listing.status, text=self.listing.body, headers=self.listing.headers)
        return web.json_response({"model_id": "stand-in", "model_pipeline_tag": "text-generation", "version": "3.3.6"})

    async def _describe(self, http: web.Request) -> web.Response:
        self.hub_requests.append(http)
        if self.hub_failure:
            return web.Response(status=self.hub_failure.status, text=self.hub_failure.body)
        known = self.models.get(http.match_info["model"])
        if known is None:
            signed_in = "Authorization" in http.headers  # a private model is not to be told from one that isn't there
            complaint = "Repository not found" if signed_in else "Invalid username or password."
            told = {"X-Error-Code": "RepoNotFound", "X-Error-Message": complaint}
            return web.json_response({"error": complaint}, status=404 if signed_in else 401, headers=told)
        expand = http.query.getall("expand", [])
        shown = {name: known[name] for name in ("id", *expand)} if expand else known
        return web.json_response(shown)

    async def _list_hub(self, http: web.Request) -> web.Response:
        self.hub_requests.append(http)
        self.listings += 1
        if self.hub_failure:
            return web.Response(status=self.hub_failure.status, text=self.hub_failure.body)
        tag, warm = http.query.get("pipeline_tag"), http.query.get("inference") == "warm"
        found = [known for known in self.models.values() if tag in (None, known["pipeline_tag"]) and warm]
        return web.json_response(sorted(found, key=lambda known: -known["trendingScore"]))

    async def _paint(self, http: web.Request) -> web.StreamResponse:
        request = arrived(Request, http, json.loads(await http.text()))
        self.pictures.requests.append(request)
        with watched(request):
            drawing = self.pictures._scripted.popleft() if self.pictures._scripted else self.pictures.default
            await asyncio.sleep(drawing.delay)
            return self._wrong_key(http) or self._painted(http, drawing)
        return web.Response()

    def _painted(self, http: web.Request, drawing: Drawing) -> web.Response:
        if drawing.status != 200 or drawing.body:
            body = drawing.body or json.dumps({"error": f"told to answer {drawing.status}"})
            headers = {"Content-Type": "application/json", **drawing.headers}
            return web.Response(status=drawing.status, body=body, headers=headers)
        match http.match_info.get("painter", "hf-inference"):
            case "hf-inference":
                with suppress(BrokeOff):
                    if drawing.fault == "cut":
                        break_off(
                            http, b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 9999\r\n\r\n\x89"
                        )
                return web.Response(body=drawing.data, headers={"Content-Type": "image/png", **drawing.headers})
            case "fal-ai":
                path = f"/pictures/{len(self.pictures.requests)}.png"
                self.pictures.keep(path, drawing.data)
                url = drawing.url or f"http://{http.host}{path}"
                return web.json_response({"images": [{"url": url, "content_type": "image/png"}], "seed": 7})
            case _:
                return web.json_response({"data": [{"b64_json": base64.b64encode(drawing.data).decode()}]})
