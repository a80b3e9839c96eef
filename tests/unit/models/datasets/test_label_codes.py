"""Two values that mean no and yes, and classes that nothing can be learned of."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from safelight.errors import InputError
from safelight.models.datasets import medmnist
from safelight.models.datasets.dataset import check_labels
from safelight.models.datasets.label_codes import in_words


def write(folder: Path, labels: np.ndarray) -> Path:
    """Every split with the same labels."""
    content = {}
    for split in ("train", "val", "test"):
        content[f"{split}_images"] = np.zeros((len(labels), 4, 4), np.uint8)
        content[f"{split}_labels"] = labels
    np.savez(folder / "any.npz", **content)
    return folder / "any.npz"


@pytest.mark.parametrize("values", [(0, 255), (-1, 1)])
@pytest.mark.parametrize("findings", [1, 2])
def test_two_values_that_are_not_0_and_1(
    tmp_path: Path, values: tuple[int, int], findings: int
) -> None:
    ones = np.array([[0, 1], [1, 1], [1, 0]])[:, :findings]
    data = medmnist.load(write(tmp_path, np.array(values)[ones]))
    check_labels(data)
    assert data.notes == (f"labels {values[0]} and {values[1]} are taken for 0 and 1",)
    assert data.train.labels.reshape(3, findings).tolist() == ones.tolist()
    assert data.about.logits == findings


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ([1, 2, 3], "1 of the classes 0 … 3 of any have no training label: 0"),
        ([1, 2], "1 of the classes 0 … 2 of any have no training label: 0"),
        ([0, 1, 4, 5, 9], "5 of the classes 0 … 9 of any have no training label: 2 … 3, 6 … 8"),
        ([0, 100], "99 of the classes 0 … 100 of any have no training label: 1 … 99"),
    ],
)
def test_no_class_that_nothing_says_anything_of(
    tmp_path: Path, labels: list[int], said: str
) -> None:
    data = medmnist.load(write(tmp_path, np.array(labels)[:, None]))
    with pytest.raises(InputError) as caught:
        check_labels(data)
    assert caught.value.message == said
    assert "from 0 without gaps" in caught.value.hint


def test_a_wild_label_does_not_name_millions_of_classes(tmp_path: Path) -> None:
    path = write(tmp_path, np.array([[0], [1], [2_000_000_000]]))
    with pytest.raises(InputError, match="a label of any is 2000000000, above 999"):
        medmnist.load(path)


def test_members_without_a_suffix_are_read(tmp_path: Path) -> None:
    path = write(tmp_path, np.array([[0], [1], [1]]))
    bare = tmp_path / "bare.npz"
    with zipfile.ZipFile(path) as file, zipfile.ZipFile(bare, "w") as other:
        for name in file.namelist():
            other.writestr(name.removesuffix(".npy"), file.read(name))
    assert medmnist.load(bare).train.labels.tolist() == medmnist.load(path).train.labels.tolist()


def test_a_class_that_only_other_splits_name(tmp_path: Path) -> None:
    path = write(tmp_path, np.array([[0], [1], [2]]))
    content = dict(np.load(path))
    np.savez(path, **{**content, "train_labels": np.array([[0], [1], [1]])})
    with pytest.raises(InputError, match="no training label: 2"):
        check_labels(medmnist.load(path))


def test_a_finding_that_never_varies(tmp_path: Path) -> None:
    labels = np.array([[0, 1, 0], [1, 1, 0], [1, 1, 0]])
    with pytest.raises(
        InputError, match=r"2 of 3 findings .* all 3 training labels: columns 1 … 2"
    ):
        check_labels(medmnist.load(write(tmp_path, labels)))


def test_many_gaps_are_not_all_listed() -> None:
    assert in_words([7, 3, 4, 5, 9, 11, 13, 15]) == "3 … 5, 7, 9, 11, 13, and more"
    assert in_words([]) == ""
