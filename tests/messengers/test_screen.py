"""A reply's messages: brought to what they should show by the fewest calls, one at a time."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.buttons import Action, Button
from messengers.base import MessageGone, Page, Refused, SlowDown, Unchangeable
from messengers.screen import Layout, Screen, Wanted
from tests.fakes import FakeChat, FakeMessage
from tests.virtual_time import run_virtual

STOP = Button("Stop", Action("stop", 1))
STORY = " ".join(f"word{number}" for number in range(80))


def wanted(*texts: str, buttons: tuple[Button, ...] = ()) -> list[Wanted]:
    last = len(texts) - 1
    return [
        Wanted(text, Page(text, len(text), "markup"), buttons if number == last else ())
        for number, text in enumerate(texts)
    ]


async def bring(screen: Screen, want: list[Wanted], *, final: bool = False) -> int:
    """Step until nothing differs; the number of steps."""
    steps = 0
    while screen.differs(want, final=final):
        await screen.step(want, final=final)
        steps += 1
        assert steps < 100
    return steps


def shown(chat: FakeChat) -> list[str]:
    return [message.text for message in chat.messages.values()]


texts = st.lists(st.sampled_from("abc"), max_size=4)


@given(st.lists(texts, min_size=1, max_size=5))
def test_whatever_was_shown_the_final_form_is_shown_exactly_and_nothing_is_done_twice(forms: list[list[str]]) -> None:
    chat = FakeChat(latency=0)
    screen = Screen(chat)

    async def work() -> None:
        for form in forms:
            await bring(screen, wanted(*form))
        await bring(screen, wanted(*forms[-1]), final=True)
        assert await bring(screen, wanted(*forms[-1]), final=True) == 0

    run_virtual(work())
    assert [chat.messages[part].text for part in screen.parts] == forms[-1]
    assert len(chat.messages) == len(forms[-1])


def test_each_step_is_one_call_edits_from_the_top_then_new_messages() -> None:
    chat = FakeChat()
    screen = Screen(chat)

    async def work() -> None:
        assert await bring(screen, wanted("one", "two")) == 2
        assert await bring(screen, wanted("ONE", "two", "three", buttons=(STOP,))) == 2

    run_virtual(work())
    assert [(call.kind, call.text) for call in chat.calls[2:]] == [("edit", "ONE"), ("send", "three")]
    assert [message.buttons for message in chat.messages.values()] == [(), (), ("Stop",)]


def test_surplus_messages_are_removed_from_the_end_and_only_in_the_final_form() -> None:
    chat = FakeChat()
    screen = Screen(chat)

    async def work() -> None:
        await bring(screen, wanted("one", "two", "three"))
        assert await bring(screen, wanted("one")) == 0
        assert shown(chat) == ["one", "two", "three"]
        assert await bring(screen, wanted("one"), final=True) == 2

    run_virtual(work())
    assert [call.message for call in chat.made("delete")] == ["m3", "m2"]
    assert (shown(chat), screen.parts) == (["one"], ("m1",))


def test_messages_of_an_earlier_run_are_edited_once_since_nobody_knows_what_they_show() -> None:
    chat = FakeChat()
    chat.messages["old"] = FakeMessage("half")
    screen = Screen(chat, ["old"])
    assert screen.parts == ("old",)
    assert run_virtual(bring(screen, wanted("half"))) == 1
    assert not screen.differs(wanted("half"), final=True)


def test_buttons_alone_are_a_difference() -> None:
    chat = FakeChat()
    screen = Screen(chat)

    async def work() -> None:
        await bring(screen, wanted("one", buttons=(STOP,)))
        assert await bring(screen, wanted("one")) == 1

    run_virtual(work())
    assert chat.messages["m1"].buttons == ()


def test_a_refused_page_is_shown_as_plain_text_and_then_counts_as_shown() -> None:
    chat = FakeChat()
    chat.refuses_markup = True
    screen = Screen(chat)

    async def work() -> None:
        assert await bring(screen, wanted("**a**", buttons=(STOP,))) == 1
        assert await bring(screen, wanted("**b**")) == 1

    run_virtual(work())
    assert shown(chat) == ["**b**"]
    assert [(call.kind, call.error) for call in chat.calls] == [
        ("send", "Refused"),
        ("send", ""),
        ("edit", "Refused"),
        ("edit", ""),
    ]


@pytest.mark.parametrize("error", [SlowDown(3), MessageGone("gone"), Refused("plain too")])
def test_a_failed_step_changes_nothing_and_is_raised(error: SlowDown | MessageGone | Refused) -> None:
    chat = FakeChat()
    screen = Screen(chat)

    async def work() -> None:
        await bring(screen, wanted("one"))
        for want in (wanted("ONE"), wanted("one", "two")):
            chat.failures.clear()
            chat.failures.extend([error, error])
            with pytest.raises(type(error)):
                await screen.step(want)
            assert screen.parts == ("m1",)
            assert screen.differs(want)

    run_virtual(work())


def test_a_skipped_message_is_left_alone_and_the_others_are_still_brought_up_to_date() -> None:
    chat = FakeChat()
    screen = Screen(chat)
    want = wanted("ONE", "TWO", "THREE")

    async def work() -> None:
        await bring(screen, wanted("one", "two"))
        screen.skip(want)
        await bring(screen, want, final=True)

    run_virtual(work())
    assert shown(chat) == ["one", "TWO", "THREE"]


class Quoting(FakeChat):
    """Notes which messages quote the question."""

    def __init__(self) -> None:
        super().__init__()
        self.quotes: list[bool] = []

    async def send(self, page: Page, buttons: Sequence[Button] = (), *, reply: bool = False, **names: str) -> str:
        self.quotes.append(reply)
        return await super().send(page, buttons, reply=reply, **names)


@pytest.mark.parametrize("reply", [True, False])
def test_only_the_first_message_quotes_the_question(reply: bool) -> None:
    chat = Quoting()
    run_virtual(bring(Screen(chat, reply=reply), wanted("one", "two")))
    assert chat.quotes == [reply, False]


def pages(layout: Layout, source: str, *, final: bool = False) -> list[str]:
    return [want.page.text for want in layout.pages(source, (STOP,), final=final)]


def test_while_a_text_grows_full_messages_never_change_and_the_buttons_stay_under_the_last() -> None:
    layout = Layout(FakeChat(limit=100))
    before: list[str] = []
    for end in range(0, len(STORY), 7):
        want = layout.pages(STORY[:end], (STOP,), final=False)
        now = [each.page.text for each in want]
        assert now[: len(before) - 1] == before[:-1]
        assert [each.buttons for each in want] == [()] * (len(want) - 1) + [(STOP,)] * bool(want)
        assert all(each.page.size <= 100 for each in want)
        before = now
    assert " ".join(pages(layout, STORY, final=True)).split() == STORY.split()


def test_a_rewrite_of_full_messages_is_laid_out_anew_and_as_if_from_the_start() -> None:
    layout = Layout(FakeChat(limit=100))
    pages(layout, STORY)
    other = STORY.upper()
    assert pages(layout, other, final=True) == pages(Layout(FakeChat(limit=100)), other, final=True)
    assert pages(layout, "short", final=True) == ["short"]


def test_a_rewrite_behind_the_full_messages_leaves_them_as_they_are() -> None:
    layout = Layout(FakeChat(limit=100))
    first = pages(layout, STORY[:150])[0]
    assert pages(layout, STORY[:130] + " and so on", final=True)[0] == first


@pytest.mark.parametrize("source", ["", " ", "\n\n"])
def test_a_text_that_shows_nothing_is_no_message(source: str) -> None:
    assert pages(Layout(FakeChat()), source, final=True) == []


@pytest.mark.parametrize("idempotent", [True, False])
def test_where_an_answer_may_have_only_so_many_messages_the_rest_goes_as_a_file(idempotent: bool) -> None:
    chat = FakeChat(limit=100)
    chat.sends_are_idempotent = idempotent
    chat.most_messages = 3
    source = "\n\n".join(f"{number} " + "word " * 12 for number in range(10))
    layout = Layout(chat)
    assert len(layout.pages(source, final=False)) == 2, "the last message is kept for it"
    run_virtual(bring(Screen(chat, key="7.0"), layout.pages(source, final=True), final=True))
    assert len(chat.messages) == 3
    assert chat.text.split() == source.split()
    assert [message.nonce for message in chat.messages.values()] == ["7.0.0", "7.0.1", "7.0.2"]


def test_an_answer_that_just_fits_needs_no_file_and_a_file_that_is_there_is_not_sent_again() -> None:
    chat = FakeChat(limit=100)
    chat.most_messages = 2
    fitting = Layout(chat).pages("word " * 15 + "\n\n" + "more " * 15, final=True)
    assert [bool(page.rest) for page in fitting] == [False, False]
    long = Layout(chat).pages("word " * 100, final=True)
    run_virtual(bring(Screen(chat), long))
    known = list(chat.messages)
    run_virtual(bring(Screen(chat, known), long))
    assert list(chat.messages) == known


class Old(FakeChat):
    """A chat that takes no edit of its `old` messages. `refuses`: one that can't be removed either."""

    old: frozenset[str] = frozenset()
    refuses = ""

    async def edit(self, message: str, page: Page, buttons: Sequence[Button] = ()) -> None:
        await super().edit(message, page, buttons)
        if message in self.old:
            raise Unchangeable("30046")

    async def delete(self, message: str) -> None:
        if message == self.refuses:
            raise Refused("no")
        await super().delete(message)


@pytest.mark.parametrize("refuses", ["", "m2"])
def test_from_a_message_on_that_cant_be_changed_all_come_anew_and_none_stays_twice(refuses: str) -> None:
    chat = Old()

    async def work() -> Screen:
        earlier = Screen(chat)
        await bring(earlier, wanted("one", "two", "three"))
        chat.old, chat.refuses = frozenset({"m2"}), refuses
        screen = Screen(chat, earlier.parts, key="k")
        await screen.step(wanted("one", "TWO", "three"))
        await screen.step(wanted("one", "TWO", "three"))
        assert not screen.sends(), "first those go that it is in the place of"
        await screen.step(wanted("one", "TWO", "three"))
        assert screen.parts[:2] == ("m1", "m2"), "until they are gone they are known"
        await bring(screen, wanted("one", "TWO", "three"), final=True)
        return screen

    screen = run_virtual(work())
    assert [chat.messages[part].text for part in screen.parts] == ["one", "TWO", "three"]
    assert set(chat.messages) - set(screen.parts) == ({refuses} if refuses else set())
    assert chat.messages[screen.parts[1]].nonce == "k+.1", "by its old name it would be taken for the one that went"


@given(texts, texts, st.booleans())
def test_it_is_told_beforehand_whether_a_step_sends(first: list[str], second: list[str], final: bool) -> None:
    chat = FakeChat(latency=0)
    screen = Screen(chat)

    async def work() -> None:
        for form in (wanted(*first), wanted(*second)):
            while screen.differs(form, final=final):
                told, before = screen.sends(form), len(chat.made("send"))
                await screen.step(form, final=final)
                assert told == (len(chat.made("send")) > before)

    run_virtual(work())
