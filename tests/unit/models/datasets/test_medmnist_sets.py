"""The table of MedMNIST's sets, and files that are recognised by other means than their name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from safelight.errors import InputError
from safelight.models.datasets import medmnist
from safelight.models.datasets.dataset import About, Dataset, check_labels
from safelight.models.datasets.medmnist_sets import (
    KNOWN_MD5,
    SETS,
    Recognised,
    accepted_md5,
    recognised,
)
from safelight.models.datasets.split import Split


def test_twelve_sets_at_four_sizes_all_different() -> None:
    assert len(SETS) == 12
    assert len(KNOWN_MD5) == 48
    assert len(set(KNOWN_MD5.values())) == 48
    assert all(len(md5) == 32 and int(md5, 16) >= 0 for md5 in KNOWN_MD5.values())
    assert len({(each.counts, each.channels) for each in SETS.values()}) == 12
    assert {each.task for each in SETS.values()} == {
        "binary", "multi-class", "multi-label", "ordinal",
    }  # fmt: skip
    for each in SETS.values():
        about = each.about()
        assert about.licence.startswith("CC BY")
        assert about.attribution
        assert about.logits == (1 if about.task == "binary" else len(about.classes))


def test_the_finding_of_breast_is_the_first_class() -> None:
    assert SETS["breastmnist"].about().finding == "malignant"
    assert SETS["pneumoniamnist"].about().finding == "pneumonia"


def test_older_official_files_are_accepted() -> None:
    assert len(accepted_md5("organcmnist")) == 2
    assert accepted_md5("organcmnist_64") == (KNOWN_MD5["organcmnist_64"],)
    assert accepted_md5("mine") == ()


def test_recognised_by_md5_or_by_counts_and_labels() -> None:
    counts = (546, 78, 156)
    found = recognised(KNOWN_MD5["pathmnist_64"], (1, 1, 1), 3, (1, 2))
    assert found == Recognised("pathmnist", official=True)
    assert recognised("", counts, 1, (1, 2)) == Recognised("breastmnist", official=False)
    assert recognised("", counts, 3, (1, 2)) is None
    assert recognised("", counts, 1, (1, 3)) is None
    chest = recognised("", (78468, 11219, 22433), 1, (14, 2))
    assert chest == Recognised("chestmnist", official=False)


def test_what_an_unknown_file_is_follows_from_its_labels(tmp_path: Path) -> None:
    def about(labels: np.ndarray) -> About:
        content = {}
        for split in ("train", "val", "test"):
            content[f"{split}_images"] = np.zeros((len(labels), 4, 4), np.uint8)
            content[f"{split}_labels"] = labels
        np.savez(tmp_path / "any.npz", **content)
        return medmnist.load(tmp_path / "any.npz").about

    assert about(np.array([[0], [1]])).task == "binary"
    grades = about(np.array([[0], [3]]))
    assert (grades.task, grades.classes[-1]) == ("multi-class", "class 3")
    assert about(np.array([[0, 1], [1, 1]])).task == "multi-label"
    assert about(np.array([[0], [1]])).licence == ""


@pytest.mark.parametrize(
    ("labels", "task", "message"),
    [
        (np.zeros(4, np.int64), "binary", "one class only"),
        (np.array([0, 1, 2, 1]), "binary", "outside 0 … 1"),
        (np.array([0, 1, -1, 1]), "binary", "outside 0 … 1"),
        (np.zeros((4, 2), np.int64), "binary", r"shape \[4, 2\]"),
        (np.zeros((4, 2), np.int64), "multi-label", "no finding varies"),
        (np.array([], dtype=np.int64), "binary", "empty"),
    ],
)
def test_labels_that_nothing_can_be_learned_from(
    labels: np.ndarray, task: str, message: str
) -> None:
    split = Split(np.zeros((len(labels), 2, 2), np.uint8), labels)
    about = About("any", task, ("no", "yes"))  # type: ignore[arg-type]
    with pytest.raises(InputError, match=message):
        check_labels(Dataset("any", split, split, split, about))
