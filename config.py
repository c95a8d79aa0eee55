"""config.yaml, the environment and `.env` → validated settings; every mistake at once, with its path and remedy."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, NamedTuple, Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from handlers.access import AccessSettings
from handlers.settings import ALL_LISTED, ImageModelSettings, LimitsSettings, ModelSettings, RepliesSettings
from messengers.discord.settings import DiscordSettings
from messengers.playground.settings import PlaygroundSettings
from messengers.telegram.settings import TelegramSettings
from operations.settings import HealthSettings, LogSettings
from settings.answering import check_attempts, check_thinking
from settings.checks import check_values
from settings.confidential import secrets_in
from settings.environment import dotenv_beside
from settings.faults import LEAVE_OUT, NAME, ConfigError, Fault, Problem, closest, fault, translate, unknown_key
from settings.reading import read
from storage.base import StorageSettings

__all__ = ["Config", "ConfigError", "Fault", "load"]

Section = TypeVar("Section", bound=BaseModel)

OFFLINE = "offline"  # the provider, and the models, where none is configured
RESET = "reset"  # `/system reset` means something else than a prompt of that name


class ProviderType(Protocol):
    """What is asked of a provider's class: its settings, and whether it has `draw`, as image models need it."""

    @property
    def Settings(self) -> type[BaseModel]:  # noqa: N802 — a class, seen from outside
        """What can be set under `providers.<name>`."""
        ...


ProviderTypes = Mapping[str, ProviderType]  # by `type` in the config


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
    discord: DiscordSettings | None = None
    playground: PlaygroundSettings | None = None
    storage: StorageSettings  # a relative path is made absolute here
    access: AccessSettings = AccessSettings()
    limits: LimitsSettings = LimitsSettings()
    replies: RepliesSettings = RepliesSettings()
    providers: dict[str, BaseModel]  # each of its type's settings class
    models: dict[str, ModelSettings]  # in the file's order: the first is the default
    image_models: dict[str, ImageModelSettings] = {}  # the same
    prompts: dict[str, str] = {}  # system prompts that people may choose, by name
    source: Path | None = None  # the file it is from
    answered_by_demo: bool = False  # nobody is configured to answer

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that it was read from, whether they exist or not: the config and the `.env` beside it."""
        return () if self.source is None else (self.source, dotenv_beside(self.source))

    def secrets(self) -> frozenset[str]:
        """Every secret that is set: tokens, keys, and what URLs carry in front of their host."""
        return frozenset(secret for secret in secrets_in(self) if secret)


def load(path: Path | None, environ: Mapping[str, str], provider_types: ProviderTypes | None = None) -> Config:
    """Read a config; None: no file, the playground with the offline provider. Raises `ConfigError` with every mistake.

    `provider_types`: a provider's type → its class; by default `providers.PROVIDERS`.
    """
    types = _registered() if provider_types is None else provider_types
    if path is None:
        return _Judge((), types).config({"playground": {}}, None)
    reading = read(path, environ)
    return _Judge(reading.faults, types).config(reading.tree, path)


def _registered() -> ProviderTypes:
    from providers import PROVIDERS  # brings an HTTP client along: not before it is needed

    return PROVIDERS


def _placed(storage: StorageSettings, folder: Path) -> StorageSettings:
    """The storage with its file's whole path: nothing depends on where the bot was started."""
    kind, _, file = storage.url.partition(":")
    return storage.model_copy(update={"url": f"{kind}:{(folder / file).resolve()}"})


def _is_a_list(model: object) -> bool:
    return isinstance(model, dict) and model.get("model") == ALL_LISTED


class _Answering(NamedTuple):
    providers: dict[str, BaseModel]
    models: dict[str, ModelSettings]
    image_models: dict[str, ImageModelSettings]


class _Judge:
    """Goes through the tree and collects faults. What has one is not judged again: its value means nothing."""

    def __init__(self, faults: Iterable[Fault], types: ProviderTypes) -> None:
        self._faults = list(faults)
        self._types = types

    def config(self, tree: Mapping[str, object], source: Path | None) -> Config:
        """The config. Raises `ConfigError` if anything is wrong with it."""
        self._unknown_sections(tree)
        general = self._section(General, {key: tree[key] for key in General.model_fields if key in tree})
        log = self._section(LogSettings, tree.get("log"), "log")
        health = self._section(HealthSettings, tree.get("health"), "health")
        telegram = self._section(TelegramSettings, tree.get("telegram"), "telegram")
        discord = self._section(DiscordSettings, tree.get("discord"), "discord")
        playground = self._section(PlaygroundSettings, tree.get("playground"), "playground")
        storage = self._section(StorageSettings, tree.get("storage"), "storage")
        access = self._section(AccessSettings, tree.get("access"), "access")
        limits = self._section(LimitsSettings, tree.get("limits"), "limits")
        replies = self._section(RepliesSettings, tree.get("replies"), "replies")
        answering = self._answering(tree)
        prompts = self._prompts(tree.get("prompts"))
        if self._faults:
            raise ConfigError(self._faults)
        return Config(
            **general.model_dump(),
            log=log,
            health=health,
            telegram=telegram if telegram.token.get_secret_value() else None,
            discord=discord if discord.token.get_secret_value() else None,
            playground=playground if "playground" in tree and playground.listen else None,
            storage=_placed(storage, source.parent if source else Path()),
            access=access,
            limits=limits,
            replies=replies,
            providers=answering.providers,
            models=answering.models,
            image_models=answering.image_models,
            prompts=prompts,
            source=source,
            answered_by_demo=not tree.get("providers") and not tree.get("models"),
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
        known = [key for key in Config.model_fields if key not in {"source", "answered_by_demo"}]
        self._add(*(fault((key,), unknown_key((key,), known)) for key in tree if key not in known))

    def _answering(self, tree: Mapping[str, object]) -> _Answering:
        """Who answers and who draws, and whether they fit together; without any of it, the offline demo."""
        sections = ("providers", "models", "image_models")
        providers, models, image_models = (self._mapping(tree.get(section), section) for section in sections)
        if not tree.get("providers") and not tree.get("models"):
            providers, models = {OFFLINE: {"type": OFFLINE}}, {OFFLINE: {"provider": OFFLINE}}
            image_models = models if tree.get("image_models") is None else image_models
        elif not tree.get("models"):
            self._add(fault(("models",), NO_MODELS))
        for section, names in zip(sections, (providers, models, image_models), strict=True):
            self._names(section, names)
        if isinstance(tree.get("providers"), dict | None):
            self._cross_references("models", models, providers)
            self._cross_references("image_models", image_models, providers)
        self._fallbacks(models)
        self._add(*check_thinking(providers, models))
        self._add(*check_attempts(models, tree.get("limits"), LimitsSettings().attempts_per_turn))
        judged = {name: self._provider(name, raw) for name, raw in providers.items()}
        return _Answering(
            {name: settings for name, settings in judged.items() if settings is not None},
            {name: self._section(ModelSettings, raw, "models", name) for name, raw in models.items()},
            {name: self._section(ImageModelSettings, raw, "image_models", name) for name, raw in image_models.items()},
        )

    def _prompts(self, raw: object) -> dict[str, str]:
        given = self._mapping(raw, "prompts")
        self._names("prompts", given)
        for name, text in given.items():
            if name.lower() == RESET:
                self._add(fault(("prompts", name), TAKEN_NAME))
            if not isinstance(text, str):
                self._add(fault(("prompts", name), NOT_TEXT))
            elif not text.strip():
                self._add(fault(("prompts", name), NO_TEXT))
        return {name: text for name, text in given.items() if isinstance(text, str)}

    def _names(self, section: str, names: Iterable[str]) -> None:
        self._add(*(fault((section, name), BAD_NAME) for name in names if not NAME.fullmatch(name)))

    def _provider(self, name: str, raw: object) -> BaseModel | None:
        path = ("providers", name)
        given = self._mapping(raw, *path)
        kind = given.get("type")
        if isinstance(kind, str) and kind in self._types:
            settings = self._types[kind].Settings
            if "type" not in settings.model_fields:
                given = {key: value for key, value in given.items() if key != "type"}
            return self._section(settings, given, *path)
        self._add(fault((*path, "type"), self._type_problem(kind)))
        return None

    def _type_problem(self, kind: object) -> Problem:
        if kind is None:
            return "is missing", f"add it, one of: {', '.join(self._types)}"
        return "is not a type of provider", closest(str(kind), list(self._types), "there are")

    def _cross_references(self, section: str, entries: Mapping[str, object], providers: Mapping[str, object]) -> None:
        """On the raw tree, so that they are found along with all else."""
        for name, raw in entries.items():
            provider = raw.get("provider") if isinstance(raw, dict) else None
            if not isinstance(provider, str):
                continue
            if provider not in providers:
                problem = "names a provider that isn't there", closest(provider, list(providers), "there are")
                self._add(fault((section, name, "provider"), problem))
            elif section == "image_models" and not self._may_draw(providers[provider]):
                drawing = ", ".join(kind for kind, each in self._types.items() if hasattr(each, "draw"))
                problem = "names a provider that can't draw", f"name one whose type can: {drawing}"
                self._add(fault((section, name, "provider"), problem))
            elif section == "image_models" and not self._knows_how(providers[provider]):
                self._add(fault((section, name, "provider"), NOBODY_DRAWS_THERE))

    def _fallbacks(self, models: Mapping[str, object]) -> None:
        """Those of a fallback aren't asked in turn, so two models may name each other: there are no cycles."""
        for name, raw in models.items():
            given = raw.get("fallback") if isinstance(raw, dict) else None
            fallback = given if isinstance(given, list) else []
            for number, other in enumerate(fallback):
                path = ("models", name, "fallback", number)
                if isinstance(other, str) and other not in models:
                    near = closest(other, [each for each in models if each != name], "there are")
                    self._add(fault(path, ("names a model that isn't there", near)))
                elif other == name:
                    self._add(fault(path, FALLS_BACK_TO_ITSELF))
                elif isinstance(other, str) and _is_a_list(models[other]):
                    self._add(fault(path, FALLS_BACK_TO_A_LIST))
                elif other in fallback[:number]:
                    self._add(fault(path, ("names a model for the second time", LEAVE_OUT)))

    def _may_draw(self, provider: object) -> bool:
        """Whether its class has `draw`. Of an unknown type another fault tells."""
        kind = provider.get("type") if isinstance(provider, dict) else None
        return not isinstance(kind, str) or kind not in self._types or hasattr(self._types[kind], "draw")

    def _knows_how(self, provider: object) -> bool:
        """Whether a class that draws says of these settings (`draws`) that it does with them too."""
        kind = provider.get("type") if isinstance(provider, dict) else None
        draws = getattr(self._types.get(str(kind)), "draws", None)
        return draws is None or bool(draws(provider))


NOT_A_SECTION: Problem = ("must be a section", "put its settings below it, indented, as key: value")
NO_MODELS: Problem = ("is missing: nobody would answer", "add one: models: {main: {provider: NAME, model: NAME}}")
NOBODY_DRAWS_THERE: Problem = (
    "names a server where nobody draws",
    "name another provider; if one does after all, say how in that provider's images: generations or chat",
)
NOT_TEXT: Problem = ("must be text", "put it into quotes")
NO_TEXT: Problem = ("is empty", "write the prompt behind its name, or leave it out")
TAKEN_NAME: Problem = ("is a name that /system has a use for", "choose another one")
FALLS_BACK_TO_A_LIST: Problem = ("names all models that a provider lists", "name one model")
FALLS_BACK_TO_ITSELF: Problem = ("names the model itself", "name another one, or leave it out")
BAD_NAME: Problem = ("is not a good name", "use letters, digits and . _ - + /, at most 40 of them")
