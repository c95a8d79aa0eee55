"""config.yaml, the environment and `.env` → validated settings; every mistake at once, with its path and remedy."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal, TypeVar
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, SecretStr, ValidationError

from handlers.access import AccessSettings
from handlers.settings import LimitsSettings, ModelSettings
from messengers.playground.settings import PlaygroundSettings
from messengers.telegram.settings import TelegramSettings
from operations.settings import HealthSettings, LogSettings
from settings.checks import check_values
from settings.faults import NAME, ConfigError, Fault, Problem, closest, fault, translate, unknown_key
from settings.reading import read
from storage.base import StorageSettings

__all__ = ["Config", "ConfigError", "Fault", "load"]

ProviderSettings = Mapping[str, type[BaseModel]]
Section = TypeVar("Section", bound=BaseModel)

OFFLINE = "offline"  # the provider, and the model, where none is configured
LATER_PROVIDERS = frozenset({"anthropic", "chat_ui", "gradio", "huggingface"})


class General(BaseModel, frozen=True, extra="forbid"):
    """The settings that stand alone."""

    language: Literal["en", "ru"] = "en"  # where the person's is unknown
    timezone: str = "UTC"
    system_prompt: str = "You are a helpful assistant in a chat. Answer in the language of the question, and briefly."


class Config(General, frozen=True, extra="forbid"):
    """Everything that can be set. A messenger that is None is off."""

    log: LogSettings = LogSettings()
    health: HealthSettings = HealthSettings()
    telegram: TelegramSettings | None = None
    playground: PlaygroundSettings | None = None
    storage: StorageSettings  # a relative path is made absolute here
    access: AccessSettings = AccessSettings()
    limits: LimitsSettings = LimitsSettings()
    providers: dict[str, BaseModel]  # each of its type's settings class
    models: dict[str, ModelSettings]  # in the file's order: the first is the default
    source: Path | None = None  # the file it is from

    def secrets(self) -> frozenset[str]:
        """Every secret that is set: tokens, keys, and what URLs carry in front of their host."""
        return frozenset(secret for secret in _secrets(self, "") if secret)


def load(path: Path | None, environ: Mapping[str, str], provider_settings: ProviderSettings | None = None) -> Config:
    """Read a config; None: no file, the playground with the offline provider. Raises `ConfigError` with every mistake.

    `provider_settings`: a provider's type → its settings class; by default those of `providers.PROVIDERS`.
    """
    types = _registered() if provider_settings is None else provider_settings
    if path is not None:
        reading = read(path, environ)
        return _Judge(reading.faults, types).config(reading.tree, path)
    return Config(
        playground=PlaygroundSettings(),
        storage=_placed(StorageSettings(), Path()),
        providers={OFFLINE: types[OFFLINE]()},
        models={OFFLINE: ModelSettings(provider=OFFLINE)},
    )


def _registered() -> ProviderSettings:
    from providers import PROVIDERS  # brings an HTTP client along: not before it is needed

    return {name: provider.Settings for name, provider in PROVIDERS.items()}


def _placed(storage: StorageSettings, folder: Path) -> StorageSettings:
    """The storage with its file's whole path: nothing depends on where the bot was started."""
    kind, _, file = storage.url.partition(":")
    return StorageSettings(url=f"{kind}:{(folder / file).resolve()}")


def _secrets(value: object, name: str) -> Iterator[str]:
    match value:
        case SecretStr():
            yield value.get_secret_value()
        case BaseModel():
            for key, inner in value:
                yield from _secrets(inner, key)
        case Mapping():
            for key, inner in value.items():
                yield from _secrets(inner, str(key))
        case str() if name == "proxy" or name.endswith("base_url"):
            yield from _credentials(value, with_user=name != "proxy")


def _credentials(address: str, *, with_user: bool) -> Iterator[str]:
    """What stands before the @ of a URL, as written and as decoded. A user without a password is a token."""
    url = urlsplit(address)
    for part in (url.password, url.username if with_user or not url.password else None):
        if part:
            yield from (part, unquote(part))


class _Judge:
    """Goes through the tree and collects faults. What has one is not judged again: its value means nothing."""

    def __init__(self, faults: Iterable[Fault], types: ProviderSettings) -> None:
        self._faults = list(faults)
        self._types = types

    def config(self, tree: Mapping[str, object], source: Path) -> Config:
        """The config. Raises `ConfigError` if anything is wrong with it."""
        self._unknown_sections(tree)
        general = self._section(General, {key: tree[key] for key in General.model_fields if key in tree})
        log = self._section(LogSettings, tree.get("log"), "log")
        health = self._section(HealthSettings, tree.get("health"), "health")
        telegram = self._section(TelegramSettings, tree.get("telegram"), "telegram")
        playground = self._section(PlaygroundSettings, tree.get("playground"), "playground")
        storage = self._section(StorageSettings, tree.get("storage"), "storage")
        access = self._section(AccessSettings, tree.get("access"), "access")
        limits = self._section(LimitsSettings, tree.get("limits"), "limits")
        providers, models = self._answering(tree)
        if self._faults:
            raise ConfigError(self._faults)
        return Config(
            **general.model_dump(),
            log=log,
            health=health,
            telegram=telegram if telegram.token.get_secret_value() else None,
            playground=playground if "playground" in tree and playground.listen else None,
            storage=_placed(storage, source.parent),
            access=access,
            limits=limits,
            providers=providers,
            models=models,
            source=source,
        )

    def _add(self, *faults: Fault) -> None:
        judged = {each.path for each in self._faults}
        self._faults += [each for each in faults if each.path not in judged]

    def _section(self, model: type[Section], raw: object, *path: str) -> Section:
        """One section's settings. Left empty (`log:` and nothing below) is like left out."""
        given = self._mapping(raw, *path)
        # "token:" and nothing behind it: the default
        given = {key: value for key, value in given.items() if value is not None or key not in model.model_fields}
        self._add(*check_values(given, model, path))
        try:
            return model.model_validate(given)
        except ValidationError as error:
            self._add(*translate(error, model, path))
            return model.model_construct()  # a stand-in: a fault was added, so nobody sees it

    def _mapping(self, raw: object, *path: str) -> dict[str, object]:
        if isinstance(raw, dict):
            return raw
        if raw is not None:
            self._add(fault(path, NOT_A_SECTION))
        return {}

    def _unknown_sections(self, tree: Mapping[str, object]) -> None:
        known = [key for key in Config.model_fields if key != "source"]
        self._add(*(fault((key,), unknown_key((key,), known)) for key in tree if key not in known))

    def _answering(self, tree: Mapping[str, object]) -> tuple[dict[str, BaseModel], dict[str, ModelSettings]]:
        """Providers and models, and whether they fit together; without both, the offline ones."""
        providers = self._mapping(tree.get("providers"), "providers")
        models = self._mapping(tree.get("models"), "models")
        if not tree.get("providers") and not tree.get("models"):
            return {OFFLINE: self._types[OFFLINE]()}, {OFFLINE: ModelSettings(provider=OFFLINE)}
        if not tree.get("models"):
            self._add(fault(("models",), NO_MODELS))
        self._names("providers", providers)
        self._names("models", models)
        if isinstance(tree.get("providers"), dict | None):
            self._cross_references(models, providers)
        judged = {name: self._provider(name, raw) for name, raw in providers.items()}
        return (
            {name: settings for name, settings in judged.items() if settings is not None},
            {name: self._section(ModelSettings, raw, "models", name) for name, raw in models.items()},
        )

    def _names(self, section: str, names: Iterable[str]) -> None:
        self._add(*(fault((section, name), BAD_NAME) for name in names if not NAME.fullmatch(name)))

    def _provider(self, name: str, raw: object) -> BaseModel | None:
        path = ("providers", name)
        given = self._mapping(raw, *path)
        kind = given.get("type")
        if isinstance(kind, str) and kind in self._types:
            settings = self._types[kind]
            if "type" not in settings.model_fields:
                given = {key: value for key, value in given.items() if key != "type"}
            return self._section(settings, given, *path)
        self._add(fault((*path, "type"), self._type_problem(kind)))
        return None

    def _type_problem(self, kind: object) -> Problem:
        if kind is None:
            return "is missing", f"add it, one of: {', '.join(self._types)}"
        if str(kind) in LATER_PROVIDERS:
            return "is not in this version", f"leave this provider out, or use one of: {', '.join(self._types)}"
        return "is not a type of provider", closest(str(kind), list(self._types), "there are")

    def _cross_references(self, models: Mapping[str, object], providers: Collection[str]) -> None:
        """On the raw tree, so that they are found along with all else."""
        for name, raw in models.items():
            provider = raw.get("provider") if isinstance(raw, dict) else None
            if isinstance(provider, str) and provider not in providers:
                problem = "names a provider that isn't there", closest(provider, list(providers), "there are")
                self._add(fault(("models", name, "provider"), problem))


NOT_A_SECTION: Problem = ("must be a section", "put its settings below it, indented, as key: value")
NO_MODELS: Problem = ("is missing: nobody would answer", "add one: models: {main: {provider: NAME, model: NAME}}")
BAD_NAME: Problem = ("is not a good name", "use letters, digits and . _ - + /, at most 40 of them")
