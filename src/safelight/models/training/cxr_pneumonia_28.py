"""``cxr-pneumonia-28``: three strided convolutions with quadratics, seven multiplications deep.

Run: ``python -m safelight.models.training.cxr_pneumonia_28 --out DIR``
"""

from __future__ import annotations

from safelight.models.training.architectures import Architecture, Convolution
from safelight.models.training.fit import Recipe
from safelight.models.training.pneumonia import Plan, main

PLAN = Plan(
    name="cxr-pneumonia-28",
    title="Pneumonia on a chest radiograph (accurate, 28×28)",
    version="1",
    architecture=Architecture(
        input_shape=(1, 28, 28),
        hidden=(  # 1960, 1960 and 2048 numbers: at most 2048, so that four images share 8192 slots
            Convolution(channels=10, kernel=5, stride=2, padding=2),
            Convolution(channels=40, kernel=3, stride=2, padding=1),
            Convolution(channels=128, kernel=3, stride=2, padding=1),
        ),
        dropout=0.2,
    ),
    recipe=Recipe(epochs=100, teacher_weight=0.8),
)

if __name__ == "__main__":
    main(PLAN)
