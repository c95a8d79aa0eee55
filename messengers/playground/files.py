"""Files on disk: what people upload, and what the bot draws. Their names are random, their bytes are limited."""

import asyncio
import codecs
import os
import re
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO, TypeVar

from chat.messages import Image
from messengers.playground import file_records
from messengers.playground.archive import Archive, ArchiveError
from messengers.playground.entries import File

Result = TypeVar("Result")

LARGEST_FILE = 20 * 2**20  # bytes of one upload
MOST_BYTES = 2**30  # of all files together; beyond that the oldest go
UNUSED_SECONDS = 24 * 3600  # an upload that was never said is removed at a start after that
UPLOAD_SECONDS = 300.0  # an upload that takes longer is given up
LONGEST_NAME = 120

FILE_ID = re.compile(r"[A-Za-z0-9_-]{32}")
TEXT = "text/plain"  # whatever it calls itself: nobody's browser is to run it
ENDINGS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp", "image/gif": "gif"}


class TooLargeError(Exception):
    """More bytes than an upload may have."""


class NotUsableError(Exception):
    """Neither a picture that browsers show nor UTF-8 text."""


def picture_type(head: bytes) -> str:
    """A picture's media type by its first bytes; "" for anything else."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    return "image/webp" if head.startswith(b"RIFF") and head[8:12] == b"WEBP" else ""


def clean_name(name: str) -> str:
    """A file's name as it may be shown and given to a browser: no folders, nothing invisible."""
    last = PurePosixPath(name.replace("\\", "/")).name
    shown = "".join(each for each in last if each.isprintable())[:LONGEST_NAME].strip()
    return shown if shown.strip(".") else "file"


class Kind:
    """Finds out, while the bytes go by, whether a file can be used."""

    def __init__(self) -> None:
        self._head = b""
        self._decoder: codecs.IncrementalDecoder | None = codecs.getincrementaldecoder("utf-8")()
        self.size = 0

    def see(self, data: bytes, *, final: bool = False) -> None:
        """The next bytes."""
        self.size += len(data)
        self._head = (self._head + data[:16])[:16]
        try:
            if self._decoder and "\0" in self._decoder.decode(data, final):
                self._decoder = None
        except UnicodeDecodeError:
            self._decoder = None

    @property
    def media_type(self) -> str:
        """What it is. Raises `NotUsableError`."""
        if kind := picture_type(self._head):
            return kind
        if self._decoder is None or not self.size:
            raise NotUsableError
        return TEXT


class Files:
    """The folder of files; the archive knows which there are. Whatever meets a failing disk raises `ArchiveError`."""

    def __init__(
        self,
        archive: Archive,
        clock: Callable[[], float] = time.time,
        most_bytes: int = MOST_BYTES,
        upload_seconds: float = UPLOAD_SECONDS,
    ) -> None:
        self._archive = archive
        self._folder = archive.folder / "files"
        self._clock = clock
        self._most_bytes = most_bytes
        self._upload_seconds = upload_seconds

    async def open(self) -> None:
        """Make the folder, and remove what nothing leads to any more."""
        unused_since = int((self._clock() - UNUSED_SECONDS) * 1_000_000)
        known = await self._archive.call(partial(file_records.sweep, unused_since=unused_since))
        await _on_disk(partial(_sweep, self._folder, known))

    async def take(self, chunks: AsyncIterator[bytes], name: str, limit: int = LARGEST_FILE) -> File:
        """Store an upload while it is read. Raises `TooLargeError`, `NotUsableError` and, where it comes too slowly,
        `TimeoutError`; nothing is kept then.
        """
        file, kind = secrets.token_urlsafe(24), Kind()
        try:
            async with asyncio.timeout(self._upload_seconds):
                await self._write(file, chunks, kind, limit)
            taken = File(file, clean_name(name), kind.media_type, kind.size)
            await self._note(taken)
        except BaseException:
            self.remove([file])
            raise
        return taken

    async def keep(self, picture: Image) -> File:
        """Store a picture that the bot drew."""
        file = secrets.token_urlsafe(24)
        kept = File(file, f"picture.{ENDINGS[picture.media_type]}", picture.media_type, len(picture.data))
        try:
            await _on_disk(partial(_store, self.path(file), picture.data))
            await self._note(kept)
        except BaseException:
            self.remove([file])
            raise
        return kept

    async def find(self, ids: Sequence[str]) -> Sequence[File]:
        """Those of these files that there are."""
        return await self._archive.call(partial(file_records.find, ids=ids))

    async def read(self, file: str) -> bytes | None:
        """A file's bytes; None if it is gone, or never was."""
        if not FILE_ID.fullmatch(file):
            return None
        try:
            return await asyncio.to_thread(self.path(file).read_bytes)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ArchiveError(f"a file can't be read: {error.strerror}") from error

    def path(self, file: str) -> Path:
        """Where a file is. Raises `ValueError` for what isn't an id of ours, such as a path."""
        if not FILE_ID.fullmatch(file):
            raise ValueError("not a file's id")
        return self._folder / file

    async def drop(self, file: str) -> None:
        """Forget a file that wasn't sent after all."""
        self.remove(await self._archive.call(partial(file_records.drop, column="id", value=file)))

    def remove(self, ids: Sequence[str]) -> None:
        """Remove files that nothing leads to any more; those that can't be removed now are swept up at a start."""
        for file in ids:
            try:
                self.path(file).unlink(missing_ok=True)
            except OSError:
                continue

    async def _write(self, file: str, chunks: AsyncIterator[bytes], kind: Kind, limit: int) -> None:
        with await _on_disk(partial(_create, self.path(file))) as opened:
            async for chunk in chunks:
                if kind.size + len(chunk) > limit:
                    raise TooLargeError
                kind.see(chunk)
                await _on_disk(partial(opened.write, chunk))
            kind.see(b"", final=True)
            await _on_disk(opened.flush)

    async def _note(self, file: File) -> None:
        at = int(self._clock() * 1_000_000)
        await self._archive.call(partial(file_records.add, file=file, at=at))
        self.remove(await self._archive.call(partial(file_records.make_room, most_bytes=self._most_bytes)))


async def _on_disk(work: Callable[[], Result]) -> Result:
    try:
        return await asyncio.to_thread(work)
    except OSError as error:
        raise ArchiveError(f"a file can't be stored: {error.strerror}") from error


def _create(path: Path) -> BinaryIO:
    """A new file, for this user alone."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _store(path: Path, data: bytes) -> None:
    with _create(path) as opened:
        opened.write(data)


def _sweep(folder: Path, known: frozenset[str]) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    for path in folder.iterdir():
        if path.name not in known:
            path.unlink()
