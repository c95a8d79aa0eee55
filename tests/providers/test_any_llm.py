"""The any-llm provider beyond the contract: how a missing package is told, and what its errors stand for.

The contract is held where any-llm is installed: tests/real/test_any_llm.py.
"""

import json
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from chat import errors
from chat.errors import ProviderError
from config import ConfigError, load
from providers.any_llm import PACKAGE, meaning

THERE = find_spec(PACKAGE) is not None


def faults(folder: Path, provider: str) -> list[str]:
    file = folder / "config.yaml"
    file.write_text(f"providers: {{c: {provider}}}\nmodels: {{m: {{provider: c, model: x}}}}\n", encoding="utf-8")
    try:
        load(file, {})
    except ConfigError as error:
        return [str(fault) for fault in error.faults]
    return []


@pytest.mark.skipif(THERE, reason="any-llm is installed")
def test_without_the_package_the_config_says_how_to_get_it(tmp_path: Path) -> None:
    (told,) = faults(tmp_path, "{type: any_llm, provider: bedrock}")
    assert told.startswith("providers.c.provider")
    assert "pip install any-llm-sdk" in told


@pytest.mark.skipif(THERE, reason="any-llm is installed")
def test_nothing_of_it_is_imported_where_it_is_not_configured(tmp_path: Path) -> None:
    assert faults(tmp_path, "{type: offline}") == []
    assert PACKAGE not in sys.modules


@pytest.mark.skipif(not THERE, reason="any-llm is not installed")
@pytest.mark.parametrize(
    ("provider", "told"),
    [("openai", ""), ("bedrok", "bedrock"), ("bedrock", "pip install"), ("nonsense", "cohere")],
)
def test_with_the_package_the_config_says_what_is_wrong_with_a_name(tmp_path: Path, provider: str, told: str) -> None:
    said = faults(tmp_path, f"{{type: any_llm, provider: {provider}}}")
    assert told in "".join(said)
    assert bool(said) == bool(told)


def test_a_proxy_is_refused_with_the_way_to_have_one(tmp_path: Path) -> None:
    said = faults(tmp_path, "{type: any_llm, provider: openai, proxy: 'http://h:3128'}")
    assert any("HTTPS_PROXY" in told for told in said)


class AnyLLMError(Exception):
    """As any-llm's errors are: what the server said is on them."""

    def __init__(self, origin: Exception | None = None, **fields: Any) -> None:
        super().__init__(str(origin or fields.get("message", "")))
        self.original_exception = origin
        vars(self).update(fields)


class RateLimitError(AnyLLMError): ...


class ContentFilterError(AnyLLMError): ...


class MissingApiKeyError(AnyLLMError): ...


class APITimeoutError(Exception): ...


class APIConnectionError(Exception): ...


class RemoteProtocolError(Exception): ...


class FromServer(Exception):
    """A cloud's own error, with the answer on it."""

    def __init__(self) -> None:
        super().__init__("no")
        self.body = {"code": "context_length_exceeded"}
        self.response = SimpleNamespace(headers={"Retry-After": "7"})


@pytest.mark.parametrize(
    ("error", "answering", "kind"),
    [
        (AnyLLMError(status_code=402, message="pay"), False, errors.NoCredit),
        (AnyLLMError(status_code=503, message="later"), False, errors.Overloaded),
        (AnyLLMError(FromServer(), status_code=400), False, errors.ContextTooLong),
        (AnyLLMError(status_code=200, message="it fell over"), True, errors.Overloaded),
        (RateLimitError(message="slow down"), False, errors.RateLimited),
        (ContentFilterError(message="no"), False, errors.Blocked),
        (MissingApiKeyError(message="No key"), False, errors.BadKey),
        (AnyLLMError(APITimeoutError()), False, errors.TimedOut),
        (AnyLLMError(APIConnectionError()), False, errors.Unreachable),
        (AnyLLMError(RemoteProtocolError()), True, errors.CutOff),
        (AnyLLMError(json.JSONDecodeError("no", "", 0)), True, errors.Garbled),
        (NotImplementedError("no chat"), False, errors.RequestRefused),
    ],
)
def test_its_errors_are_told_as_what_they_stand_for(
    error: Exception, *, answering: bool, kind: type[ProviderError]
) -> None:
    assert type(meaning(error, answering=answering)) is kind


def test_how_long_to_wait_is_kept() -> None:
    assert meaning(AnyLLMError(FromServer(), status_code=429)).retry_after == 7
