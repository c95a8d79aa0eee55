"""What a config becomes."""

from base64 import b64encode
from pathlib import Path

import pytest
from pydantic import ValidationError

from config import load
from handlers.settings import ImageModelSettings, LimitsSettings, ModelSettings
from tests.config_folder import DISCORD_TOKEN, KEY, TOKEN, TYPES, Folder, OfflineSettings


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


GOOD = f"""
language: ru
timezone: Europe/Berlin
telegram: {{token: "{TOKEN}", proxy: "socks5://me:pass%20word-1@127.0.0.1:1080"}}
playground: {{listen: "[::1]:0"}}
storage: {{url: "sqlite:files/bot.db"}}
access: {{admins: ["telegram:1234"], allow: ["telegram:-100555", "discord:42", "discord:guild:77"]}}
limits: {{waiting_per_chat: 3, messages_per_day: 0, images_per_day: 5, all_messages_per_day: 100000}}
prompts: {{translator: "Translate, {{user}}.", "poet/2": "Rhyme."}}
providers:
  main: {{type: openai, api_key: "{KEY}", base_url: "https://someone:entrance-9@llm.example.com"}}
  4.5: {{type: offline}}
models:
  zulu: {{provider: main, model: z, parameters: {{temperature: 0.5, stop: null}}, system_prompt: "Hm."}}
  alpha: {{provider: "4.5", vision: true, context_tokens: 256}}
image_models:
  zeta: {{provider: "4.5"}}
  flux: {{provider: "4.5", model: org/flux, parameters: {{quality: low}}}}
"""


def test_a_good_config_becomes_settings(folder: Folder) -> None:
    config = folder.load(GOOD)
    assert (config.language, config.timezone) == ("ru", "Europe/Berlin")
    assert config.telegram is not None
    assert config.telegram.token.get_secret_value() == TOKEN
    assert config.playground is not None
    assert config.playground.listen == "[::1]:0"
    assert config.limits == LimitsSettings(
        waiting_per_chat=3, messages_per_day=0, images_per_day=5, all_messages_per_day=100_000
    )
    assert config.prompts == {"translator": "Translate, {user}.", "poet/2": "Rhyme."}
    assert config.access.allow == ("telegram:-100555", "discord:42", "discord:guild:77")
    assert config.providers["4.5"] == OfflineSettings()
    assert config.models["zulu"].parameters == {"temperature": 0.5, "stop": None}
    assert config.image_models["flux"] == ImageModelSettings(
        provider="4.5", model="org/flux", parameters={"quality": "low"}
    )


def test_models_keep_the_order_of_the_file(folder: Folder) -> None:
    config = folder.load(GOOD)
    assert list(config.models) == ["zulu", "alpha"]
    assert list(config.image_models) == ["zeta", "flux"]


def test_a_model_sees_no_images_and_is_sent_little_until_it_is_said_to_take_more(folder: Folder) -> None:
    models = folder.load(GOOD).models
    assert (models["zulu"].vision, models["zulu"].context_tokens) == (False, 16_000)
    assert (models["alpha"].vision, models["alpha"].context_tokens) == (True, 256)


def test_it_says_which_files_it_is_from_so_that_they_can_be_watched(folder: Folder) -> None:
    config = folder.load(GOOD)
    assert config.source == folder.path / "config.yaml"
    assert config.files == (folder.path / "config.yaml", folder.path / ".env")
    assert load(None, {}, TYPES).files == ()


def test_a_relative_database_is_beside_the_config_and_an_absolute_one_stays(folder: Folder) -> None:
    assert folder.load(GOOD).storage.url == f"sqlite:{folder.path.resolve() / 'files/bot.db'}"
    assert folder.load("storage: {url: 'sqlite:/var/x.db'}").storage.url == "sqlite:/var/x.db"
    assert folder.load("language: en").storage.url == f"sqlite:{folder.path.resolve() / 'data/bot.db'}"


def test_no_config_at_all_is_the_playground_with_the_offline_provider(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = load(None, {"TELEGRAM_TOKEN": TOKEN}, TYPES)
    assert config.telegram is None
    assert config.playground is not None
    assert config.playground.listen == "127.0.0.1:8080"
    assert config.providers == {"offline": OfflineSettings()}
    assert config.models == {"offline": ModelSettings(provider="offline")}
    assert config.image_models == {"offline": ImageModelSettings(provider="offline")}
    assert config.prompts == {}
    assert config.storage.url == f"sqlite:{tmp_path.resolve() / 'data/bot.db'}"
    assert config.source is None


def test_without_providers_and_models_the_offline_ones_answer(folder: Folder) -> None:
    config = folder.load("language: ru\nproviders:\nmodels: {}\n")
    assert list(config.providers) == list(config.models) == list(config.image_models) == ["offline"]


def test_image_models_of_ones_own_go_with_the_offline_provider_or_none_at_all(folder: Folder) -> None:
    assert list(folder.load("image_models: {demo: {provider: offline}}").image_models) == ["demo"]
    assert folder.load("image_models: {}").image_models == {}


def test_with_models_but_no_image_models_nobody_draws(folder: Folder) -> None:
    config = folder.load("providers: {a: {type: offline}}\nmodels: {m: {provider: a}}")
    assert config.image_models == {}


def test_a_messenger_left_out_or_without_token_or_address_is_off(folder: Folder) -> None:
    config = folder.load("language: en")
    assert (config.telegram, config.playground) == (None, None)
    config = folder.load("telegram: {token: '${T:-}'}\nplayground: {listen: ''}", T="")
    assert (config.telegram, config.playground) == (None, None)


def test_a_section_or_setting_with_nothing_behind_it_has_its_default(folder: Folder) -> None:
    config = folder.load("log:\nlimits: {waiting_per_chat: }\nplayground:\ntelegram:\n")
    assert config.log.level == "info"
    assert config.limits.waiting_per_chat == 30
    assert config.playground is not None
    assert config.telegram is None


def test_secrets_are_tokens_keys_and_what_urls_carry(folder: Folder) -> None:
    config = folder.load(GOOD)
    as_headers = {"bWU6cGFzcyB3b3JkLTE=", "c29tZW9uZTplbnRyYW5jZS05"}  # "me:pass word-1", "someone:entrance-9"
    written = {TOKEN, KEY, "pass%20word-1", "pass word-1", "someone", "entrance-9"}
    assert config.secrets() == written | as_headers
    assert load(None, {}, TYPES).secrets() == frozenset()
    assert KEY not in repr(config)


def with_parameter(value: str) -> str:
    """A config whose model has such a parameter, deep inside."""
    text = "providers: {a: {type: offline}}\nmodels: {m: {provider: a, parameters: {max_tokens: 5, stop: abc, deep: {"
    return f"{text}{value}}}}}}}}}"


KEY_NAMES = (
    "api_key", "key", "access-token", "Authorization", "x_password", "apiKey", "apikey", "accessToken", "auth",
    "bearer", "credential", "passwd", "pwd", "keys", "X-API-Key", "APIKey", "clientSecret", "credentials",
    "access_tokens", "passphrase",
)  # fmt: skip


@pytest.mark.parametrize("name", KEY_NAMES)
def test_what_looks_like_a_key_among_a_models_parameters_is_a_secret_too(folder: Folder, name: str) -> None:
    assert folder.load(with_parameter(f"{name}: k-0123456789")).secrets() == {"k-0123456789"}
    assert folder.load(with_parameter(f"{name}: [[k-0123456789], k-2]")).secrets() == {"k-0123456789", "k-2"}


@pytest.mark.parametrize(
    "value",
    [
        "max_tokens: 4096123456", "token_budget: 4096123456", "token_budget: generous", "max_key_length: unlimited",
        "monkey: chimpanzee", "author: somebody-else", "bypass: everything", "stop_tokens: ['<|im_end|>']",
        "text: the bearer of bad news", "text: 'see https://example.com/@somebody, or me@example.com'",
    ],
)  # fmt: skip
def test_ordinary_words_and_numbers_are_no_secrets(folder: Folder, value: str) -> None:
    assert folder.load(with_parameter(value)).secrets() == frozenset()


@pytest.mark.parametrize("scheme", ["Bearer", "bearer ", "Basic", "Token", "Api-Key"])
def test_a_key_behind_its_scheme_is_a_secret_of_its_own(folder: Folder, scheme: str) -> None:
    config = folder.load(with_parameter(f"headers: {{Authorization: '{scheme} sk-0123456789'}}"))
    assert config.secrets() == {f"{scheme} sk-0123456789", "sk-0123456789"}


def test_a_bearers_key_is_found_wherever_it_stands(folder: Folder) -> None:
    config = folder.load(with_parameter("headers: ['X-Upstream: Bearer sk-0123456789abcdef']"))
    assert config.secrets() == {"sk-0123456789abcdef"}


@pytest.mark.parametrize("password", ["p@ss!word", "a:b@c", "pass word"])
def test_what_any_address_carries_is_a_secret(folder: Folder, password: str) -> None:
    """In a parameter too, and in a list; the user's name only where it is all there is."""
    header = b64encode(f"somebody:{password}".encode()).decode()
    config = folder.load(with_parameter(f"servers: ['https://somebody:{password}@example.com/x']"))
    assert config.secrets() == {password, header}
    token = folder.load(with_parameter("server: 'say it to https://to-k-en@example.com/ and me@example.com'")).secrets()
    assert token == {"to-k-en", b64encode(b"to-k-en:").decode()}


def test_what_the_addresses_of_discord_and_of_the_hub_carry_is_a_secret(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(
        "providers: {hf: {type: huggingface, hub_url: 'https://hub-user:hub-password@localhost'}}\n"
        "models: {m: {provider: hf, model: org/m}}\n"
        f"discord: {{token: {DISCORD_TOKEN}, gateway_url: 'wss://gate-user:gate-password@localhost/'}}\n"
    )
    secrets = load(tmp_path / "config.yaml", {}).secrets()
    assert {"hub-user", "hub-password", "gate-user", "gate-password"} < secrets
    assert {b64encode(b"hub-user:hub-password").decode(), b64encode(b"gate-user:gate-password").decode()} < secrets


def test_a_prompt_called_proxy_is_still_a_prompt(folder: Folder) -> None:
    config = folder.load("prompts: {proxy: 'You are http://[ a proxy.'}")
    assert config.secrets() == frozenset()


def test_a_config_is_frozen(folder: Folder) -> None:
    config = folder.load(GOOD)
    with pytest.raises(ValidationError):
        config.language = "en"  # type: ignore[misc]  # that is the point


def test_how_long_things_are_kept_is_read_with_where_they_are(folder: Folder) -> None:
    storage = folder.load("storage: {url: 'sqlite:some.db', retention_days: 30}").storage
    assert (storage.retention_days, storage.path) == (30, folder.path / "some.db")
    assert "at least 0" in folder.faults("storage: {retention_days: -1}")["storage.retention_days"].problem
