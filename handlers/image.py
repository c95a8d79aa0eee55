"""/image: draws what the prompt says, each picture shown as soon as it is ready."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial

from chat.commands import BadOptionError, Command, Option, read_options
from chat.errors import NotSent, ProviderError
from chat.events import Completed, Replaced, ReplyEvent
from chat.incoming import Invoked
from chat.messages import Image
from chat.replies import Final
from handlers import quotas
from handlers.reply import explain, in_short, live_reply, quotes, registered
from handlers.services import ImageModel, Outcome, Services
from messengers.base import Chat, MessengerError, PlaceGone, Refused, SlowDown
from messengers.buckets import Priority
from messengers.budget import Permitted
from messengers.live_reply import uninterrupted
from providers.base import ImageRequest
from storage.base import Amount, Turn, insist
from texts import Language

SIZES = {"1:1": (1024, 1024), "16:9": (800, 512), "9:16": (512, 800)}  # pixels
MOST = 4  # pictures for one prompt
SMALLEST, LARGEST = 64, 2048  # pixels of a side
SEND_ATTEMPTS = 6
PAUSE_SECONDS = 2.0  # after a send that may have been applied or not
COMMAND = Command(
    "image",
    "turn",
    options=(
        Option(required=True),
        Option("ratio", "choice", choices=tuple(SIZES)),
        Option("count", "number"),
        Option("model", suggests=True),
        Option("seed", "number"),
        Option("width", "number"),
        Option("height", "number"),
    ),
)


class _WrongError(Exception):
    """The command can't be done like this; `sentence` says why."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


@dataclass
class _Drawing:
    """Pictures in the making. `begun`: those that were asked for in this run, and not refused: they are paid for.

    `size`: what was drawn, where that can be told: many models know but a few sizes, and draw in the nearest.
    `repeated`: requests beyond one for each picture: the limit of attempts is for all of them together.
    """

    turn: Turn
    services: Services
    model: ImageModel
    request: ImageRequest
    count: int
    begun: int = field(default=0)
    repeated: int = field(default=0)
    size: tuple[int, int] | None = field(default=None)

    @asynccontextmanager
    async def stream(self) -> AsyncIterator[AsyncIterator[ReplyEvent]]:
        """The progress as a reply's text; the pictures are sent beside it."""
        yield self._events()

    async def _events(self) -> AsyncIterator[ReplyEvent]:
        language = self.services.language(self.turn.incoming)
        chat = self.services.bot.open_chat(self.turn.incoming.address)
        for number in range(self.turn.drawn, self.count):
            yield Replaced(language.say("image.progress", number=number + 1, count=self.count))
            seed = None if self.request.seed is None else self.request.seed + number
            image = await self._drawn(replace(self.request, seed=seed))
            self.size = _pixels(image) or self.size
            await patiently(chat, partial(self._show, chat, image, number))
        yield Replaced(self._done(language))
        yield Completed()

    async def _drawn(self, request: ImageRequest) -> Image:
        self.begun += 1  # also where somebody stops it half-way: the provider draws on
        attempts = max(1, request.attempts - self.repeated)
        try:
            return await self.model.provider.draw(replace(request, attempts=attempts, again=self._again))
        except ProviderError:
            self.begun -= 1
            raise

    def _again(self) -> None:
        self.repeated += 1

    async def _show(self, chat: Chat, image: Image, number: int) -> None:
        nonce = f"{self.turn.key}.i{number}"
        await chat.send_image(image, self.request.prompt, reply=quotes(self.turn.incoming), nonce=nonce)
        await insist(partial(self.services.store.drew, self.turn.id))  # not counted, it would be drawn again

    def _done(self, language: Language) -> str:
        request = self.request
        seed = "" if request.seed is None else f" · seed {request.seed}"
        width, height = self.size or (request.width, request.height)
        return f"🎨 {self.model.name} · {width}×{height}{seed}"


async def handle(turn: Turn, services: Services) -> Outcome:
    """Draw what the text says."""
    asked, language = turn.incoming, services.language(turn.incoming)
    assert isinstance(asked, Invoked)
    try:
        drawing = _read(turn, asked, services, language)
    except _WrongError as wrong:
        return Outcome(Final("", wrong.sentence), turn.reply)
    live = live_reply(turn, services)
    async with quotas.reserved(services, asked, "images", drawing.count) as refusal:
        if refusal and not turn.drawn:  # what was begun before a restart goes on
            return Outcome(Final("", refusal), turn.reply)
        with registered(turn, live, services):
            shown = await live.show(drawing.stream())
    drawn = turn.drawn + drawing.begun  # those of an earlier run weren't counted yet: it never came to this
    spent = services.spent(asked, Amount(images=drawn)) if drawn else None
    if shown.gone:
        return Outcome(None, shown.state, spent=spent)
    if shown.failure:
        final = explain(turn, shown.failure, language)
        why = in_short(shown.failure)
        return Outcome(final, shown.state, failed=True, reason=why, spent=spent, settled=shown.settled)
    note = language.say("reply.stopped") if shown.end == "stopped" else ""
    return Outcome(Final("" if note else shown.state.text, note), shown.state, spent=spent, settled=shown.settled)


def _read(turn: Turn, asked: Invoked, services: Services, language: Language) -> _Drawing:
    """The command's text, understood."""
    if not services.image_models:
        raise _WrongError(language.say("image.no_models"))
    try:
        values, prompt = read_options(asked.text, COMMAND.options)
    except BadOptionError as bad:
        options = " ".join(f"`--{option.name}`" for option in COMMAND.options if option.name)
        raise _WrongError(language.say("image.bad_option", name=bad.name, options=options)) from None
    if not prompt:
        raise _WrongError(language.say("image.no_prompt"))
    if len(prompt) > (limit := services.limits.input_characters):
        raise _WrongError(language.say("reply.too_long", length=len(prompt), limit=limit))
    model = _model(values.get("model", ""), services, language)
    count = int(values.get("count", "1"))
    if not 1 <= count <= MOST:
        raise _WrongError(language.say("image.count", most=MOST))
    width, height = _size(values, language)
    seed = int(values["seed"]) if "seed" in values else None
    settings = model.settings
    attempts = services.limits.attempts_per_turn
    request = ImageRequest(settings.model, prompt, width, height, seed, settings.parameters, attempts)
    return _Drawing(turn, services, model, request, count)


def _model(name: str, services: Services, language: Language) -> ImageModel:
    models = services.image_models.values()
    found = next((model for model in models if not name or model.name.lower() == name.lower()), None)
    if found is None:
        names = ", ".join(f"`{each}`" for each in services.image_models)
        raise _WrongError(language.say("model.unknown", name=name.replace("`", ""), names=names))
    return found


def _pixels(image: Image) -> tuple[int, int] | None:
    """Width and height of a PNG (its first chunk, IHDR); None of anything else."""
    if not image.data.startswith(b"\x89PNG\r\n\x1a\n") or len(image.data) < 24:
        return None
    return int.from_bytes(image.data[16:20]), int.from_bytes(image.data[20:24])


def _size(values: dict[str, str], language: Language) -> tuple[int, int]:
    """Explicit sides win over the ratio."""
    width, height = SIZES[values.get("ratio", "1:1")]
    width, height = int(values.get("width", width)), int(values.get("height", height))
    if not (SMALLEST <= width <= LARGEST and SMALLEST <= height <= LARGEST):
        raise _WrongError(language.say("image.size", smallest=SMALLEST, largest=LARGEST))
    return width, height


async def patiently(chat: Chat, show: Callable[[], Coroutine[object, object, None]]) -> None:
    """Show a picture, and again where that fails. Raises `NotSent` where the messenger won't take it.

    Once begun, a call is never interrupted: a picture that is there must be counted, also when somebody stops here.
    """
    unsure = False
    for _ in range(SEND_ATTEMPTS):
        try:
            async with Permitted(chat.budget, Priority.FIRST):
                await uninterrupted(show())
        except SlowDown as refusal:
            chat.budget.slow_down(refusal.retry_after)
        except (Refused, PlaceGone) as refusal:
            raise NotSent(str(refusal)) from refusal
        except MessengerError as failure:
            if unsure:  # it may be there twice by now
                raise NotSent(str(failure)) from failure
            unsure = True
            await asyncio.sleep(PAUSE_SECONDS)
        else:
            return
    raise NotSent("the messenger didn't take the picture")
