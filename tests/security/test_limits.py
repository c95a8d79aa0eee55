"""The figures that the musts name, and that no setting's section takes what it doesn't know."""

import re
from collections.abc import Iterator

import pytest
import yaml
from pydantic import BaseModel

from config import Config
from handlers import question
from handlers.settings import LimitsSettings
from messengers.discord import files as discord_files
from messengers.playground import files as playground_files
from messengers.telegram.files import LARGEST_FILE
from providers import PROVIDERS, fetch
from providers.http import HttpSettings
from settings.reading import _Loader
from tests.program import ROOT


def test_a_picture_by_its_address_has_at_most_three_redirects_20_mb_and_30_seconds() -> None:
    assert (fetch.MAX_REDIRECTS, fetch.MAX_BYTES, fetch.TOTAL_SECONDS) == (3, 20 * 2**20, 30)
    assert fetch.SafeFetch("any", "https://models.example/v1").seconds == 30


def test_what_people_send_has_at_most_20_mb_and_a_picture_for_a_model_10() -> None:
    assert LARGEST_FILE == discord_files.LARGEST_FILE == playground_files.LARGEST_FILE == 20 * 2**20
    assert (question.LARGEST_IMAGE_BYTES, question.MOST_IMAGES) == (10 * 2**20, 10)


def test_without_a_word_in_the_config_nobody_can_spend_without_end() -> None:
    assert LimitsSettings() == LimitsSettings(
        messages_per_day=200,
        images_per_day=20,
        all_messages_per_day=5000,
        waiting_per_chat=30,
        input_characters=20_000,
        attempts_per_turn=4,
    )
    patience = HttpSettings()
    assert (patience.first_timeout_seconds, patience.idle_timeout_seconds, patience.total_timeout_seconds) == (
        300,
        60,
        600,
    )


def sections(model: type[BaseModel], seen: set[type[BaseModel]]) -> Iterator[type[BaseModel]]:
    """A settings class and those below it."""
    if model not in seen:
        seen.add(model)
        yield model
        for field in model.model_fields.values():
            kinds = (field.annotation, *getattr(field.annotation, "__args__", ()))
            for kind in kinds:
                if isinstance(kind, type) and issubclass(kind, BaseModel) and kind is not BaseModel:
                    yield from sections(kind, seen)


SECTIONS = [*sections(Config, set()), *(each.Settings for each in PROVIDERS.values())]


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.__name__)
def test_no_section_of_the_config_takes_what_it_does_not_know(section: type[BaseModel]) -> None:
    assert section.model_config.get("extra") == "forbid"
    assert section.model_config.get("frozen")


def test_every_section_is_looked_at() -> None:
    assert len(SECTIONS) >= 15


def test_yaml_is_only_ever_read_by_the_safe_loader() -> None:
    assert issubclass(_Loader, yaml.SafeLoader)
    assert not issubclass(_Loader, yaml.FullLoader | yaml.UnsafeLoader)
    folders = ("chat", "handlers", "messengers", "operations", "providers", "settings", "storage")
    files = [*ROOT.glob("*.py"), *(file for folder in folders for file in (ROOT / folder).rglob("*.py"))]
    loads = [(file.name, each) for file in files for each in re.findall(r"yaml\.(\w*load\w*)", file.read_text("utf-8"))]
    assert loads
    assert {each for _, each in loads} == {"safe_load"}
