"""What is known to be wrong with models at the moment, as /model marks them: it fades, for nobody may ask again."""

import time
from collections.abc import Callable, Iterator, MutableMapping

FADES_AFTER_SECONDS = 600.0


class Marks(MutableMapping[str, str]):
    """A model's name → the text key of what is wrong with it. What was set ten minutes ago isn't there any more."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._set: dict[str, tuple[str, float]] = {}

    def __getitem__(self, model: str) -> str:
        trouble, since = self._set[model]
        if self._clock() - since >= FADES_AFTER_SECONDS:
            raise KeyError(model)
        return trouble

    def __setitem__(self, model: str, trouble: str) -> None:
        self._set[model] = trouble, self._clock()

    def __delitem__(self, model: str) -> None:
        del self._set[model]

    def __iter__(self) -> Iterator[str]:
        now = self._clock()
        return iter([model for model, (_, since) in self._set.items() if now - since < FADES_AFTER_SECONDS])

    def __len__(self) -> int:
        return len(list(iter(self)))
