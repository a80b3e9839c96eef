"""Runs an ONNX file with ONNX Runtime, an optional package."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from safelight.errors import CompileError, InputError, ProgramError
from safelight.models.deep.deep_folder import DeepModel

_FATAL_ONLY = 4


class OnnxRunner:
    """A session of ONNX Runtime.

    Args:
        model: Its first input is ``[records, *input_shape]`` float32, its first output logits.

    Raises:
        InputError: ONNX Runtime is not installed.
        CompileError: The file is no such model.
    """

    def __init__(self, model: DeepModel) -> None:
        try:
            runtime: Any = importlib.import_module("onnxruntime")
        except ImportError as exc:
            raise InputError(
                f"the model {model.name} needs ONNX Runtime, which is not installed",
                hint="pip install 'safelight[deep]'",
            ) from exc
        options = runtime.SessionOptions()
        # its messages name shapes and nodes; they go nowhere
        options.log_severity_level = _FATAL_ONLY
        # keeps no pool of memory in which inputs would stay
        options.enable_cpu_mem_arena = False
        try:
            self._session: Any = runtime.InferenceSession(
                str(model.weights), options, providers=["CPUExecutionProvider"]
            )
            described = self._session.get_inputs()[0]
            shape = tuple(described.shape[1:])
        except Exception as exc:
            raise CompileError(
                f"the ONNX file of {model.name} cannot be loaded ({type(exc).__name__})"
            ) from exc
        fixed = [(a, b) for a, b in zip(shape, model.input_shape, strict=False) if type(a) is int]
        same = len(shape) == len(model.input_shape) and all(a == b for a, b in fixed)
        if described.type != "tensor(float)" or not same:
            raise CompileError(
                f"the ONNX file of {model.name} takes {described.type} {list(described.shape)}, "
                f"not float32 of shape {list(model.input_shape)}"
            )
        # a file with a fixed batch of one is run input by input
        self._one_by_one = described.shape[0] == 1
        self._input = described.name
        self._output = self._session.get_outputs()[0].name
        self._logits = model.outputs.logits

    def run(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Logits ``[records, logits]``."""
        batches = [inputs[i : i + 1] for i in range(len(inputs))] if self._one_by_one else [inputs]
        try:
            parts = [self._session.run([self._output], {self._input: b})[0] for b in batches]
        except Exception as exc:  # noqa: BLE001 - its own classes; none of its words pass
            raise ProgramError(f"ONNX Runtime failed ({type(exc).__name__})") from None
        logits = np.concatenate(parts).reshape(len(inputs), -1).astype(np.float64)
        if logits.shape[1] != self._logits:
            raise ProgramError(f"the model gave {logits.shape[1]} numbers, not {self._logits}")
        return logits

    def close(self) -> None:
        """Lets the session go."""
        self._session = None
