"""Documents that are text: which those are, and how their bytes become characters."""

import codecs
import re

TEXT_TYPES = {
    "application/json", "application/xml", "application/yaml", "application/x-yaml", "application/toml",
    "application/javascript", "application/x-javascript", "application/typescript", "application/sql",
    "application/x-sh", "application/x-python-code", "application/x-httpd-php", "application/x-subrip",
    "application/rtf", "application/x-tex", "application/ld+json", "application/x-ndjson", "message/rfc822",
}  # fmt: skip
TEXT_ENDINGS = {
    "txt", "md", "rst", "csv", "tsv", "log", "json", "jsonl", "yaml", "yml", "toml", "ini", "cfg", "conf", "env", "xml",
    "html", "htm", "css", "js", "mjs", "ts", "tsx", "jsx", "py", "pyi", "rb", "php", "java", "kt", "kts", "scala", "c",
    "h", "cc", "cpp", "hpp", "cs", "go", "rs", "swift", "m", "sql", "sh", "bash", "zsh", "ps1", "bat", "lua", "pl", "r",
    "jl", "hs", "ml", "ex", "exs", "erl", "clj", "dart", "vue", "svelte", "tex", "bib", "srt", "vtt", "diff", "patch",
    "dockerfile", "makefile", "gradle", "properties", "proto", "graphql", "tf", "lock", "gitignore",
}  # fmt: skip
MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
SHARE_IN_WORDS = 0.5  # of the Cyrillic letters, where a text is taken for Russian


def is_text(media_type: str, name: str) -> bool:
    """Whether a document says of itself that it is text. Archives and office files are not opened."""
    ending = name.rpartition(".")[2].lower()
    return media_type.startswith("text/") or media_type in TEXT_TYPES or ending in TEXT_ENDINGS


def decode(data: bytes) -> str | None:
    """The characters of a text in UTF-8, UTF-16 with its mark, or a Windows code page; None for what isn't text."""
    for mark, encoding in MARKS:
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    if b"\0" in data:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return _from_code_page(data)


def _from_code_page(data: bytes) -> str:
    """Windows-1251 where its reading looks like Russian words, Windows-1252 otherwise.

    Western accents, read as Cyrillic, stand alone or beside Latin letters ("Größe", "à"): words do neither.
    """
    cyrillic = data.decode("cp1251", "replace")
    letters = len(re.findall("[А-Яа-яЁё]", cyrillic))
    in_words = sum(map(len, re.findall("(?<![A-Za-zА-Яа-яЁё])[А-Яа-яЁё]{2,}(?![A-Za-zА-Яа-яЁё])", cyrillic)))
    return cyrillic if in_words > letters * SHARE_IN_WORDS else data.decode("cp1252", "replace")
