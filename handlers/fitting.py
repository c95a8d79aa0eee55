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
LIMITS_OF_ANSWERS = ("max_tokens", "max_completion_tokens", "max_new_tokens")


def tokens(message: Message) -> int:
    """About how many tokens a message is."""
    return (
        TOKENS_PER_MESSAGE
        + len(message.text.encode("utf-8", "replace")) // BYTES_PER_TOKEN
        + (TOKENS_PER_IMAGE * len(message.images))
    )


def fit(history: Sequence[Message], question: Message, system: str, settings: ModelSettings) -> tuple[Message, ...]:
    """The newest part of the history that fits, beginning with a question, and the question."""
    answer = next((settings.parameters[name] for name in LIMITS_OF_ANSWERS if name in settings.parameters), None)
    answer_tokens = answer if isinstance(answer, int) else ANSWER_TOKENS
    left = settings.context_tokens * MARGIN - min(answer_tokens, settings.context_tokens // 2)
    left -= tokens(question) + tokens(Message("user", system))
    kept: list[Message] = []
    for message in reversed(history):
        left -= tokens(message)
        if left < 0:
            break
        kept.append(message)
    while kept and kept[-1].role != "user":
        kept.pop()
    return (*reversed(kept), question)
