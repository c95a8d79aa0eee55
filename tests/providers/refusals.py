"""How servers refuse a parameter, in their own words."""

import json

USE_THE_OTHER = (
    "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
)
ONLY_THE_DEFAULT = (
    "Unsupported value: 'temperature' does not support 0.7 with this model. Only the default (1) value is supported."
)
UNVERIFIED = "Your organization must be verified to stream this model. Please go to: https://example.org/settings"


def complaint(message: str, param: str | None = None, code: str | None = None) -> str:
    return json.dumps({"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}})
