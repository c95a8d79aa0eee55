"""What somebody means: their text with what it replies to, who says it in a group, pictures, and documents read in."""

from dataclasses import dataclass

from chat.incoming import Attachment, Quote, Said
from chat.messages import Image, Message
from handlers.documents import decode, is_text
from handlers.services import Model, Services
from messengers.base import Chat, MessengerError
from texts import Language

LONGEST_QUOTE = 4000  # characters
LARGEST_IMAGE_BYTES = 10 * 2**20
MOST_IMAGES = 10
BYTES_PER_CHARACTER = 4


class CantAskError(Exception):
    """It can't be asked like this; `sentence` says why, in the person's language."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Question:
    """The question as the model gets it, and as the history keeps it: pictures are only mentioned there."""

    asked: Message
    kept: Message


async def understand(said: Said, model: Model, services: Services) -> Question:
    """Put the question together. Raises `CantAskError`, and `MessengerError` where a file can't be fetched."""
    language = services.language(said)
    _check_kind(said, model, language)
    chat = services.bot.open_chat(said.address)
    limit = services.limits.input_characters
    documents = [await _document(each, chat, limit, language) for each in said.documents]
    quotes = [_quoted(quote, limit) for quote in said.quotes]
    text = "\n\n".join(part for part in (*quotes, _spoken(said), *documents) if part)
    if len(text) > limit:
        raise CantAskError(language.say("reply.too_long", length=len(text), limit=limit))
    images = tuple([await _image(each, chat, language) for each in said.images[:MOST_IMAGES]])
    mentioned = "\n".join([text] * bool(text) + ["[image]"] * len(images))
    return Question(Message("user", text, images), Message("user", mentioned))


def _check_kind(said: Said, model: Model, language: Language) -> None:
    if said.images and not (model.settings.vision and model.provider.capabilities.vision):
        raise CantAskError(language.say("question.no_vision", model=model.name))
    if said.other and not _is_about_something(said):
        raise CantAskError(_cant_use(said, language))


def _cant_use(said: Said, language: Language) -> str:
    """Why nothing can be done with it. What only one messenger has, it has a sentence of its own for."""
    own, key = f"{said.address.messenger}.cant_use.{said.other}", f"question.kind.{said.other}"
    if own in language.sentences:
        return language.say(own)
    known = key if key in language.sentences else "question.kind.other"
    return language.say("question.cant_use", kind=language.say(known))


def _is_about_something(said: Said) -> bool:
    """Whether there is something to answer beside what can't be used: words, also forwarded ones, pictures, files."""
    forwarded = any(quote.kind == "forward" for quote in said.quotes)
    return bool(said.text.strip() or forwarded or said.images or said.documents)


def _spoken(said: Said) -> str:
    """In a group every line says who spoke: the model can't know it otherwise."""
    if said.address.private or not said.text.strip() or not said.sender.name:
        return said.text
    return f"{said.sender.name}: {said.text}"


def _quoted(quote: Quote, limit: int) -> str:
    """A quote as Markdown quotes, with where it is from. In English: it is for the model.

    What is answered is cut, so that it leaves room for the question; what is forwarded is the question.
    """
    origin = {"reply": "In reply to", "quote": "Quoted from", "forward": "Forwarded from"}[quote.kind]
    longest = None if quote.kind == "forward" else min(LONGEST_QUOTE, limit // 2)
    lines = quote.text[:longest].splitlines()
    return "\n".join([f"> {origin} {quote.author or 'somebody'}:", *(f"> {line}" for line in lines)])


async def _document(document: Attachment, chat: Chat, limit: int, language: Language) -> str:
    if document.size > limit * BYTES_PER_CHARACTER:
        raise CantAskError(language.say("question.too_large", name=_called(document), limit=limit))
    if not is_text(document.media_type, document.name):
        raise CantAskError(language.say("question.not_text", name=_called(document)))
    text = decode(await _fetched(document, chat, language))
    if text is None:
        raise CantAskError(language.say("question.not_text", name=_called(document)))
    fence = "`" * max(3, 1 + _longest_run(text, "`"))
    return f"File {document.name or 'without a name'}:\n{fence}\n{text}\n{fence}"


async def _image(image: Attachment, chat: Chat, language: Language) -> Image:
    if image.size > LARGEST_IMAGE_BYTES:
        raise CantAskError(language.say("question.image_too_large", megabytes=LARGEST_IMAGE_BYTES // 2**20))
    return Image(await _fetched(image, chat, language), image.media_type or "image/jpeg")


async def _fetched(attachment: Attachment, chat: Chat, language: Language) -> bytes:
    try:
        return await chat.fetch(attachment)
    except MessengerError as failure:
        raise CantAskError(language.say("question.not_fetched", name=_called(attachment))) from failure


def _called(attachment: Attachment) -> str:
    """What to call a file in a sentence; photos, for one, have no name."""
    return attachment.name or attachment.media_type or "?"


def _longest_run(text: str, character: str) -> int:
    longest = run = 0
    for each in text:
        run = run + 1 if each == character else 0
        longest = max(longest, run)
    return longest
