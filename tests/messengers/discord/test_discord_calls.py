"""Every failure of a call becomes the one error that says what to do, at once; nothing of a token is in it."""

import time
from collections.abc import AsyncIterator

import pytest

from messengers.base import Fatal, MessageGone, MessengerError, PlaceGone, Refused, SlowDown, Unchangeable, Unsure
from messengers.discord.calls import NoReplyError, Rest, TokenOverError, translate
from tests.messengers.discord.answers import logged_in
from tests.servers.discord_faults import CREATE, EDIT, WEBHOOK_EDIT, Fault
from tests.servers.discord_server import DiscordServer

PAYLOAD = {"content": "hello"}


@pytest.fixture
async def rest(server: DiscordServer) -> AsyncIterator[Rest]:
    async with logged_in(server) as rest:
        yield rest


@pytest.mark.parametrize(("method", "error"), [("PATCH", Unchangeable), ("DELETE", Refused), ("POST", PlaceGone)])
def test_in_an_archived_thread_what_stands_stays_while_a_new_message_may_open_it(
    method: str, error: type[MessengerError]
) -> None:
    assert type(translate(400, {"code": 50083, "message": "Thread is archived"}, {}, method=method)) is error


async def failing(server: DiscordServer, rest: Rest, fault: Fault) -> MessengerError:
    """The error of a post that goes wrong like this."""
    server.faults.next(CREATE, fault)
    with pytest.raises(MessengerError) as failure:
        await rest.create(str(server.channel().id), PAYLOAD)
    return failure.value


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (404, 10008, MessageGone),
        (403, 50005, MessageGone),
        (404, 10003, PlaceGone),
        (403, 50001, PlaceGone),
        (403, 50013, PlaceGone),
        (403, 50007, PlaceGone),
        (400, 50083, PlaceGone),
        (400, 40094, PlaceGone),
        (403, 0, Refused),
        (403, 20012, PlaceGone),
        (403, 40333, Unsure),
        (403, 40004, Unsure),
        (403, 40006, Unsure),
        (403, 130000, Unsure),
        (400, 50035, Refused),
        (400, 50006, Refused),
        (413, 40005, Refused),
        (400, 200000, Refused),
        (400, 40060, Refused),
        (400, 160002, NoReplyError),
        (429, 30046, Unchangeable),
        (401, 50027, TokenOverError),
        (404, 10015, TokenOverError),
        (404, 10062, TokenOverError),
        (401, 0, Fatal),
        (500, 0, Unsure),
        (503, 130000, Unsure),
    ],
)
async def test_every_refusal_has_its_error(
    server: DiscordServer, rest: Rest, status: int, code: int, error: type[MessengerError]
) -> None:
    assert type(await failing(server, rest, Fault.refusal(status, code))) is error


@pytest.mark.parametrize("via", [True, False])
@pytest.mark.parametrize("everywhere", [True, False])
async def test_a_flood_is_told_at_once_and_never_slept_through(
    server: DiscordServer, rest: Rest, *, via: bool, everywhere: bool
) -> None:
    began = time.monotonic()
    failure = await failing(server, rest, Fault.flood(7.5, via=via, everywhere=everywhere))
    assert isinstance(failure, SlowDown)
    assert failure.retry_after == 7.5
    assert time.monotonic() - began < 2
    assert len(server.made("POST /channels/{channel}/messages")) == 1


def test_a_flood_of_the_doorkeepers_tells_its_time_in_a_header_if_at_all() -> None:
    for headers, seconds in (({"Retry-After": "65"}, 65.0), ({}, 5.0), ({"Retry-After": "soon"}, 5.0)):
        failure = translate(429, None, headers)
        assert isinstance(failure, SlowDown)
        assert failure.retry_after == seconds


@pytest.mark.parametrize(
    "fault",
    [
        Fault.html(502),
        Fault.html(403),
        Fault.html(200),
        Fault.html(502, applied=True),
        Fault.reset(),
        Fault.applied_then_reset(),
        Fault.cut_body(),
    ],
    ids=str,
)
async def test_what_fails_on_its_way_may_have_been_done(server: DiscordServer, rest: Rest, fault: Fault) -> None:
    assert type(await failing(server, rest, fault)) is Unsure


async def test_a_server_out_of_reach_is_unsure(server: DiscordServer, rest: Rest) -> None:
    await server.stop()
    with pytest.raises(Unsure):
        await rest.create("1", PAYLOAD)


async def test_a_page_of_whatever_stands_before_discord_is_no_success(server: DiscordServer, rest: Rest) -> None:
    server.faults.next(EDIT, Fault.html(200))
    with pytest.raises(Unsure):
        await rest.edit(str(server.channel().id), "5", PAYLOAD)


async def test_a_list_is_a_list_and_a_thing_is_a_thing(server: DiscordServer, rest: Rest) -> None:
    general = server.channel()
    assert await rest.listed(f"/channels/{general.id}/messages") == []
    assert (await rest.told(f"/channels/{general.id}"))["id"] == str(general.id)
    with pytest.raises(Unsure):
        await rest.listed(f"/channels/{general.id}")
    with pytest.raises(Unsure):
        await rest.told(f"/channels/{general.id}/messages")


async def test_an_answer_of_the_wrong_type_is_read_all_the_same(server: DiscordServer, rest: Rest) -> None:
    server.faults.next(CREATE, Fault.wrong_type())
    assert (await rest.create(str(server.channel().id), PAYLOAD))["content"] == "hello"


async def test_no_error_has_a_token_in_it(server: DiscordServer, rest: Rest) -> None:
    server.faults.next(WEBHOOK_EDIT, Fault.reset(), Fault.html(502), Fault.refusal(400, 1))
    for _ in range(3):
        with pytest.raises(MessengerError) as failure:
            await rest.edit_answer("secret-token", "@original", PAYLOAD)
        shown = f"{failure.value!r} {failure.value.__cause__!r} {failure.value.__context__!r}"
        assert "secret-token" not in shown
        assert server.token not in shown


def test_where_files_are_forbidden_text_may_still_be_allowed() -> None:
    body = {"code": 50013, "message": "Missing Permissions"}
    assert type(translate(403, body, {}, has_files=True)) is Refused
    assert type(translate(403, body, {})) is PlaceGone
