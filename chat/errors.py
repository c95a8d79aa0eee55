"""What can go wrong in a way that a person can be told.

BotError                     one sentence for the person (`key` in locales/), the details for the log
├─ ProviderError             the model's side
│  ├─ BadKey                 401, 403: the key is wrong, or may not use this
│  ├─ NoCredit               402: the account has nothing left
│  ├─ Unverified             the account must be verified before it may use this
│  ├─ RegionRefused          403: not from where this bot runs
│  ├─ ModelNotFound          404, or "model not supported"
│  ├─ RequestRefused         400, 422: the server doesn't take this request
│  ├─ ParameterRefused       400, 422: nor any other with this one of the configured parameters
│  ├─ ContextTooLong         the conversation doesn't fit into the model
│  │  └─ BodyTooLarge        413: it has too many bytes
│  ├─ PicturesTooLarge       the question's pictures are more than the server takes
│  ├─ RateLimited            429                                      (transient)
│  ├─ Overloaded             500 and above, 529, "overloaded"         (transient)
│  ├─ Unreachable            no connection, DNS, TLS, a dead host     (transient)
│  │  └─ HostGone            the public host of a preset, presumed gone for good
│  ├─ SpaceDown              a hosted Space that is paused, broken or doesn't wake
│  ├─ TimedOut               nothing came for too long                (transient)
│  ├─ CutOff                 the answer ended without its end mark    (transient)
│  ├─ Garbled                not what this protocol sends
│  └─ Blocked                withheld by the provider's filter
├─ NotSent                   the messenger won't take what was made
└─ InternalError             a fault of ours

`details` is for the log only: it may hold what a server said, never a key (providers strip their own).
"""

from typing import ClassVar


class BotError(Exception):
    """A failure with a sentence for the person: `key` names it in locales/, `arguments` fill its placeholders."""

    key: ClassVar[str] = "error.internal"
    transient: ClassVar[bool] = False

    def __init__(self, details: str = "", *, retry_after: float | None = None, **arguments: str) -> None:
        super().__init__(details or self.key)
        self.details = details
        self.retry_after = retry_after  # seconds, where the server named them
        self.arguments = arguments


class InternalError(BotError):
    """A fault of ours; the log has the traceback."""


class NotSent(BotError):
    """The messenger refuses what was made: a picture that it can't show."""

    key = "error.not_sent"


class ProviderError(BotError):
    """The model's side failed. `arguments` holds `provider`, its name in the config.

    `attempts`: requests that were made before it was given up. `next_model`: which model of the config to ask instead,
    where this one broke off in mid-answer; "" = none.
    """

    key = "error.provider"
    attempts: int = 1
    next_model: str = ""


class BadKey(ProviderError):
    """401 or 403."""

    key = "error.bad_key"


class NoCredit(ProviderError):
    """402, or "insufficient quota"."""

    key = "error.no_credit"


class Unverified(ProviderError):
    """The provider wants to know whose account it is before it may use the model, or stream it."""

    key = "error.unverified"


class RegionRefused(ProviderError):
    """403 for where the request comes from: a country that isn't served, an address that is shut out."""

    key = "error.region_refused"


class ModelNotFound(ProviderError):
    """404, or a model that the server doesn't offer."""

    key = "error.model_not_found"


class RequestRefused(ProviderError):
    """400 or 422 for a reason that has no class of its own."""

    key = "error.request_refused"


class ParameterRefused(ProviderError):
    """400 or 422 for a setting of the config, which concerns every question. `arguments` has its name, `parameter`."""

    key = "error.parameter_refused"


class ContextTooLong(ProviderError):
    """The conversation is longer than the model takes."""

    key = "error.context_too_long"


class BodyTooLarge(ContextTooLong):
    """413: the request has more bytes than the server takes, which may be the pictures' or the conversation's."""

    key = "error.body_too_large"


class PicturesTooLarge(ProviderError):
    """The pictures of the question have more bytes or pixels than the server takes: a shorter text doesn't help."""

    key = "error.pictures_too_large"


class RateLimited(ProviderError):
    """429; `retry_after` where the server said how long."""

    key = "error.rate_limited"
    transient = True


class Overloaded(ProviderError):
    """A server error, or a server that says it is overloaded or loading."""

    key = "error.overloaded"
    transient = True


class Unreachable(ProviderError):
    """No connection could be made, or it broke before an answer."""

    key = "error.unreachable"
    transient = True


class HostGone(Unreachable):
    """A public host that is presumed gone for good: waiting doesn't help, another address does."""

    key = "error.host_gone"
    transient = False


class TimedOut(ProviderError):
    """The server kept silent for longer than the provider's time-out."""

    key = "error.timed_out"
    transient = True


class CutOff(ProviderError):
    """The answer stopped without the protocol's end mark."""

    key = "error.cut_off"
    transient = True


class Garbled(ProviderError):
    """The server answered with something that this protocol doesn't have."""

    key = "error.garbled"


class Blocked(ProviderError):
    """The provider's filter refused the question or withheld the answer."""

    key = "error.blocked"


class SpaceDown(ProviderError):
    """A Space that Hugging Face hosts is paused, broken, or still not awake: `details` has its state."""

    key = "error.space_down"
