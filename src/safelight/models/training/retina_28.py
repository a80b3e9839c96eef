"""``retina-28``: five grades of diabetic retinopathy on a colour fundus photograph of 28×28.

Run: ``python -m safelight.models.training.retina_28 --out DIR``
"""

from __future__ import annotations

from pathlib import Path

from safelight.models.data_source import dataset_at, dataset_titled
from safelight.models.datasets.dataset import Dataset
from safelight.models.training.architectures import Architecture, Convolution
from safelight.models.training.augmentation import Augmentation
from safelight.models.training.course import Recipe
from safelight.models.training.distilled_command import main
from safelight.models.training.distilled_model import DistilledModel, Words

# A fundus has no top that matters here: left and right eyes, any camera.
AUGMENTATION = Augmentation(
    shift=0.05, rotation_degrees=180.0, scale=0.12, shear=0.03, flip=0.5, brightness=0.08,
    contrast=0.25, gamma=0.25, blur=0.3, noise=0.02, erase=0.15,
)  # fmt: skip


def data(path: Path | None, fold: int) -> Dataset:
    """RetinaMNIST."""
    assert fold == 0
    title = "RetinaMNIST (MedMNIST v2)"
    return dataset_titled(title, size=28) if path is None else dataset_at(path, size=28)


MODEL = DistilledModel(
    name="retina-28",
    title="Diabetic retinopathy on a fundus photograph, five grades (28×28)",
    version="1",
    data=data,
    architecture=Architecture(
        input_shape=(3, 28, 28),
        hidden=(
            Convolution(channels=16, kernel=3, stride=2, padding=1),
            Convolution(channels=32, kernel=3, stride=2, padding=1),
            Convolution(channels=64, kernel=3, stride=2, padding=1),
        ),
        outputs=5,
        dropout=0.3,
    ),
    recipe=Recipe(
        epochs=60,
        batch_size=32,
        label_smoothing=0.15,
        teacher_weight=0.8,
        augmentation=AUGMENTATION,
    ),
    teacher_recipe=Recipe(
        epochs=30,
        batch_size=32,
        learning_rate=3e-3,
        weight_decay=0.05,
        label_smoothing=0.15,
        augmentation=AUGMENTATION,
    ),
    teacher_width=12,
    teacher_seeds=(100, 101, 102, 103, 104),
    passes=20,
    balanced=False,
    words=Words(
        intended_use=(
            "To show and measure encrypted inference with several answers on colour fundus "
            "photographs. For research and education. It is not a medical device, it is not good "
            "enough for screening, and no decision about a patient may rest on it."
        ),
        made=(
            "Networks with one quadratic a channel after batch norm, distilled from an ensemble of "
            "five residual ReLU networks trained on the same images; labels smoothed to the "
            "neighbouring grades. The recipe was chosen by five-fold cross-validation within the "
            "training and validation splits, the seed by validation loss over the validation "
            "images and disturbed copies of them, the temperature fitted on the validation images. "
            "The answer is the most probable grade."
        ),
        limits=(
            "Nearly half of its grades are wrong, and then often by more than one. The best "
            "published networks on this set do no better.",
            "28×28 pixels: microaneurysms are invisible to it.",
            "1,080 training images of regular fundus photographs (DeepDRiD); grade 4 has 66.",
            "Images of other cameras, or not centred and cropped alike, were not tested.",
            "The data set names no patients, so splits may share some.",
        ),
    ),
)

if __name__ == "__main__":
    main(MODEL)
