"""What goes beside a text on Telegram: its entities, and the buttons under it."""

from collections.abc import Sequence

from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup, MessageEntity

from chat.buttons import Button, encode
from messengers.base import Page
from messengers.telegram.rich import Rich


def entities_of(page: Page) -> list[MessageEntity] | None:
    """The entities of a page, also of one that would be a rich message."""
    marks = page.markup.entities if isinstance(page.markup, Rich) else page.markup or ()
    return [
        MessageEntity(
            type=entity.type,
            offset=entity.offset,
            length=entity.length,
            url=entity.url or None,
            language=entity.language or None,
        )
        for entity in marks
    ] or None


def keyboard(buttons: Sequence[Button]) -> InlineKeyboardMarkup | None:
    """The buttons in rows; None where there are none."""
    if not buttons:
        return None
    keys = [InlineKeyboardButton(text=button.label, callback_data=encode(button.action)) for button in buttons]
    columns = len(keys) if len(keys) < 3 else 2  # a phone shows about twenty characters on each of two
    rows = [keys[start : start + columns] for start in range(0, len(keys), columns)]
    return InlineKeyboardMarkup(inline_keyboard=rows)
