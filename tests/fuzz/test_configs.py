"""A few bent configs, and those that once ended in a traceback; `python -m tests.fuzz` tries many."""

import pytest

from tests.fuzz import configs
from tests.fuzz.target import Target, try_quickly


@pytest.mark.parametrize("target", configs.TARGETS, ids=lambda target: target.name)
def test_a_config_may_have_any_shape(target: Target) -> None:
    try_quickly(target)


@pytest.mark.parametrize(
    "text",
    [
        '"\\U00110000": x',
        'log: {level: "\\UFFFFFFFF"}',
        f"%YAML 1.{'9' * 5000}\n---\nlog:",
        f"telegram: {{token: 0x{'f' * 4000}}}",
        f"providers: {{a: {{type: 0x{'f' * 4000}}}}}",
        "log: " + "[" * 300 + "]" * 300,
    ],
    ids=["letter", "larger-letter", "version", "number", "type", "depth"],
)
def test_what_yaml_takes_and_nobody_can_mean_is_a_fault_in_one_line(text: str) -> None:
    with configs.folder() as check:
        check(text.encode())
