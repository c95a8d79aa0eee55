"""Two programs with one token: told from the short overlap of a restart, where the old one hasn't ended yet."""

FATAL_AFTER_SECONDS = 60.0
FEWEST = 5  # conflicts: fewer may be two restarts
FORGOTTEN_AFTER_SECONDS = 45.0  # without one: longer than a poll, which another poller would have ended
PAUSE_SECONDS = 3.0  # after a conflict


class Rivals:
    """Remembers the conflicts of a poller. Polls in between that succeed say nothing: both programs get some."""

    def __init__(self) -> None:
        self._first = self._last = 0.0
        self._count = 0

    def seen(self, now: float) -> bool:
        """Another poller ended this one's poll, at that time in seconds; whether it is there to stay."""
        if not self._count or now - self._last > FORGOTTEN_AFTER_SECONDS:
            self._first, self._count = now, 0
        self._last = now
        self._count += 1
        return self._count >= FEWEST and now - self._first > FATAL_AFTER_SECONDS
