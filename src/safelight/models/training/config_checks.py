"""Whether the fields of a configuration are within their bounds and fit together."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from safelight.circuit.signature import MAX_TEXT
from safelight.errors import InputError
from safelight.models.model_name import check_name
from safelight.models.training.architectures import Dense
from safelight.models.training.bounds import check_bounds, check_seeds
from safelight.models.training.config import (
    AVERAGED,
    NETWORKS,
    SECTIONS,
    Config,
    NetworkConfig,
    TrainingConfig,
)

_NOT_PRIVATE = (
    "weight_decay", "label_smoothing", "mixup", "range_penalty", "teachers", "teacher_epochs",
    "teacher_weight", "patience",
)  # fmt: skip


def checked(config: Config) -> Config:
    """The same, if its fields are within their bounds and fit together.

    Raises:
        InputError: They do not.
    """
    data, model, network, training = config.data, config.model, config.network, config.training
    if bool(data.path) == bool(data.name):
        raise InputError("[data] needs either path or name", hint='such as name = "breastmnist"')
    if model.name:
        check_name(model.name)
    for field_name, text in (("title", model.title), ("version", model.version)):
        if len(text) > MAX_TEXT or not text.isprintable():
            raise InputError(
                f"model.{field_name} has {len(text)} characters, or some that cannot be printed",
                hint=f"give one line of at most {MAX_TEXT} characters",
            )
    check_known([network.kind], NETWORKS, "network")
    if (network.kind == "layers") != bool(network.layers):
        raise InputError(
            'kind = "layers" and layers = [ … ] go together in [network]',
            hint="layers = [{conv = 16, kernel = 5, stride = 2}, {dense = 64}]",
        )
    check_seeds(training.seeds)
    for section in (*SECTIONS, "augmentation"):
        part = getattr(config, section)
        check_bounds(section, part if section == "augmentation" else vars(part))
    network.hidden()
    if training.minutes == 0 and training.epochs == 0:
        raise InputError("[training] needs minutes or epochs", hint="minutes = 10")
    _check_effect(config)
    return config


def _check_effect(config: Config) -> None:
    """Refuses what would be set without any effect."""
    network, training = config.network, config.training
    default = NetworkConfig()
    hidden = network.hidden()
    if network.average and (
        network.kind not in AVERAGED or (hidden and isinstance(hidden[-1], Dense))
    ):
        raise InputError(
            f"average has no effect on network {network.kind!r}: only maps are averaged",
            hint=f"leave it out, or take one of {', '.join(AVERAGED)} without a dense layer",
        )
    if network.kind == "logistic" and network.dropout != default.dropout:
        raise InputError(
            "dropout has no effect on network 'logistic': it has no hidden layer",
            hint="leave it out",
        )
    if training.dp_epsilon == 0:
        return
    usual = TrainingConfig()
    idle = [f"training.{n}" for n in _NOT_PRIVATE if getattr(training, n) != getattr(usual, n)]
    idle += ["network.dropout"] if network.dropout != default.dropout else []
    idle += [f"augmentation.{name}" for name in config.augmentation]
    idle += ["training.seeds beyond the first"] if len(training.seeds) > 1 else []
    if idle:
        raise InputError(
            f"no effect with differential privacy: {', '.join(idle)}",
            hint="one student is trained without teachers, mixing, dropout or changes of images: "
            "leave these out",
        )


def check_known(given: Iterable[object], known: Iterable[str], what: str) -> None:
    """Refuses a word that is not among those known, and names the nearest.

    Raises:
        InputError: With the first such word.
    """
    words = list(known)
    for name in given:
        if name not in words:
            near = difflib.get_close_matches(str(name), words, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"one of {', '.join(words)}"
            raise InputError(f"{name!r} is not a {what} of a configuration", hint=hint)
