"""A training run as data: what a TOML file says, checked field by field.

Without a file every field has a default that suits a MedMNIST file and ten minutes on two cores.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from safelight.errors import InputError
from safelight.models.training.architectures import Convolution, Dense, Hidden, Residual

NETWORKS = ("auto", "wide", "medium", "small", "fast", "logistic", "mlp", "residual", "layers")


@dataclass(frozen=True)
class DataConfig:
    """``[data]``: what to learn from.

    Args:
        path: A MedMNIST ``.npz``, or the folder of another set; relative to the TOML file.
        name: Of an official MedMNIST set, found or downloaded, instead of ``path``.
        size: Side that larger images are reduced to; 0 for the sides of a file.
        fold: Of the LIDC nodules, 0 … 4.
        finding: Of ChestX-ray14, against no finding.
        licence: Where the set does not state it.
        attribution: As ``licence``.
        kind: What is pictured, where the set does not state it; see `profiles.PROFILES`.
    """

    path: str = ""
    name: str = ""
    size: int = 0
    fold: int = 0
    finding: str = ""
    licence: str = ""
    attribution: str = ""
    kind: str = ""


@dataclass(frozen=True)
class ModelConfig:
    """``[model]``: what the result is called.

    Args:
        name: Of the model and, by default, of its folder.
        title: One line for people.
        version: Of the weights.
        intended_use: For the card.
    """

    name: str = ""
    title: str = ""
    version: str = "1"
    intended_use: str = ""


@dataclass(frozen=True)
class NetworkConfig:
    """``[network]``: what is built.

    Args:
        kind: One of `NETWORKS`; ``auto`` takes the most accurate that compiles.
        layers: With ``layers``: tables with ``conv`` (channels; kernel, stride, padding),
            ``residual`` (channels; stride) or ``dense`` (features).
        dropout: Before the last layer.
        average: Whether the last maps are averaged before the last layer.
        max_n: Largest ring dimension.
    """

    kind: str = "auto"
    layers: tuple[Mapping[str, int], ...] = ()
    dropout: float = 0.2
    average: bool = False
    max_n: int = 16384

    def hidden(self) -> tuple[Hidden, ...]:
        """The layers as the architecture takes them."""
        return tuple(_hidden(layer, place) for place, layer in enumerate(self.layers, start=1))


@dataclass(frozen=True)
class TrainingConfig:
    """``[training]``: how it learns. Numbers of 0 are chosen by `plan`.

    Args:
        minutes: Wall-clock time for all of it, compilation included; 0 for no limit, and then
            ``epochs`` is needed.
        epochs: Of a student.
        batch_size: Images a step.
        learning_rate: Peak.
        weight_decay: Decoupled.
        label_smoothing: Share of the target that is spread.
        mixup: Shape of the mixing weights' distribution.
        range_penalty: Weight of the penalty for wide activations.
        seeds: One student each; none for as many as the time allows, at most three.
        teachers: Members of the ReLU ensemble that is distilled; −1 for `plan` to choose.
        teacher_epochs: Of each member.
        teacher_weight: Share of the loss that follows the teachers.
        patience: Epochs without a better validation AUC before a student stops.
        threads: Of PyTorch; 0 for all cores, at most 8.
        dp_epsilon: Differential privacy towards the training images; 0 for none.
        dp_delta: Its δ; 0 for one over the number of training images, halved.
    """

    minutes: float = 10.0
    epochs: int = 0
    batch_size: int = 0
    learning_rate: float = 4e-3
    weight_decay: float = 0.02
    label_smoothing: float = 0.05
    mixup: float = -1.0
    range_penalty: float = 0.5
    seeds: tuple[int, ...] = ()
    teachers: int = -1
    teacher_epochs: int = 0
    teacher_weight: float = 0.7
    patience: int = 0
    threads: int = 0
    dp_epsilon: float = 0.0
    dp_delta: float = 0.0


@dataclass(frozen=True)
class Config:
    """All of a run.

    Args:
        data: ``[data]``.
        model: ``[model]``.
        network: ``[network]``.
        training: ``[training]``.
        augmentation: ``[augmentation]``: fields of `Augmentation` in place of the profile's.
    """

    data: DataConfig
    model: ModelConfig = field(default_factory=ModelConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    augmentation: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


_SECTIONS = {
    "data": DataConfig, "model": ModelConfig, "network": NetworkConfig, "training": TrainingConfig,
}  # fmt: skip


def read_config(path: Path) -> Config:
    """A configuration from a TOML file.

    Raises:
        InputError: No such file, not TOML, an unknown or ill-typed field.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise InputError(f"the configuration {path.name} cannot be read") from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise InputError(
            f"{path.name} is not TOML: {str(exc)[:120]}", hint="see docs/how-to/train-a-model.md"
        ) from exc
    config = config_from(document)
    data = config.data
    if data.path and not Path(data.path).is_absolute():
        beside = path.parent / data.path
        data = DataConfig(**{**asdict(data), "path": str(beside)})
    return Config(data, config.model, config.network, config.training, config.augmentation)


def config_from(document: Mapping[str, Any]) -> Config:
    """A configuration from tables of values.

    Raises:
        InputError: An unknown or ill-typed field, no data, an unknown network.
    """
    _known(document, [*_SECTIONS, "augmentation"], "section")
    parts = {name: _section(name, kind, document.get(name, {})) for name, kind in _SECTIONS.items()}
    augmentation = document.get("augmentation", {})
    if not isinstance(augmentation, Mapping):
        raise InputError("[augmentation] must be a table")
    return checked(Config(**parts, augmentation=augmentation))


def checked(config: Config) -> Config:
    """The same, if its fields fit together.

    Raises:
        InputError: They do not.
    """
    if bool(config.data.path) == bool(config.data.name):
        raise InputError("[data] needs either path or name", hint='such as name = "breastmnist"')
    if config.network.kind not in NETWORKS:
        _known({config.network.kind: None}, NETWORKS, "network")
    if (config.network.kind == "layers") != bool(config.network.layers):
        raise InputError(
            'kind = "layers" and layers = [ … ] go together in [network]',
            hint="layers = [{conv = 16, kernel = 5, stride = 2}, {dense = 64}]",
        )
    config.network.hidden()
    training = config.training
    if training.minutes <= 0 and training.epochs <= 0:
        raise InputError("[training] needs minutes or epochs", hint="minutes = 10")
    return config


def _section(name: str, kind: type[Any], given: Any) -> Any:
    if not isinstance(given, Mapping):
        raise InputError(f"[{name}] must be a table")
    known = {each.name: each for each in fields(kind)}
    _known(given, known, f"field of [{name}]")
    default = kind()
    values = {
        key: _typed(f"{name}.{key}", value, getattr(default, key)) for key, value in given.items()
    }
    return kind(**values)


def _typed(name: str, value: Any, default: Any) -> Any:
    if isinstance(default, tuple):
        if isinstance(value, list):
            return tuple(value)
    elif isinstance(default, bool) or isinstance(value, bool):
        if isinstance(value, bool) and isinstance(default, bool):
            return value
    elif isinstance(default, float) and isinstance(value, int | float):
        return float(value)
    elif isinstance(value, type(default)):
        return value
    wanted = "a list" if isinstance(default, tuple) else f"a {type(default).__name__}"
    raise InputError(f"{name} must be {wanted}, not {type(value).__name__}")


def _known(given: Mapping[str, Any], known: Any, what: str) -> None:
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(str(name), list(known), n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"one of {', '.join(known)}"
            raise InputError(f"{name!r} is not a {what} of a configuration", hint=hint)


def _hidden(layer: Mapping[str, int], place: int) -> Hidden:
    def refuse(why: str) -> InputError:
        return InputError(
            f"layer {place} of [network] {why}",
            hint="{conv = 16, kernel = 3, stride = 2, padding = 1}, {residual = 32, stride = 1} "
            "or {dense = 64}",
        )

    if not isinstance(layer, Mapping) or not all(
        isinstance(value, int) and not isinstance(value, bool) and value >= 0
        for value in layer.values()
    ):
        raise refuse("must be a table of whole numbers")
    allowed = {
        "conv": {"conv", "kernel", "stride", "padding"},
        "residual": {"residual", "stride"},
        "dense": {"dense"},
    }
    kind = next((kind for kind in allowed if kind in layer), None)
    if kind is None or not set(layer) <= allowed[kind] or layer[kind] < 1:
        raise refuse("is neither conv, residual nor dense, or has other fields")
    stride = layer.get("stride", 1)
    kernel = layer.get("kernel", 3)
    if stride < 1 or kernel < 1:
        raise refuse("has a stride or kernel of 0")
    if kind == "dense":
        return Dense(layer["dense"])
    if kind == "residual":
        return Residual(layer["residual"], stride)
    return Convolution(layer["conv"], kernel, stride, layer.get("padding", kernel // 2))
