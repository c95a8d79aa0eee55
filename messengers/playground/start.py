"""What the page needs to begin: its sentences and the commands, in the person's language."""

from collections.abc import Mapping, Sequence
from typing import Any

from chat.commands import MenuEntry, Option


class Start:
    """The same declarations that every messenger's menu is made of. Texts by language code; "" = any other."""

    def __init__(
        self, menu: Sequence[MenuEntry], page_texts: Mapping[str, Mapping[str, str]], *, with_admin: bool
    ) -> None:
        """`with_admin`: whether the people here are admins, so that they see those commands, too."""
        self._menu = [each for each in menu if with_admin or each.command.access != "admin"]
        self._texts = page_texts

    def words(self, language: str) -> dict[str, Any]:
        """The language that is spoken, and the page's sentences in it."""
        code = self._spoken(language)
        return {"language": code, "texts": dict(self._texts.get(code, {}))}

    def commands(self, language: str) -> list[dict[str, Any]]:
        """The commands, for completion."""
        code = self._spoken(language)
        return [
            {
                "name": entry.command.name,
                "description": _in(code, entry.description),
                "options": [_option(each, entry, code) for each in entry.command.options],
            }
            for entry in self._menu
        ]

    def _spoken(self, language: str) -> str:
        """The code of a language that we speak: the one for a tag such as `pt-br`, or the default one's."""
        code = language.partition("-")[0]
        if code in self._texts:
            return code or self._default
        return self._default

    @property
    def _default(self) -> str:
        codes = [code for code in self._texts if code]
        default = self._texts.get("")
        return next((code for code in codes if self._texts[code] == default), codes[0] if codes else "en")


def _in(code: str, texts: Mapping[str, str]) -> str:
    return texts.get(code) or texts.get("", "")


def _option(option: Option, entry: MenuEntry, code: str) -> dict[str, Any]:
    return {
        "name": option.name,
        "description": _in(code, entry.options.get(option.name, {})),
        "kind": option.kind,
        "required": option.required,
        "choices": list(option.choices),
        "suggests": option.suggests,
    }
