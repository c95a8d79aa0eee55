"""The stand-in Discord as a process of its own, steered over HTTP: POST /control/VERB with a JSON object.

place              {guild, channel}: makes what isn't there; {person}: their direct messages. Gives the channel's id
say press slash    {channel, person, text, mention_bot, reply_to} | {message, person, button} | {…, command, options}
delete             {channel, message}: as a moderator deletes it
fault              {pattern, fault: {kind, seconds, applied, status …}, skip}: a call fails
random_faults      {rates: [[fault, probability], …], seed, patterns}; calm ends all faults
gateway            {do: "drop" | "reconnect" | "invalidate" | "forget_sessions" | "refuse" | "accept" | "fall_silent"}
rates advance      {enabled, overall, buckets: {name: [calls, seconds]}} | {seconds}
channel calls      {channel}: all versions of all messages | all calls of the bot, without their answers
record             faults, 429s, sessions, repeated nonces
"""

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from aiohttp import web

from tests.servers.control import add_control, read_arguments, serve
from tests.servers.discord_answers import readable
from tests.servers.discord_errors import Json
from tests.servers.discord_faults import ANY, Fault
from tests.servers.discord_messages import Message
from tests.servers.discord_rates import RateRules
from tests.servers.discord_server import TOKEN, Channel, DiscordServer


class ControlledDiscord(DiscordServer):
    """The stand-in with its control API on the same port."""

    def add_routes(self, app: web.Application) -> None:
        add_control(app, self, _VERBS)


def _place(server: DiscordServer, wanted: Json) -> int:
    if "person" in wanted:
        return server.person(wanted["person"]).dm.id
    return server.channel(wanted.get("channel", "general"), wanted.get("guild", "Friends")).id


def _channel(server: DiscordServer, wanted: Json) -> Channel:
    return server.world.channels[int(wanted["channel"])]


def _message(channel: Channel, number: object) -> Message:
    message = channel.message(int(str(number)))
    if not message:
        raise LookupError(f"no message {number} in channel {channel.id}")
    return message


def _say(server: DiscordServer, wanted: Json) -> int:
    channel, person = _channel(server, wanted), server.person(wanted.get("person", "Anna"))
    replied = _message(channel, wanted["reply_to"]) if wanted.get("reply_to") else None
    return person.say(channel, wanted["text"], reply_to=replied, mention_bot=wanted.get("mention_bot", False)).id


def _press(server: DiscordServer, wanted: Json) -> int:
    message = _message(_channel(server, wanted), wanted["message"])
    return server.person(wanted.get("person", "Anna")).press(message, wanted.get("button", 0)).id


def _slash(server: DiscordServer, wanted: Json) -> int:
    person = server.person(wanted.get("person", "Anna"))
    return person.slash(_channel(server, wanted), wanted["command"], wanted.get("options")).id


def _delete(server: DiscordServer, wanted: Json) -> None:
    server.person("Moderator").delete(_message(_channel(server, wanted), wanted["message"]))


def _random_faults(server: DiscordServer, wanted: Json) -> None:
    rates = {Fault(**fault): float(rate) for fault, rate in wanted["rates"]}
    server.faults.at_random(rates, seed=wanted.get("seed", 0), patterns=wanted.get("patterns", (ANY,)))


def _gateway(server: DiscordServer, wanted: Json) -> None:
    steps: dict[str, Callable[[], None]] = {
        "drop": server.gateway.drop,
        "reconnect": server.gateway.reconnect,
        "invalidate": server.gateway.invalidate,
        "forget_sessions": server.gateway.forget_sessions,
        "refuse": lambda: server.gateway.refuse(wanted.get("times")),
        "accept": server.gateway.accept,
        "fall_silent": server.gateway.fall_silent,
    }
    steps[wanted["do"]]()


def _rates(server: DiscordServer, wanted: Json) -> None:
    limits = {name: (int(calls), float(seconds)) for name, (calls, seconds) in wanted.get("buckets", {}).items()}
    calls, seconds = wanted.get("overall", (50, 1.0))
    rules = RateRules(enabled=wanted.get("enabled", True), overall=(int(calls), float(seconds)))
    server.rates.rules = rules.with_limits(**limits)


def _shown(server: DiscordServer, message: Message) -> Json:
    versions = [{"at": version.at, "text": version.text} for version in message.versions]
    body: Json = {"id": message.id, "mine": message.author == server.bot, "nonce": message.nonce, "versions": versions}
    body |= {"sent_at": message.sent_at, "deleted_at": message.deleted_at, "labels": message.labels}
    return body | {"ephemeral": message.ephemeral, "reply_to": message.replied.id if message.replied else None}


def _channel_shown(server: DiscordServer, wanted: Json) -> Json:
    channel = _channel(server, wanted)
    messages = [_shown(server, message) for message in channel.everything.values()]
    return {"shown": channel.shown_text(), "messages": messages, "typings": channel.typings}


def _record(server: DiscordServer, _: Json) -> Json:
    gateway = server.gateway
    return {
        "injected": [{**asdict(one), "ambiguous": one.ambiguous} for one in server.faults.injected],
        "refusals": [asdict(refusal) for refusal in server.rates.refusals],
        "invalid": server.rates.invalid,
        "identifies": [asdict(identify) for identify in gateway.identifies],
        "resumes": gateway.resumes,
        "missed_heartbeats": gateway.missed_heartbeats,
        "repeated": [message.id for message in server.repeated],
        "ready": server.ready,
    }


_VERBS: dict[str, Callable[[DiscordServer, Json], Any]] = {
    "place": _place,
    "say": _say,
    "press": _press,
    "slash": _slash,
    "delete": _delete,
    "fault": lambda server, wanted: server.faults.next(
        wanted["pattern"], Fault(**wanted["fault"]), skip=wanted.get("skip", 0)
    ),
    "random_faults": _random_faults,
    "calm": lambda server, _: server.faults.stop(),
    "gateway": _gateway,
    "rates": _rates,
    "advance": lambda server, wanted: server.advance(wanted["seconds"]),
    "channel": _channel_shown,
    "calls": lambda server, _: [readable(call) for call in server.calls],
    "record": _record,
}


def main() -> None:
    """The command line."""
    chosen = read_arguments("A stand-in for Discord on loopback.", TOKEN)
    stand_in = ControlledDiscord(port=chosen.port, token=chosen.token, rates=RateRules())
    asyncio.run(serve(stand_in, lambda server: f"{server.rest_url} {server.gateway_url}"))
