"""A sparse matrix in coordinate form: as much linear algebra as the compiler needs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class SparseMatrix:
    """A real matrix by its non-zero entries, sorted by row, then column, each place once.

    Args:
        shape: (rows, columns).
        rows: Row of each entry.
        cols: Column of each entry.
        values: The entries.
    """

    shape: tuple[int, int]
    rows: IntArray
    cols: IntArray
    values: FloatArray

    @classmethod
    def from_entries(
        cls, shape: tuple[int, int], rows: IntArray, cols: IntArray, values: FloatArray
    ) -> SparseMatrix:
        """Sums entries of the same place and drops zeros."""
        places = rows.astype(np.int64) * shape[1] + cols
        unique, inverse = np.unique(places, return_inverse=True)
        sums = np.bincount(inverse.ravel(), weights=values, minlength=unique.size)
        kept = sums != 0.0
        unique, sums = unique[kept], sums[kept]
        return cls(shape, unique // shape[1], unique % shape[1], sums)

    @classmethod
    def from_dense(cls, matrix: FloatArray) -> SparseMatrix:
        """The non-zero entries of a two-dimensional array."""
        rows, cols = np.nonzero(matrix)
        shape = (matrix.shape[0], matrix.shape[1])
        return cls(shape, rows.astype(np.int64), cols.astype(np.int64), matrix[rows, cols])

    @classmethod
    def diagonal(cls, values: FloatArray) -> SparseMatrix:
        """A diagonal matrix."""
        index = np.arange(values.size, dtype=np.int64)
        return cls.from_entries((values.size, values.size), index, index, values)

    @property
    def nonzeros(self) -> int:
        """How many entries are not zero."""
        return int(self.values.size)

    def apply(self, vector: FloatArray) -> FloatArray:
        """Matrix times vector, or times each row of ``[records, columns]``."""
        if vector.ndim == 2:
            return np.stack([self.apply(row) for row in vector])
        products: FloatArray = self.values * vector[self.cols]
        return np.bincount(self.rows, products, self.shape[0]).astype(np.float64)

    def compose(self, inner: SparseMatrix) -> SparseMatrix:
        """The product ``self · inner``."""
        start = np.searchsorted(inner.rows, np.arange(inner.shape[0]))
        stop = np.searchsorted(inner.rows, np.arange(inner.shape[0]), side="right")
        counts = (stop - start)[self.cols]
        # for each entry of self, the entries of the row of `inner` that it meets
        first = np.repeat(start[self.cols], counts)
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        meets = first + within
        return SparseMatrix.from_entries(
            (self.shape[0], inner.shape[1]),
            np.repeat(self.rows, counts),
            inner.cols[meets],
            np.repeat(self.values, counts) * inner.values[meets],
        )

    def is_diagonal(self) -> bool:
        """Whether all entries lie on the main diagonal."""
        return self.shape[0] == self.shape[1] and bool((self.rows == self.cols).all())
