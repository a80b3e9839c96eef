"""The process of `safelight.models.deep.torch_runner`: one network, arrays in, arrays out.

``python -m safelight.models.training.deep_worker ARCHITECTURE WEIGHTS SHAPE LOGITS``. It reads
from its standard input and writes to its standard output, and ends when its parent does.
"""

from __future__ import annotations

import contextlib
import os
import resource
import sys
from pathlib import Path

import numpy as np

from safelight.models.deep.torch_runner import BAD_WEIGHTS, NO_MONAI, NO_TORCH, READY
from safelight.models.deep.worker_pipe import read_array, write_array


def main(arguments: list[str]) -> int:
    """Serves one network until its input ends."""
    architecture, weights, shape_text, logits = arguments
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump would hold images
    source, sink = os.dup(0), os.dup(1)
    # whatever a library prints must not get between the numbers
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    try:
        import torch
    except ImportError:
        os.write(sink, NO_TORCH)
        return 1
    from safelight.models.training.deep_networks import load_network

    shape = tuple(int(side) for side in shape_text.split(","))
    try:
        network = load_network(architecture, Path(weights), shape, int(logits))
    except ImportError:
        os.write(sink, NO_MONAI)
        return 1
    except Exception:  # noqa: BLE001 - said in one word: the parent names the model
        os.write(sink, BAD_WEIGHTS)
        return 1
    os.write(sink, READY)
    while True:
        try:
            sides, data = read_array(source, 4)
        except (EOFError, ValueError):
            return 0
        with torch.inference_mode():
            inputs = torch.from_numpy(np.frombuffer(data, "<f4").reshape(sides))
            answers = network(inputs).to(torch.float64).numpy().reshape(sides[0], -1)
            inputs.zero_()  # shares the bytes that came through the pipe
        write_array(sink, answers.shape, np.ascontiguousarray(answers, "<f8").data)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
