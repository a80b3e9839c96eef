"""A training run as data: what a TOML file says (`config_file`), within `bounds`.

Without a file every field has a default that suits a MedMNIST file and ten minutes on two cores.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from safelight.models.training.architectures import Hidden
from safelight.models.training.layer_table import hidden_layer

NETWORKS = ("auto", "wide", "medium", "small", "fast", "logistic", "mlp", "residual", "layers")
AVERAGED = ("wide", "medium", "small", "residual", "layers")
"""Networks that may end in maps, of which `average` takes the means."""


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
        return tuple(hidden_layer(layer, place) for place, layer in enumerate(self.layers, 1))


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
        """As JSON values; of a path only the last part, as a model is passed on."""
        document: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        document["data"]["path"] = Path(self.data.path).resolve().name if self.data.path else ""
        return document


SECTIONS: Mapping[str, type[Any]] = {
    "data": DataConfig, "model": ModelConfig, "network": NetworkConfig, "training": TrainingConfig,
}  # fmt: skip
"""Beside ``[augmentation]``."""
