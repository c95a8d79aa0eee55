"""The picture that the offline demo draws: waves of colour out of the prompt, marked DEMO. Standard library only."""

import hashlib
import math
import struct
import zlib
from collections.abc import Iterator

SHADES = 255  # palette entries of the gradient; the one after them is the label's
LABEL_SHADE = bytes([SHADES])
LABEL_PARTS = 60  # the label's letters are drawn in squares of a 60th of the shorter side

# "DEMO", five squares high.
_LABEL = (
    "##..###.#...#..##.",
    "#.#.#...##.##.#..#",
    "#.#.##..#.#.#.#..#",
    "#.#.#...#...#.#..#",
    "##..###.#...#..##.",
)

Colour = tuple[int, int, int]


def placeholder(prompt: str, seed: int | None, width: int, height: int) -> bytes:
    """A PNG of `width` x `height` pixels; the same prompt, seed and size give the same bytes."""
    digest = hashlib.sha256(f"{seed}\n{prompt}".encode("utf-8", "replace")).digest()
    colours = _gradient(_pastel(digest[0:3]), _pastel(digest[3:6]), _pastel(digest[6:9]))
    return _png(width, height, colours + b"\xff\xff\xff", _labelled(_waves(digest[9:], width, height), width, height))


def _pastel(digest: bytes) -> Colour:
    red, green, blue = (95 + value * 145 // 255 for value in digest)
    return red, green, blue


def _gradient(*stops: Colour) -> bytes:
    """A palette that goes from the first colour over the others to the last."""
    palette = bytearray()
    for shade in range(SHADES):
        place = shade / SHADES * (len(stops) - 1)
        before, after = stops[int(place)], stops[int(place) + 1]
        palette += bytes(round(a + (b - a) * (place % 1)) for a, b in zip(before, after, strict=True))
    return bytes(palette)


def _waves(digest: bytes, width: int, height: int) -> Iterator[bytearray]:
    """Rows of shades: pieces of one long ramp, each begun further left or right, so that no pixel is computed alone."""
    size = width + height
    ramp = bytes(min(SHADES - 1, step * SHADES // (2 * size)) for step in range(2 * size))
    swing = height * (0.05 + digest[0] / 2550)
    phase, turns = digest[1] / 40, 1 + digest[2] / 64
    for y in range(height):
        begin = round(size / 4 + y + swing * math.sin(phase + turns * math.tau * y / height))
        begin = max(0, min(begin, 2 * size - width))
        yield bytearray(ramp[begin : begin + width])


def _labelled(rows: Iterator[bytearray], width: int, height: int) -> Iterator[bytearray]:
    """The rows with the label at the lower left; a picture too small for it goes without."""
    square = min(width, height) // LABEL_PARTS
    top = height - (len(_LABEL) + 2) * square
    for y, row in enumerate(rows):
        if square and 0 <= y - top < len(_LABEL) * square:
            for column, mark in enumerate(_LABEL[(y - top) // square]):
                if mark == "#":
                    left = (column + 2) * square
                    row[left : left + square] = LABEL_SHADE * square
        yield row


def _png(width: int, height: int, palette: bytes, rows: Iterator[bytearray]) -> bytes:
    """Eight bits for a pixel, each an entry of the palette; no filters (PNG specification, §11)."""
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows), 6)
    chunks = ((b"IHDR", header), (b"PLTE", palette), (b"IDAT", pixels), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
