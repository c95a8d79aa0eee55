"""The documentation says what is: the configuration reference is what the settings classes say."""

from docs.reference import PAGE, page


def test_the_configuration_reference_is_what_the_settings_classes_say() -> None:
    assert PAGE.read_text("utf-8") == page(), "run: make docs"


def test_every_setting_in_it_says_what_it_is_for() -> None:
    without = [line for line in page().splitlines() if line.endswith("|  |")]
    assert without == []
