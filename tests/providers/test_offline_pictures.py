"""The offline demo's picture: a PNG that holds what it says, marked, quick, and the same for the same wish."""

import asyncio
import struct
import time
import zlib

import pytest

from chat import errors
from chat.messages import Image
from providers import png
from providers.base import ImageRequest
from providers.offline import Offline, OfflineSettings


async def drawn(prompt: str = "a cat", width: int = 1024, height: int = 1024, seed: int | None = None) -> Image:
    async with Offline("demo", OfflineSettings(words_per_second=1e6)) as demo:
        return await demo.draw(ImageRequest("demo", prompt, width, height, seed))


def chunks_of(data: bytes) -> list[tuple[bytes, bytes]]:
    """A PNG's chunks, their checksums checked."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, place = [], 8
    while place < len(data):
        (size,) = struct.unpack_from(">I", data, place)
        kind, content = data[place + 4 : place + 8], data[place + 8 : place + 8 + size]
        assert struct.unpack_from(">I", data, place + 8 + size) == (zlib.crc32(kind + content),)
        chunks.append((kind, content))
        place += size + 12
    return chunks


@pytest.mark.parametrize("size", [(1024, 1024), (800, 512), (512, 800), (1, 1), (7, 300), (300, 7)])
async def test_it_is_a_whole_png_of_the_size_that_was_asked_for(size: tuple[int, int]) -> None:
    picture = await drawn("a cat", *size)
    assert picture.media_type == "image/png"
    chunks = chunks_of(picture.data)
    assert [kind for kind, _ in chunks] == [b"IHDR", b"PLTE", b"IDAT", b"IEND"]
    assert struct.unpack_from(">II", chunks[0][1]) == size
    assert len(chunks[1][1]) == 3 * 256
    pixels = zlib.decompress(chunks[2][1])
    assert len(pixels) == size[1] * (1 + size[0])
    assert set(pixels[:: 1 + size[0]]) == {0}


async def test_it_is_marked_so_that_nobody_takes_it_for_a_models_work() -> None:
    pixels = zlib.decompress(chunks_of((await drawn()).data)[2][1])
    assert pixels.count(png.LABEL_SHADE) > 5000


async def test_the_same_wish_gives_the_same_bytes_and_another_seed_or_prompt_does_not() -> None:
    wishes = [("a cat", None), ("a cat", 1), ("a cat", 2), ("a dog", 1), ("", None), ("кот \ud83d", None)]
    first = [(await drawn(prompt, seed=seed)).data for prompt, seed in wishes]
    assert first == [(await drawn(prompt, seed=seed)).data for prompt, seed in wishes]
    assert len(set(first)) == len(wishes)


async def test_a_large_one_is_drawn_in_a_blink() -> None:
    begun = time.process_time()
    await drawn("a cat", 1024, 1024)
    assert time.process_time() - begun < 0.3


@pytest.mark.parametrize("size", [(0, 10), (10, 0), (-1, 10), (100_000, 10), (10, 4097)])
async def test_a_size_that_no_picture_has_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(errors.RequestRefused) as raised:
        await drawn("a cat", *size)
    assert raised.value.arguments == {"provider": "demo", "model": "demo"}


async def test_it_takes_a_moment_as_a_model_would_and_can_be_given_up() -> None:
    async with Offline("demo", OfflineSettings(words_per_second=30)) as demo:
        drawing = asyncio.create_task(demo.draw(ImageRequest("demo", "a cat")))
        await asyncio.sleep(0.1)
        assert not drawing.done()
        drawing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await drawing
