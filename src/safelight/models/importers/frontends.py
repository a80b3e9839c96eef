"""Which frontend reads a source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from safelight.circuit.graph import Shape
from safelight.errors import InputError
from safelight.models.importers.draft import Draft
from safelight.models.importers.refusals import refusal
from safelight.models.importers.scikit_learn import draft_of_estimator, is_scikit_learn


def draft_of(model: Any, name: str, input_shape: Shape | None) -> Draft:
    """The draft of a model object, or of a file that runs no code when it is read.

    Raises:
        InputError: Nothing that we read.
        UnsupportedLayerError: Something in it has no encrypted form, or weights that are not
            finite.
    """
    draft = _read(model, name, input_shape)
    for index, layer in enumerate(draft.layers, start=1):
        arrays = layer.arrays.values()
        if wrong := sum(array.size - np.isfinite(array).sum() for array in arrays):
            place = f"layer {index} of {len(draft.layers)}"
            why = f"has {wrong} weights that are not finite"
            raise refusal(layer.op, layer.name, place, why, topic="finite")
    if not all(np.isfinite(array).all() for array in draft.standardize or ()):
        raise refusal("scaler", "input", "the first step", "is not finite", topic="finite")
    return draft


def _read(model: Any, name: str, input_shape: Shape | None) -> Draft:
    if isinstance(model, str | Path):
        path = Path(model)
        if path.suffix == ".onnx":
            from safelight.models.importers.onnx_graph import draft_of_onnx

            return draft_of_onnx(path, name, input_shape)
        if path.suffix == ".pt2":
            from safelight.models.importers.aten_graph import draft_of_archive

            return draft_of_archive(path.read_bytes(), name)
    elif is_scikit_learn(model):
        return draft_of_estimator(model, name)
    elif _comes_from(model, "onnx") or isinstance(model, bytes):
        from safelight.models.importers.onnx_graph import draft_of_onnx

        return draft_of_onnx(model, name, input_shape)
    elif _comes_from(model, "torch"):
        from safelight.models.importers.torch_module import draft_of_module

        return draft_of_module(model, name, input_shape)
    raise InputError(
        f"a model of type {type(model).__name__} cannot be imported",
        hint="give a scikit-learn classifier, a torch.nn.Module, or an .onnx or .pt2 file",
    )


def _comes_from(model: object, package: str) -> bool:
    return any(kind.__module__.partition(".")[0] == package for kind in type(model).__mro__)


def onnx_of(model: Any, input_shape: Shape | None) -> Any:
    """A source that can be cut as ONNX: ONNX itself, or a live PyTorch module.

    Raises:
        InputError: Anything else.
    """
    onnx_file = isinstance(model, str | Path) and Path(model).suffix == ".onnx"
    if onnx_file or isinstance(model, bytes) or _comes_from(model, "onnx"):
        return model
    if _comes_from(model, "torch") and hasattr(model, "forward"):
        from safelight.models.importers.public_backbone import backbone_bytes

        return backbone_bytes(model, input_shape)
    raise InputError(
        "only ONNX models and PyTorch modules can be split",
        hint="export the model to ONNX first, or use a public stem",
    )
