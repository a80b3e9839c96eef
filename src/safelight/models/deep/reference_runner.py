"""A model that also runs on ciphertext, run in the clear by its definition in NumPy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from safelight.circuit.graph import Graph
from safelight.circuit.reference import evaluate


class ReferenceRunner:
    """Runs a graph layer by layer.

    Args:
        graph: The model.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def run(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """The model's numbers ``[records, numbers]``."""
        return evaluate(self._graph, inputs.astype(np.float64))

    def close(self) -> None:
        """Nothing to let go of."""
