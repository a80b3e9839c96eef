"""The process of `safelight.models.deep.process_runner`: one model, arrays in, arrays out.

``python -m safelight.models.deep.worker FOLDER``. It reads from its standard input, writes to its
standard output, and ends when its parent does. The only module of the room that reaches PyTorch.
"""

from __future__ import annotations

import contextlib
import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from safelight.circuit.outputs import Outputs
from safelight.errors import InputError, SafelightError
from safelight.models.deep.process_runner import DAMAGED, LACKING, READY
from safelight.models.deep.worker_pipe import read_array, write_array

# A forest may be certain; a logit may not be infinite.
_LEAST = 1e-9


def main(arguments: list[str]) -> int:
    """Serves one model until its input ends."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump would hold images
    source, sink = os.dup(0), os.dup(1)
    # whatever a library prints must not get between the numbers
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    try:
        run = _opened(Path(arguments[0]))
    except SafelightError as exc:
        os.write(sink, LACKING if type(exc) is InputError else DAMAGED)
        return 1
    except ImportError:
        os.write(sink, LACKING)
        return 1
    os.write(sink, READY)
    while True:
        try:
            shape, data = read_array(source, 4)
        except (EOFError, ValueError):
            return 0
        logits = run(np.frombuffer(data, "<f4").reshape(shape))
        data[:] = bytes(len(data))
        write_array(sink, logits.shape, np.ascontiguousarray(logits, "<f8").data)


def _opened(folder: Path) -> Callable[[NDArray[np.float32]], NDArray[np.float64]]:
    """What gives logits ``[records, logits]`` of inputs."""
    if (folder / "baseline.json").is_file():
        from safelight.models.baselines.stored import load_baseline

        model = load_baseline(folder)
        return lambda inputs: logits_of_probabilities(
            model.outputs, model.predictor.probabilities(inputs.astype(np.float64))
        )
    from safelight.models.training.masked_folder import load_masked_folder

    network = load_masked_folder(folder)
    return lambda inputs: network.logits(pixels_of(inputs))[:, None]


def pixels_of(inputs: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Pixels ``[n, rows, columns]`` of obfuscated inputs, ``[n, 1, rows, columns]`` in 0 … 1."""
    pixels: NDArray[np.uint8] = np.rint(255 * np.clip(inputs[:, 0], 0.0, 1.0)).astype(np.uint8)
    return pixels


def logits_of_probabilities(
    outputs: Outputs, probabilities: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Logits ``[records, logits]`` that give these probabilities ``[records, classes]`` back."""
    certain = np.clip(probabilities, _LEAST, 1.0 - _LEAST)
    if outputs.activation == "softmax":
        logits = np.log(certain)
    else:
        logits = np.log(certain) - np.log1p(-certain)
        if outputs.activation == "sigmoid":
            positive = outputs.classes.index(outputs.positive)
            logits = logits[:, positive : positive + 1]
    result: NDArray[np.float64] = outputs.temperature * logits
    return result


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
