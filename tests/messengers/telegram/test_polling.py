"""Telegram's polling: an update is acknowledged when it is stored and not before, and nothing ends it but a bad token.

In a loop whose clock runs faster, with real sockets: pauses after failures are seconds there, and milliseconds here.
"""

import asyncio
import json
import selectors
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

import pytest
from aiogram.client.session.aiohttp import AiohttpSession
from pydantic import SecretStr

from chat.buttons import Action, encode
from chat.commands import Command, MenuEntry
from chat.incoming import Incoming, Invoked, Pressed, Said, Unreadable
from messengers.base import Fatal
from messengers.telegram.calls import RawSendMessage
from messengers.telegram.messenger import Telegram
from messengers.telegram.rivals import Rivals
from messengers.telegram.settings import TelegramSettings
from tests.servers.telegram import Fault, TelegramServer
from tests.servers.telegram_client import keyboard, telegram_client

FASTER = 20
PATIENCE = 100.0  # seconds of the faster clock

MENU = [MenuEntry(Command("help"), {"": "Help", "en": "Help", "ru": "Помощь"}, {})]


class _Selector(selectors.DefaultSelector):
    """Waits as much shorter as the clock is faster."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return super().select(timeout / FASTER if timeout and timeout > 0 else timeout)


class _FasterLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        super().__init__(_Selector())

    def time(self) -> float:
        return super().time() * FASTER


def hurried(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test in a loop with the faster clock."""

    @wraps(test)
    def run(*arguments: Any, **named: Any) -> None:
        with asyncio.Runner(loop_factory=_FasterLoop) as runner:
            runner.run(test(*arguments, **named))

    return run


@dataclass
class Desk:
    """Where updates are handed in. `failures`: raised by the next calls. `open`: set while things can be stored."""

    stored: list[Incoming] = field(default_factory=list)
    seen: list[Incoming] = field(default_factory=list)
    failures: deque[Exception] = field(default_factory=deque)
    open: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.open.set()

    async def receive(self, incoming: Incoming) -> None:
        self.seen.append(incoming)
        await self.open.wait()
        if self.failures:
            raise self.failures.popleft()
        self.stored.append(incoming)

    @property
    def texts(self) -> list[str]:
        return [incoming.text for incoming in self.stored if isinstance(incoming, Said)]

    async def has(self, count: int) -> None:
        """Wait until that many are stored."""
        await until(lambda: len(self.stored) >= count)


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not true():
            await asyncio.sleep(0.1)


def settings(server: TelegramServer, token: str = "", proxy: str = "") -> TelegramSettings:
    return TelegramSettings(token=SecretStr(token or server.token), api_base_url=server.base_url, proxy=proxy)


@asynccontextmanager
async def polling(server: TelegramServer, desk: Desk, *, proxy: str = "") -> AsyncIterator[asyncio.Task[None]]:
    """A messenger that runs, with what it hands in going to the desk."""
    async with Telegram(settings(server, proxy=proxy), {"help", "stop"}, MENU) as messenger:
        task = asyncio.create_task(messenger.run(desk.receive))
        try:
            yield task
            assert not task.done(), task
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def confirmed(server: TelegramServer) -> None:
    """Wait until no update is unconfirmed."""
    await server.wait_for(lambda _: not server.updates.unconfirmed, PATIENCE)


@hurried
async def test_an_update_is_acknowledged_only_when_it_is_stored() -> None:
    async with TelegramServer() as server:
        desk = Desk()
        desk.open.clear()
        anna = server.private()
        for text in ("one", "two", "three"):
            anna.say(text)
        async with polling(server, desk):
            await until(lambda: desk.seen)
            await asyncio.sleep(5)
            assert (len(desk.seen), server.updates.confirmed) == (1, [])
            desk.open.set()
            await confirmed(server)
        assert desk.texts == ["one", "two", "three"]


@hurried
async def test_a_kill_in_the_middle_of_a_batch_loses_none_and_repeats_have_the_same_key() -> None:
    async with TelegramServer() as server:
        anna, first, second = server.private(), Desk(), Desk()
        for text in ("one", "two", "three"):
            anna.say(text)

        async def receive_one(incoming: Incoming) -> None:
            first.stored.append(incoming)
            if len(first.stored) == 2:
                await asyncio.Event().wait()

        async with Telegram(settings(server), {"help"}, MENU) as messenger:
            task = asyncio.create_task(messenger.run(receive_one))
            await first.has(2)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        async with polling(server, second):
            await second.has(3)
        assert second.texts == ["one", "two", "three"]
        assert [each.key for each in second.stored[:2]] == [each.key for each in first.stored]


@hurried
async def test_what_cannot_be_stored_is_handed_in_again_and_none_is_lost_or_overtaken() -> None:
    async with TelegramServer() as server:
        desk = Desk(failures=deque([OSError("full"), OSError("full"), OSError("full")]))
        anna = server.private()
        for number in range(5):
            anna.say(str(number))
        async with polling(server, desk):
            await desk.has(5)
            await confirmed(server)
        assert desk.texts == ["0", "1", "2", "3", "4"]


@hurried
async def test_what_is_stored_before_a_failure_is_not_handed_in_again() -> None:
    async with TelegramServer() as server:
        anna = server.private()
        anna.say("one")
        anna.say("two")

        class Full(Desk):
            async def receive(self, incoming: Incoming) -> None:
                if len(self.seen) == 1:
                    self.failures.append(OSError("full"))
                await super().receive(incoming)

        desk = Full()
        async with polling(server, desk):
            await desk.has(2)
            await confirmed(server)
        assert desk.texts == ["one", "two"]
        assert [each.key[-1] for each in desk.seen] == ["0", "1", "1"]


@hurried
async def test_a_fault_of_ours_while_storing_is_not_swallowed() -> None:
    async with TelegramServer() as server:
        server.private().say("one")
        desk = Desk(failures=deque([ValueError("bug")]))
        async with Telegram(settings(server), {"help"}, MENU) as messenger, asyncio.timeout(PATIENCE):
            with pytest.raises(ValueError, match="bug"):
                await messenger.run(desk.receive)


@pytest.mark.parametrize(
    "fault",
    [
        Fault.conflict(),
        Fault.bad_gateway(),
        Fault.flood(3),
        Fault.reset(),
        Fault.cut_body(),
        Fault.applied_then_reset(),
    ],
    ids=lambda fault: f"{fault.kind} {fault.applied}",
)
@hurried
async def test_polling_goes_on_after_a_fault_and_nothing_is_lost(fault: Fault) -> None:
    async with TelegramServer() as server:
        desk, anna = Desk(), server.private()
        server.faults.next("getUpdates", fault, fault)
        anna.say("before")
        async with polling(server, desk):
            await desk.has(1)
            server.faults.next("getUpdates", fault)
            anna.say("after")
            await desk.has(2)
            await confirmed(server)
        assert desk.texts == ["before", "after"]


@hurried
async def test_a_flood_of_polls_is_waited_out() -> None:
    async with TelegramServer() as server:
        server.faults.next("getUpdates", Fault.flood(12))
        async with polling(server, Desk()):
            await until(lambda: len(server.made("getUpdates")) >= 2)
        first, second = server.made("getUpdates")[:2]
        assert (second.at - first.at) * FASTER > 11


@hurried
async def test_a_flood_at_the_start_is_waited_out() -> None:
    async with TelegramServer() as server:
        server.faults.next("getMe", Fault.flood(12))
        async with polling(server, Desk()):
            await until(lambda: len(server.made("getMe")) >= 2)
        first, second = server.made("getMe")[:2]
        assert (second.at - first.at) * FASTER > 11


@hurried
async def test_an_update_that_cannot_be_understood_is_put_aside_whole_and_harms_nobody() -> None:
    async with TelegramServer() as server:
        desk, anna = Desk(), server.private()
        bad: list[dict[str, Any]] = [
            {"message": "no message at all"},
            {"message": {"message_id": 1, "date": 10**30, "chat": {"id": 1, "type": "private"}}},
            {"callback_query": {"id": 5, "from": {"id": "somebody"}}},
            {"my_chat_member": {"chat": None}},
            {
                "message": {
                    "message_id": 1,
                    "date": 1,
                    "chat": {"id": 5, "type": "group"},
                    "text": "a\ud83d",
                    "from": {"id": 5, "is_bot": False, "first_name": "E"},
                    "entities": [{"type": "mention", "offset": 0, "length": 2}],
                }
            },
        ]
        numbers = []
        for update in bad:
            anna.say("fine")
            numbers.append(server.push_raw(update))
        anna.say("last")
        server.push_raw({"something_new": {"a": 1}})
        async with polling(server, desk):
            await confirmed(server)
        assert desk.texts == [*["fine"] * len(bad), "last"]
        aside = [incoming for incoming in desk.stored if isinstance(incoming, Unreadable)]
        assert [json.loads(each.payload) for each in aside] == [
            {"update_id": number, **update} for number, update in zip(numbers, bad, strict=True)
        ]
        assert len({each.key for each in desk.stored}) == len(desk.stored)
        assert all(each.reason for each in aside)


@hurried
@pytest.mark.parametrize("number", ["12", None, [], 1.5])
async def test_an_update_without_a_number_of_its_own_is_put_aside_once_and_holds_up_nobody(number: object) -> None:
    async with TelegramServer() as server:
        desk, anna = Desk(), server.private()
        anna.say("before")
        server.push_raw({"update_id": number, "message": {"text": "poison"}})
        async with polling(server, desk) as running:
            await desk.has(3)
            polls = len(server.made("getUpdates"))
            await asyncio.sleep(5)
            assert len(server.made("getUpdates")) - polls <= 7, "it comes again and again, but not in a busy loop"
            anna.say("after")
            await confirmed(server)
            assert not running.done()
        assert desk.texts == ["before", "after"]
        assert len({each.key for each in desk.stored if isinstance(each, Unreadable)}) == 1


@hurried
async def test_a_token_that_telegram_does_not_know_ends_it_with_a_sentence() -> None:
    async with TelegramServer() as server:
        stranger = settings(server, "4200000009:a-token-of-somebody-else")
        async with Telegram(stranger, {"help"}, MENU) as messenger, asyncio.timeout(PATIENCE):
            with pytest.raises(Fatal, match=r"telegram\.token"):
                await messenger.run(Desk().receive)


@hurried
async def test_a_token_that_is_revoked_meanwhile_ends_it_too() -> None:
    async with TelegramServer() as server:
        server.faults.next("getUpdates", Fault.unauthorized())
        async with Telegram(settings(server), {"help"}, MENU) as messenger, asyncio.timeout(PATIENCE):
            with pytest.raises(Fatal, match=r"telegram\.token"):
                await messenger.run(Desk().receive)


@hurried
async def test_another_program_with_the_same_token_that_stays_ends_it_with_a_sentence() -> None:
    async with TelegramServer() as server, Telegram(settings(server), {"help"}, MENU) as rival:
        other = asyncio.create_task(rival.run(Desk().receive))
        clock = asyncio.get_running_loop().time
        async with Telegram(settings(server), {"help"}, MENU) as messenger, asyncio.timeout(3 * PATIENCE):
            began = clock()
            done, _ = await asyncio.wait({other, asyncio.create_task(messenger.run(Desk().receive))},
                                         return_when=asyncio.FIRST_COMPLETED)  # fmt: skip
            assert clock() - began > 60
        (ended, *_) = done
        with pytest.raises(Fatal, match=r"another program .*token of its own"):
            ended.result()
        other.cancel()
        with suppress(asyncio.CancelledError, Fatal):
            await other


@hurried
async def test_a_webhook_that_was_left_behind_is_removed_and_what_waited_is_taken_in() -> None:
    async with TelegramServer() as server:
        server.updates.webhook = "https://example.org/old"
        server.private().say("while it was away")
        desk = Desk()
        async with polling(server, desk):
            await desk.has(1)
        assert desk.texts == ["while it was away"]
        assert server.updates.dropped == []


@hurried
async def test_a_webhook_that_is_set_meanwhile_is_another_program_and_named_in_the_sentence() -> None:
    async with TelegramServer() as server, Telegram(settings(server), {"help"}, MENU) as messenger:
        running = asyncio.create_task(messenger.run(Desk().receive))
        await until(lambda: server.updates.polling)
        server.updates.webhook = "https://example.org/new"
        server.private().say("for the other one")
        async with asyncio.timeout(2 * PATIENCE):
            with pytest.raises(Fatal, match=r"webhook.*token of its own"):
                await running


@hurried
async def test_the_short_overlap_of_a_restart_ends_nothing() -> None:
    async with TelegramServer() as server:
        desk = Desk()
        server.faults.next("getUpdates", *[Fault.conflict()] * 4)
        async with polling(server, desk):
            server.private().say("hello")
            await desk.has(1)
            assert server.faults.planned == 0


def test_conflicts_count_as_one_only_while_they_follow_each_other() -> None:
    rivals = Rivals()
    assert not any(rivals.seen(second) for second in range(0, 61, 4))
    assert rivals.seen(64)
    assert not any(rivals.seen(1000.0 + 46 * times) for times in range(20)), "a quiet time in between begins anew"
    assert not any(Rivals().seen(second) for second in (0, 30, 61)), "too few"


@hurried
async def test_a_poller_that_hears_nothing_for_long_connects_anew_and_loses_nothing() -> None:
    async with TelegramServer() as server, Telegram(settings(server), {"help"}, MENU) as messenger:
        desk, session = Desk(), messenger._polling.session
        assert isinstance(session, AiohttpSession)
        server.faults.next("getUpdates", Fault.bad_gateway(), Fault.bad_gateway())
        messenger._last_good_poll -= 79
        messenger._renewed_at -= 79
        server.private().say("hello")
        first = await session.create_session()
        task = asyncio.create_task(messenger.run(desk.receive))
        await desk.has(1)
        assert first.closed
        assert not (await session.create_session()).closed
        assert messenger.seconds_since_poll < 79
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@hurried
async def test_a_server_out_of_reach_at_the_start_or_later_is_waited_for() -> None:
    server, desk = TelegramServer(), Desk()
    await server.start()
    await server.stop()
    async with polling(server, desk):
        await asyncio.sleep(4)
        await server.start()
        anna = server.private()
        anna.say("one")
        await desk.has(1)
        await server.stop()
        anna.say("two")
        await asyncio.sleep(4)
        await server.start()
        await desk.has(2)
    await server.stop()
    assert desk.texts == ["one", "two"]


@hurried
async def test_the_menu_is_set_for_every_language_and_a_refusal_of_it_is_no_obstacle() -> None:
    async with TelegramServer() as server:
        desk = Desk()
        server.faults.next("setMyCommands", Fault.bad_gateway())
        server.private().say("/help")
        async with polling(server, desk):
            await desk.has(1)
        assert isinstance(desk.stored[0], Invoked)
        calls = server.made("setMyCommands")
        assert [call.fields.get("language_code", "") for call in calls] == ["", "en", "ru"]
        assert json.loads(calls[2].fields["commands"]) == [{"command": "help", "description": "Помощь"}]


@hurried
async def test_only_the_kinds_of_updates_that_are_read_are_asked_for_and_none_is_ever_dropped() -> None:
    async with TelegramServer() as server:
        anna = server.private()
        anna.say("while it was away")
        desk = Desk()
        async with polling(server, desk):
            await desk.has(1)
        poll = server.made("getUpdates")[0]
        assert sorted(json.loads(poll.fields["allowed_updates"])) == ["callback_query", "message", "my_chat_member"]
        assert "offset" not in poll.fields
        assert server.updates.dropped == []


async def _press(server: TelegramServer, data: str, fault: Fault | None = None) -> tuple[Desk, bool]:
    """What comes of a press, and whether the button stops spinning."""
    desk, anna = Desk(), server.private()
    async with telegram_client(server) as client:
        markup = keyboard(("Stop", data))
        await client(RawSendMessage(chat_id=anna.id, text="an answer", reply_markup=markup))
    if fault:
        server.faults.next("answerCallbackQuery", fault)
    async with polling(server, desk):
        await until(lambda: server.updates.polling)
        press = anna.press(anna.last, "Stop")
        await confirmed(server)
        anna.say("next")
        await until(lambda: "next" in desk.texts)
        return desk, press.answer is not None


@hurried
async def test_a_press_is_handed_in_and_its_button_stops_spinning() -> None:
    async with TelegramServer() as server:
        desk, answered = await _press(server, encode(Action("stop", 5)))
    assert isinstance(desk.stored[0], Pressed)
    assert answered


@hurried
async def test_a_press_that_cannot_be_acknowledged_harms_nobody() -> None:
    async with TelegramServer() as server:
        desk, answered = await _press(server, "stop:5", Fault.bad_gateway())
    assert len(desk.stored) == 2
    assert not answered


@hurried
async def test_a_button_that_means_nothing_any_more_stops_spinning_too() -> None:
    async with TelegramServer() as server:
        desk, answered = await _press(server, "from-another-version:5")
    assert desk.texts == ["next"]
    assert answered


@hurried
async def test_health_is_the_age_of_the_last_poll_that_telegram_answered() -> None:
    async with TelegramServer() as server, Telegram(settings(server), {"help"}, MENU) as messenger:
        messenger._last_good_poll -= 1000
        server.faults.next("getUpdates", Fault.conflict(), Fault.bad_gateway())
        desk = Desk()
        task = asyncio.create_task(messenger.run(desk.receive))
        await until(lambda: len(server.made("getUpdates")) >= 2)
        assert messenger.seconds_since_poll >= 1000
        server.private().say("hello")
        await desk.has(1)
        assert messenger.seconds_since_poll < 100
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


class Proxy:
    """A proxy for CONNECT; `targets` lists what was asked for."""

    def __init__(self) -> None:
        self.targets: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        method, target, _ = head.split(b" ", 2)
        assert method == b"CONNECT"
        self.targets.append(target.decode())
        host, _, port = target.decode().rpartition(":")
        there, out = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        await asyncio.gather(self._pump(reader, out), self._pump(there, writer))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()


@hurried
async def test_the_proxy_is_used_for_polling_and_for_sending() -> None:
    proxy = Proxy()
    listening = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    async with TelegramServer() as server, Telegram(settings(server, proxy=url), {"help"}, MENU) as messenger:
        anna, desk = server.private(), Desk()
        anna.say("hello")
        task = asyncio.create_task(messenger.run(desk.receive))
        await desk.has(1)
        assert proxy.targets == [f"127.0.0.1:{server.port}"]
        chat = messenger.open(desk.stored[0].address)
        await chat.send(chat.dialect.render("hi", final=True))
        assert anna.last.text == "hi"
        assert len(proxy.targets) == 2, "sending has connections of its own"
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    listening.close()
