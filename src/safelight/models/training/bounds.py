"""What each number of a configuration may be: one table, asked before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from safelight.ckks.parameters import MAX_LOG2_QP
from safelight.errors import InputError


@dataclass(frozen=True)
class Bound:
    """The values that a number may have.

    Args:
        low: Least.
        high: Largest.
        also: Outside of it, with a meaning of their own.
    """

    low: float
    high: float
    also: tuple[float, ...] = ()

    def holds(self, value: float) -> bool:
        """Whether a value is allowed; NaN never is."""
        return value in self.also or self.low <= value <= self.high

    def __str__(self) -> str:
        """For people."""
        alone = ", ".join(f"{value:.12g}" for value in self.also)
        if self.low > self.high:
            return f"one of {alone}"
        between = f"from {self.low:.12g} to {self.high:.12g}"
        return f"{alone}, or {between}" if alone else between


def _one_of(*values: float) -> Bound:
    return Bound(1, 0, values)


_SHARE = Bound(0, 1)

BOUNDS: Mapping[str, Bound] = {
    "data.size": Bound(8, 512, (0,)),
    "data.fold": Bound(0, 4),
    "network.dropout": Bound(0, 0.95),
    "network.max_n": _one_of(*MAX_LOG2_QP),
    "training.minutes": Bound(0, 43_200),  # thirty days
    "training.epochs": Bound(0, 100_000),
    "training.batch_size": Bound(2, 65_536, (0,)),  # batch norm needs two
    "training.learning_rate": Bound(1e-7, 10),
    "training.weight_decay": Bound(0, 10),
    "training.label_smoothing": Bound(0, 0.95),
    "training.mixup": Bound(0.01, 100, (-1, 0)),  # draws of Beta(0.001, 0.001) take for ever
    "training.range_penalty": Bound(0, 1000),
    "training.seeds": Bound(0, 2**32 - 1),  # each; what PyTorch, NumPy and scikit-learn all take
    "training.teachers": Bound(0, 16, (-1,)),
    "training.teacher_epochs": Bound(0, 100_000),
    "training.teacher_weight": _SHARE,
    "training.patience": Bound(0, 100_000),
    "training.threads": Bound(0, 256),
    "training.dp_epsilon": Bound(0.01, 1000, (0,)),
    "training.dp_delta": Bound(0, 0.5),
    "augmentation.shift": _SHARE,
    "augmentation.rotation_degrees": Bound(0, 180),
    "augmentation.scale": _SHARE,
    "augmentation.shear": _SHARE,
    "augmentation.flip": _SHARE,
    "augmentation.brightness": _SHARE,
    "augmentation.contrast": Bound(0, 3),
    "augmentation.gamma": Bound(0, 3),
    "augmentation.blur": _SHARE,
    "augmentation.noise": _SHARE,
    "augmentation.erase": _SHARE,
    "augmentation.flip_vertical": _SHARE,
    "augmentation.tint": Bound(0, 3),
    "layer.conv": Bound(1, 16_384),  # numbers after a layer fit the slots: the compiler says it
    "layer.residual": Bound(1, 16_384),
    "layer.dense": Bound(1, 16_384),
    "layer.kernel": Bound(1, 63),
    "layer.stride": Bound(1, 63),
    "layer.padding": Bound(0, 31),
}
MOST_SEEDS = 100


def check_bounds(section: str, values: Mapping[str, Any], *, where: str = "") -> None:
    """Refuses numbers outside `BOUNDS`.

    Args:
        section: Of the table.
        values: By field; those that are no numbers are passed over.
        where: In place of the section's name, for the message.

    Raises:
        InputError: With the field, the value and what it may be.
    """
    for field, value in values.items():
        bound = BOUNDS.get(f"{section}.{field}")
        for number in value if isinstance(value, tuple | list) else (value,):
            if bound is not None and not bound.holds(number):
                raise InputError(
                    f"{where or section}.{field} = {shown(number)}, but it must be {bound}",
                    hint=f"leave {field} out for its default",
                )


def check_seeds(seeds: tuple[Any, ...]) -> None:
    """Refuses seeds that are no whole numbers, or one given twice.

    Raises:
        InputError: With the first that cannot be.
    """
    if len(seeds) > MOST_SEEDS:
        raise InputError(
            f"training.seeds names {len(seeds)} seeds, above {MOST_SEEDS}",
            hint="a student is trained for each: give fewer",
        )
    for place, seed in enumerate(seeds):
        if isinstance(seed, bool) or not isinstance(seed, int):
            raise InputError(
                f"training.seeds holds {shown(seed)}, which is not a whole number",
                hint="such as seeds = [0, 1, 2]",
            )
        if seed in seeds[:place]:
            raise InputError(
                f"training.seeds names {shown(seed)} twice",
                hint="one student is trained for each seed: give different ones",
            )


def shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:39] + "…"
