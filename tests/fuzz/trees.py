"""JSON as it is really sent, bent: keys lost and renamed, other types, huge numbers, lone surrogates, depth."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

Place = tuple[Any, Any]  # a list or an object, and a key in it
MOST_CHANGES = 4

TEXTS = (
    "", " ", "\0", "\ud800", "\udc4b and", "a" * 5000, "👋" * 1500, "٣", "-1", "1e999", "null", "../../etc", "\r\n",
    "<@99>", "<@&9>", "@parley_test_bot", "/help", "/stop@parley_test_bot", "stop:1", "about:1", "\u202eevil", "%s{0}",
    "/x@other_bot", "9" * 4400, "<think>", "</think>\n", "[DONE]", "<|endoftext|>",
)  # fmt: skip
NUMBERS = (0, 1, -1, 19, 2**31, 2**53 + 1, -(2**63), 2**64, 10**40, 10**4299, 0.5, -0.0, 1e308, float("inf"))
DEPTHS = (2, 40, 120)

texts: SearchStrategy[str] = st.sampled_from(TEXTS) | st.text(st.characters(exclude_categories=()), max_size=12)
numbers: SearchStrategy[Any] = st.sampled_from(NUMBERS) | st.just(float("nan")) | st.integers(-100, 100)
values: SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=4,
)


@st.composite
def bent(draw: DrawFn, trees: Sequence[Any], most: int = MOST_CHANGES) -> Any:
    """One of the trees, changed in a few places."""
    around = [copied(draw(st.sampled_from(trees)))]
    for _ in range(draw(st.integers(0, most))):
        inside = places(around)
        container, key = inside[draw(st.integers(0, len(inside) - 1))]
        draw(st.sampled_from(CHANGES))(draw, container, key, inside)
    return around[0]


def copied(tree: Any) -> Any:
    """The same tree again, sharing nothing."""
    return json.loads(json.dumps(tree))


def places(around: list[Any]) -> list[Place]:
    """Every place in a tree, from its root, `around[0]`, on."""
    found: list[Place] = []
    waiting: list[Any] = [around]
    while waiting:
        container = waiting.pop()
        inside = list(container) if isinstance(container, dict) else list(range(len(container)))
        found += [(container, key) for key in inside]
        waiting += [container[key] for key in inside if isinstance(container[key], dict | list)]
    return found


def nested(value: Any, depth: int, key: str = "") -> Any:
    """The value in so many lists, or objects that have it as `key`."""
    for _ in range(depth):
        value = {key: value} if key else [value]
    return value


Change = Callable[[DrawFn, Any, Any, Sequence[Place]], None]


def _lose(_: DrawFn, container: Any, key: Any, __: Sequence[Place]) -> None:
    if isinstance(container, dict) or len(container) > 1:
        del container[key]
    else:
        container[key] = None


def _replace(draw: DrawFn, container: Any, key: Any, _: Sequence[Place]) -> None:
    container[key] = draw(values)


def _swap(draw: DrawFn, container: Any, key: Any, inside: Sequence[Place]) -> None:
    """What is really sent, but elsewhere."""
    other, name = inside[draw(st.integers(0, len(inside) - 1))]
    container[key] = copied(other[name])


def _rename(draw: DrawFn, container: Any, key: Any, inside: Sequence[Place]) -> None:
    names = [name for each, name in inside if isinstance(each, dict)]
    if isinstance(container, dict):
        container[draw(st.sampled_from(names) | texts)] = container.pop(key)


def _stretch(draw: DrawFn, container: Any, key: Any, _: Sequence[Place]) -> None:
    """The same kind of value, but an odd one."""
    match container[key]:
        case str() as text:
            container[key] = text + draw(texts)
        case int() | float():
            container[key] = draw(numbers)
        case list() as entries:
            container[key] = [*entries, *copied(entries), draw(values)]
        case dict() as fields:
            fields[draw(texts)] = draw(values)


def _nest(draw: DrawFn, container: Any, key: Any, inside: Sequence[Place]) -> None:
    names = [name for each, name in inside if isinstance(each, dict)]
    name = draw(st.just("") | st.sampled_from(names)) if names else ""
    container[key] = nested(container[key], draw(st.sampled_from(DEPTHS)), name)


CHANGES: Sequence[Change] = (_lose, _replace, _swap, _rename, _stretch, _nest)
