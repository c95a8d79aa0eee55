"""History that fits: oldest turns go first, it begins with a question, and prompt and question always stay."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.messages import Image, Message, Role
from handlers.fitting import ANSWER_TOKENS, MARGIN, TOKENS_PER_IMAGE, fit, tokens
from handlers.settings import LimitsSettings, ModelSettings
from tests.handlers.scene import Scene, said
from tests.virtual_time import run_virtual

QUESTION = Message("user", "And now?")


def settings(context: int, **parameters: int | float | str) -> ModelSettings:
    return ModelSettings(provider="fake", context_tokens=context, parameters=parameters)


def talk(turns: int, size: int = 400) -> list[Message]:
    """Turns of a question and an answer, each of about `size` bytes and with its number."""
    roles: tuple[Role, Role] = ("user", "assistant")
    return [Message(role, f"{number} ".ljust(size, "x")) for number in range(turns) for role in roles]


def kept(history: list[Message], limits: ModelSettings, system: str = "", question: Message = QUESTION) -> list[int]:
    """The numbers of the turns that are left of the history."""
    messages = fit(history, question, system, limits)
    assert messages[-1] is question, "the question is never dropped"
    return [int(message.text.split()[0]) for message in messages[:-1] if message.role == "user"]


def grown(turns: int, size: int) -> tuple[list[Message], ModelSettings, str, Message]:
    """A conversation that has come so far, with the question that is the next one in it."""
    *history, question, _ = talk(turns + 1, size)
    return history, settings(16_000), "", question


def test_what_fits_is_all_kept_in_order() -> None:
    history = talk(5)
    assert fit(history, QUESTION, "Be kind.", settings(16_000)) == (*history, QUESTION)
    assert fit([], QUESTION, "", settings(16_000)) == (QUESTION,)


def test_the_oldest_turns_go_first_and_more_room_keeps_more() -> None:
    history = talk(20)
    sizes = {context: kept(history, settings(context, max_tokens=100)) for context in (600, 1200, 2400, 4800, 9600)}
    for numbers in sizes.values():
        assert numbers == list(range(20))[20 - len(numbers) :], "the newest, without a gap"
    lengths = [len(numbers) for numbers in sizes.values()]
    assert lengths == sorted(set(lengths)), "more room, more turns"
    assert lengths[-1] == 20


def test_a_long_history_keeps_its_beginning_over_several_turns_so_that_a_provider_finds_it_in_its_cache() -> None:
    firsts = [kept(*grown(turns, 400))[0] for turns in range(100, 160)]
    full = len(kept(talk(60), settings(16_000)))
    assert len(set(firsts)) <= 60 / (full / 4) + 2, "about as often as a quarter of the room is filled"
    assert all(turns - first >= 0.7 * full for turns, first in zip(range(100, 160), firsts, strict=True))


@pytest.mark.parametrize("size", [600, 2400, 8000])
def test_what_a_provider_keeps_in_its_cache_costs_less_than_no_cache_however_long_the_answers_are(size: int) -> None:
    """Reading costs a tenth, and writing a quarter more, as Anthropic has it; what changes at its beginning is new."""
    plain = cached = 0.0
    before: tuple[Message, ...] = ()
    for turns in range(80):
        history, limits, _, asked = grown(turns, size)
        *earlier, question = fit(history, asked, "Be kind.", limits)
        found = sum(map(tokens, before)) if tuple(earlier[: len(before)]) == before else 0
        known = sum(map(tokens, earlier))
        plain += known + tokens(question)
        cached += 0.1 * found + 1.25 * (known - found) + tokens(question)
        before = tuple(earlier)
    assert cached < plain


def test_the_newest_exchange_stays_though_it_fills_more_than_three_quarters() -> None:
    history = [*talk(3, 400), *talk(1, 6000)]
    assert kept(history, settings(5000)) == [0]
    assert fit(history, QUESTION, "", settings(5000)) == (*history[-2:], QUESTION)


def test_a_turn_that_is_too_large_ends_the_history_there_though_older_ones_would_fit() -> None:
    history = [*talk(3), Message("user", "3 huge"), Message("assistant", "3 " + "x" * 100_000), *talk(2)]
    assert kept(history, settings(4000)) == [0, 1]


def test_where_only_half_a_turn_fits_the_history_still_begins_with_a_question() -> None:
    history = [Message("user", "0 " + "x" * 8000), Message("assistant", "0 short"), *talk(1)]
    messages = fit(history, QUESTION, "", settings(2400))
    assert [message.role for message in messages] == ["user", "assistant", "user"]
    assert messages[0] == history[2]


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens", "max_new_tokens"])
def test_room_for_the_answer_is_kept_free_as_the_config_says(name: str) -> None:
    history = talk(60)
    modest, greedy = kept(history, settings(8000, **{name: 100})), kept(history, settings(8000, **{name: 3000}))
    assert len(modest) > len(greedy) > 0
    without = kept(history, settings(8000))
    assert without == kept(history, settings(8000, max_tokens=ANSWER_TOKENS))


def test_a_limit_of_answers_as_large_as_the_context_leaves_half_of_it_to_the_conversation() -> None:
    assert kept(talk(60), settings(8000, max_tokens=8000)) == kept(talk(60), settings(8000, max_tokens=4000))


@pytest.mark.parametrize("odd", ["many", 2.5])
def test_a_limit_that_is_no_whole_number_is_no_crash(odd: str | float) -> None:
    assert kept(talk(60), settings(8000, max_tokens=odd)) == kept(talk(60), settings(8000))


def test_the_system_prompt_takes_its_room_and_is_never_dropped_for_history() -> None:
    history = talk(30)
    assert len(kept(history, settings(4000))) > len(kept(history, settings(4000), system="x" * 6000))
    assert kept(history, settings(4000), system="x" * 100_000) == []


def test_a_picture_in_the_question_weighs_as_much_as_pages_of_text() -> None:
    history = talk(60)
    picture = Image(b"1", "image/png")
    with_pictures = Message("user", QUESTION.text, (picture, picture))
    assert tokens(with_pictures) == tokens(QUESTION) + 2 * TOKENS_PER_IMAGE
    assert len(kept(history, settings(8000), question=with_pictures)) < len(kept(history, settings(8000)))


def test_a_question_larger_than_the_context_goes_alone() -> None:
    assert kept(talk(3), settings(256), question=Message("user", "x" * 50_000)) == []


def test_the_same_text_weighs_more_in_scripts_with_more_bytes_and_half_an_emoji_is_no_crash() -> None:
    english, russian, chinese = (tokens(Message("user", letter * 400)) for letter in ("a", "я", "中"))
    assert english < russian < chinese
    assert tokens(Message("user", "\ud83d")) > 0


@given(
    st.lists(st.tuples(st.sampled_from(["user", "assistant"]), st.text(max_size=800)), max_size=30),
    st.integers(256, 4000),
)
def test_whatever_the_history_what_is_kept_is_its_newest_part_and_within_the_context(
    entries: list[tuple[Role, str]], context: int
) -> None:
    history = [Message(role, text) for role, text in entries]
    messages = fit(history, QUESTION, "Be kind.", settings(context))
    earlier = list(messages[:-1])
    assert messages[-1] == QUESTION
    assert earlier == history[len(history) - len(earlier) :]
    if earlier:
        assert earlier[0].role == "user"
        assert sum(map(tokens, messages)) <= context * MARGIN


def test_the_model_is_asked_with_what_fits_into_it() -> None:
    model = ModelSettings(provider="fake", context_tokens=1000, parameters={"max_tokens": 100})
    scene = Scene(model=model, limits=LimitsSettings(input_characters=5000))

    async def work() -> None:
        for number in range(6):
            await scene.handled(said(f"{number} {'x' * 1000}"))

    run_virtual(work())
    last = scene.provider.requests[-1]
    assert [message.text.split()[0] for message in last.messages if message.role == "user"] == ["4", "5"]
    assert last.system == "Be kind."
