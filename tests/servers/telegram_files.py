"""The files of the stand-in Telegram: what people and the bot uploaded, and what it says of them."""

import itertools
import struct
from dataclasses import dataclass

from tests.servers.telegram_text import ApiError, Json, bad_request

LARGEST_DOWNLOAD = 20 * 2**20  # bytes that getFile hands out
LARGEST_UPLOAD = 50 * 2**20
LARGEST_PHOTO = 10 * 2**20
LONGEST_SIDES = 10_000  # width and height together
THUMBNAIL = b"\xff\xd8\xff a thumbnail"

_EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "text/plain": "txt"}
_IMAGES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"RIFF")


@dataclass(frozen=True, slots=True)
class Upload:
    """A file in a call, as it came."""

    name: str
    media_type: str
    data: bytes

    def __str__(self) -> str:
        return f"{self.name}: {len(self.data)} bytes"


@dataclass(slots=True, eq=False)
class File:
    """A stored file. `told_size` is what getFile says, None for nothing; it may be a lie.

    `expired`: getFile still tells where it is, but nothing is there.
    """

    id: str
    path: str
    data: bytes
    name: str = ""
    media_type: str = ""
    told_size: int | None = None
    expired: bool = False

    def json(self) -> Json:
        """What every kind of file has in common."""
        size = {} if self.told_size is None else {"file_size": self.told_size}
        return {"file_id": self.id, "file_unique_id": f"u{self.id}", **size}


class Files:
    """All files, by id and by path."""

    def __init__(self) -> None:
        self._by_id: dict[str, File] = {}
        self._numbers = itertools.count(1)

    def add(self, data: bytes, folder: str, name: str = "", media_type: str = "") -> File:
        """Keep a file; the path is Telegram's own."""
        number = next(self._numbers)
        extension = _EXTENSIONS.get(media_type) or name.rpartition(".")[2] or "bin"
        path = f"{folder}/file_{number}.{extension}"
        self._by_id[f"F{number:04d}"] = file = File(f"F{number:04d}", path, data, name, media_type, len(data))
        return file

    def get(self, number: str) -> File:
        """The file with this id; raises ApiError as getFile does."""
        file = self._by_id.get(number)
        if not file:
            raise bad_request("wrong file_id or the file is temporarily unavailable")
        if (file.told_size or 0) > LARGEST_DOWNLOAD:
            raise bad_request("file is too big")
        return file

    def at(self, path: str) -> File | None:
        """The file with this path, if its link is still good."""
        return next((file for file in self._by_id.values() if file.path == path and not file.expired), None)

    def remove(self, file: File) -> None:
        """It is gone: its id means nothing any more."""
        self._by_id.pop(file.id, None)


def check_photo(data: bytes) -> None:
    """Raise what Telegram answers to data that it takes for no photo."""
    if not data:
        raise bad_request("file must be non-empty")
    if len(data) > LARGEST_PHOTO:
        raise bad_request(f"file of size {len(data)} bytes is too big for a photo; the maximum size is {LARGEST_PHOTO}")
    if not data.startswith(_IMAGES):
        raise bad_request("IMAGE_PROCESS_FAILED")
    width, height = sides(data)
    if width + height > LONGEST_SIDES or max(width, height) > 20 * min(width, height):
        raise bad_request("PHOTO_INVALID_DIMENSIONS")


def check_document(data: bytes) -> None:
    """Raise what Telegram answers to data that it takes for no file."""
    if not data:
        raise bad_request("file must be non-empty")
    if len(data) > LARGEST_UPLOAD:
        raise ApiError(413, "Request Entity Too Large")


def sides(data: bytes) -> tuple[int, int]:
    """Width and height of a PNG; of anything else, some."""
    if data.startswith(_IMAGES[0]) and len(data) >= 24:
        width, height = struct.unpack(">II", data[16:24])
        return width, height
    return 1280, 960


def png(width: int = 64, height: int = 48, size: int = 0) -> bytes:
    """A PNG as far as its head tells, with something behind it up to `size` bytes."""
    head = _IMAGES[0] + struct.pack(">I4sII", 13, b"IHDR", width, height) + b"\x08\x02\x00\x00\x00"
    return head.ljust(size, b"\x00")
