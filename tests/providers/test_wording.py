"""What a server's words say beside a status: where it refuses requests from, and how long it wants to be left alone."""

import json

import pytest

from chat import errors
from chat.errors import RequestRefused
from providers.base import JsonValue
from providers.failures import from_error, from_status


@pytest.mark.parametrize(
    "page", ["<html><h1>model not found</h1>", " <!DOCTYPE html>\n<title>Just a moment...</title>"]
)
def test_a_page_of_html_says_nothing_about_keys_or_models(page: str) -> None:
    """No API refuses a key with a page: something before it shuts out the address that asks."""
    kinds = {status: type(from_status(status, {}, page.encode())) for status in (400, 401, 403, 404, 503)}
    assert kinds == {
        400: errors.RequestRefused, 401: errors.BadKey, 403: errors.RegionRefused, 404: errors.ModelNotFound,
        503: errors.Overloaded,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (403, '{"error":{"code":"unsupported_country_region_territory","message":"no"}}'),
        (403, '{"error":{"message":"Country, region, or territory not supported"}}'),
        (400, '[{"error":{"code":400,"message":"User location is not supported for the API use."}}]'),
        (403, '{"error":{"type":"forbidden","message":"Request not allowed"}}'),
        (403, '{"error":{"message":"Access denied. Please check your network settings."}}'),
    ],
)  # fmt: skip
def test_a_refusal_for_where_it_comes_from_is_not_told_as_one_of_the_key(status: int, body: str) -> None:
    assert type(from_status(status, {}, body.encode())) is errors.RegionRefused


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("Please retry in 36.2s.", 36.2),
        ("Rate limit reached. Please try again in 7m12s. Visit https://example.org/limits", 432),
        ("Please try again in 1h0m0.5s.", 3600.5),
        ("Please try again in 120ms.", 0.12),
        ("Try again in 20 seconds.", 20),
        ("try again in 5 minutes", 300),
        ("You have exceeded your GPU quota (60s requested vs. 0s left). Try again in 3:21:05", 12065),
        ("Try again in 1 day, 3:21:05", 86400),
        ("Try again in a moment, or try again in 5 more ways.", None),
        ("It took 36s.", None),
        ("Try again in 12.345678901234567 seconds", 12.345678901234567),
    ],
)
def test_a_time_to_wait_is_found_in_words_too_but_a_header_wins(said: str, seconds: float | None) -> None:
    body = json.dumps({"error": {"message": said}})
    assert from_error(json.loads(body)).retry_after == pytest.approx(seconds)
    assert from_status(429, {}, body.encode()).retry_after == pytest.approx(seconds)
    assert from_status(429, {"Retry-After": "3"}, body.encode()).retry_after == 3


def test_googles_time_to_wait_is_found_among_its_details() -> None:
    info: JsonValue = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "36s"}
    body: JsonValue = [{"error": {"code": 429, "message": "You exceeded your current quota", "details": [info]}}]
    for written in (json.dumps(body), json.dumps(body, indent=2), json.dumps(body, separators=(",", ":"))):
        assert from_status(429, {}, written.encode()).retry_after == 36
    assert from_error(body).retry_after == 36


@pytest.mark.parametrize("asked", ["Explain 'spending limit' to me", "my network settings?", "it must be verified"])
def test_a_question_that_a_complaint_quotes_decides_nothing(asked: str) -> None:
    quoted = {"msg": "Input should be a valid string", "input": [{"type": "text", "text": asked}]}
    assert type(from_status(422, {}, json.dumps({"detail": [quoted]}).encode())) is RequestRefused


def test_a_field_that_is_not_allowed_says_nothing_of_a_region() -> None:
    said = json.dumps({"error": {"message": "Extra field in request not allowed: seed"}})
    assert type(from_status(400, {}, said.encode())) is RequestRefused


def test_a_date_beyond_all_calendars_is_no_time_to_wait() -> None:
    late = {"Retry-After": "Mon, 20 Nov 2026 10:00:00 +99999999999999999999"}
    assert from_status(429, late, b"").retry_after is None
