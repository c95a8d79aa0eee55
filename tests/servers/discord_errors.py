"""What the stand-in Discord refuses, in Discord's own numbers and words.

Source: "JSON error codes" and "error messages" in discord-api-docs (opcodes-and-status-codes, reference).
"""

from typing import Any

Json = dict[str, Any]

_KNOWN = {
    10003: (404, "Unknown Channel"),
    10004: (404, "Unknown Guild"),
    10007: (404, "Unknown Member"),
    10008: (404, "Unknown Message"),
    10013: (404, "Unknown User"),
    10015: (404, "Unknown Webhook"),
    10062: (404, "Unknown interaction"),
    10063: (404, "Unknown application command"),
    20012: (403, "You are not authorized to perform this action on this application"),
    40005: (413, "Request entity too large"),
    40060: (400, "Interaction has already been acknowledged."),
    40094: (400, "This interaction has hit the maximum number of follow up messages"),
    50001: (403, "Missing Access"),
    50005: (403, "Cannot edit a message authored by another user"),
    50006: (400, "Cannot send an empty message"),
    50007: (403, "Cannot send messages to this user"),
    50013: (403, "Missing Permissions"),
    50027: (401, "Invalid Webhook Token"),
    50083: (400, "Thread is archived"),
    50240: (400, "You cannot remove this app's Entry Point command in a bulk update operation."),
    50109: (400, "The request body contains invalid JSON."),
    160002: (400, "Cannot reply without permission to read message history"),
}


class ApiError(Exception):
    """A refusal: `status` is HTTP's, `code` Discord's own; `errors` says which field is wrong."""

    def __init__(self, status: int, code: int, message: str, errors: Json | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.errors = errors

    def body(self) -> Json:
        """As it is answered."""
        return {"message": self.message, "code": self.code} | ({"errors": self.errors} if self.errors else {})


def refusal(code: int) -> ApiError:
    """The refusal with this number of Discord's."""
    status, message = _KNOWN[code]
    return ApiError(status, code, message)


def unauthorized() -> ApiError:
    """The answer to a wrong token: its code is 0."""
    return ApiError(401, 0, "401: Unauthorized")


def invalid(path: str, code: str, message: str) -> ApiError:
    """A field that is wrong; `path` names it with dots: "embeds.0.description"."""
    errors: Json = {"_errors": [{"code": code, "message": message}]}
    for name in reversed(path.split(".")):
        errors = {name: errors}
    return ApiError(400, 50035, "Invalid Form Body", errors)


def too_long(path: str, most: int) -> ApiError:
    """A text that is longer than `most` code points."""
    return invalid(path, "BASE_TYPE_MAX_LENGTH", f"Must be {most} or fewer in length.")


def checked_length(path: str, text: object, least: int, most: int) -> None:
    """Raises unless `text` is a text of so many code points."""
    if not isinstance(text, str) or (not text and least):
        raise invalid(path, "BASE_TYPE_REQUIRED", "This field is required")
    if not least <= len(text) <= most:
        raise invalid(path, "BASE_TYPE_BAD_LENGTH", f"Must be between {least} and {most} in length.")


def number(text: object, path: str) -> int:
    """A snowflake as it comes in paths, queries and bodies; raises where it is none."""
    if not str(text).isdecimal():
        raise invalid(path, "NUMBER_TYPE_COERCE", f'Value "{text}" is not snowflake.')
    return int(str(text))
