"""What the words of a failing server mean: which failure they tell of, and how long it wants to be left alone.

Data and pure functions for providers/failures.py, which knows where in an answer they stand. The words are those of
OpenAI, Anthropic, Gemini, llama.cpp, vLLM, TGI, Ollama, OpenRouter, DeepSeek, Groq, Mistral, xAI and Hugging Face.
"""

import re
from collections.abc import Mapping

from chat.errors import (
    BadKey,
    Blocked,
    BodyTooLarge,
    ContextTooLong,
    ModelNotFound,
    NoCredit,
    Overloaded,
    PicturesTooLarge,
    ProviderError,
    RateLimited,
    RegionRefused,
    RequestRefused,
    TimedOut,
    Unreachable,
    Unverified,
)

Kind = type[ProviderError]

_STATUSES: Mapping[int, Kind] = {
    401: BadKey,
    402: NoCredit,
    403: BadKey,
    404: ModelNotFound,
    407: Unreachable,  # a proxy wants to know who we are
    408: TimedOut,
    410: ModelNotFound,
    413: BodyTooLarge,
    424: Overloaded,  # TGI: the generation failed
    425: Overloaded,
    429: RateLimited,
}

# Words that say more than the status, in the order in which they are believed.
_TELLING: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    (
        Blocked,
        re.compile(
            r"content_filter|content_policy|responsibleaipolicy|requires moderation|moderation_blocked|safety system"
            r"|content filtering policy|\binvalid_prompt\b|prompt was flagged"
        ),
    ),
    (
        NoCredit,
        re.compile(
            r"insufficient_quota|billing_(hard_limit|not_active)"
            r"|insufficient (credit|balance)|credit balance is too low|credits or licenses|used all available credits"
            r"|spending limit|api usage limits|key limit exceeded"
        ),
    ),
    (
        RegionRefused,
        re.compile(
            r"unsupported_country|location is not supported|territory not supported|(?<!in )request not allowed"
            r"|network settings"
        ),
    ),
    (Unverified, re.compile(r"must be verified")),
    # Anthropic's limits of bytes (of base64) and pixels have changed more than once: its own words know them best
    (
        PicturesTooLarge,
        re.compile(
            r"image exceeds .{0,30}maximum|image dimensions exceed|image_too_large|image.{0,20} is too (large|big)"
        ),
    ),
    (BadKey, re.compile(r"invalid_api_key|api key not valid|(incorrect|invalid) api key")),
    (
        ModelNotFound,
        re.compile(
            r"model_not_(found|supported)|model\b.{0,100}\b(not found|does not exist)|not a valid model"
            r"|model not exist|decommissioned|\binvalid_model\b|model_terms_required"
        ),
    ),
)
_TOO_LONG = re.compile(
    r"context_length_exceeded|exceed_context_size|context_window_exceeded"
    r"|(maximum|model'?s?|available) context (length|size|window)|context (length|size|window) (is |was )?exceeded"
    r"|(exceeds?|longer than|larger than|fit (in|into)).{0,40}context (length|size|window)"
    r"|too many (input |prompt )?tokens|(prompt|input|request|conversation) is too long"
    r"|(input|prompt) (token count|tokens?|length).{0,60}exceeds?|reduce the length of the (messages|prompt|input)"
    r"|exceeds? the (maximum|model'?s?|max)( allowed)?( number of)?( input)? tokens?"
    r"|max_new_tokens\W{0,3}must be <=|inputs\W{0,3}must have less than \d+ tokens"
)
# Error objects in the middle of a stream have no status: these words stand in its place.
_NAMED: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    (BadKey, re.compile(r"authentication|permission|unauthenticated|unauthori[sz]ed|forbidden")),
    (RateLimited, re.compile(r"rate_?limit|resource_exhausted|too_many_requests|throttl")),
    (ModelNotFound, re.compile(r"not_found")),
    (RequestRefused, re.compile(r"invalid_request|invalid_argument|validation")),
)

# Google's `"retryDelay": "36s"`, "Please retry in 36.2s", "Please try again in 7m12s" (OpenAI and Groq, also "120ms"),
# and "Try again in 3:21:05" (Hugging Face's shared hardware).
_WAIT = re.compile(
    r"(?:\"retrydelay\": ?\"|\b(?:try again|retry) in )"
    r"(\d[\w.:]*(?: (?:m?s|seconds?|minutes?|hours?|days?)\b)?)"
)
_CLOCK = re.compile(r"(\d{1,4}):(\d\d):(\d\d)")
_SPAN = re.compile(r"(?<![\d.])(\d{1,6}(?:\.\d{1,30})?) ?(ms|[smhd])")
_UNITS: Mapping[str, float] = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_READ = 4000  # characters of a message: what matters is at its beginning


def kind_of(status: int | None, message: str, names: str, *, page: bool = False) -> Kind:
    """The failure that a status (None: an error inside an answer), a message, codes and types stand for.

    `page`: it came as HTML, which no API sends: something stands before it, and a 403 of that isn't about the key.
    """
    words = f"{names} {message[:_READ]}".lower()
    if status is None or 400 <= status < 500:
        for kind, pattern in _TELLING:
            if pattern.search(words):
                return kind
    if status not in (401, 403, 429) and _TOO_LONG.search(words):
        return ContextTooLong
    if status is None:
        return next((kind for kind, pattern in _NAMED if pattern.search(names.lower())), Overloaded)
    if status >= 500:
        return Overloaded
    return RegionRefused if page and status == 403 else _STATUSES.get(status, RequestRefused)


def wait_in(text: str) -> float | None:
    """The seconds to wait that the text of a failure names; None where it names none."""
    said = _WAIT.search(text[:_READ].lower())
    if not said:
        return None
    if clock := _CLOCK.match(said[1]):
        hours, minutes, seconds = map(int, clock.groups())
        return hours * 3600 + minutes * 60 + seconds
    spans = _SPAN.findall(said[1])
    return sum(float(number) * _UNITS[unit] for number, unit in spans) if spans else None
