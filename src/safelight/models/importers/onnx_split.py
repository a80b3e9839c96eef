"""Cuts an ONNX model in two: a public part that stays ONNX, and a head to encrypt."""

from __future__ import annotations

from typing import Any

from safelight.errors import CompileError, InputError
from safelight.models.importers.onnx_file import load_onnx
from safelight.models.importers.origin import layer_name
from safelight.models.importers.source_file import needed

_SCOPES = "pkg.torch.onnx.name_scopes"  # PyTorch's exporter names modules here


def split_onnx(source: Any, layer: str) -> tuple[bytes, Any]:
    """The part up to ``layer`` as bytes, and the rest as a ``ModelProto``.

    Args:
        source: A path, bytes or a ``ModelProto``.
        layer: Name of a node, of a tensor, or of a PyTorch module in an exported model.

    Raises:
        CompileError: No such layer, or a value from inside the public part is read further on.
    """
    onnx = needed("onnx")
    model = load_onnx(source)
    tensor = _tensor(model, layer)
    if len(model.graph.output) != 1:
        raise InputError(f"an ONNX model with {len(model.graph.output)} outputs cannot be split")
    output = model.graph.output[0].name
    if tensor == output:
        raise CompileError(
            f"after the layer {layer!r} nothing is left to encrypt",
            hint="end the public part earlier",
        )
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [value.name for value in model.graph.input if value.name not in constants]
    inferred = onnx.shape_inference.infer_shapes(model)
    try:
        extractor = needed("onnx.utils").Extractor(inferred)
        public = extractor.extract_model(inputs, [tensor])
        head = extractor.extract_model([tensor], [output])
        onnx.checker.check_model(head)
    except Exception as exc:  # onnx raises ValueError, KeyError or its own
        raise CompileError(
            f"the model cannot be cut after the layer {layer!r}: a value from before it is read "
            "after it",
            hint="end the public part where a single value passes on, such as after an addition",
        ) from exc
    return public.SerializeToString(deterministic=True), head


def _tensor(model: Any, layer: str) -> str:
    """The tensor that a layer gives: the last one of a module."""
    wanted = layer_name(layer)
    inside = []
    for node in model.graph.node:
        named = (node.name, *node.output)
        if layer in named or wanted in map(layer_name, named):
            return str(node.output[0])
        scopes = next((p.value for p in node.metadata_props if p.key == _SCOPES), "")
        if f"'{layer}'" in scopes:
            inside.append(node.output[0])
    if not inside:
        names = ", ".join((node.name or node.output[0])[:40] for node in model.graph.node[:12])
        raise CompileError(
            f"the model has no layer {layer!r} to end a public part with",
            hint=f"layers are named {names} … (any node, or a module of PyTorch's exporter)",
        )
    return str(inside[-1])
