"""A live PyTorch module, through torch.export, to the same reader as a ``.pt2`` file."""

from __future__ import annotations

import copy
import io
from typing import Any

from safelight.circuit.graph import Shape
from safelight.errors import InputError, UnsupportedLayerError
from safelight.models.importers.aten_graph import draft_of_archive
from safelight.models.importers.draft import Draft
from safelight.models.importers.source_file import needed


def draft_of_module(module: Any, name: str, input_shape: Shape | None) -> Draft:
    """The draft of a module or of an ``ExportedProgram``.

    Args:
        module: In whatever mode and precision; a copy is exported, in evaluation mode and float64.
        name: Of the model.
        input_shape: Of one input, without the batch.

    Raises:
        UnsupportedLayerError: torch.export cannot follow it, or a layer has no encrypted form.
    """
    torch = needed("torch")
    exported = module
    if not isinstance(module, torch.export.ExportedProgram):
        if input_shape is None:
            raise InputError(
                "a PyTorch module does not say what shape it takes",
                hint="give input_shape, or calibration inputs as floats",
            )
        exported = export_module(module, input_shape)
    buffer = io.BytesIO()
    torch.export.save(exported, buffer)
    return draft_of_archive(buffer.getvalue(), name)


def export_module(module: Any, input_shape: Shape) -> Any:
    """The ``ExportedProgram`` of a copy in evaluation mode and float64.

    Raises:
        UnsupportedLayerError: torch.export cannot follow it.
    """
    torch = needed("torch")
    frozen = copy.deepcopy(module).eval().double().cpu()
    example = torch.zeros(2, *input_shape, dtype=torch.float64)
    try:
        with torch.no_grad():
            return torch.export.export(
                frozen, (example,), dynamic_shapes=({0: torch.export.Dim.DYNAMIC},)
            )
    except Exception as exc:  # torch.export raises a dozen kinds
        first = str(exc).strip().partition("\n")[0][:160]
        raise UnsupportedLayerError(
            f"torch.export cannot follow the module on inputs {list(input_shape)} "
            f"({type(exc).__name__}: {first})",
            hint="its forward must take one tensor and not branch on values",
        ) from exc
