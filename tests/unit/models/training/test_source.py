"""What training reads is what a model's recorded preprocessing makes of the same images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from training_data import arrays  # noqa: E402

from safelight.cli.main import main  # noqa: E402
from safelight.errors import InputError  # noqa: E402
from safelight.imaging import Image, Preprocessing  # noqa: E402
from safelight.models.data_source import opened  # noqa: E402
from safelight.models.datasets import image_parts, medmnist  # noqa: E402
from safelight.models.datasets.leakage import leakage  # noqa: E402
from safelight.models.datasets.origin import Selection, input_digests, split_digest  # noqa: E402
from safelight.models.held_out import held_out  # noqa: E402
from safelight.models.registry import load_model_folder  # noqa: E402
from safelight.models.training.config import DataConfig  # noqa: E402
from safelight.models.training.pipeline import material_of  # noqa: E402
from safelight.models.training.pixels import brightness  # noqa: E402
from safelight.models.training.source import open_dataset  # noqa: E402
from safelight.models.training.watching import Silence  # noqa: E402


def write(path: Path, shape: tuple[int, ...]) -> Path:
    """Images of a shape, learnable from where brightness lies."""
    content = {}
    for seed, (split, count) in enumerate((("train", 96), ("val", 48), ("test", 48))):
        images, labels = arrays("binary", count, max(shape[:2]), channels=len(shape), seed=seed)
        # another pattern at the edges that a central square leaves out
        content[f"{split}_images"] = images[:, -shape[0] :, -shape[1] :]
        content[f"{split}_labels"] = labels
    np.savez_compressed(path, **content)
    return path


@pytest.mark.parametrize(
    ("shape", "grey_levels"),
    [
        ((28, 28), 0), ((28, 20), 0), ((20, 28), 0), ((28, 28, 3), 0), ((28, 20, 3), 0),
        ((20, 28, 3), 0), ((64, 80), 0),
        ((90, 90), 0.5), ((90, 120, 3), 0.5),  # reduced to 8 bits
    ],
)  # fmt: skip
def test_training_input_is_the_preprocessing_of_the_image(
    tmp_path: Path, shape: tuple[int, ...], grey_levels: float
) -> None:
    path = write(tmp_path / "any.npz", shape)
    material = material_of(open_dataset(DataConfig(path=str(path)), Silence()))
    steps = Preprocessing.from_json(material.normalisation.preprocessing(material.images.shape[1:]))
    raw = np.load(path)
    for kept, split in ((material.images, "train"), (material.val_images, "val")):
        found = material.normalisation(brightness(kept)).numpy()
        wanted = [steps.apply(Image.from_array(image)) for image in raw[f"{split}_images"]]
        bound = grey_levels / 255 / min(material.normalisation.std) + 1e-6 * np.abs(found).max()
        assert np.abs(found - np.stack(wanted)).max() <= bound


def test_validation_of_oblong_images_is_the_same_after_training(tmp_path: Path) -> None:
    path, out = write(tmp_path / "any.npz", (14, 10)), tmp_path / "out"
    quick = ["--network", "logistic", "--epochs", "1", "--seeds", "0", "--threads", "1"]
    assert main(["train", str(path), *quick, "--kind", "ct", "--output", str(out)]) == 0
    model = load_model_folder(out)
    assert model.graph.input_shape == (1, 10, 10)
    data = open_dataset(DataConfig(path=str(path)), Silence())
    found = held_out(model, None, "val")
    material = material_of(data)
    assert np.allclose(
        found.inputs, material.normalisation(brightness(material.val_images)).numpy(), atol=1e-5
    )


def test_digests_are_of_the_images_as_they_are_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "any.npz", (40, 30, 3))
    content = dict(np.load(path))
    content["train_images"][:5] = content["val_images"][:5]
    content["train_images"][5] = content["train_images"][6]
    np.savez(path, **content)
    whole = opened(path, Selection())
    monkeypatch.setattr(image_parts, "_PART_BYTES", 50_000)  # of several parts
    seen: list[tuple[int, int]] = []
    small = opened(path, Selection(), lambda done, total: seen.append((done, total)), side=16)
    assert small.train.inputs.shape == (96, 16, 16, 3)
    assert seen[:2] == [(13, 96), (26, 96)]
    assert small.notes == ("of images of 40×30 pixels the central 30×30 is used, reduced to 16×16",)
    assert small.origin is not None
    assert whole.origin is not None
    assert small.origin.sha256 == whole.origin.sha256
    for name, split in whole.splits.items():
        raw = type(split)(content[f"{name}_images"], split.labels)
        assert whole.origin.sha256[name] == split_digest(raw)
        for each in (split, small.splits[name]):
            assert (input_digests(each) == input_digests(raw)).all()
    assert leakage(small) == leakage(whole)
    assert len(open_dataset(DataConfig(path=str(path)), Silence()).train) == 91


def test_images_that_run_column_first_are_read_too(tmp_path: Path) -> None:
    path = write(tmp_path / "any.npz", (14, 10))
    plain = medmnist.load(path)
    content = {name: np.asfortranarray(array) for name, array in np.load(path).items()}
    np.savez(path, **content)
    again = medmnist.load(path)
    assert (again.train.inputs == plain.train.inputs).all()
    assert plain.origin is not None
    assert again.origin is not None
    assert again.origin.sha256 == plain.origin.sha256


def test_more_than_the_memory_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "any.npz", (14, 10))

    def full(shape: tuple[int, ...], dtype: type) -> None:
        raise MemoryError(f"Unable to allocate 9.9 GiB for an array with shape {shape}")

    monkeypatch.setattr(image_parts.np, "empty", full)
    with pytest.raises(InputError, match=r"any\.npz does not fit .* 9\.9 GiB") as caught:
        medmnist.load(path)
    assert "size = 64" in caught.value.hint
