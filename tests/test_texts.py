"""Every sentence exists in every language with the same placeholders, and can be said."""

import re
from collections.abc import Mapping
from pathlib import Path
from string import Formatter
from typing import get_args

import pytest
import yaml

from chat.commands import Command
from chat.errors import BotError, ProviderError
from chat.events import EndReason
from handlers import COMMANDS
from texts import LOCALES, Texts, flatten, plural

TEXTS = Texts.load("en")
EN, RU = TEXTS.languages["en"], TEXTS.languages["ru"]
ROOT = LOCALES.parent
LONGEST_DESCRIPTION = 256  # of a command, in Telegram's menu
LONGEST_MESSAGE = 4096


def placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name is not None}


def kinds_of(error: type[BotError]) -> list[type[BotError]]:
    return [error, *(kind for each in error.__subclasses__() for kind in kinds_of(each))]


def without_forms(sentences: Mapping[str, str]) -> dict[str, set[str]]:
    """The keys, those of plural forms as one, with their placeholders."""
    keys: dict[str, set[str]] = {}
    for key, sentence in sentences.items():
        name = key.rpartition(".")[0] if key.rpartition(".")[2] in {"one", "few", "many"} else key
        keys[name] = keys.get(name, set()) | placeholders(sentence)
    return keys


def test_all_languages_have_the_same_keys_and_none_is_empty() -> None:
    assert set(TEXTS.languages) == {"en", "ru"}
    assert set(without_forms(EN.sentences)) == set(without_forms(RU.sentences))
    assert [key for language in (EN, RU) for key, text in language.sentences.items() if not text.strip()] == []


@pytest.mark.parametrize("key", sorted(without_forms(EN.sentences)))
def test_a_sentence_has_the_same_placeholders_in_both_languages_and_they_have_names(key: str) -> None:
    names = without_forms(EN.sentences)[key]
    assert names == without_forms(RU.sentences)[key]
    assert all(name.isidentifier() for name in names)


def test_a_sentence_with_a_number_can_be_said_of_every_number_in_both_languages() -> None:
    counted = [key.removesuffix(".many") for key in EN.sentences if key.endswith(".many")]
    for language in (EN, RU):
        for key in counted:
            for count in (0, 1, 2, 4, 5, 11, 12, 21, 22, 101, 111, 112):
                assert str(count) in language.say(key, count=count)
    forms = [RU.say("reply.waiting", count=count) for count in (1, 2, 5)]
    assert len({re.sub(r"\d+", "", form) for form in forms}) == 3, "сообщение, сообщения, сообщений"
    assert RU.say("reply.waiting", count=11) == forms[2].replace("5", "11")
    assert RU.say("reply.waiting", count=21) == forms[0].replace("1", "21")


# Unicode CLDR's rules for whole numbers: https://www.unicode.org/cldr/charts/latest/supplemental/language_plural_rules.html
@pytest.mark.parametrize(
    ("form", "numbers"),
    [
        ("one", (1, 21, 31, 41, 51, 61, 71, 81, 91, 101, 121, 1001, 1_000_021)),
        ("few", (2, 3, 4, 22, 23, 24, 32, 33, 34, 102, 104, 122, 1002, 1_000_024)),
        ("many", (0, *range(5, 21), 25, 30, 35, 100, 105, 111, 112, 113, 114, 119, 120, 211, 1000, 1011, 1_000_014)),
    ],
)
def test_russian_numbers_take_the_forms_that_cldr_gives_them(form: str, numbers: tuple[int, ...]) -> None:
    assert {plural("ru", number) for number in numbers} == {form}


def test_english_and_every_other_language_have_one_and_many() -> None:
    for code in ("en", "de", ""):
        assert [plural(code, number) for number in (0, 1, 2, 5, 11, 21, 101)] == ["many", "one", *["many"] * 5]


def forms_of(sentences: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The sentences with plural forms: key → form → sentence."""
    counted: dict[str, dict[str, str]] = {}
    for key, sentence in sentences.items():
        name, _, form = key.rpartition(".")
        if form in {"one", "few", "many"}:
            counted.setdefault(name, {})[form] = sentence
    return counted


def test_a_counted_sentence_has_just_the_forms_that_its_language_uses() -> None:
    for language, wanted in ((EN, {"one", "many"}), (RU, {"one", "few", "many"})):
        assert {plural(language.code, number) for number in range(200)} == wanted
        forms = {key: set(sentences) for key, sentences in forms_of(language.sentences).items()}
        assert forms == dict.fromkeys(forms_of(EN.sentences), wanted)


def test_every_form_of_a_counted_sentence_has_the_same_placeholders_and_the_number_among_them() -> None:
    for language in (EN, RU):
        for key, forms in forms_of(language.sentences).items():
            wanted = placeholders(forms_of(EN.sentences)[key]["many"])
            assert "count" in wanted
            assert {form: placeholders(sentence) for form, sentence in forms.items()} == dict.fromkeys(forms, wanted)


def test_a_sentence_that_isnt_counted_may_hold_a_count_and_takes_its_values_as_they_are() -> None:
    for language in (EN, RU):
        assert "3" in language.say("image.progress", number=2, count=3)
        assert "{count}" not in language.say("image.progress", number=2, count=3)


def test_every_option_of_every_command_has_words_in_both_languages_and_no_words_are_left_over() -> None:
    wanted = {f"option.{command.name}.{option.name}" for command in COMMANDS for option in command.options}
    for language in (EN, RU):
        assert {key for key in language.sentences if key.startswith("option.")} == wanted
        assert {key for key in language.sentences if key.startswith("command.")} == {
            f"command.{command.name}" for command in COMMANDS
        }


def test_russian_is_russian() -> None:
    latin_alone = [key for key, text in RU.sentences.items() if not re.search("[А-Яа-яё]", text)]
    assert [key for key in latin_alone if EN.sentences.get(key) != RU.sentences[key]] == []


def test_every_failure_of_a_provider_has_words_for_the_list_of_models() -> None:
    for language in (EN, RU):
        for error in kinds_of(ProviderError):
            assert language.say(f"trouble.{error.key.removeprefix('error.')}")


@pytest.mark.parametrize("error", kinds_of(BotError), ids=lambda error: error.__name__)
def test_every_failure_has_a_sentence_that_provider_model_and_turn_fill(error: type[BotError]) -> None:
    for language in (EN, RU):
        sentence = language.say(error.key, provider="openai", model="gpt", turn="4711", parameter="n")
        assert len(sentence) > 10
        assert "{" not in sentence


def test_every_kind_of_failure_has_a_sentence_of_its_own() -> None:
    keys = {error: error.key for error in kinds_of(BotError)}
    assert {error.__name__ for error, key in keys.items() if key == "error.internal"} == {"BotError", "InternalError"}
    assert len(set(keys.values())) == len(keys) - 1


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_has_a_description_that_fits_into_telegrams_menu(command: Command) -> None:
    for language in (EN, RU):
        assert 0 < len(language.say(f"command.{command.name}")) <= LONGEST_DESCRIPTION


def test_the_help_fits_into_a_message_whatever_the_commands() -> None:
    for language in (EN, RU):
        shown = language.say("help", model="gpt", commands="/stop")
        lines = [language.say(f"command.{each.name}") for each in COMMANDS]
        assert len(shown) + sum(map(len, lines)) < LONGEST_MESSAGE
        assert "/stop" in shown


def test_every_button_and_every_unusual_end_has_its_words() -> None:
    for language in (EN, RU):
        assert language.say("button.stop")
        assert language.say("button.retry")
        for reason in set(get_args(EndReason)) - {"done"}:
            assert language.say(f"reply.{reason}")


def test_every_key_that_the_code_names_exists() -> None:
    folders = (ROOT / name for name in ("handlers", "messengers", "operations", "providers"))
    code = [*ROOT.glob("*.py"), *(path for folder in folders for path in folder.rglob("*.py"))]
    named = {key for path in code for key in re.findall(r"""\bsay\(\s*["']([\w.]+)["']""", path.read_text("utf-8"))}
    assert len(named) > 8
    missing = {key for key in named if key not in without_forms(EN.sentences)}
    sections = {f"{key.partition('.')[0]}." for key in EN.sentences}  # the rest of such a key is put together
    assert missing - sections == set()


@pytest.mark.parametrize(
    ("tag", "code"),
    [("ru", "ru"), ("RU", "ru"), ("ru-RU", "ru"), ("en-gb", "en"), ("pt-br", "en"), ("", "en"), ("xx", "en")],
)
def test_a_tag_finds_its_language_and_an_unknown_one_the_default(tag: str, code: str) -> None:
    assert TEXTS.of(tag).code == code


def test_a_regional_tag_finds_the_language_it_belongs_to_and_the_default_is_the_configs(tmp_path: Path) -> None:
    (tmp_path / "pt.yaml").write_text("hello: Olá\n", "utf-8")
    (tmp_path / "ru.yaml").write_text("hello: Привет\n", "utf-8")
    texts = Texts.load("ru", tmp_path)
    assert texts.of("pt-br").say("hello") == "Olá"
    assert texts.of("de").say("hello") == "Привет"


def test_an_unknown_key_and_a_missing_value_are_errors_and_values_are_taken_literally() -> None:
    with pytest.raises(KeyError):
        EN.say("reply.nothing_like_it")
    with pytest.raises(KeyError):
        EN.say("reply.waiting")
    assert "{provider}" in EN.say("error.provider", provider="{provider}")


def test_sections_become_dotted_keys_without_the_line_end_of_blocks() -> None:
    assert flatten({"a": {"b": {"c": "x\n"}, "d": 1}, "e": "y"}) == {"a.b.c": "x", "a.d": "1", "e": "y"}


def test_a_stranger_is_shown_what_the_config_must_say_as_yaml() -> None:
    for language in (EN, RU):
        for key, name in (("access.stranger", "allow"), ("access.first", "admins")):
            shown = language.say(key, id="5", entry="telegram:5").partition("```yaml\n")[2].partition("```")[0]
            assert yaml.safe_load(shown) == {"access": {name: ["telegram:5"]}}
