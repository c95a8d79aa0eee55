"""A few bent updates, events and requests, and those that once ended a session; `python -m tests.fuzz` tries many."""

from typing import Any

import pytest

from tests.fuzz import buttons, discord, playground, telegram
from tests.fuzz.discord import GOOD, TOWN, session
from tests.fuzz.discord_shapes import PICTURE, Json
from tests.fuzz.target import Target, try_quickly

TARGETS = (*buttons.TARGETS, *telegram.TARGETS, *discord.TARGETS, *playground.TARGETS)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_what_people_and_messengers_send_may_have_any_shape(target: Target) -> None:
    try_quickly(target)


# What the fuzz run found, as small as it can be

GUILD: Json = {"guild_id": "77", "mentions": [{"id": str(TOWN.bot)}], "channel_id": "6"}
FILE: Json = {"id": "1", "url": "https://cdn.example/a.png", "content_type": PICTURE.media_type}


def said(**more: Any) -> Json:
    return {"t": "MESSAGE_CREATE", "d": {**GOOD, "id": "500", **more}}


@pytest.mark.parametrize(
    "event",
    [
        said(**GUILD, attachments=[FILE], content=None, message_reference="none") | {"without": "content"},
        said(channel_id="\ud800"),
        said(id={"id": "1"}),
        said(author={"id": ["7"], "username": "anna"}),
    ],
    ids=["reference", "place", "message", "person"],
)
def test_a_message_of_discords_that_makes_no_sense_is_put_aside(event: Json) -> None:
    if "without" in event:  # a message without words isn't looked at as a part of a chain before it is handed in
        del event["d"]["content"]
    with session() as check:
        check(([event], [], {}))
        check(([{"t": "READY", "d": {}}], [event["d"]], {"5": "10"}))


def test_an_interaction_whose_number_is_none_is_put_aside() -> None:
    asked = next(body for body in TOWN.bodies("INTERACTION_CREATE") if body["data"].get("name") == "ask")
    with session() as check:
        check(([{"t": "INTERACTION_CREATE", "d": asked | {"id": {"id": "1"}}}], [], {}))
