"""Runs a model in a process of its own, so that the service itself never imports PyTorch."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import numpy as np
from numpy.typing import NDArray

from safelight.errors import CompileError, InputError, ProgramError
from safelight.models.deep.deep_folder import DeepModel
from safelight.models.deep.worker_pipe import read_array, write_array

WORKER_MODULE = "safelight.models.deep.worker"

# What the worker says first: ready, or why not.
READY = b"R"
LACKING = b"L"
DAMAGED = b"D"


class ProcessRunner:
    """A process that holds one model.

    Args:
        model: Of the baseline format.
        timeout_s: A run that takes longer is ended, and the process started anew.

    Raises:
        InputError: A package that the model needs is not installed.
        CompileError: Its files are damaged.
    """

    def __init__(self, model: DeepModel, *, timeout_s: float) -> None:
        self._model = model
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._process = self._start()

    def run(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Logits ``[records, logits]``."""
        with self._lock:
            if self._process.poll() is not None:
                self._end()
                self._process = self._start()
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            try:
                contiguous = np.ascontiguousarray(inputs, dtype="<f4")
                write_array(self._process.stdin.fileno(), inputs.shape, contiguous.data)
                deadline = time.monotonic() + self._timeout_s
                shape, data = read_array(self._process.stdout.fileno(), 8, deadline=deadline)
            except TimeoutError:
                self._end()
                raise
            except (EOFError, OSError, ValueError) as exc:
                self._end()
                raise ProgramError(f"the model's process failed ({type(exc).__name__})") from None
        if shape != (len(inputs), self._model.outputs.logits):
            raise ProgramError(f"the model gave numbers of shape {list(shape)}")
        return np.frombuffer(data, "<f8").reshape(shape).astype(np.float64)

    def close(self) -> None:
        """Ends the process."""
        with self._lock:
            self._end()

    def _start(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-m", WORKER_MODULE, str(self._model.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # a traceback could hold numbers of an image
            bufsize=0,
            env=_environment(),
        )
        assert process.stdout is not None
        said = process.stdout.read(1) or b""
        if said == READY:
            return process
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        name = self._model.name
        if said == LACKING:
            raise InputError(
                f"the model {name} needs packages that are not installed",
                hint="pip install 'safelight[baselines]'",
            )
        raise CompileError(
            f"the model {name} cannot be loaded",
            hint="its folder is damaged, or of another release",
        )

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


def _environment() -> dict[str, str]:
    """Without anything that is named like a secret of ours."""
    hidden = ("SAFELIGHT_TOKEN", "SAFELIGHT_LOCAL_TOKEN", "SAFELIGHT_METRICS_TOKEN")
    return {name: value for name, value in os.environ.items() if name not in hidden}
