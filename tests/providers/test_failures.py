"""What a server's failure means: each wording seen or read is told as the right thing, and never with a key."""

import errno
import html
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import quote

import aiohttp
import pytest
from aiohttp_socks import ProxyConnectionError
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from chat import errors
from chat.errors import ProviderError
from providers.base import JsonValue
from providers.failures import Asked, from_error, from_exception, from_status, retry_after

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
Kind = type[ProviderError]


def openai_error(message: str, code: str | int | None = None, kind: str = "invalid_request_error") -> str:
    return json.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}})


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, errors.RequestRefused), (400, errors.RequestRefused), (401, errors.BadKey), (402, errors.NoCredit),
        (403, errors.BadKey), (404, errors.ModelNotFound), (405, errors.RequestRefused), (408, errors.TimedOut),
        (410, errors.ModelNotFound), (413, errors.BodyTooLarge), (422, errors.RequestRefused), (424, errors.Overloaded),
        (429, errors.RateLimited),
        (500, errors.Overloaded), (502, errors.Overloaded), (503, errors.Overloaded), (529, errors.Overloaded),
    ],
)  # fmt: skip
@pytest.mark.parametrize("body", ["", "{}", "null", "[]", "<h1>model not found</h1>", '{"error": {}}', "[" * 9999])
def test_a_status_speaks_for_itself_where_the_body_says_nothing(status: int, kind: Kind, body: str) -> None:
    assert type(from_status(status, {}, body.encode(), NOW)) is kind


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, openai_error("This model's maximum context length is 4097 tokens.", "context_length_exceeded")),
        (400, '{"error":{"code":400,"message":"request exceeds the available context size (256 tokens)"}}'),
        (400, '{"error":{"code":400,"message":"try increasing it","type":"exceed_context_size_error","n_ctx":256}}'),
        (400, '{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 208310"}}'),
        (400, '[{"error":{"code":400,"message":"The input token count (12) exceeds the maximum number of tokens"}}]'),
        (422, '{"error":"Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 9000"}'),
        (400, '{"object":"error","message":"This model\'s maximum context length is 2048 tokens.","code":400}'),
        (500, '{"error":"the input length exceeds the context length"}'),
        (400, openai_error("Please reduce the length of the messages or completion.", "string_too_long")),
        (400, openai_error("Too many tokens: 9000")),
    ],
)  # fmt: skip
def test_a_conversation_that_does_not_fit_is_told_as_too_long(status: int, body: str) -> None:
    assert type(from_status(status, {}, body.encode(), NOW)) is errors.ContextTooLong


@pytest.mark.parametrize(
    "message",
    [
        "messages.0.content.0.image.source.base64: image exceeds 5 MB maximum: 6275800 bytes > 5242880 bytes",
        "messages.0.content.0.image.source.base64.data: At least one of the image dimensions exceed max allowed size",
        "The image data you provided is too large.",
    ],
)
def test_a_picture_that_is_too_large_is_told_as_that_and_not_as_a_question_to_be_put_in_other_words(
    message: str,
) -> None:
    body = json.dumps({"type": "error", "error": {"type": "invalid_request_error", "message": message}})
    assert type(from_status(400, {}, body.encode(), NOW)) is errors.PicturesTooLarge


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (429, openai_error("You exceeded your current quota", "insufficient_quota"), errors.NoCredit),
        (400, openai_error("Your credit balance is too low to access the Anthropic API."), errors.NoCredit),
        (429, openai_error("Request too large per min: too many tokens", "rate_limit_exceeded"), errors.RateLimited),
        (429, '[{"error":{"code":429,"message":"You exceeded your current quota","status":"RESOURCE_EXHAUSTED"}}]',
         errors.RateLimited),
        (400, openai_error("Incorrect API key provided: xai-1", "Client specified an invalid argument"), errors.BadKey),
        (400, '[{"error":{"code":400,"message":"API key not valid. Please pass a valid API key."}}]', errors.BadKey),
        (400, openai_error("The requested model 'a/b' is not supported by any provider", "model_not_supported"),
         errors.ModelNotFound),
        (403, openai_error("Project does not have access to model gpt-9", "model_not_found"), errors.ModelNotFound),
        (400, openai_error("a/b is not a valid model ID", 400), errors.ModelNotFound),
        (400, openai_error("Unsupported parameter: 'n' is not supported with this model."), errors.RequestRefused),
        (400, openai_error("This model does not support images"), errors.RequestRefused),
        (400, openai_error("The response was filtered", "content_filter"), errors.Blocked),
        (403, openai_error("a/b requires moderation on X. Your input was flagged"), errors.Blocked),
        (503, openai_error("Loading model", 503, "unavailable_error"), errors.Overloaded),
        (422, '{"detail":[{"loc":["body","n"],"msg":"extra fields not permitted"}]}', errors.RequestRefused),
        (403, '{"code":"permission-denied","error":"Your team doesn\'t have any credits or licenses yet."}',
         errors.NoCredit),
        (429, '{"error":"Your team has used all available credits or reached its monthly spending limit."}',
         errors.NoCredit),
        (400, openai_error("You have reached your specified API usage limits."), errors.NoCredit),
        (403, openai_error("Key limit exceeded (total limit). Manage it using https://example.org/keys", 403),
         errors.NoCredit),
        (400, openai_error("Invalid prompt: your prompt was flagged as potentially violating our usage policy.",
                           "invalid_prompt"), errors.Blocked),
        (403, openai_error("Your organization must be verified to use the model `gpt-image-1`."), errors.Unverified),
        (400, openai_error("Your organization must be verified to stream this model.", "unsupported_value"),
         errors.Unverified),
        (400, openai_error("The model `a` has been decommissioned.", "model_decommissioned"), errors.ModelNotFound),
        (400, openai_error("Invalid model: a", "1500", "invalid_model"), errors.ModelNotFound),
        (400, openai_error("Model Not Exist"), errors.ModelNotFound),
        (400, openai_error("The model `a` requires terms acceptance.", "model_terms_required"), errors.ModelNotFound),
        (400, openai_error("Invalid model_parameters", "invalid_model_parameters"), errors.RequestRefused),
        (403, openai_error("No access", "permission_denied"), errors.BadKey),
    ],
)  # fmt: skip
def test_words_that_say_more_than_the_status_are_believed(status: int, body: str, kind: Kind) -> None:
    assert type(from_status(status, {}, body.encode(), NOW)) is kind


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        ({"error": {"message": "slow down", "code": 429}}, errors.RateLimited),
        ({"error": {"message": "slow down", "code": "429"}}, errors.RateLimited),
        ({"error": {"message": "slow down", "code": "rate_limit_exceeded"}}, errors.RateLimited),
        ({"error": {"message": "later", "type": "overloaded_error"}}, errors.Overloaded),
        ({"error": {"message": "who?", "type": "authentication_error"}}, errors.BadKey),
        ({"error": {"message": "no", "type": "invalid_request_error", "code": None}}, errors.RequestRefused),
        ({"error": {"message": "x", "type": "exceed_context_size_error"}}, errors.ContextTooLong),
        ({"error": {"message": "", "code": 502}}, errors.Overloaded),
        ({"error": "Request failed during generation", "error_type": "generation"}, errors.Overloaded),
        ({"error": "the prompt is too long"}, errors.ContextTooLong),
        ({"error": {"error": {"message": "nested", "code": 401}}}, errors.BadKey),
        ({"object": "error", "message": "boom", "code": 400}, errors.RequestRefused),
        ("something fell over", errors.Overloaded),
        ({"error": True}, errors.Overloaded),
        (None, errors.Overloaded),
    ],
)  # fmt: skip
def test_an_error_object_in_the_stream_is_told_without_a_status(payload: JsonValue, kind: Kind) -> None:
    assert type(from_error(payload)) is kind


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7), ({"retry-after": "0.5"}, 0.5), ({"Retry-After": "-3"}, 0),
        ({"retry-after-ms": "250", "Retry-After": "1"}, 0.25),
        ({"Retry-After": format_datetime(NOW + timedelta(seconds=90), usegmt=True)}, 90),
        ({"Retry-After": format_datetime(NOW - timedelta(seconds=90), usegmt=True)}, 0),
        ({"Retry-After": "soon"}, None), ({"Retry-After": "nan"}, None), ({"Retry-After": "inf"}, None), ({}, None),
    ],
)  # fmt: skip
def test_retry_after_is_read_in_every_form(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(CIMultiDict(headers), NOW) == seconds


def test_the_time_that_a_loading_model_needs_is_kept() -> None:
    body = b'{"error":"Model a/b is currently loading","estimated_time":20.5}'
    assert from_status(503, {}, body, NOW).retry_after == 20.5
    assert from_status(503, {"Retry-After": "3"}, body, NOW).retry_after == 3


@pytest.mark.parametrize(
    ("error", "before", "within"),
    [
        (aiohttp.ServerDisconnectedError(), errors.Unreachable, errors.CutOff),
        (aiohttp.ClientPayloadError("not completed"), errors.Unreachable, errors.CutOff),
        (aiohttp.ClientOSError(errno.ECONNRESET, "reset"), errors.Unreachable, errors.CutOff),
        (ConnectionResetError(), errors.Unreachable, errors.CutOff),
        (OSError(errno.ENETUNREACH, "no network"), errors.Unreachable, errors.CutOff),
        (ProxyConnectionError("refused"), errors.Unreachable, errors.CutOff),
        (aiohttp.ConnectionTimeoutError(), errors.Unreachable, errors.Unreachable),
        (aiohttp.SocketTimeoutError(), errors.TimedOut, errors.TimedOut),
        (TimeoutError(), errors.TimedOut, errors.TimedOut),
        (aiohttp.InvalidURL("http://"), errors.Garbled, errors.Garbled),
    ],
)
def test_a_network_failure_is_told_by_when_it_came(error: Exception, before: Kind, within: Kind) -> None:
    assert type(from_exception(error)) is before
    assert type(from_exception(error, answering=True)) is within


def test_details_name_the_request_and_cut_the_body_but_hold_no_key_query_or_user() -> None:
    key = "sk-0123456789/+äöü"
    asked = Asked(
        "gpt", "POST", URL("http://me:hunter2222@host:81/v1/chat?token=t0ken#x"), "m", (key, "hunter2222", "")
    )
    body = json.dumps({"error": f"no {key}, no sk-0123456789%2F%2B%C3%A4%C3%B6%C3%BC, no hunter2222 " + "x" * 5000})
    error = asked.told(from_status(401, {"Retry-After": "2"}, body.encode(), NOW))
    assert error.details.startswith("POST http://host:81/v1/chat: 401 ")
    assert len(error.details) < 600
    assert error.details.count("[key]") == 3
    assert not any(part in error.details for part in ("6789", "hunter", "t0ken"))
    assert (type(error), error.retry_after, error.arguments) == (errors.BadKey, 2, {"provider": "gpt", "model": "m"})


def test_a_key_at_the_cut_does_not_leak_its_beginning() -> None:
    key = "sk-" + "k" * 40
    for padding in range(400, 540):
        error = Asked("gpt", "GET", URL("http://host/"), secrets=(key,)).told(ProviderError("." * padding + key))
        assert "kkkk" not in error.details


def test_a_placeholder_key_does_not_black_out_common_words() -> None:
    asked = Asked("local", "GET", URL("http://ollama/"), secrets=("ollama", "none"))
    assert asked.told(ProviderError("none of ollama")).details == "GET http://ollama/: none of ollama"


@pytest.mark.parametrize("password", ["p@ss!word", "pü1secretx", "a:b@c-secret", "two  blanks", '<a href="\'">'])
def test_a_password_is_in_no_details_however_it_is_written(password: str) -> None:
    address = URL.build(scheme="http", user="me", password=password, host="proxy")
    written = (password, str(address), quote(password), json.dumps(password), html.escape(password))
    asked = Asked("gpt", "GET", URL("http://host/"), secrets=(password,))
    for form in (*written, aiohttp.encode_basic_auth("somebody", password)):
        details = asked.told(ProviderError(f"refused: {form}")).details
        assert "[key]" in details
        assert not any(each in details for each in written)


@pytest.mark.parametrize(
    ("user_info", "header"),
    [
        ("someuser:secretpw99", "c29tZXVzZXI6c2VjcmV0cHc5OQ=="),
        ("someuser:short", "c29tZXVzZXI6c2hvcnQ="),
        ("a-token-as-user", "YS10b2tlbi1hcy11c2VyOg=="),
    ],
)
def test_what_an_address_carries_is_in_no_details_though_the_server_tells_the_header(
    user_info: str, header: str
) -> None:
    asked = Asked("gpt", "GET", URL(f"http://{user_info}@host/"))
    body = json.dumps({"error": f"your headers: Authorization: Basic {header}, {user_info.rpartition(':')[2]}"})
    details = asked.told(from_status(400, {}, body.encode())).details
    assert "Basic [key]," in details
    assert not any(secret in details for secret in (header.rstrip("="), "secretpw99", "a-token-as-user"))


def test_a_proxys_refusal_does_not_tell_its_address() -> None:
    url = URL("http://me:hunter2222@proxy:3128")
    request = aiohttp.RequestInfo(url, "GET", CIMultiDictProxy(CIMultiDict()), url)
    error = from_exception(aiohttp.ClientHttpProxyError(request, (), status=407, message="Who are you"))
    assert (type(error), error.details) == (errors.Unreachable, "ClientHttpProxyError: 407 Who are you")
