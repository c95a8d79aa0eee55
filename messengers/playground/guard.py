"""Who may talk to the playground's server: only a page that it served itself, and whoever knows the password.

Any web page can make a browser send requests to loopback. So without a password the name in `Host` must be a loopback
one (else a foreign name was pointed at us: DNS rebinding; where there is a password, such a name has no cookie). And a
request that a foreign page made is refused by `Origin` (RFC 6454) and `Sec-Fetch-Site` (W3C Fetch Metadata).
"""

import re
from collections.abc import Awaitable, Callable, Collection

from aiohttp import web

from messengers.playground.listening import is_loopback
from messengers.playground.sessions import Sessions

HOST = re.compile(r"(?P<name>[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?", re.IGNORECASE | re.ASCII)
COOKIE = "parley_session"

# Nothing but our own files runs or is loaded, and nobody may frame the page. data: and blob: are what the page draws
# itself, such as a picture before it is sent.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
ERRORS = {400: "bad_request", 404: "not_found", 405: "not_allowed", 413: "too_large", 415: "wrong_type"}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Refusal(Exception):
    """A request that isn't done: its status, and a key that the page has a sentence for."""

    def __init__(self, status: int, error: str) -> None:
        super().__init__(error)
        self.status = status
        self.error = error


def is_our_host(host: str, port: int) -> bool:
    """Whether a `Host` header names this machine and our port."""
    match = HOST.fullmatch(host)
    return match is not None and is_loopback(match["name"]) and int(match["port"] or 80) == port


def is_our_page(request: web.Request, schemes: Collection[str]) -> bool:
    """Whether our own page made this request, or no page at all. What changes something must say so."""
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
    if origin is not None and origin.lower() not in {f"{scheme}://{request.host}".lower() for scheme in schemes}:
        return False
    if site is not None and site not in {"same-origin", "none"}:
        return False
    return request.method in {"GET", "HEAD"} or origin is not None or site is not None


def token_of(request: web.Request) -> str:
    """The session that a request comes with; "" for none."""
    return request.cookies.get(COOKIE, "")


def refusal(status: int, error: str) -> web.Response:
    """An answer for the page's script: `error` is a key, not a sentence."""
    return web.json_response({"error": error}, status=status)


class Guard:
    """Stands before every request. `open_to_all`: the routes that need no session."""

    def __init__(self, sessions: Sessions, open_to_all: Collection[str]) -> None:
        self._sessions = sessions
        self._open_to_all = frozenset(open_to_all)

    @web.middleware
    async def check(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse what comes under a foreign name, from a foreign page, or from somebody who isn't logged in.

        A link from elsewhere to our page is fine. Failures become answers that the page's script understands.
        """
        if error := self._wrong(request):
            return refusal(403, error)
        if not self._lets_in(request):
            return refusal(401, "login")
        try:
            return await handler(request)
        except Refusal as refused:
            return refusal(refused.status, refused.error)
        except web.HTTPException as failure:
            return refusal(failure.status, ERRORS.get(failure.status, "failed"))
        except OSError:
            return refusal(503, "not_stored")

    def _wrong(self, request: web.Request) -> str:
        """What is wrong with where the request comes from; "" for nothing."""
        host = request.headers.get("Host", "")
        if self._sessions.needed:  # perhaps behind a proxy, which has its own name, and speaks TLS
            ours, schemes = HOST.fullmatch(host) is not None, {"http", "https"}
        else:
            port = request.transport.get_extra_info("sockname")[1] if request.transport else 0
            ours, schemes = is_our_host(host, port), {"http"}
        if not ours:
            return "wrong_host"
        return "" if request.path == "/" or is_our_page(request, schemes) else "wrong_origin"

    def _lets_in(self, request: web.Request) -> bool:
        resource = request.match_info.route.resource
        open_to_all = resource is not None and resource.canonical in self._open_to_all
        return open_to_all or self._sessions.knows(token_of(request))


async def add_headers(_: web.Request, response: web.StreamResponse) -> None:
    """Put the safety headers on every answer, errors too (an `on_response_prepare` signal)."""
    response.headers.update(HEADERS)
