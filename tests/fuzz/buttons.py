"""Buttons' data, as it comes back: anything at all, for it may be forged."""

from hypothesis import strategies as st

from chat.buttons import decode, encode
from tests.fuzz.target import pure
from tests.fuzz.trees import texts

NEARLY = st.builds(
    lambda verb, parts: ":".join([verb, *parts]),
    st.sampled_from(["stop", "retry", "continue", "model", "models", "STOP", "", "stop "]),
    st.lists(st.integers(-1, 10**20).map(str) | texts, max_size=3),
)


def decoded(data: str) -> None:
    """Any data is read as an action that says the same, or as nothing."""
    action = decode(data)
    if action:
        assert decode(encode(action)) == action
        assert len(encode(action).encode()) <= 64, "more than Telegram takes"


TARGETS = (pure("button-data", decoded, NEARLY | texts, 200),)
