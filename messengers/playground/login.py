"""The requests of coming and going: `/start`, `/login`, `/logout`."""

import math

from aiohttp import web

from messengers.playground.files import LARGEST_FILE
from messengers.playground.guard import COOKIE, Refusal, refusal, token_of
from messengers.playground.requests import LoginRequest, language_of, read_body
from messengers.playground.sessions import SESSION_SECONDS, Sessions
from messengers.playground.start import Start


class Login:
    """Tells a page how to begin, and gives out the cookie where there is a password."""

    def __init__(self, sessions: Sessions, start: Start) -> None:
        self._sessions = sessions
        self._start = start

    def add_to(self, app: web.Application) -> None:
        """Its routes."""
        app.router.add_get("/start", self.start)
        app.router.add_post("/login", self.login)
        app.router.add_post("/logout", self.logout)

    async def start(self, request: web.Request) -> web.Response:
        """Texts and commands; only the texts for somebody who has to log in first."""
        language = language_of(request)
        words = self._start.words(language)
        if not self._sessions.knows(token_of(request)):
            return web.json_response({"error": "login", **words}, status=401)
        commands = self._start.commands(language)
        login = self._sessions.needed
        return web.json_response({**words, "commands": commands, "login": login, "largest_file": LARGEST_FILE})

    async def login(self, request: web.Request) -> web.Response:
        """A session for whoever knows the password. An address is the connection's: headers can be forged."""
        asked = await read_body(LoginRequest, request)
        if not self._sessions.needed:
            return web.json_response({})
        attempts, address = self._sessions.attempts, request.remote or ""
        if wait := attempts.wait(address):
            answer = refusal(429, "too_many")
            answer.headers["Retry-After"] = str(math.ceil(wait))
            return answer
        if not self._sessions.is_password(asked.password):
            attempts.failed(address)
            raise Refusal(403, "wrong_password")
        answer = web.json_response({})
        secure = request.headers.get("X-Forwarded-Proto", "").lower() == "https"
        answer.set_cookie(
            COOKIE, await self._sessions.begin(), max_age=SESSION_SECONDS, path="/", httponly=True, secure=secure,
            samesite="Strict",
        )  # fmt: skip
        return answer

    async def logout(self, request: web.Request) -> web.Response:
        """End the session, here and in the browser."""
        await self._sessions.end(token_of(request))
        answer = web.json_response({})
        answer.del_cookie(COOKIE, path="/", httponly=True, samesite="Strict")
        return answer
