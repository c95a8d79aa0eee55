"""Marks of models in trouble: a mapping whose entries fade."""

from operations.marks import FADES_AFTER_SECONDS, Marks


class Clock:
    """Seconds that pass when the test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_mark_fades_after_a_while_and_not_before_and_being_set_again_keeps_it() -> None:
    clock = Clock()
    marks = Marks(clock)
    marks["gpt"], marks["qwen"] = "overloaded", "bad_key"
    clock.now = FADES_AFTER_SECONDS - 1
    assert marks == {"gpt": "overloaded", "qwen": "bad_key"}
    marks["qwen"] = "bad_key"
    clock.now = FADES_AFTER_SECONDS
    assert (marks == {"qwen": "bad_key"}, "gpt" in marks, marks.get("gpt"), len(marks)) == (True, False, None, 1)


def test_a_mark_that_has_faded_can_be_taken_away_and_set_anew() -> None:
    clock = Clock()
    marks = Marks(clock)
    marks["gpt"] = "overloaded"
    clock.now = 2 * FADES_AFTER_SECONDS
    assert marks.pop("gpt", None) is None
    marks["gpt"] = "timed_out"
    assert marks == {"gpt": "timed_out"}
    marks.clear()
    assert marks == {}
