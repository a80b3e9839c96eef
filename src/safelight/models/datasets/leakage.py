"""Whether splits are apart: images that repeat, and patients or images in more than one split."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from itertools import combinations
from typing import Any

from safelight.models.datasets.dataset import Dataset


@dataclass(frozen=True)
class LeakageReport:
    """Counts only; nothing of an image or a patient.

    Args:
        repeats: In each split, inputs that repeat an earlier one of it.
        shared_inputs: For each pair such as ``train/test``, inputs of the second that also occur
            in the first.
        shared_patients: For each pair, patients in both; None where patients are unknown.
        contradictions: Inputs that occur with different labels.
    """

    repeats: dict[str, int]
    shared_inputs: dict[str, int]
    shared_patients: dict[str, int] | None
    contradictions: int
    warnings: tuple[str, ...] = field(default=())

    @property
    def clean(self) -> bool:
        """Nothing of one split is in another."""
        shared = list(self.shared_inputs.values()) + list((self.shared_patients or {}).values())
        return not any(shared)

    def to_json(self) -> dict[str, Any]:
        """As plain numbers."""
        return asdict(self)


def leakage(dataset: Dataset) -> LeakageReport:
    """Compares the splits by a digest of pixels and by patient.

    **Cost**: one hash of every input.
    """
    digests = {
        name: [row.tobytes() for row in split.input_digests()]
        for name, split in dataset.splits.items()
    }
    repeats = {name: len(found) - len(set(found)) for name, found in digests.items()}
    shared_inputs = {}
    patients: dict[str, int] | None = {}
    for one, other in combinations(dataset.splits, 2):
        pair = f"{one}/{other}"
        known = set(digests[one])
        shared_inputs[pair] = sum(digest in known for digest in digests[other])
        first, second = dataset.splits[one].patients, dataset.splits[other].patients
        if patients is None or first is None or second is None:
            patients = None
        else:
            patients[pair] = len(set(first.tolist()) & set(second.tolist()))
    return LeakageReport(
        repeats,
        shared_inputs,
        patients,
        _contradictions(dataset, digests),
        tuple(_warnings(repeats, shared_inputs, patients)),
    )


def _contradictions(dataset: Dataset, digests: dict[str, list[bytes]]) -> int:
    labels: dict[bytes, set[bytes]] = {}
    count: Counter[bytes] = Counter()
    for name, split in dataset.splits.items():
        for digest, label in zip(digests[name], split.labels, strict=True):
            labels.setdefault(digest, set()).add(label.tobytes())
            count[digest] += 1
    return sum(count[digest] for digest, found in labels.items() if len(found) > 1)


def _warnings(
    repeats: dict[str, int], inputs: dict[str, int], patients: dict[str, int] | None
) -> list[str]:
    found = []
    for pair, count in inputs.items():
        if count:
            first, second = pair.split("/")
            found.append(f"{count} {second} images also occur in {first}")
    for pair, count in (patients or {}).items():
        if count:
            first, second = pair.split("/")
            found.append(f"{count} patients are in {first} and in {second}")
    found += [f"{count} images of {name} are repeats" for name, count in repeats.items() if count]
    return found
