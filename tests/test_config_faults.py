"""Every mistake is found at once, with its path and a remedy, and no value is repeated: it may be a secret."""

from pathlib import Path

import pytest

from config import ConfigError
from tests.config_folder import Folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_every_mistake_is_found_at_once(folder: Folder) -> None:
    faults = folder.faults(
        """
        langage: ru
        timezone: Europe/Berln
        log: {level: loud}
        limits: {waiting_per_chat: many, input_characters: 0, attempts_per_turn: 99, images_per_day: -1}
        prompts: {empty: " ", number: 5, Reset: "Forget.", "two words": "x"}
        telegram: {token: "${NOPE}"}
        access: {public: perhaps, admins: "telegram:1", allow: ["@someone"]}
        providers:
          main: {type: opnai}
          other: {type: openai}
        models:
          one: {provider: mian, model: [x], context_tokens: 255}
        image_models:
          one: {provider: mian, quality: low}
          two: {provider: other}
          three: {provider: main}
        """
    )
    assert list(faults) == [
        "telegram.token",
        "langage",
        "timezone",
        "log.level",
        "access.allow[0]",
        "access.public",
        "access.admins",
        "limits.images_per_day",
        "limits.waiting_per_chat",
        "limits.input_characters",
        "limits.attempts_per_turn",
        "models.one.provider",
        "image_models.one.provider",
        "image_models.two.provider",
        "providers.main.type",
        "providers.other.api_key",
        "models.one.model",
        "models.one.context_tokens",
        "image_models.one.quality",
        "prompts.(unreadable key)",
        "prompts.empty",
        "prompts.number",
        "prompts.Reset",
    ]
    assert faults["langage"].remedy == "did you mean language?"
    assert faults["timezone"].remedy == "did you mean Europe/Berlin?"
    assert faults["log.level"].problem == "must be one of 'debug', 'info', 'warning' or 'error'"
    assert faults["limits.input_characters"].problem == "must be at least 1"
    assert faults["limits.attempts_per_turn"].problem == "must be at most 20"
    assert faults["models.one.provider"].remedy == "did you mean main?"
    assert faults["image_models.one.provider"].remedy == "did you mean main?"
    assert faults["image_models.two.provider"].problem == "names a provider that can't draw"
    assert faults["image_models.two.provider"].remedy == "name one whose type can: offline"
    assert faults["providers.main.type"].remedy == "did you mean openai?"
    assert faults["providers.other.api_key"].problem == "is missing"


def test_the_error_reads_as_one_line_a_mistake(folder: Folder) -> None:
    with pytest.raises(ConfigError) as caught:
        folder.load("log: {level: loud}\nnonsense: 1")
    lines = str(caught.value).splitlines()
    assert len(lines) == 2
    assert lines[1] == ("log.level — must be one of 'debug', 'info', 'warning' or 'error' — choose one of them")


@pytest.mark.parametrize(
    ("text", "path", "problem"),
    [
        ("log: [x]", "log", "must be a section"),
        ("log: text", "log", "must be a section"),
        ("providers: [x]", "providers", "must be a section"),
        ("models: {a: x}", "models.a", "must be a section"),
        ("models: {a: {provider: p, parameters: []}}", "models.a.parameters", "must be a section"),
        ("models: {a: {provider: p, parameters: {x: .nan}}}", "models.a.parameters",
         "has a number that JSON can't hold"),
        ("models: {a: {}}", "models.a.provider", "is missing"),
        ("models: {a: {provider: p, context_tokens: 100}}", "models.a.context_tokens", "must be at least 256"),
        ("models: {a: {provider: p, context_tokens: true}}", "models.a.context_tokens", "must be a whole number"),
        ("models: {a: {provider: p, vision: maybe}}", "models.a.vision", "must be true or false"),
        ("models: {a: {provider: p, fallback: b}}", "models.a.fallback", "must be a list"),
        ("models: {a: {provider: p, fallback: [5]}}", "models.a.fallback[0]", "must be text"),
        ("models: {a: {provider: p, fallback: [b]}}", "models.a.fallback[0]", "names a model that isn't there"),
        ("models: {a: {provider: p, fallback: [a]}}", "models.a.fallback[0]", "names the model itself"),
        ("models: {a: {provider: p, fallback: [b, b]}, b: {provider: p}}", "models.a.fallback[1]",
         "names a model for the second time"),
        ("image_models: [x]", "image_models", "must be a section"),
        ("image_models: {a: x}", "image_models.a", "must be a section"),
        ("image_models: {a: {model: m}}", "image_models.a.provider", "is missing"),
        ("image_models: {a: {provider: openai}}", "image_models.a.provider", "names a provider that isn't there"),
        ("image_models: {a: {provider: p, vision: true}}", "image_models.a.vision", "is not a setting"),
        ("image_models: {a: {provider: p, parameters: {x: .inf}}}", "image_models.a.parameters",
         "has a number that JSON can't hold"),
        ("image_models: {'a b': {provider: p}}", "image_models.(unreadable key)", "is not a good name"),
        ("limits: {messages_per_day: -1}", "limits.messages_per_day", "must be at least 0"),
        ("limits: {all_messages_per_day: no}", "limits.all_messages_per_day", "must be a whole number"),
        ("prompts: [x]", "prompts", "must be a section"),
        ("prompts: {a: {b: c}}", "prompts.a", "must be text"),
        ("prompts: {a: }", "prompts.a", "must be text"),
        ("prompts: {a: ''}", "prompts.a", "is empty"),
        ("prompts: {reset: x}", "prompts.reset", "is a name that /system has a use for"),
        ("prompts: {'a b': x}", "prompts.(unreadable key)", "is not a good name"),
        ("models: {'a b': {provider: p}}", "models.(unreadable key)", "is not a good name"),
        ("access: {admins: {a: b}}", "access.admins", "must be a list"),
        ("access: {admins: [1234]}", "access.admins[0]", "is not messenger:id with a numeric id"),
        ("access: {public: 5}", "access.public", "must be true or false"),
        ("limits: {waiting_per_chat: true}", "limits.waiting_per_chat", "must be a whole number"),
        ("limits: {waiting_per_chat: 1.5}", "limits.waiting_per_chat", "must be a whole number"),
        ("limits: {waiting_per_chat: 0x_}", "limits.waiting_per_chat", "must be a whole number"),
        ("system_prompt: 5", "system_prompt", "must be text"),
        ("timezone: Europe", "timezone", "is not a known time zone"),
        ("timezone: ../etc", "timezone", "is not a known time zone"),
        ("providers: {a: }", "providers.a.type", "is missing"),
        ("providers: {a: {type: [x]}}", "providers.a.type", "is not a type of provider"),
        ("providers: {a: {type: openai, api_key: x, idle_timeout_seconds: 0}}",
         "providers.a.idle_timeout_seconds", "must be more than 0"),
        ("providers: {a: {type: offline}}", "models", "is missing: nobody would answer"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_described(folder: Folder, text: str, path: str, problem: str) -> None:
    assert folder.faults(text)[path].problem == problem


def test_pictures_need_one_model(folder: Folder) -> None:
    fault = folder.faults("image_models: {a: {provider: a, model: '*'}}")["image_models.a.model"]
    assert "pictures need one model" in fault.problem
    assert fault.remedy == "name the one that draws"


def test_a_fallback_that_is_misspelt_is_told_with_what_was_meant_and_never_the_model_itself(folder: Folder) -> None:
    text = "models: {quick: {provider: p, fallback: [quik, smrt]}, smart: {provider: p}}"
    faults = folder.faults(text)
    assert faults["models.quick.fallback[0]"].remedy == "there are: smart"
    assert faults["models.quick.fallback[1]"].remedy == "did you mean smart?"


def test_two_models_may_be_each_others_fallback(folder: Folder) -> None:
    config = folder.load(
        """
        providers: {p: {type: offline}}
        models: {a: {provider: p, fallback: [b]}, b: {provider: p, fallback: [a]}}
        """
    )
    assert [model.fallback for model in config.models.values()] == [("b",), ("a",)]


@pytest.mark.parametrize("listen", ["127.0.0.1:8080", "127.9.9.9:1", "localhost:0", "[::1]:8080", ""])
def test_the_playground_needs_no_password_on_loopback(folder: Folder, listen: str) -> None:
    assert folder.load(f"playground: {{listen: '{listen}'}}")


@pytest.mark.parametrize("listen", ["0.0.0.0:8080", "[::]:80", "192.168.1.5:80", "127.0.0.1.evil.com:80"])
def test_the_playground_is_open_to_the_network_only_with_a_password(folder: Folder, listen: str) -> None:
    for password in ("", ", password: ''", ", password: "):
        fault = folder.faults(f"playground: {{listen: '{listen}'{password}}}")["playground.listen"]
        assert fault.problem == "would be open to the network without a password"
        assert "set playground.password, at least 8 characters" in fault.remedy
    config = folder.load(f"playground: {{listen: '{listen}', password: correct horse}}")
    assert config.playground is not None
    assert config.playground.listen == listen
    assert config.playground.password.get_secret_value() == "correct horse"
    assert "correct horse" in config.secrets()


@pytest.mark.parametrize("listen", ["0.0.0.0:8080", "127.0.0.1:8080"])
def test_a_password_has_at_least_8_characters_and_is_not_shown(folder: Folder, listen: str) -> None:
    faults = folder.faults(f"playground: {{listen: '{listen}', password: topseKr}}")
    assert faults.keys() == {"playground.password"}
    assert faults["playground.password"].problem == "is too short: at least 8 characters"
    assert "topseKr" not in str(faults)
    assert folder.load(f"playground: {{listen: '{listen}', password: topseKr8}}")


def test_the_playground_listens_on_a_named_address(folder: Folder) -> None:
    fault = folder.faults("playground: {listen: ':8080', password: correct horse}")["playground.listen"]
    assert fault.problem == "names no address"


@pytest.mark.parametrize("listen", ["8080", "host", "host:", "host:99999", "::1:80", "a b:80"])
def test_an_address_to_listen_on_is_host_and_port(folder: Folder, listen: str) -> None:
    assert folder.faults(f"health: {{listen: '{listen}'}}")["health.listen"].problem == "is not host:port"


@pytest.mark.parametrize(
    "url", ["", "data/bot.db", "postgresql://u:topsecret@h/d", "sqlite:", "sqlite:///x.db", "sqlite::memory:"]
)
def test_the_storage_is_a_file_of_sqlite(folder: Folder, url: str) -> None:
    fault = folder.faults(f"storage: {{url: '{url}'}}")["storage.url"]
    assert "sqlite:data/bot.db" in fault.remedy
    assert "topsecret" not in str(fault)


@pytest.mark.parametrize("entry", ["telegram:@name", "telegram:", "1234", "name", "discord:owner:5", "telegram:1 "])
def test_access_takes_numeric_ids_only(folder: Folder, entry: str) -> None:
    assert list(folder.faults(f"access: {{block: ['telegram:1', '{entry}']}}")) == ["access.block[1]"]


@pytest.mark.parametrize("entry", ["discord:guild:77", "discord:role:88", "discord:channel:99"])
def test_admins_are_people_and_servers_roles_and_channels_are_only_let_in(folder: Folder, entry: str) -> None:
    fault = folder.faults(f"access: {{admins: ['discord:42', '{entry}'], allow: ['{entry}'], block: ['{entry}']}}")
    assert list(fault) == ["access.admins[1]"]
    assert "discord:42" in fault["access.admins[1]"].remedy


def test_a_group_is_no_admin_for_that_would_be_whoever_writes_there_anonymously(folder: Folder) -> None:
    found = folder.faults("access: {admins: ['telegram:-100555', 'telegram:5'], allow: ['telegram:-100555']}")
    assert list(found) == ["access.admins[0]"]
    assert found["access.admins[0]"].problem == "is not one person"


@pytest.mark.parametrize(
    "token", ["hunter2", "Bot MTIzNDU2Nzg5MDEyMzQ1Njc4", "a.b.c", "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"]
)
def test_discords_token_has_three_parts(folder: Folder, token: str) -> None:
    fault = folder.faults(f"discord: {{token: '{token}'}}")["discord.token"]
    assert fault.problem == "is not a bot token"
    assert token not in str(fault)


@pytest.mark.parametrize("url", ["https://gateway.discord.gg/", "gateway.discord.gg", "wss://", ""])
def test_discords_gateway_is_a_websocket(folder: Folder, url: str) -> None:
    assert list(folder.faults(f"discord: {{gateway_url: '{url}'}}")) == ["discord.gateway_url"]


def test_what_can_be_set_for_discord_is_judged_like_all_else(folder: Folder) -> None:
    text = "discord: {conversation: thread, proxy: h, api_base_url: 'ftp://x', tokn: x}"
    faults = folder.faults(text)
    assert set(faults) == {f"discord.{name}" for name in ("conversation", "proxy", "api_base_url", "tokn")}
    assert faults["discord.tokn"].remedy == "did you mean token?"


@pytest.mark.parametrize("url", ["ftp://h/v1", "api.example.com", "https://", "https://h:99999", "https://h/v1?key=x"])
def test_an_address_must_be_one_that_can_be_called(folder: Folder, url: str) -> None:
    text = f"telegram: {{api_base_url: '{url}'}}\nproviders: {{a: {{type: openai, api_key: k, base_url: '{url}'}}}}"
    assert {"telegram.api_base_url", "providers.a.base_url"} <= folder.faults(text).keys()


@pytest.mark.parametrize("proxy", ["h:1080", "ftp://h:1", "socks5://h", "socks5://:1080"])
def test_a_proxy_has_a_known_scheme_a_host_and_a_port(folder: Folder, proxy: str) -> None:
    assert list(folder.faults(f"telegram: {{proxy: '{proxy}'}}")) == ["telegram.proxy"]


@pytest.mark.parametrize(
    "text",
    [
        "telegram: {token: hunter2-hunter2}",
        "telegram: {token:hunter2-hunter2}",
        "telegram: {token: [hunter2-hunter2]}",
        "telegram: {token: {hunter2-hunter2: 1}}",
        "telegram: hunter2-hunter2",
        "discord: {token: hunter2.hunter2.hunter2}",
        "discord: {gateway_url: hunter2}",
        "telegram: {tokn: hunter2-hunter2, hunter2-hunter2: x}",
        "telegram: {token: '123:hunter2 hunter2'}",
        "telegram: {proxy: 'socks5://u:hunter2/hunter2@h:1'}",
        "telegram: {proxy: 'hunter2'}",
        "telegram: {token: '${hunter2-x}'}",
        "providers: {a: {type: openai, api_key: bad-hunter2}}",
        "providers: {a: {type: openai, api_key: 'hunter2\n\n hunter2'}}",
        "providers: {a: {type: hunter2, api_key: hunter2}}",
        "providers: {a: {type: openai, api_key: k, base_url: 'http://u:hunter2@[h'}}",
        "providers:\n  a:\n    type: openai\n    api_key:hunter2\n",
        "providers:\n  a:\n    api_key: *hunter2\n",
        "providers:\n  a:\n    api_key: !hunter2\n",
        "providers:\n  a:\n    api_key: !hunter2 x\n",
        "providers:\n  a:\n    api_key: &hunter2 [\n",
        "providers:\n  a:\n    api_key: 'hunter2\n",
        'providers:\n  a:\n    api_key: "\\hunter2"\n',
        "providers:\n  a:\n    api_key: hunter2: hunter2\n",
        "providers:\n  a:\n    api_key: %hunter2\n  @hunter2\n",
        "providers: {a: {type: offline}, 'b:hunter2 hunter2': {type: offline}}\nmodels: {m: {provider: c}}",
        "prompts: {a: [hunter2]}",
        "prompts: {'a: hunter2': x}",
        "storage: {url: 'postgres://u:hunter2@h'}",
        "access: {admins: [hunter2]}",
        "hunter2",
        "[hunter2]",
        "? [hunter2]\n: x",
    ],
)
def test_no_secret_and_no_value_is_in_the_output(folder: Folder, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        folder.load(text)
    assert caught.value.faults
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
