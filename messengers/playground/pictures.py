"""The pictures on the playground's page, in memory: the last ones, each by the message that shows it."""

from chat.messages import Image

KEPT_PICTURES = 60
KEPT_BYTES = 100 * 2**20
# Nothing that a browser could run: an SVG may hold scripts.
MEDIA_TYPES = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif"})


class Pictures:
    """`kept` pictures and `kept_bytes` at most; beyond that the oldest go."""

    def __init__(self, kept: int = KEPT_PICTURES, kept_bytes: int = KEPT_BYTES) -> None:
        self._kept = kept
        self._kept_bytes = kept_bytes
        self._pictures: dict[str, Image] = {}
        self._bytes = 0

    def keep(self, message: str, picture: Image) -> None:
        """Keep a new message's picture."""
        self._pictures[message] = picture
        self._bytes += len(picture.data)
        while len(self._pictures) > self._kept or self._bytes > self._kept_bytes:
            self.drop(next(iter(self._pictures)))

    def get(self, message: str) -> Image | None:
        """The message's picture, if it is still there."""
        return self._pictures.get(message)

    def drop(self, message: str) -> None:
        """Forget it, if there is one."""
        picture = self._pictures.pop(message, None)
        self._bytes -= len(picture.data) if picture else 0


def path_of(message: str) -> str:
    """Where the page finds a message's picture."""
    return f"/image/{message}"
