"""Documents that are text are told from those that aren't, and their bytes become the characters that were meant."""

import gzip
import io
import random
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.documents import decode, is_text

RUSSIAN = "Съешь же ещё этих мягких французских булок, да выпей чаю.\nПривет, мир! Как дела?\n"
FRENCH = "Où est le café ? Là-bas, près de l'église ; ça coûte 3 € à Noël. Créée, naïve, œuvre.\n"
GERMAN = "Die größeren Füße hört man: süße Grüße aus München, Österreich und Übersee. Maße, Späße.\n"


@pytest.mark.parametrize(
    ("media_type", "name"),
    [
        ("text/plain", ""),
        ("text/plain", "a.bin"),
        ("text/x-python", "a.py"),
        ("application/json", ""),
        ("", "notes.MD"),
        ("application/octet-stream", "main.rs"),
        ("video/mp2t", "index.ts"),
        ("", "Makefile"),
        ("", "Dockerfile"),
        ("", "archive.tar.csv"),
        ("", "с пробелами и буквами.txt"),
    ],
)
def test_what_says_that_it_is_text_is_read(media_type: str, name: str) -> None:
    assert is_text(media_type, name)


@pytest.mark.parametrize(
    ("media_type", "name"),
    [
        ("application/zip", "texts.zip"),
        ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "letter.docx"),
        ("application/pdf", "book.pdf"),
        ("application/octet-stream", "program"),
        ("application/octet-stream", "txt.exe"),
        ("audio/mpeg", "song.mp3"),
        ("", ""),
        ("", "."),
        ("", "textplain"),
    ],
)
def test_what_doesnt_is_not_opened(media_type: str, name: str) -> None:
    assert not is_text(media_type, name)


@pytest.mark.parametrize("text", [RUSSIAN, FRENCH, GERMAN, "日本語\n", "🎨 \u200b emoji", "", "plain"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_unicode_is_read_without_its_mark(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)) == text


def test_utf_16_of_either_byte_order_is_read_by_its_mark() -> None:
    assert decode(b"\xff\xfe" + RUSSIAN.encode("utf-16-le")) == RUSSIAN
    assert decode(b"\xfe\xff" + RUSSIAN.encode("utf-16-be")) == RUSSIAN


@pytest.mark.parametrize(
    "text",
    [RUSSIAN, "да", "Привет!", "Итого: 25 руб.", "name;имя\nAnna;Анна\n", "def f():  # вернуть число\n    return 1\n"],
)
def test_russian_of_old_windows_is_read(text: str) -> None:
    assert decode(text.encode("cp1251")) == text


@pytest.mark.parametrize(
    "text",
    [
        FRENCH,
        GERMAN,
        "Viele Grüße",
        "Größe",
        "créée",
        "Il va à Paris",
        "süß",
        "“quotes” – and a dash",
        "10 € + 5 £",
        "El niño comió piñón",
    ],
)
def test_western_languages_of_old_windows_are_read(text: str) -> None:
    assert decode(text.encode("cp1252")) == text


def test_a_byte_that_no_code_page_has_is_a_question_mark_and_no_failure() -> None:
    assert decode(b"caf\xe9 \x81") == "café \ufffd"


def zipped() -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        archive.writestr("a.txt", "hello " * 50)
    return memory.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\0", id="nul"),
        pytest.param(b"\x7fELF\x02\x01\x01\0\0\0", id="program"),
        pytest.param(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", id="png"),
        pytest.param(zipped(), id="zip"),
        pytest.param(gzip.compress(b"hello" * 100, mtime=0), id="gzip"),
        pytest.param(random.Random(1).randbytes(2000), id="noise"),
        pytest.param("utf-16 without a mark".encode("utf-16-le"), id="utf-16"),
    ],
)
def test_bytes_that_are_no_text_are_none_whatever_their_name(data: bytes) -> None:
    assert decode(data) is None


@given(st.binary(max_size=300))
def test_no_bytes_at_all_make_it_fail(data: bytes) -> None:
    assert isinstance(decode(data), str | None)


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=100))
def test_every_text_in_utf_8_comes_back_as_it_was(text: str) -> None:
    assert decode(text.encode()) == text.removeprefix("\ufeff")
