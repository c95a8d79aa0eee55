"""The offline demo: honest about what it is, in the language of the question, and able to show every kind of answer."""

import pytest

from chat.errors import CutOff
from chat.events import ReplyEvent
from chat.messages import Message
from providers.base import ReplyRequest
from providers.offline import Offline, OfflineSettings
from tests.providers.asking import all_events, asking, read_into, text_of


@pytest.fixture
def demo() -> Offline:
    return Offline("demo", OfflineSettings(words_per_second=1e6))


async def said(demo: Offline, question: str) -> str:
    return text_of(await all_events(demo, asking(question)))


@pytest.mark.parametrize(
    ("question", "honest", "configure"),
    [("Hello there", "offline demo", "config.yaml"), ("Привет, мир", "без сети", "config.yaml")],
)
async def test_it_says_what_it_is_what_it_heard_and_how_to_get_a_model(
    demo: Offline, question: str, honest: str, configure: str
) -> None:
    answer = await said(demo, question)
    assert f"> {question}" in answer
    assert honest in answer
    assert configure in answer
    assert '"${OPENAI_API_KEY}"' in answer


async def test_it_counts_what_it_remembers(demo: Offline) -> None:
    history = (Message("user", "one"), Message("assistant", "two"), Message("user", "три"))
    assert "помню: 2." in text_of(await all_events(demo, ReplyRequest("demo", history)))
    assert "remember: 0." in await said(demo, "alone")


async def test_dollars_braces_and_lines_of_the_question_come_back_as_they_are(demo: Offline) -> None:
    answer = await said(demo, "$remembered {said}\n$5 \\1")
    assert "> $remembered {said}\n> $5 \\1" in answer


@pytest.mark.parametrize("question", ["a long answer, please", "Дай длинный ответ"])
async def test_a_long_answer_is_long_and_always_the_same(demo: Offline, question: str) -> None:
    answer = await said(demo, question)
    assert len(answer) > 6000
    assert [f"## {n}." in answer for n in range(1, 13)] == [True] * 12
    assert answer == await said(demo, question)


@pytest.mark.parametrize(
    ("question", "holds"),
    [
        ("Show a table", "|---|"),
        ("покажи таблицу", "|---|"),
        ("Some Code", "```python"),
        ("напиши код", "```python"),
    ],
)
async def test_tables_and_code_can_be_asked_for(demo: Offline, question: str, holds: str) -> None:
    assert holds in await said(demo, question)


@pytest.mark.parametrize("question", ["a stable codec", "кодекс", "terrorist"])
async def test_words_that_only_look_like_it_are_echoed(demo: Offline, question: str) -> None:
    assert f"> {question}" in await said(demo, question)


@pytest.mark.parametrize("question", ["error", "сделай ошибку"])
async def test_an_error_comes_after_a_few_words(demo: Offline, question: str) -> None:
    words: list[ReplyEvent] = []
    with pytest.raises(CutOff):
        await read_into(words, demo, asking(question))
    assert 3 <= len(words) <= 20


async def test_an_empty_question_is_answered(demo: Offline) -> None:
    assert await said(demo, "")
    assert text_of(await all_events(demo, ReplyRequest("demo", ())))
