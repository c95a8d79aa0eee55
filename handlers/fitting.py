"""History that fits into a model: the oldest turns go first, the system prompt and the question never."""

from collections.abc import Sequence

from chat.messages import Message
from handlers.settings import ModelSettings

# No tokenizer offline knows every model. UTF-8 bytes are a fair measure for all scripts: about 4 a token in English and
# Russian alike, fewer tokens than this says in no script that we looked at. The margin is for what we can't know.
BYTES_PER_TOKEN = 4
TOKENS_PER_MESSAGE = 6
TOKENS_PER_IMAGE = 1200
MARGIN = 0.9
ANSWER_TOKENS = 1024  # kept free for the answer where the config names no limit
REFILLED = 0.75  # of the room, once something had to go
LIMITS_OF_ANSWERS = ("max_tokens", "max_completion_tokens", "max_new_tokens")


def tokens(message: Message) -> int:
    """About how many tokens a message is."""
    return (
        TOKENS_PER_MESSAGE
        + len(message.text.encode("utf-8", "replace")) // BYTES_PER_TOKEN
        + (TOKENS_PER_IMAGE * len(message.images))
    )


def fit(history: Sequence[Message], question: Message, system: str, settings: ModelSettings) -> tuple[Message, ...]:
    """The newest part of the history that fits, beginning with a question, and the question.

    It is dropped as it was while the conversation grew: where it is full, until a part of the room is free again, but
    for the newest exchange. So its beginning stays the same for several turns, and a provider finds it in its cache:
    one message less each time would make every request new, which costs more than no cache.
    """
    messages = (*history, question)
    sizes = [tokens(message) for message in messages]
    room = _room(system, settings)
    begin, filled = 0, 0
    for number, message in enumerate(messages):
        filled += sizes[number]
        if filled <= room or (message.role != "user" and number < len(history)):
            continue
        while begin < number and (filled > room or (filled > room * REFILLED and begin < number - 2)):
            filled -= sizes[begin]
            begin += 1
    while begin < len(history) and history[begin].role != "user":
        begin += 1
    return messages[begin:]


def _room(system: str, settings: ModelSettings) -> float:
    """Tokens that are left for the conversation."""
    answer = next((settings.parameters[name] for name in LIMITS_OF_ANSWERS if name in settings.parameters), None)
    answer_tokens = answer if isinstance(answer, int) else ANSWER_TOKENS
    left = settings.context_tokens * MARGIN - min(answer_tokens, settings.context_tokens // 2)
    return left - tokens(Message("user", system))
