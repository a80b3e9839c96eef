"""Splits that keep all images of a patient together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from safelight.errors import InputError


def patient_folds(
    patients: NDArray[Any], labels: NDArray[Any], count: int, *, seed: int = 0
) -> NDArray[np.int64]:
    """The fold (from 0) of each input: patients are whole, classes nearly even.

    Patients are taken in random order, those with most inputs first, and each goes to the fold
    that has the fewest of the classes it brings.

    Args:
        patients: ``[n]``: whatever tells patients apart.
        labels: int ``[n]``, or 0 and 1 ``[n, findings]``.
        count: Number of folds.
        seed: Of the order.

    Raises:
        InputError: Fewer patients than folds.
    """
    weights = np.full(count, 1 / count)
    return _allotted(patients, labels, weights, seed)


def split_by_patient(
    patients: NDArray[Any], labels: NDArray[Any], shares: Sequence[float], *, seed: int = 0
) -> tuple[NDArray[np.int64], ...]:
    """Positions of the inputs of each part, patients whole, classes nearly even.

    Args:
        patients: ``[n]``.
        labels: As `patient_folds`.
        shares: Of all inputs, for each part; they add up to 1.
        seed: Of the order.
    """
    part = _allotted(patients, labels, np.asarray(shares, dtype=np.float64), seed)
    return tuple(np.flatnonzero(part == k) for k in range(len(shares)))


def _allotted(
    patients: NDArray[Any], labels: NDArray[Any], shares: NDArray[np.float64], seed: int
) -> NDArray[np.int64]:
    _, patient = np.unique(patients, return_inverse=True)
    known = int(patient.max(initial=-1)) + 1
    if known < len(shares):
        raise InputError(f"{known} patients cannot be spread over {len(shares)} parts")
    table = labels if labels.ndim == 2 else np.eye(int(labels.max()) + 1, dtype=np.int64)[labels]
    brought = np.zeros((known, table.shape[1]))
    np.add.at(brought, patient, table)
    size = np.bincount(patient, minlength=known)
    order = np.random.default_rng(seed).permutation(known)
    order = order[np.argsort(-size[order], kind="stable")]
    total = np.maximum(brought.sum(axis=0), 1)
    filled = np.zeros((len(shares), table.shape[1] + 1))
    part = np.empty(known, dtype=np.int64)
    for one in order:
        brings = np.append(brought[one] / total, size[one] / size.sum())
        # Σ filled² / share is least where every part holds its share
        growth = (((filled + brings) ** 2 - filled**2) / shares[:, None]).sum(axis=1)
        chosen = int(np.argmin(growth))
        part[one] = chosen
        filled[chosen] += brings
    result: NDArray[np.int64] = part[patient]
    return result
