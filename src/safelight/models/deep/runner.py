"""What runs a model on plain inputs."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class PlainRunner(Protocol):
    """A model ready to run.

    **Contract**: `run` may be called from several threads. It keeps no reference to its inputs
    and writes them nowhere; what it can overwrite after use, it does.
    """

    def run(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """The model's numbers.

        Args:
            inputs: ``[records, *input_shape]``, preprocessed.

        Returns:
            ``[records, numbers]``: logits.

        Raises:
            ProgramError: The model cannot be run.
            TimeoutError: It took too long.
        """

    def close(self) -> None:
        """Lets go of what it holds."""
