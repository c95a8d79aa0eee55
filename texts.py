"""Every sentence that the bot says, in the person's language. Code names sentences by key; locales/ holds them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import yaml

LOCALES = Path(__file__).with_name("locales")


@dataclass(frozen=True, slots=True)
class Language:
    """The sentences of one language."""

    code: str
    sentences: Mapping[str, str]

    def say(self, key: str, **values: str | int) -> str:
        """The sentence of that key with its placeholders filled. Raises `KeyError` for an unknown key.

        A sentence with plural forms takes the one for `count`.
        """
        sentence = self.sentences.get(key)
        if sentence is None:
            form = plural(self.code, int(values["count"]))
            sentence = self.sentences.get(f"{key}.{form}") or self.sentences[f"{key}.many"]
        return sentence.format(**values)


@dataclass(frozen=True, slots=True)
class Texts:
    """All languages; `default` is spoken where the person's language is unknown."""

    languages: Mapping[str, Language]
    default: str

    @classmethod
    def load(cls, default: str, folder: Path = LOCALES) -> Self:
        """Read every `<code>.yaml` of the folder."""
        files = {path.stem: yaml.safe_load(path.read_text("utf-8")) for path in sorted(folder.glob("*.yaml"))}
        return cls({code: Language(code, flatten(tree)) for code, tree in files.items()}, default)

    def section(self, name: str) -> Mapping[str, Mapping[str, str]]:
        """One section's sentences, for those who may not import this module: language → key within it → sentence."""
        prefix = f"{name}."
        return {
            code: {key.removeprefix(prefix): text for key, text in each.sentences.items() if key.startswith(prefix)}
            for code, each in {"": self.of(""), **self.languages}.items()
        }

    def of(self, language: str) -> Language:
        """The language for a tag such as `ru` or `pt-br`; the default where we don't speak it."""
        return self.languages.get(language.lower().partition("-")[0]) or self.languages[self.default]


def plural(code: str, count: int) -> str:
    """The plural form that a language uses for a whole number: `one`, `few` or `many` (CLDR, but `other` is `many`)."""
    if code != "ru":
        return "one" if count == 1 else "many"
    if count % 10 == 1 and count % 100 != 11:
        return "one"
    return "few" if 2 <= count % 10 <= 4 and not 12 <= count % 100 <= 14 else "many"


def flatten(tree: Mapping[str, object], prefix: str = "") -> dict[str, str]:
    """Nested sections to dotted keys: `{error: {cut_off: …}}` to `{"error.cut_off": …}`."""
    flat: dict[str, str] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = str(value).rstrip("\n")
    return flat
