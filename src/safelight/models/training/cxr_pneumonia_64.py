"""``cxr-pneumonia-64``: Kermany's radiographs at 64×64, four strided convolutions.

Run: ``python -m safelight.models.training.cxr_pneumonia_64 --out DIR``
"""

from __future__ import annotations

from pathlib import Path

from safelight.models.data_source import dataset_at, dataset_titled
from safelight.models.datasets import kermany
from safelight.models.datasets.dataset import Dataset
from safelight.models.training.architectures import Architecture, Convolution
from safelight.models.training.course import Recipe
from safelight.models.training.distilled_command import main
from safelight.models.training.distilled_model import DistilledModel, Words


def data(path: Path | None, fold: int) -> Dataset:
    """Kermany's set, reduced to 64×64."""
    assert fold == 0
    title = kermany.ABOUT.title
    return dataset_titled(title, size=64) if path is None else dataset_at(path, size=64)


MODEL = DistilledModel(
    name="cxr-pneumonia-64",
    title="Pneumonia on a chest radiograph (64×64)",
    version="1",
    data=data,
    architecture=Architecture(
        input_shape=(1, 64, 64),
        hidden=(  # 8192, 8192, 4096 and 2048 numbers
            Convolution(channels=8, kernel=3, stride=2, padding=1),
            Convolution(channels=32, kernel=3, stride=2, padding=1),
            Convolution(channels=64, kernel=3, stride=2, padding=1),
            Convolution(channels=128, kernel=3, stride=2, padding=1),
        ),
        dropout=0.2,
    ),
    recipe=Recipe(epochs=60, teacher_weight=0.8),
    teacher_recipe=Recipe(epochs=15, learning_rate=3e-3),
    teacher_width=24,
    teacher_stride=4,
    passes=20,
    squashed=True,
    words=Words(
        intended_use=(
            "To show and measure encrypted inference on frontal chest radiographs of children, "
            "the population it was trained on. For research and education. It is not a medical "
            "device and no decision about a patient may rest on it."
        ),
        made=(
            "Networks with one quadratic a channel after batch norm, distilled from an ensemble of "
            "residual ReLU networks trained on the same images. A tenth of the training patients "
            "was kept for validation. The seed was chosen by validation loss over the validation "
            "images and disturbed copies of them, the temperature fitted on the validation "
            "images. The threshold is 0.5 by a rule fixed beforehand: training weighs both classes "
            "alike. A first version, with three convolutions, had its test AUC read (0.960, its "
            "ReLU twin 0.970); the fourth convolution and the longer course were then chosen by "
            "the disturbed validation images."
        ),
        limits=(
            "Images of one to five year old patients of one hospital (Guangzhou); adults and other "
            "devices were not tested.",
            "Trained on images that had been squeezed to a square and compressed as JPEG; its "
            "preprocessing squeezes too.",
            "It knows normal and pneumonia only; any other disease gets one of these answers.",
            "Patient numbers occur in both the official training and test splits. They may have "
            "been given anew for each folder; if not, the figures flatter. 32 files are "
            "duplicates.",
            "Test images differ from validation images (AUC falls by about two points): expect "
            "another such step at your site, and set the threshold on images of your own.",
        ),
    ),
)

if __name__ == "__main__":
    main(MODEL)
