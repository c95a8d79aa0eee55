"""What people see of an answer besides its text: the model's thinking, the line that it waits in, a fresh final."""

import asyncio
from dataclasses import replace
from itertools import groupby

import pytest

from chat.buttons import Action
from chat.events import Completed, ReasoningDelta
from chat.replies import ReplyState
from handlers.reply import thinking
from handlers.settings import ModelSettings, Reasoning, RepliesSettings
from providers.wrappers import Limited
from tests.fakes import FakeMessage, Step
from tests.handlers.scene import Desk, play, pressed, said
from texts import Texts

THINKS: list[Step] = [ReasoningDelta("Six by seven."), 70.0, "42", 5.0, Completed()]


def asked(script: list[Step], replies: RepliesSettings, model: ModelSettings | None = None) -> Desk:
    """A question that was answered under those settings."""
    desk = Desk(script, model=model)
    desk.services = replace(desk.services, replies=replies)
    return play(desk, lambda each: each.hand_in(said("How much?")))


def versions(desk: Desk) -> list[str]:
    """What its message said; that the Stop button goes is no other text."""
    return [text for text, _ in groupby(desk.chat().messages["m1"].versions)]


def test_usually_people_see_for_how_long_the_model_thinks_and_nothing_of_what() -> None:
    seen = versions(asked(THINKS, RepliesSettings(fresh_after_seconds=0)))
    assert seen[:2] == ["💭 Thinking … 2 s", "💭 Thinking … 7 s"]
    assert seen[-2:] == ["💭 Thinking … 1 min 2 s", "42"]


def test_hidden_it_is_but_typing() -> None:
    assert versions(asked(THINKS, RepliesSettings(reasoning="hidden"))) == ["42"]


def test_quoted_it_stays_above_the_answer_and_never_gets_into_the_history() -> None:
    desk = asked(THINKS, RepliesSettings(reasoning="quote", fresh_after_seconds=0))
    assert versions(desk)[-1].endswith("> Six by seven.\n\n42")
    told = desk.store._connection.execute("SELECT text FROM history ORDER BY position").fetchall()
    assert told == [("How much?",), ("42",)]
    assert "Six" not in str(desk.store._connection.execute("SELECT reply, final FROM turns").fetchall())


@pytest.mark.parametrize(("own", "shown"), [(None, 3), ("hidden", 1), ("status", 2), ("quote", 3)])
def test_a_model_may_have_a_setting_of_its_own(own: Reasoning | None, shown: int) -> None:
    model = ModelSettings(provider="fake", model="fake-1", reasoning=own)
    script: list[Step] = [ReasoningDelta("Six by seven."), 4.0, "42", 5.0, Completed()]
    seen = versions(asked(script, RepliesSettings(reasoning="quote"), model))
    assert 1 + ("Thinking" in seen[0]) + ("Six by seven." in seen[-1]) == shown


@pytest.mark.parametrize(("language", "seconds", "sentence"), [
    ("en", 12, "💭 Thinking … 12 s"), ("en", 135, "💭 Thinking … 2 min 15 s"), ("ru", 12, "💭 Думает … 12 с"),
])  # fmt: skip
def test_times_are_told_as_people_tell_them(language: str, seconds: int, sentence: str) -> None:
    desk = Desk()
    status = thinking(next(iter(desk.services.models.values())), desk.services, Texts.load("en").of(language)).status
    assert status
    assert status(seconds) == sentence


def test_people_who_wait_in_a_line_see_how_many_are_before_them_and_that_it_moves() -> None:
    async def work(desk: Desk) -> None:
        provider = Limited(desk.provider, 1)
        models = {name: replace(each, provider=provider) for name, each in desk.services.models.items()}
        desk.services = replace(desk.services, models=models)
        desk.open(desk.tasks)
        for number in range(4):
            place = replace(said("?").address, place=str(2000 + number))
            await desk.hand_in(said(f"question {number}", place, key=f"k{number}"))
            await asyncio.sleep(0.1)

    scripts: list[list[Step]] = [[f"answer {number}", 8.0, Completed()] for number in range(4)]
    desk = play(Desk(*scripts), work)
    seen = [chat.messages["m1"].versions for chat in desk.chats.values()]
    assert set(seen[0]) == {"answer 0"}
    assert [texts[0] for texts in seen[1:]] == [
        "⏳ 1 question is before yours …", "⏳ 2 questions are before yours …", "⏳ 3 questions are before yours …",
    ]  # fmt: skip
    assert seen[3][1:3] == ["⏳ 2 questions are before yours …", "⏳ 1 question is before yours …"]
    assert seen[3][-1] == "answer 3"


def slow(*end: Step) -> list[Step]:
    return ["It takes", 65.0, " its time.", *end]


def test_an_answer_that_took_more_than_a_minute_comes_as_a_new_message() -> None:
    desk = asked(slow(Completed()), RepliesSettings())
    assert desk.sent() == ["It takes its time."]
    assert list(desk.chat().messages) == ["m2"]


@pytest.mark.parametrize("settings", [RepliesSettings(fresh_after_seconds=0), RepliesSettings(fresh_after_seconds=70)])
def test_or_when_it_is_set_so_and_never_where_that_is_off(settings: RepliesSettings) -> None:
    assert list(asked(slow(Completed()), settings).chat().messages) == ["m1"]


def test_the_time_counts_from_the_message_that_people_were_told_by() -> None:
    """Who saw nothing but "typing" for a minute is notified by the answer's first words."""
    script: list[Step] = [ReasoningDelta("hm"), 65.0, "42", 5.0, Completed()]
    assert list(asked(script, RepliesSettings(reasoning="hidden")).chat().messages) == ["m1"]
    assert list(asked(script, RepliesSettings()).chat().messages) == ["m2"]


def test_not_where_somebody_stopped_it_or_it_failed() -> None:
    async def stopped(desk: Desk) -> None:
        await desk.hand_in(said("How much?"))
        await asyncio.sleep(64)
        await desk.hand_in(pressed(Action("stop", 1)))

    assert list(play(Desk(slow(Completed())), stopped).chat().messages) == ["m1"]
    assert list(asked(slow(ValueError("ours")), RepliesSettings()).chat().messages) == ["m1"]
    assert list(asked(slow(), RepliesSettings()).chat().messages) == ["m1"], "it was cut off"


def test_what_a_kill_interrupted_counts_from_when_it_was_asked() -> None:
    async def work(desk: Desk) -> None:
        desk.chat().messages["old"] = FakeMessage("It takes")
        turn = await desk.keep(said("How much?"), "running", reply=ReplyState(("old",), "It takes"))
        desk.store._connection.execute("UPDATE turns SET received_at = received_at - 61 WHERE id = ?", (turn,))
        await desk.reception.resume(["telegram"])

    desk = play(Desk(["It takes its time.", Completed()]), work)
    assert (desk.sent(), list(desk.chat().messages)) == (["It takes its time."], ["m1"])
