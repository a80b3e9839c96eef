"""``lung-nodule-48``: benign or malignant, from a crop of a CT slice around a lung nodule.

Run: ``python -m safelight.models.training.lung_nodule_48 --out DIR``
"""

from __future__ import annotations

import os
from pathlib import Path

from safelight.errors import UnreachableError
from safelight.models.datasets import lidc
from safelight.models.datasets.dataset import Dataset
from safelight.models.training.architectures import Architecture, Convolution
from safelight.models.training.augmentation import Augmentation
from safelight.models.training.course import Recipe
from safelight.models.training.distilled_command import main
from safelight.models.training.distilled_model import DistilledModel, Words

SIDE = 48

# A nodule has no top; HU are calibrated, so brightness changes little.
AUGMENTATION = Augmentation(
    shift=0.05, rotation_degrees=180.0, scale=0.12, shear=0.05, flip=0.5, brightness=0.05,
    contrast=0.2, gamma=0.2, blur=0.3, noise=0.02, erase=0.1,
)  # fmt: skip


def data(path: Path | None, fold: int) -> Dataset:
    """One of the five folds of LIDC's nodules."""
    if path is None:
        root = os.environ.get("SAFELIGHT_DATA")
        if root is None:
            raise UnreachableError(
                "the LIDC nodules are not here", hint="give their folder with --data"
            )
        path = Path(root) / "lidc-nodules"
    return lidc.fold(lidc.load(path, size=SIDE), fold)


MODEL = DistilledModel(
    name="lung-nodule-48",
    title="Malignancy of a lung nodule on a CT crop (48×48)",
    version="1",
    data=data,
    architecture=Architecture(
        input_shape=(1, SIDE, SIDE),
        hidden=(  # 256 patches of 25 pixels fit 8192 slots; then 4096, 3072 and 2048 numbers
            Convolution(channels=16, kernel=5, stride=3, padding=1),
            Convolution(channels=48, kernel=3, stride=2, padding=1),
            Convolution(channels=128, kernel=3, stride=2, padding=1),
        ),
        dropout=0.2,
    ),
    recipe=Recipe(epochs=40, batch_size=32, teacher_weight=0.8, augmentation=AUGMENTATION),
    teacher_recipe=Recipe(
        epochs=25,
        batch_size=32,
        learning_rate=3e-3,
        weight_decay=0.05,
        augmentation=AUGMENTATION,
    ),
    teacher_width=12,
    teacher_stride=3,
    passes=16,
    folds=lidc.FOLDS,
    words=Words(
        intended_use=(
            "To show and measure encrypted inference on CT: a square of 48 pixels (about 34 mm) "
            "centred on a lung nodule, in Hounsfield units (DICOM or NIfTI). A whole slice is "
            "refused: name the nodule's pixel (`safelight diagnose --centre ROW,COLUMN`) or give "
            "the crop. For research and education. It is not a medical device and no decision "
            "about a patient may rest on it."
        ),
        made=(
            "Networks with one quadratic a channel after batch norm, distilled from an ensemble of "
            "residual ReLU networks trained on the same images. Five folds by patient; in each a "
            "tenth of the remaining patients was kept for validation. The weights are those of the "
            "first fold, which was never trained on and is the test set below. The seed was chosen "
            "by validation loss over the validation images and disturbed copies of them, the "
            "temperature fitted on the validation images. The threshold is 0.5 by a rule fixed "
            "beforehand: training weighs both classes alike. Early trials of crops and soft labels "
            "also printed test figures of the folds; the plainest variant was kept, as validation "
            "did not tell them apart."
        ),
        limits=(
            "The truth is the mean rating of up to four radiologists, not pathology. Nodules rated "
            "undecided (3 of 5) were left out, which makes the task easier than practice.",
            "Somebody has to find the nodule and centre the crop; a nodule at the edge, or several "
            "in one crop, were not tested.",
            "One slice, 48×48 pixels of 0.5 to 0.9 mm: larger masses are cut off.",
            "Hounsfield units of some scanners were restored by rule (stored values + 1024).",
        ),
    ),
)

if __name__ == "__main__":
    main(MODEL)
