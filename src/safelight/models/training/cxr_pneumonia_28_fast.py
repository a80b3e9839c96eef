"""``cxr-pneumonia-28-fast``: the shape of LoLa, five multiplications deep.

Run: ``python -m safelight.models.training.cxr_pneumonia_28_fast --out DIR``
"""

from __future__ import annotations

from safelight.models.training.architectures import Architecture, Convolution, Dense
from safelight.models.training.fit import Recipe
from safelight.models.training.pneumonia import Plan, main

PLAN = Plan(
    name="cxr-pneumonia-28-fast",
    title="Pneumonia on a chest radiograph (fast, 28×28)",
    version="1",
    architecture=Architecture(
        input_shape=(1, 28, 28),
        hidden=(Convolution(channels=5, kernel=5, stride=2, padding=2), Dense(100)),
        dropout=0.2,
    ),
    recipe=Recipe(epochs=200, teacher_weight=0.8),
)

if __name__ == "__main__":
    main(PLAN)
