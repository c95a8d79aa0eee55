"""A request as another model gets it: its own name, parameters and room; what it can't take is left out."""

from chat.messages import Image, Message
from handlers.adapting import UNSEEN, adapted
from handlers.settings import ModelSettings
from providers.base import Capabilities, ReplyRequest

CAT = Image(b"GIF89a", "image/gif")
SETTINGS = ModelSettings(provider="p", model="other-1", parameters={"top_p": 0.5}, vision=True)
SEEING = Capabilities(vision=True)
REQUEST = ReplyRequest(
    "gpt-1",
    (Message("user", "first"), Message("assistant", "second"), Message("user", "third", (CAT, CAT))),
    "Be kind.",
    {"temperature": 1},
    attempts=3,
)


def test_name_and_parameters_are_the_models_own_and_all_else_stays() -> None:
    request = adapted(REQUEST, SETTINGS, SEEING)
    assert request == ReplyRequest("other-1", REQUEST.messages, "Be kind.", {"top_p": 0.5}, attempts=3)
    assert adapted(request, SETTINGS, SEEING) == request


def test_pictures_are_mentioned_to_a_model_that_cannot_see_them_whatever_the_reason() -> None:
    blind = SETTINGS.model_copy(update={"vision": False})
    for settings, capabilities in ((blind, SEEING), (SETTINGS, Capabilities())):
        question = adapted(REQUEST, settings, capabilities).messages[-1]
        assert question == Message("user", f"third\n{UNSEEN}\n{UNSEEN}")
    only = ReplyRequest("gpt-1", (Message("user", "", (CAT,)),))
    assert adapted(only, blind, SEEING).messages == (Message("user", UNSEEN),)


def test_history_and_prompt_are_left_out_where_the_provider_takes_none() -> None:
    request = adapted(REQUEST, SETTINGS, Capabilities(history=False, system_prompt=False, vision=True))
    assert (request.messages, request.system) == (REQUEST.messages[-1:], "")


def test_of_history_as_much_stays_as_the_model_has_room_for_and_the_question_whole() -> None:
    long = tuple(Message("user" if number % 2 == 0 else "assistant", "word " * 100) for number in range(41))
    small = SETTINGS.model_copy(update={"context_tokens": 2000, "parameters": {"max_tokens": 200}})
    messages = adapted(ReplyRequest("gpt-1", long), small, SEEING).messages
    assert 3 <= len(messages) < len(long)
    assert messages == long[-len(messages) :]
    assert messages[0].role == "user"
    huge = Message("user", "word " * 10_000)
    assert adapted(ReplyRequest("gpt-1", (*long[:-1], huge)), small, SEEING).messages == (huge,)
