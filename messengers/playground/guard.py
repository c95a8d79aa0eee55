"""Who may talk to the playground's server: only a page that it served itself, in a browser on this machine.

Any web page can make a browser send requests to loopback. So the name in `Host` must be a loopback one (else a foreign
name was pointed at us: DNS rebinding), and a request that a foreign page made is refused by `Origin` (RFC 6454) and
`Sec-Fetch-Site` (W3C Fetch Metadata).
"""

import ipaddress
import re
from collections.abc import Awaitable, Callable

from aiohttp import web

HOST = re.compile(r"(?P<name>[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?", re.IGNORECASE | re.ASCII)

# Nothing but our own files runs or is loaded, and nobody may frame the page.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def is_loopback(name: str) -> bool:
    """Whether a host name or address can only mean this machine."""
    if name.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(name.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return False


def is_our_host(host: str, port: int) -> bool:
    """Whether a `Host` header names this machine and our port."""
    match = HOST.fullmatch(host)
    return match is not None and is_loopback(match["name"]) and int(match["port"] or 80) == port


def is_our_page(request: web.Request) -> bool:
    """Whether our own page made this request, or no page at all. What changes something must say so."""
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
    if origin is not None and origin.lower() != f"http://{request.host}".lower():
        return False
    if site is not None and site not in {"same-origin", "none"}:
        return False
    return request.method in {"GET", "HEAD"} or origin is not None or site is not None


def refusal(status: int, error: str) -> web.Response:
    """An answer for the page's script: `error` is a key, not a sentence."""
    return web.json_response({"error": error}, status=status)


@web.middleware
async def only_our_page(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what comes under a foreign name or from a foreign page; a link from elsewhere to our page is fine."""
    port = request.transport.get_extra_info("sockname")[1] if request.transport else 0
    if not is_our_host(request.headers.get("Host", ""), port):
        return refusal(403, "wrong_host")
    if request.path != "/" and not is_our_page(request):
        return refusal(403, "wrong_origin")
    return await handler(request)


async def add_headers(_: web.Request, response: web.StreamResponse) -> None:
    """Put the safety headers on every answer, errors too (an `on_response_prepare` signal)."""
    response.headers.update(HEADERS)
