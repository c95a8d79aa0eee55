"""The requests that carry files: uploads in, and pictures out."""

from urllib.parse import quote

from aiohttp import web

from messengers.playground.entries import File
from messengers.playground.files import LARGEST_FILE, Files, NotUsableError, TooLargeError
from messengers.playground.guard import Refusal

CHUNK_BYTES = 2**18
FILE_PATH = "{file:[A-Za-z0-9_-]{32}}"


class Transfers:
    """Uploads go to the disk while they are read; what comes out is never anything that a browser would run."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def add_to(self, app: web.Application) -> None:
        """Its routes."""
        app.router.add_post("/files", self.upload)
        app.router.add_get(f"/files/{FILE_PATH}", self.download)
        app.router.add_get(f"/image/{FILE_PATH}", self.download)

    async def upload(self, request: web.Request) -> web.Response:
        """Take in a file. The type that it is said to be doesn't count, what is in it does."""
        if (request.content_length or 0) > LARGEST_FILE:
            raise Refusal(413, "too_large")
        chunks = request.content.iter_chunked(CHUNK_BYTES)
        try:
            file = await self._files.take(aiter(chunks), request.query.get("name", ""), LARGEST_FILE)
        except TooLargeError:
            raise Refusal(413, "too_large") from None
        except TimeoutError:
            raise Refusal(408, "too_slow") from None
        except NotUsableError:
            raise Refusal(415, "not_usable") from None
        return web.json_response({"id": file.id, "name": file.name, "media_type": file.media_type, "size": file.size})

    async def download(self, request: web.Request) -> web.Response:
        """A file. With the headers that all answers have, no browser takes it for anything else than it is."""
        found = await self._files.find([request.match_info["file"]])
        data = await self._files.read(found[0].id) if found else None
        if data is None:
            raise Refusal(404, "no_file")
        return web.Response(body=data, headers=_headers(found[0]))


def _headers(file: File) -> dict[str, str]:
    if file.is_picture:
        return {"Content-Type": file.media_type}
    return {
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.name, safe='')}",  # RFC 6266
    }
