"""Puts models together from the config: each provider opened once, every model in its wrappers, and what they tell."""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial

from pydantic import BaseModel

from chat.errors import (
    Blocked,
    BodyTooLarge,
    ContextTooLong,
    HostGone,
    InternalError,
    PicturesTooLarge,
    ProviderError,
    RequestRefused,
    SpaceDown,
    Unreachable,
)
from config import Config
from handlers.adapting import adapted
from handlers.services import ImageModel, Model
from handlers.settings import ALL_LISTED, ModelSettings
from operations.marks import Marks
from operations.metrics import Histogram
from providers import PROVIDERS, local
from providers.base import Provider
from providers.http import HttpSettings
from providers.openai import OpenAI
from providers.patience import SlowAnswer
from providers.wrappers import (
    Candidate,
    Circuit,
    Fallback,
    Limited,
    Observation,
    Observed,
    Retrying,
    Supposing,
    can_draw,
)
from providers.wrappers.circuit import ALL_MODELS

log = logging.getLogger("parley")

FIRST = (0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120)  # seconds until an answer begins

OLLAMA_TOKENS = 4000

# Marks that say something about a provider, and not about one of its models.
OF_ALL_MODELS = frozenset(kind.key.removeprefix("error.") for kind in (Unreachable, HostGone, SpaceDown))
# Failures that say something about one question: whoever looks at the list is somebody else.
OF_A_QUESTION = frozenset(
    kind.key.removeprefix("error.")
    for kind in (Blocked, RequestRefused, ContextTooLong, BodyTooLarge, PicturesTooLarge, SlowAnswer)
)


@dataclass(slots=True)
class Record:
    """What is known of the models at work: it outlives a reload of the config, as /metrics counts from the start.

    `trouble`: model → the text key of what is wrong with it, as /model marks it.
    `config`: how many configs were read. What is left of an earlier one is counted, but marks nothing any more.
    `asked`: how often (provider, model, kind, outcome) came about; `tokens`: (provider, model, "input" | "output").
    `failures`: (provider, model, the failure's key); `first`: how long (provider, model) took to begin an answer.
    """

    trouble: MutableMapping[str, str] = field(default_factory=Marks)
    config: int = 0
    asked: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    tokens: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    failures: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    first: dict[tuple[str, str], Histogram] = field(default_factory=dict)

    def begin(self) -> int:
        """Another config is at work from now on: its number. What it changed may have mended what was marked."""
        self.trouble.clear()
        self.config += 1
        return self.config

    def note(self, seen: Observation, config: int = 0) -> None:
        """Log, count and mark: a model is in trouble from its failure until it answers."""
        log.info("%s", line(seen))
        self.asked[seen.provider, seen.model, seen.kind, seen.outcome] += 1
        self.tokens[seen.provider, seen.model, "input"] += seen.input_tokens
        self.tokens[seen.provider, seen.model, "output"] += seen.output_tokens
        if seen.error:
            self.failures[seen.provider, seen.model, seen.error] += 1
        if seen.kind == "reply" and seen.seconds_to_first is not None:
            self.first.setdefault((seen.provider, seen.model), Histogram(FIRST)).observe(seen.seconds_to_first)
        says_nothing = seen.outcome == "stopped" or seen.error in {"internal", *OF_A_QUESTION}
        if seen.kind == "reply" and config == self.config and not says_nothing:
            self._mark(seen.model, seen.error)

    def changed(
        self, models: Mapping[str, ModelSettings], config: int, model: str, error: ProviderError | None
    ) -> None:
        """A circuit has opened (`error`) or closed: mark those of a provider's models that it is about.

        `models`: the provider's. `model`: as the provider calls it, or `ALL_MODELS`: a server that is back takes away
        the marks that say it is gone, and not those of models that are in a trouble of their own.
        """
        for name, settings in models.items():
            if config != self.config or model not in (ALL_MODELS, settings.model):
                continue
            if error or model != ALL_MODELS or self.trouble.get(name) in OF_ALL_MODELS:
                self._mark(name, error.key.removeprefix("error.") if error else "")

    def _mark(self, model: str, trouble: str) -> None:
        if trouble:
            self.trouble[model] = trouble
        else:
            self.trouble.pop(model, None)


def line(seen: Observation) -> str:
    """An observation as one line of the log: `gpt (openai): done, first after 0.41 s, 3.20 s, 12 + 210 tokens`."""
    first = "" if seen.seconds_to_first is None else f"first after {seen.seconds_to_first:.2f} s, "
    tokens = f", {seen.input_tokens} + {seen.output_tokens} tokens" if seen.output_tokens or seen.input_tokens else ""
    attempts = "" if seen.attempts is None else f", {seen.attempts} attempts"
    outcome = f"{seen.outcome} ({seen.error})" if seen.error else seen.outcome
    return f"{seen.kind} by {seen.model} ({seen.provider}): {outcome}, {first}{seen.seconds:.2f} s{tokens}{attempts}"


def provider_of(name: str, settings: BaseModel) -> Provider:
    """The provider of this name in the config, without any wrapper, to be opened."""
    classes = {each.Settings: each for each in PROVIDERS.values()}
    return classes[type(settings)](name, settings)


async def with_local_servers(config: Config, places: Iterable[local.Candidate] | None = None) -> Config:
    """The config; where it names nobody who answers, with the servers that run on this computer before the demo.

    `places`: where they are looked for (None: on their usual ports).
    """
    found = await local.local_servers(places) if config.answered_by_demo else ()
    if not found:
        return config
    providers = {each.preset: OpenAI.Settings(preset=each.preset, base_url=each.base_url) for each in found}
    models = {name: _found(each.preset, name) for each in found for name in each.models}
    return config.model_copy(
        update={"providers": {**providers, **config.providers}, "models": {**models, **config.models}}
    )


def _found(preset: str, model: str) -> ModelSettings:
    """Ollama leaves out, and says nothing of it, what is beyond its context: 4096 tokens unless somebody set another.

    Read in its documentation: `OLLAMA_CONTEXT_LENGTH`.
    """
    settings = ModelSettings(provider=preset, model=model)
    return settings.model_copy(update={"context_tokens": OLLAMA_TOKENS}) if preset == "ollama" else settings


def to_be_listed(config: Config) -> Mapping[str, BaseModel]:
    """The providers of which all models are offered (`model: "*"`), by name, each once."""
    names = dict.fromkeys(each.provider for each in config.models.values() if each.model == ALL_LISTED)
    return {name: config.providers[name] for name in names}


def with_listed(config: Config, lists: Mapping[str, Sequence[str]]) -> Config:
    """The config with each entry of `model: "*"` replaced, in its place, by what its provider lists.

    Each is named as the provider calls it, and has the entry's other settings. Where that is the name of another entry,
    it is left out; where an earlier `"*"` lists it too, it is offered as `name (entry)`. Where nothing is listed the
    entry stays: asking for it tells what is wrong with its provider.
    """
    kept = {name for name, each in config.models.items() if each.model != ALL_LISTED or not lists.get(each.provider)}
    models: dict[str, ModelSettings] = {}
    for entry, settings in config.models.items():
        if entry in kept:
            models[entry] = settings
            continue
        for listed in lists[settings.provider]:
            if listed not in kept:
                name = f"{listed} ({entry})" if listed in models else listed
                models[name] = settings.model_copy(update={"model": listed})
    return config.model_copy(update={"models": models})


@dataclass(frozen=True, slots=True)
class Answering:
    """Who answers and who draws, by their names in the config."""

    models: Mapping[str, Model]
    image_models: Mapping[str, ImageModel]


async def open_models(config: Config, stack: AsyncExitStack, record: Record) -> Answering:
    """All models that are configured; `stack` closes their providers, which models share."""
    note = partial(record.note, config=record.begin())
    providers = {
        name: await stack.enter_async_context(_shielded(config, name, settings, record))
        for name, settings in config.providers.items()
    }
    observed = {
        name: Observed(providers[each.provider], each.provider, name, note) for name, each in config.models.items()
    }
    return Answering(
        {name: Model(name, each, _chain(name, config.models, observed)) for name, each in config.models.items()},
        {
            name: ImageModel(name, each, _painter(Observed(providers[each.provider], each.provider, name, note)))
            for name, each in config.image_models.items()
        },
    )


def _shielded(config: Config, name: str, settings: BaseModel, record: Record) -> Circuit:
    """A provider in the wrappers that its models share: its slots, and what is known of its server."""
    most = settings.max_concurrent if isinstance(settings, HttpSettings) else 0
    its_models = {model: each for model, each in config.models.items() if each.provider == name}
    limited = Limited(Supposing(provider_of(name, settings)), most)
    return Circuit(Retrying(limited), partial(record.changed, its_models, record.config))


def _chain(name: str, models: Mapping[str, ModelSettings], observed: Mapping[str, Observed]) -> Provider:
    """A model with its fallbacks. Theirs are not asked: two models may name each other."""
    names = (name, *models[name].fallback)
    if len(names) == 1:
        return observed[name]
    return Fallback([_candidate(each, models[each], observed[each]) for each in names])


def _candidate(name: str, settings: ModelSettings, provider: Observed) -> Candidate:
    return Candidate(name, provider, lambda request: adapted(request, settings, provider.capabilities))


def _painter(provider: Observed) -> Observed:
    if not can_draw(provider):
        raise InternalError("the config let a provider through that can't draw")
    return provider
