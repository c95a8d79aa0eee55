"""Each command as people see it on Telegram, in English and in Russian; `-s -n0` prints the transcripts.

All walks run side by side, in chats of their own: one after the other they would wait for Telegram's rate limits.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from itertools import count

import pytest
import pytest_asyncio

from handlers import COMMANDS, menu
from handlers.admin import VERBS
from tests.program import Program
from tests.servers.model import Answer, ModelServer, Request
from tests.servers.telegram import TelegramServer
from tests.servers.telegram_files import sides
from tests.whole.conftest import ADMIN, FRIENDS, GROUPS, usual_config
from tests.whole.transcript import TEXTS, Walk, as_shown, with_numbers

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAMES = {"en": "Anna", "ru": "Олег"}
ADMINS = range(ADMIN, ADMIN + 10)
MODELS = "`main`, `other`"
PRESET = "Translate all I say into English."
STORY = " ".join(f"word{number}" for number in range(150))

Scene = Callable[[Walk, ModelServer], Awaitable[None]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bot(
    tmp_path_factory: pytest.TempPathFactory, telegram: TelegramServer, model: ModelServer
) -> AsyncIterator[Program]:
    """A bot with two models, two that draw, a preset, and several admins."""
    config = usual_config(telegram, model)
    config["access"]["admins"] = [f"telegram:{number}" for number in ADMINS]
    config["models"]["other"] = {"provider": "local", "model": "stand-in-2"}
    config["providers"]["offline"] = {"type": "offline", "words_per_second": 200}
    config["image_models"] = {
        "sketch": {"provider": "offline"},
        "paint": {"provider": "local", "model": "stand-in-painter"},
    }
    config["prompts"] = {"translator": PRESET}
    async with Program(tmp_path_factory.mktemp("bot"), config) as program:
        await program.started()
        yield program


def answer(request: Request) -> Answer:
    """A story comes slowly; all else is answered at once."""
    slow = "story" in request.question
    return Answer(text=STORY, words_per_second=6) if slow else Answer(text=f"Answer to {request.question}.")


async def ask(walk: Walk, model: ModelServer, question: str) -> Request:
    """Ask, and see the answer; the request that the model got."""
    walk.says(question)
    await walk.sees(f"Answer to {question}.")
    return asked(model, question)


def asked(model: ModelServer, question: str) -> Request:
    """The last request with this question."""
    return [request for request in model.requests if request.question == question][-1]


def history(request: Request) -> list[str]:
    """What the model was told, but for the system prompt."""
    return [entry["content"] for entry in request.body["messages"] if entry["role"] != "system"]


def help_text(walk: Walk, *, admin: bool = False, model: str = "main") -> str:
    usable = [each.name for each in COMMANDS if not each.hidden and (admin or each.access != "admin")]
    lines = "\n".join(f"/{name} — {walk.language.say(f'command.{name}')}" for name in usable)
    return walk.text("help", commands=lines, model=model)


async def start_and_help(walk: Walk, model: ModelServer) -> None:
    """/start and /help say what the bot does, and the commands that this person may use."""
    walk.says("/start")
    first = await walk.sees(help_text(walk))
    walk.says("/help@parley_test_bot")
    await walk.chat.wait_for(lambda chat: len(chat.messages) == 2 and chat.last.text == first.text)
    assert "/admin" not in first.text


async def new(walk: Walk, model: ModelServer) -> None:
    """/new begins a conversation of which the model isn't told what was before."""
    name = walk.who.first_name
    await ask(walk, model, f"{name} one")
    walk.says("/new")
    await walk.sees(walk.text("new.done"))
    second = await ask(walk, model, f"{name} two")
    assert history(second) == [f"{name} two"]


async def model_by_button(walk: Walk, model: ModelServer) -> None:
    """/model shows the models with the current one marked; a press chooses, and the list shows that."""
    walk.says("/model")
    choose = walk.text("model.choose")
    listed = await walk.sees(f"{walk.text('model.current', model='main')}\n\n{choose}")
    await walk.chat.wait_for(lambda _: listed.labels == ["✅ main", "other"])
    walk.presses(listed, "other")
    await walk.sees(f"{walk.text('model.current', model='other')}\n\n{choose}")
    assert listed.labels == ["main", "✅ other"]
    request = await ask(walk, model, f"who, {walk.who.first_name}?")
    assert request.body["model"] == "stand-in-2"


async def model_by_name(walk: Walk, model: ModelServer) -> None:
    """`/model NAME` chooses; a name that isn't there is told with those that are."""
    walk.says("/model OTHER")
    await walk.sees(walk.text("model.chosen", model="other"))
    walk.says("/model gpt-9")
    await walk.sees(walk.text("model.unknown", name="gpt-9", names=MODELS))


async def image_offline(walk: Walk, model: ModelServer) -> None:
    """/image draws as many as asked for, of that ratio, each from a seed of its own, and tells how far it is."""
    walk.says("/image a cat on a mat --ratio 16:9 —count 2 --seed 7")
    await walk.chat.wait_for(lambda chat: sum(bool(message.photo) for message in chat.messages) == 2, 15)
    pictures = [message for message in walk.chat.messages if message.photo]
    progress = next(message for message in walk.chat.messages if not message.photo)
    await walk.chat.wait_for(lambda _: progress.text == "🎨 sketch · 800×512 · seed 7", 15)
    assert walk.text("image.progress", number=1, count=2) in progress.texts
    assert [message.text for message in pictures] == ["a cat on a mat"] * 2
    assert [sides(message.photo) for message in pictures] == [(800, 512)] * 2
    assert pictures[0].photo != pictures[1].photo


async def image_by_the_model_server(walk: Walk, model: ModelServer) -> None:
    """/image with another model asks that one's provider; without a prompt it says how to write one."""
    prompt = f"a dog for {walk.who.first_name}"
    walk.says(f"/image {prompt} --model paint --width 512 --height 256")
    # The caption tells the size of the picture that came, which the stand-in makes small.
    await walk.chat.wait_for(lambda chat: chat.messages and chat.messages[0].text == "🎨 paint · 2×2", 15)
    requests = [request.body for request in model.pictures.requests if request.body["prompt"] == prompt]
    assert [(body["model"], body["size"]) for body in requests] == [("stand-in-painter", "512x256")]
    assert model.pictures.default.data in [message.photo for message in walk.chat.messages]
    walk.says("/image")
    await walk.sees(walk.text("image.no_prompt"))


async def image_refuses(walk: Walk, model: ModelServer) -> None:
    """/image says what it doesn't understand."""
    options = " ".join(f"`--{name}`" for name in ("ratio", "count", "model", "seed", "width", "height"))
    walk.says("/image a cat --ratio 2:3")
    await walk.sees(walk.text("image.bad_option", name="ratio", options=options))
    walk.says("/image a cat --count 5")
    await walk.sees(walk.text("image.count", most=4))
    walk.says("/image a cat --model brush")
    await walk.sees(walk.text("model.unknown", name="brush", names="`sketch`, `paint`"))


async def system_preset(walk: Walk, model: ModelServer) -> None:
    """/system shows the instructions and where they are from; the name of a preset chooses that."""
    walk.says("/system")
    prompt, source = "> Be brief. Today is {date}.", walk.language.say("system.source.global")
    await walk.sees(walk.text("system.show", source=source, prompt=prompt, names="`translator`"))
    walk.says("/system translator")
    await walk.sees(walk.text("system.preset", name="translator"))
    request = await ask(walk, model, f"instructions, {walk.who.first_name}?")
    assert request.body["messages"][0] == {"role": "system", "content": PRESET}


async def system_text(walk: Walk, model: ModelServer) -> None:
    """/system with a text gives the model that, with the person's name put in; `reset` brings back the usual one."""
    name = walk.who.first_name
    walk.says("/system Call me {user}, and keep {this}.")
    await walk.sees(walk.text("system.set"))
    request = await ask(walk, model, f"my name, {name}?")
    assert request.body["messages"][0]["content"] == f"Call me {name}, and keep {{this}}."
    walk.says("/system reset")
    await walk.sees(walk.text("system.reset"))


async def stop(walk: Walk, model: ModelServer) -> None:
    """/stop closes the model's request; what is shown stays, with a note below it."""
    question = f"a story, {walk.who.first_name}"
    walk.says(question)
    await walk.chat.wait_for_text("word3", timeout=15)
    walk.says("/stop")
    await asked(model, question).over()
    assert asked(model, question).left_early
    reply = await walk.reads(rf"word0 .*word3.*\n\n{walk.text('reply.stopped')}")
    assert reply.labels == []


async def retry(walk: Walk, model: ModelServer) -> None:
    """/retry asks the last question anew, and answers it in a new message."""
    name = walk.who.first_name
    question = f"again, {name}?"
    await ask(walk, model, question)
    walk.says("/retry")
    await walk.chat.wait_for(
        lambda chat: [message.text for message in chat.messages] == [f"Answer to {question}."] * 2, 15
    )
    assert [history(request) for request in model.requests if request.question == question] == [[question]] * 2


async def usage(walk: Walk, model: ModelServer) -> None:
    """/usage counts the questions, pictures and tokens of today, and says when it begins again."""
    await ask(walk, model, f"what, {walk.who.first_name}?")
    walk.says("/usage")
    limits = {"most_messages": 200, "most_images": 20}
    sentence = walk.text(
        "usage.limited", messages=1, images=0, tokens=11, hours="§", minutes="§", timezone="UTC", **limits
    )
    await walk.reads(with_numbers(sentence))


async def forget(walk: Walk, model: ModelServer) -> None:
    """/forget deletes the conversation: there is nothing to retry any more."""
    await ask(walk, model, f"a secret of {walk.who.first_name}")
    walk.says("/forget")
    await walk.sees(walk.text("forget.done"))
    walk.says("/retry")
    await walk.sees(walk.text("retry.nothing"))


async def forget_usage(walk: Walk, model: ModelServer) -> None:
    """`/forget usage` deletes the asker's figures of earlier days, and says that today's stay."""
    walk.says("/forget usage")
    await walk.sees(walk.text("forget.usage"))


async def admin_status(walk: Walk, model: ModelServer) -> None:
    """/admin tells how the bot is; an admin has no limits."""
    walk.says("/admin")
    lines = [
        walk.language.say("admin.running", hours="§", minutes="§", replies="§"),
        walk.language.say("admin.used", messages="§", images="§", tokens="§"),
        walk.language.say("admin.dead", dead="§"),
        walk.language.say("admin.messenger", messenger="telegram", seconds="§"),
    ]
    await walk.reads(with_numbers(as_shown("\n".join(f"- {line}" for line in lines))))
    walk.says("/usage")
    sentence = walk.text("usage.admin", messages=0, images=0, tokens=0, hours="§", minutes="§", timezone="UTC")
    await walk.reads(with_numbers(sentence))


async def admin_chats(walk: Walk, model: ModelServer) -> None:
    """/admin lists the conversations by their ids, and reads the config again; else it says what there is."""
    walk.says("/admin chats")
    mine = f"telegram:{walk.chat.id} · {walk.text('admin.turns', count=1)} · 20"
    await walk.chat.wait_for_text(mine, 15)
    walk.says("/admin reload")
    await walk.sees(walk.text("admin.reloaded"))
    walk.says("/help")
    await walk.sees(help_text(walk, admin=True))
    walk.says("/admin please")
    await walk.sees(walk.text("admin.unknown", verbs=", ".join(f"`{verb}`" for verb in VERBS)))


async def refused(walk: Walk, model: ModelServer) -> None:
    """Who isn't an admin is told that these commands are for admins."""
    walk.says("/admin reload")
    await walk.sees(walk.text("access.admin", command="admin", entry=f"telegram:{walk.who.id}"))


async def refused_in_a_group(walk: Walk, model: ModelServer) -> None:
    """In a group the instructions are for admins, and /help doesn't offer them to others."""
    walk.says("/system be rude")
    await walk.sees(walk.text("access.owner", command="system"))
    walk.says("/help")
    seen = await walk.reads(".*/model.*")
    assert not {"/system", "/forget", "/admin"} & set(seen.text.split())


PRIVATE = (
    start_and_help, new, model_by_button, model_by_name, image_offline, image_by_the_model_server, image_refuses,
    system_preset, system_text, stop, retry, usage, forget, forget_usage, refused,
)  # fmt: skip
FOR_ADMINS = (admin_status, admin_chats)
IN_GROUPS = (refused_in_a_group,)
SCENES: tuple[Scene, ...] = (*PRIVATE, *FOR_ADMINS, *IN_GROUPS)
Walked = Mapping[tuple[Scene, str], tuple[Walk, BaseException | None]]


def people(telegram: TelegramServer) -> Iterator[tuple[Scene, str, Walk]]:
    """Everybody who takes a walk."""
    numbers = count()
    for language, name in NAMES.items():
        for scene in PRIVATE:
            yield scene, language, Walk(telegram.private(FRIENDS[next(numbers)], name, language))
        for scene in FOR_ADMINS:
            yield scene, language, Walk(telegram.private(ADMINS[next(numbers) % len(ADMINS)], name, language))
        for scene in IN_GROUPS:
            number = next(numbers)
            yield scene, language, Walk(telegram.group(GROUPS[number]), telegram.person(number + 10, name, language))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def walked(bot: Program, telegram: TelegramServer, model: ModelServer) -> Walked:
    """All walks, each with what went wrong, if anything did."""
    model.rule = answer
    plans = list(people(telegram))
    outcomes = await asyncio.gather(*(scene(walk, model) for scene, _, walk in plans), return_exceptions=True)
    return {
        (scene, language): (walk, outcome) for (scene, language, walk), outcome in zip(plans, outcomes, strict=True)
    }


@pytest.mark.parametrize("language", NAMES)
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
async def test_a_walk_through_a_command(walked: Walked, scene: Scene, language: str) -> None:
    """The docstring of each scene is its promise."""
    walk, failure = walked[scene, language]
    print(f"\n{scene.__doc__}\n{walk}")
    if failure:
        raise failure


async def test_nothing_of_that_was_a_fault_of_ours(bot: Program, telegram: TelegramServer, walked: Walked) -> None:
    assert "Traceback" not in bot.output
    assert telegram.flood.refusals == []


async def test_the_menu_of_commands_is_registered_in_every_language(bot: Program, telegram: TelegramServer) -> None:
    registered = {}
    for call in telegram.made("setMyCommands"):
        commands = call.fields["commands"]
        entries = json.loads(commands) if isinstance(commands, str) else commands
        language = str(call.fields.get("language_code", ""))
        registered[language] = [(entry["command"], entry["description"]) for entry in entries]
    listed = [entry for entry in menu(TEXTS) if entry.command.access != "admin"]
    for code, entries in registered.items():
        assert entries == [(entry.command.name, entry.description[code]) for entry in listed]
    assert set(registered) == {"", "en", "ru"}
    assert "start" not in dict(registered[""])
