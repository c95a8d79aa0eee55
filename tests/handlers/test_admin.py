"""/admin: for admins alone; how the bot is, where it is used, and reading the config again, faults and all."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from chat.errors import BadKey
from chat.incoming import Address, Sender, Unreadable
from chat.replies import Final
from handlers.access import Access, AccessSettings
from handlers.services import Running
from tests.handlers.scene import ADMIN, ANNA, GROUP, PRIVATE, TOPIC, Scene, idle_reply, invoked, said


async def told(scene: Scene, text: str = "", language: str = "en") -> str:
    return await scene.told(invoked("admin", sender=Sender(ADMIN.id, "Ada", language), text=text))


@pytest.mark.parametrize("text", ["", "status", "reload", "chats", "dead", "retry 1", "drop 1", "x"])
async def test_nobody_else_may_and_they_are_told(text: str) -> None:
    reloaded = []

    async def reload() -> Sequence[str]:
        reloaded.append(1)
        return ()

    scene = Scene(reload=reload)
    for address in (PRIVATE, GROUP):
        sentence = scene.say("access.admin", command="admin", entry="telegram:1001")
        assert await scene.told(invoked("admin", address, ANNA, text)) == sentence
    assert reloaded == []


async def test_behind_a_password_nobody_is_told_a_line_that_the_config_would_refuse() -> None:
    scene = Scene()
    scene.services = replace(scene.services, access=Access(AccessSettings(), admitted=["telegram"]))
    assert await scene.told(invoked("admin", PRIVATE, ANNA)) == scene.say("access.page", command="admin")


async def test_a_person_with_an_admins_number_on_another_messenger_is_none() -> None:
    scene = Scene(access=AccessSettings(public=True, admins=("discord:9",)))
    assert await told(scene) == scene.say("access.admin", command="admin", entry="telegram:9")


@pytest.mark.parametrize("text", ["", "status", " STATUS "])
async def test_status_says_what_runs_what_was_used_what_was_given_up_and_what_doesnt_work(text: str) -> None:
    scene = Scene(["Hi"], [BadKey("401")])
    await scene.handled(said("one"))
    await scene.handled(said("two"))
    scene.services.bot.running[7] = Running(said("x"), idle_reply())
    lines = (await told(scene, text)).splitlines()
    assert lines == [
        f"- {scene.say('admin.running', hours=0, minutes='00', replies=1)}",
        f"- {scene.say('admin.used', messages=1, images=0, tokens=0)}",
        f"- {scene.say('admin.dead', dead=2)}",
        f"- {scene.say('admin.messenger', messenger='telegram', seconds='1')}",
        f"- ⚠️ `smart`: {scene.say('trouble.bad_key')}",
    ]


async def test_status_is_said_in_russian_too_and_counts_the_hours() -> None:
    scene = Scene()
    object.__setattr__(scene.services.bot, "started_at", scene.services.bot.started_at - 3 * 3600 - 125)
    first = (await told(scene, language="ru")).splitlines()[0]
    assert first == f"- {scene.texts.of('ru').say('admin.running', hours=3, minutes='02', replies=0)}"


async def test_reload_says_that_it_worked() -> None:
    scene = Scene()
    assert await told(scene, "reload") == scene.say("admin.reloaded")


async def test_reload_says_every_fault_and_that_the_earlier_config_stays() -> None:
    async def reload() -> Sequence[str]:
        return ["models.gpt.provider: there is no provider “open”", "limits.messages_per_day: must be a whole number"]

    scene = Scene(reload=reload)
    assert (await told(scene, "reload")).splitlines() == [
        scene.say("admin.not_reloaded"),
        "",
        "- `models.gpt.provider: there is no provider “open”`",
        "- `limits.messages_per_day: must be a whole number`",
    ]


async def test_chats_are_listed_the_latest_first_with_how_much_was_said_and_when() -> None:
    scene = Scene()
    for number, address in enumerate([GROUP, TOPIC, TOPIC]):
        await scene.handled(said("x", address, key=str(number)))
    lines = (await told(scene, "chats")).splitlines()
    today = f"{scene.services.now():%Y-%m-%d}"
    assert [line.split(" · ")[:2] for line in lines] == [
        ["- `telegram:1001`", "1 message"],
        ["- `telegram:-100555/3`", "2 messages"],
        ["- `telegram:-100555`", "1 message"],
    ]
    assert all(line.split(" · ")[2].startswith(today) for line in lines)
    assert "hello" not in "\n".join(lines), "never what was said"


async def test_of_many_chats_the_latest_are_listed() -> None:
    scene = Scene()
    for number in range(30):
        await scene.receive(said("x", Address("telegram", str(number)), key=str(number)))
    lines = (await told(scene, "chats")).splitlines()
    assert len(lines) == 20


async def test_a_verb_that_there_isnt_is_told_with_those_that_there_are() -> None:
    scene = Scene()
    verbs = "`status`, `reload`, `chats`, `dead`, `retry`, `drop`"
    for text in ("broadcast hello", "--what broadcast", "--nonsense 1", "1"):
        assert await told(scene, text) == scene.say("admin.unknown", verbs=verbs)


# What was given up


async def test_what_was_given_up_is_listed_with_its_reason_and_never_with_what_was_said() -> None:
    scene = Scene([BadKey("401: your key ABC")])
    assert await told(scene, "dead") == scene.say("admin.no_dead")
    await scene.handled(said("my secret", GROUP))
    line, empty, hint = (await told(scene, "dead")).splitlines()
    parts = line.split(" · ")
    assert (parts[0], parts[2:]) == ("- **2**", ["`telegram:-100555`", "`telegram:1001`", "said", "`bad_key`"])
    assert (empty, hint) == ("", scene.say("admin.dead_what"))


@pytest.mark.parametrize("text", ["retry 1", " RETRY  1 ", "--what retry --turn 1", "--what=retry 1", "retry --turn 1"])
async def test_one_of_them_is_tried_again_however_it_is_asked_for(text: str) -> None:
    scene = Scene([BadKey("401")])
    await scene.handled(said("hello"))
    outcome = await scene.handled(invoked("admin", sender=ADMIN, text=text))
    assert outcome.final == Final(scene.say("admin.retried", number=1))
    assert outcome.again
    assert (outcome.again.id, outcome.again.state) == (1, "new")
    assert await scene.store.dead() == 0


async def test_one_of_them_is_taken_off_the_list_for_good() -> None:
    scene = Scene([BadKey("401")])
    await scene.handled(said("hello"))
    assert await told(scene, "drop 1") == scene.say("admin.dropped", number=1)
    assert await told(scene, "dead") == scene.say("admin.no_dead")
    assert await told(scene, "drop 1") == scene.say("admin.not_dead", number=1)


@pytest.mark.parametrize("text", ["retry", "retry 99", "retry x", "retry 99999999999999999999", "drop -1", "drop"])
async def test_a_number_that_isnt_on_the_list_is_told(text: str) -> None:
    scene = Scene()
    number = 99 if text == "retry 99" else 0
    assert await told(scene, text) == scene.say("admin.not_dead", number=number)


async def test_what_couldnt_be_read_isnt_tried_again_and_can_be_dropped() -> None:
    scene = Scene()
    await scene.handled(Unreadable(PRIVATE, "k", "ValidationError", "{}"))
    assert await told(scene, "retry 1") == scene.say("admin.not_dead", number=1)
    assert await told(scene, "drop 1") == scene.say("admin.dropped", number=1)
