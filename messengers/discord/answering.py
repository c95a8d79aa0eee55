"""First answers to interactions, within Discord's 3 seconds: "thinking …", a form, proposals, or a refusal."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from chat.incoming import Address, Incoming, Invoked, Pressed, Said
from messengers.base import MessengerError, Reception, Refused, Suggestion
from messengers.buckets import Priority
from messengers.budget import Budget, Relayed
from messengers.discord.calls import Rest
from messengers.discord.chat import NO_PINGS
from messengers.discord.commands import Sentences, Tree
from messengers.discord.interactions import AUTOCOMPLETE, EPHEMERAL, Forms, Suggesting, Wondering

log = logging.getLogger(__name__)

Json = Mapping[str, Any]

ANSWER_SECONDS = 2.5  # of Discord's 3
PROMISE_SECONDS = 0.8  # of them, longer than all attempts: what hangs until then is promised all the same
STORE_ATTEMPTS, STORE_PAUSE_SECONDS = 3, 0.3
MOST_PROPOSALS, LONGEST_PROPOSAL = 25, 100
SAY, THINK, KEEP, PROPOSE, OPEN_FORM = 4, 5, 6, 8, 9  # types of answers


class Acknowledged(Relayed):
    """A place's budget, from which there is no permit before the interaction got its first answer."""

    def __init__(self, budget: Budget, answered: asyncio.Event) -> None:
        self._budget = budget
        self._answered = answered

    @property
    def _now(self) -> Budget:
        return self._budget

    async def permit(self, priority: Priority, *, new: bool = True) -> None:
        """See `Budget.permit`."""
        await self._answered.wait()
        await super().permit(priority, new=new)


class Answering:
    """Answers as soon as what was asked is stored, and in time where that takes long: a promise outlives no kill."""

    def __init__(self, rest: Rest, tree: Tree, texts: Sentences) -> None:
        self._rest = rest
        self.tree = tree
        self._texts = texts
        self._unanswered: dict[str, asyncio.Event] = {}  # by token

    def paced(self, address: Address, budget: Budget) -> Budget:
        """The budget for answers to that address."""
        answered = self._unanswered.get(address.token)
        return Acknowledged(budget, answered) if answered else budget

    async def take(self, raw: Json, forms: Forms, reception: Reception) -> Incoming | None:
        """Answer an interaction, and hand it in; what was handed in. Raises what reading one without sense raises."""
        read = forms.read(raw)
        match read:
            case Suggesting():
                await self._propose(raw, read, reception)
            case Wondering() if reception.welcomes(read.said):
                await self._ask_for_question(raw, read)
            case Wondering():
                return await self._hand_in(raw, read.said, reception)
            case None:
                await self._decline(raw)
            case _:
                return await self._hand_in(raw, read, reception)
        return None

    async def _hand_in(self, raw: Json, incoming: Said | Invoked | Pressed, reception: Reception) -> Incoming:
        """Whether only the asker sees the answer must be decided now: it is fixed by the first one."""
        if not isinstance(incoming, Pressed) and (self._is_discreet(incoming) or not reception.welcomes(incoming)):
            address = incoming.address
            incoming = replace(incoming, address=replace(address, within=(*address.within, "ephemeral")))
        answered = self._unanswered[incoming.address.token] = asyncio.Event()
        storing = asyncio.ensure_future(_stored(incoming, reception))
        stored, promised = await asyncio.gather(storing, self._promise(raw, incoming, answered, storing))
        if promised and not stored and not isinstance(incoming, Pressed):
            await self._say_not_stored(incoming)
        return incoming

    def _is_discreet(self, incoming: Said | Invoked) -> bool:
        entry = self.tree.entry(incoming.command) if isinstance(incoming, Invoked) else None
        return entry is not None and entry.command.discreet

    async def _promise(
        self, raw: Json, incoming: Said | Invoked | Pressed, answered: asyncio.Event, storing: "asyncio.Future[bool]"
    ) -> bool:
        """Say "thinking …", or that it couldn't be stored; whether an answer was promised."""
        begun = asyncio.get_running_loop().time()
        try:
            done, _ = await asyncio.wait({storing}, timeout=PROMISE_SECONDS)
            promised = not done or storing.exception() is not None or storing.result()
            waited = asyncio.get_running_loop().time() - begun
            await self._answer(raw, self._first(incoming, promised=promised), ANSWER_SECONDS - waited)
        finally:
            self._unanswered.pop(incoming.address.token, None)
            answered.set()
        return promised

    def _first(self, incoming: Said | Invoked | Pressed, *, promised: bool) -> dict[str, Any]:
        """The first answer. A button has nothing to say."""
        if isinstance(incoming, Pressed):
            return {"type": KEEP}
        if promised:
            return {"type": THINK, "data": {"flags": EPHEMERAL} if "ephemeral" in incoming.address.within else {}}
        sentence = self._language(incoming.sender.language)["not_stored"]
        return {"type": SAY, "data": {"content": sentence, "flags": EPHEMERAL, "allowed_mentions": NO_PINGS}}

    async def _propose(self, raw: Json, read: Suggesting, reception: Reception) -> None:
        """Too late is no harm: whoever types goes on typing."""
        found: Sequence[Suggestion] = ()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                found = await reception.suggest(read.asked, read.option) if reception.welcomes(read.asked) else ()
        except (TimeoutError, OSError) as failure:
            log.warning("there are no proposals in time: %s", type(failure).__name__)
        choices = [
            {"name": label_of(each), "value": each.value} for each in found if len(each.value) <= LONGEST_PROPOSAL
        ]
        await self._answer(raw, {"type": PROPOSE, "data": {"choices": choices[:MOST_PROPOSALS]}})

    async def _ask_for_question(self, raw: Json, read: Wondering) -> None:
        say = self._language(read.said.sender.language)
        field = {"type": 4, "custom_id": "question", "style": 2, "label": say["form.label"], "required": False}
        field |= {"placeholder": say["form.hint"], "max_length": 2000}
        row = {"type": 1, "components": [field]}
        form = {"custom_id": read.form, "title": say["form.title"], "components": [row]}
        await self._answer(raw, {"type": OPEN_FORM, "data": form})

    async def _decline(self, raw: Json) -> None:
        """For what means nothing: the end of a button's waiting, a sentence for a command or a form."""
        if raw["type"] == AUTOCOMPLETE:
            await self._answer(raw, {"type": PROPOSE, "data": {"choices": []}})
        elif raw["type"] in {2, 5}:
            sentence = self._language(str(raw.get("locale") or ""))["outdated"]
            said = {"content": sentence, "flags": EPHEMERAL, "allowed_mentions": NO_PINGS}
            await self._answer(raw, {"type": SAY, "data": said})
        else:
            await self._answer(raw, {"type": KEEP})

    async def _say_not_stored(self, incoming: Said | Invoked) -> None:
        sentence = self._language(incoming.sender.language)["not_stored"]
        said = {"content": sentence, "allowed_mentions": NO_PINGS}
        try:
            await self._rest.edit_answer(incoming.address.token, "@original", said)
        except MessengerError as failure:
            log.warning("somebody was not told that their command was lost: %s", failure)

    async def _answer(self, raw: Json, answer: dict[str, Any], seconds: float = ANSWER_SECONDS) -> None:
        """Send the first answer; what fails is tried once more within the time that there is."""
        path = f"/interactions/{raw['id']}/{raw['token']}/callback"
        try:
            async with asyncio.timeout(seconds):
                try:
                    await self._rest.call("POST", path, answer)
                except Refused:
                    raise
                except MessengerError:
                    await self._rest.call("POST", path, answer)
        except (MessengerError, TimeoutError) as failure:
            # After a failure on the way the second try finds it acknowledged already: that is no harm.
            log.warning("an interaction was not answered at once: %s", failure or type(failure).__name__)

    def _language(self, language: str) -> Mapping[str, str]:
        """The sentences for a tag such as `ru` or `en-us`."""
        return self._texts.get(language.lower().partition("-")[0]) or self._texts[""]


def label_of(suggestion: Suggestion) -> str:
    """How a value is shown among others: the one in use, and what is wrong with it."""
    mark = "✅ " if suggestion.current else "⚠️ " if suggestion.trouble else ""
    trouble = f" — {suggestion.trouble}" if suggestion.trouble else ""
    return f"{mark}{suggestion.label}{trouble}"[:LONGEST_PROPOSAL]


async def _stored(incoming: Incoming, reception: Reception) -> bool:
    for attempt in range(STORE_ATTEMPTS):
        if attempt:
            await asyncio.sleep(STORE_PAUSE_SECONDS)
        try:
            await reception(incoming)
        except OSError as failure:
            log.warning("an interaction can't be stored: %s", failure)
        else:
            return True
    return False
