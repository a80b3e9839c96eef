"""Models that are run on plain inputs in memory: for the levels `envelope` and `obfuscated`.

Deep models of the operator's, and shipped models for which the operator has lowered the minimum.
Networks for obfuscated images run on nothing else, and only where the operator names the level.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from safelight.circuit.signature import Signature
from safelight.errors import InputError
from safelight.models.deep.deep_folder import DeepModel, load_deep_model, open_runner
from safelight.models.deep.reference_runner import ReferenceRunner
from safelight.models.deep.runner import PlainRunner
from safelight.models.registry import TrainedModel, load_model, model_names
from safelight.service.refusals import Refusal
from safelight.service.served_model import ServedModel
from safelight.service.settings import Settings
from safelight.wire.interface import ModelInterface
from safelight.wire.levels import Level, at_least
from safelight.wire.transformation import Transformation

_CLEAR = b"safelight clear v1\0"


@dataclass(frozen=True)
class PlainModel:
    """A model, ready to run on plain inputs.

    Args:
        interface: Inputs and outputs.
        model_digest: SHA-256 that names the model, lower-case hex.
        program_digest: SHA-256 of what runs, lower-case hex.
        runner: Runs it.
        transformation: Of the obfuscated images that it takes, where it takes such.
    """

    interface: ModelInterface
    model_digest: str
    program_digest: str
    runner: PlainRunner
    transformation: Transformation | None = None

    @property
    def level(self) -> Level:
        """The level at which it is served."""
        return "envelope" if self.transformation is None else "obfuscated"

    @property
    def name(self) -> str:
        """Its name in the URL."""
        return self.interface.model

    @property
    def version(self) -> str:
        """Of the model, for people."""
        return self.interface.version


class PlainModels:
    """The plain models of one service process, by name."""

    def __init__(self, models: Iterable[PlainModel] = ()) -> None:
        self._models = {model.name: model for model in models}

    def __iter__(self) -> Iterator[PlainModel]:
        return iter(self._models.values())

    def get(self, name: str) -> PlainModel | None:
        """The model of that name, if there is one."""
        return self._models.get(name)

    def model(self, name: str) -> PlainModel:
        """The model of that name.

        Raises:
            Refusal: ``unknown-model``.
        """
        if name not in self._models:
            raise Refusal("unknown-model")
        return self._models[name]

    def close(self) -> None:
        """Ends what runs them."""
        for model in self._models.values():
            model.runner.close()


def open_plain_models(settings: Settings, served: Sequence[ServedModel]) -> PlainModels:
    """The plain models that the settings ask for.

    Args:
        settings: Deep models, and minimum levels of the others.
        served: The models that run on ciphertext.

    Raises:
        InputError: A name twice, a level that the operator has not turned on, or a package that
            a model needs is not installed.
        CompileError: A model's files are damaged.
    """
    lowered = [model for model in served if _is_lowered(settings, model.name)]
    deep = [load_deep_model(folder, name) for name, folder in settings.deep_models]
    names = [*(model.name for model in served), *(model.name for model in deep)]
    if len(set(names)) != len(names):
        raise InputError(
            "two models of one name",
            hint="rename the deep model: a name stands for one set of weights",
        )
    _check_turned_on(settings, deep)
    trained = {t.name: t for t in map(load_model, settings.models or model_names()) if lowered}
    models = [_shipped(model, trained[model.name]) for model in lowered]
    try:
        for model in deep:
            models.append(_deep(model, settings))
    except BaseException:
        PlainModels(models).close()
        raise
    return PlainModels(models)


def _check_turned_on(settings: Settings, deep: Iterable[DeepModel]) -> None:
    """Obfuscated models are turned on one by one, and nothing else is turned on so."""
    obfuscated = {model.name for model in deep if model.transformation is not None}
    named = {n for n, level in settings.minimum_levels.items() if level == "obfuscated"}
    if off := sorted(obfuscated - named):
        raise InputError(
            f"the model {off[0]} takes obfuscated images, a level that is off unless turned on",
            hint=f"obfuscation is not encryption; if that will do: "
            f"--minimum-level {off[0]}=obfuscated",
        )
    if other := sorted(named - obfuscated):
        raise InputError(
            f"the model {other[0]} takes no obfuscated images",
            hint="only networks of `safelight train --obfuscated` are served at that level",
        )


def _is_lowered(settings: Settings, name: str) -> bool:
    minimum = settings.minimum_levels.get(name)
    return minimum is not None and at_least("envelope", minimum)


def _shipped(served: ServedModel, trained: TrainedModel) -> PlainModel:
    return PlainModel(
        interface=ModelInterface.of_signature(Signature.from_json(served.signature)),
        model_digest=trained.digest.hex(),
        program_digest=hashlib.sha256(_CLEAR + trained.digest).hexdigest(),
        runner=ReferenceRunner(trained.graph),
    )


def _deep(model: DeepModel, settings: Settings) -> PlainModel:
    return PlainModel(
        interface=ModelInterface(
            model=model.name,
            version=model.version,
            title=model.title,
            input_shape=model.input_shape,
            input_names=(),
            input_bound=model.input_bound,
            preprocessing=model.preprocessing,
            records=model.records,
            outputs=model.outputs,
        ),
        model_digest=model.digest.hex(),
        program_digest=model.weights_digest.hex(),
        runner=open_runner(model, timeout_s=settings.limits.job_timeout_s),
        transformation=model.transformation,
    )
