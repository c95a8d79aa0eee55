"""What a value must look like, beyond its type: addresses, time zones, ids. No answer repeats the value."""

import difflib
import ipaddress
import re
import zoneinfo
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import SplitResult, urlsplit

from pydantic import BaseModel

from settings.faults import Fault, Path, Problem, fault

Check = Callable[[str], Problem | None]
SHORTEST_PASSWORD = 8


def check_values(given: Mapping[str, object], model: type[BaseModel], path: Path) -> Iterator[Fault]:
    """The faults of what is given for the settings that `model` has at `path`; other keys are not looked at."""
    for key, value in given.items():
        check = FORMS.get((*path[:1], key)) or FORMS.get(("*", key))
        if check is None or key not in model.model_fields:
            continue
        place = (*path, key)
        for where, entry in _entries(value, place):
            # an id without quotes is a number: what is wrong with it is its form, then its type
            if isinstance(entry, str | int) and (problem := check(str(entry))):
                yield fault(where, problem)
    for key, problem in TOGETHER.get(path, _nothing)(given):
        yield fault((*path, key), problem)


def _entries(value: object, place: Path) -> list[tuple[Path, object]]:
    if isinstance(value, list):
        return [((*place, index), entry) for index, entry in enumerate(value)]
    return [(place, value)]


def _timezone(value: str) -> Problem | None:
    try:
        zoneinfo.ZoneInfo(value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):  # OSError: a folder of zones, "Europe"
        near = difflib.get_close_matches(value, sorted(zoneinfo.available_timezones()), n=1)
        remedy = f"did you mean {near[0]}?" if near else "write a name like Europe/Berlin, or UTC"
        return "is not a known time zone", remedy
    return None


def _host_of(listen: str) -> str | None:
    """The host of `host:port`; None where it has another form."""
    found = re.fullmatch(r"(?:\[(?P<v6>[0-9a-fA-F:.]+)\]|(?P<host>[^\s:\[\]]*)):(?P<port>[0-9]{1,5})", listen)
    return (found["v6"] or found["host"]) if found and int(found["port"]) < 65536 else None


def _listen(value: str) -> Problem | None:
    if value and _host_of(value) is None:
        return "is not host:port", "write it like 127.0.0.1:8081, or leave it empty for off"
    return None


def _is_loopback(host: str) -> bool:
    try:
        return host.lower() == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _playground_listen(value: str) -> Problem | None:
    if value and _host_of(value) == "":
        return "names no address", "write it like 127.0.0.1:8080, or 0.0.0.0:8080 for every address of this computer"
    return _listen(value)


def _password(value: str) -> Problem | None:
    if 0 < len(value) < SHORTEST_PASSWORD:
        return f"is too short: at least {SHORTEST_PASSWORD} characters", "make it longer"
    return None


def _playground(given: Mapping[str, object]) -> Iterator[tuple[str, Problem]]:
    """Whoever reaches a page without a password is an admin."""
    listen = given.get("listen")
    if isinstance(listen, str) and not given.get("password") and (host := _host_of(listen)) and not _is_loopback(host):
        yield (
            "listen",
            (
                "would be open to the network without a password",
                f"set playground.password, at least {SHORTEST_PASSWORD} characters, or listen on 127.0.0.1:8080",
            ),
        )


def _sqlite(value: str) -> Problem | None:
    kind, _, file = value.partition(":")
    if kind != "sqlite":
        return "must start with sqlite:", "write it like sqlite:data/bot.db; other databases come in a later version"
    if not file.strip() or file.startswith((":", "//")) or "\0" in file:
        return "does not name a file", "write it like sqlite:data/bot.db or sqlite:/var/lib/parley/bot.db"
    return None


def _telegram_token(value: str) -> Problem | None:
    if value and not re.fullmatch(r"[0-9]{1,20}:[A-Za-z0-9_-]{30,50}", value):
        return "is not a bot token", "copy all of it from @BotFather: digits, a colon, about 35 characters"
    return None


def _discord_token(value: str) -> Problem | None:
    if value and not re.fullmatch(r"[A-Za-z0-9_-]{10,40}\.[A-Za-z0-9_-]{5,8}\.[A-Za-z0-9_-]{25,60}", value):
        return "is not a bot token", "copy all of it from the developer portal, under Bot: it has three parts"
    return None


def _gateway(value: str) -> Problem | None:
    url = _split(value)
    if not url or url.scheme not in {"ws", "wss"}:
        return "is not a gateway's address", "write it like wss://gateway.discord.gg/"
    return None


def _api_key(value: str) -> Problem | None:
    if not re.fullmatch(r"[!-~]*", value.strip()):
        return "has a character that no key has (a space, a line break?)", "copy it again"
    return None


def _split(value: str) -> SplitResult | None:
    """A URL's parts; None where it isn't one that can be called."""
    try:
        url = urlsplit(value)
        usable = bool(url.hostname) and (url.port is None or url.port > 0)
    except ValueError:
        return None
    return url if usable and not re.search(r"\s", value) else None


def _web(value: str) -> Problem | None:
    url = _split(value)
    if not url or url.scheme not in {"http", "https"}:
        return "is not a web address", "write it like https://api.example.com/v1"
    if url.query or url.fragment:
        return "has something behind ? or #", "end the address with its path, like https://api.example.com/v1"
    return None


def _web_or_default(value: str) -> Problem | None:
    return _web(value) if value else None


def _proxy(value: str) -> Problem | None:
    url = _split(value)
    if value and not (url and url.port and url.scheme in {"http", "https", "socks4", "socks5"}):
        return "is not a proxy's address", "write it like http://host:3128 or socks5://user:password@host:1080"
    return None


def _access(value: str) -> Problem | None:
    if not re.fullmatch(r"telegram:-?[0-9]{1,20}|discord:(?:(?:guild|role|channel):)?[0-9]{1,20}", value):
        return (
            "is not messenger:id with a numeric id",
            "write it like telegram:1234 (a person) or telegram:-100555 (a group); names can be taken over by others",
        )
    return None


def _admin(value: str) -> Problem | None:
    if re.fullmatch(r"discord:(?:guild|role|channel):[0-9]{1,20}", value):
        return "is not one person", "write people like discord:42 here; servers, roles and channels go into allow"
    if re.fullmatch(r"telegram:-[0-9]{1,20}", value):  # it would be whoever writes there as an anonymous admin
        return "is not one person", "write people like telegram:1234 here; groups go into allow"
    return _access(value)


def _one_model(value: str) -> Problem | None:
    return (
        ("is * (all that are listed), but pictures need one model", "name the one that draws") if value == "*" else None
    )


# by section and setting; "*": in every section
FORMS: Mapping[Path, Check] = {
    ("timezone",): _timezone,
    ("health", "listen"): _listen,
    ("playground", "listen"): _playground_listen,
    ("playground", "password"): _password,
    ("storage", "url"): _sqlite,
    ("telegram", "token"): _telegram_token,
    ("discord", "token"): _discord_token,
    ("discord", "gateway_url"): _gateway,
    ("access", "admins"): _admin,
    ("access", "allow"): _access,
    ("access", "block"): _access,
    ("image_models", "model"): _one_model,
    ("*", "api_key"): _api_key,
    ("*", "api_base_url"): _web,
    ("*", "base_url"): _web_or_default,
    ("*", "proxy"): _proxy,
}


def _nothing(_: Mapping[str, object]) -> Iterator[tuple[str, Problem]]:
    yield from ()


# by section: settings that are right or wrong only together
TOGETHER: Mapping[Path, Callable[[Mapping[str, object]], Iterator[tuple[str, Problem]]]] = {
    ("playground",): _playground
}
