"""Reads a ``.pt2`` archive (torch.export.save) as data: no torch, no pickle, no evaluation.

``torch.export.load`` falls back to unpickling, and turns strings of the file into expressions with
sympy, which evaluates them. What an import needs is plain: a JSON graph of ATen calls, and weights
as raw bytes. The layout is that of torch 2.9 and later (schema major 8); older files are refused.

Source: torch/_export/serde/schema.py and torch/export/pt2_archive in PyTorch 2.13.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from safelight.circuit.graph import Shape
from safelight.errors import InputError

SCHEMA_MAJOR = 8
MAX_ARCHIVE_BYTES = 2 << 30
MAX_GRAPH_BYTES = 64 << 20
# ScalarType of the schema
_DTYPES = {1: "u1", 2: "i1", 3: "<i2", 4: "<i4", 5: "<i8", 6: "<f2", 7: "<f4", 8: "<f8", 12: "?"}
_HINT = "save it again with torch.export.save, of torch 2.9 or later, on CPU"


@dataclass(frozen=True)
class AtenCall:
    """One operation.

    Args:
        op: Such as ``aten.conv2d.default``.
        arguments: By name; a tensor is a `TensorName`, numbers and lists are themselves.
        output: Name of the tensor that it gives.
        path: Of the module that called it, such as ``layer1.0.conv``; empty for the whole.
    """

    op: str
    arguments: Mapping[str, Any]
    output: str
    path: str


@dataclass(frozen=True)
class TensorName:
    """A tensor of the graph."""

    name: str


@dataclass(frozen=True)
class AtenProgram:
    """An exported module.

    Args:
        calls: In order.
        input_name: Of the only input.
        input_shape: Its sizes, without the first.
        batch: Its first size if fixed, else 1.
        constants: Parameters and buffers by the name of their tensor.
        output_name: Of the only output.
    """

    calls: tuple[AtenCall, ...]
    input_name: str
    input_shape: Shape
    batch: int
    constants: Mapping[str, NDArray[Any]]
    output_name: str


def read_archive(data: bytes) -> AtenProgram:
    """The program of an archive.

    Raises:
        InputError: Not such an archive, or one with several inputs or outputs.
    """
    if len(data) > MAX_ARCHIVE_BYTES:
        raise InputError(f"an archive of {len(data)} bytes is above {MAX_ARCHIVE_BYTES}")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _read(archive)
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, IndexError, OSError) as exc:
        raise InputError("the .pt2 archive cannot be read", hint=_HINT) from exc


def _read(archive: zipfile.ZipFile) -> AtenProgram:
    total = sum(info.file_size for info in archive.infolist())
    if total > MAX_ARCHIVE_BYTES:
        raise InputError(f"an archive that unpacks to {total} bytes is above {MAX_ARCHIVE_BYTES}")
    models = [name for name in archive.namelist() if "/models/" in name and name.endswith(".json")]
    if len(models) != 1:
        raise InputError(f"an archive with {len(models)} models where one is expected", hint=_HINT)
    root = models[0].split("/models/")[0]
    if archive.getinfo(models[0]).file_size > MAX_GRAPH_BYTES:
        raise InputError("the archive's graph is too long")
    document = json.loads(archive.read(models[0]))
    if document["schema_version"]["major"] != SCHEMA_MAJOR:
        raise InputError("a .pt2 archive of another schema", hint=_HINT)
    module = document["graph_module"]
    graph, specs = module["graph"], module["signature"]
    stored = _stored(archive, root)
    constants: dict[str, NDArray[Any]] = {}
    inputs = []
    for spec in specs["input_specs"]:
        ((kind, value),) = spec.items()
        if kind == "user_input":
            inputs.append(value["arg"]["as_tensor"]["name"])
        else:
            key = next(value[k] for k in _SPEC_NAMES if k in value)
            constants[value["arg"]["name"]] = stored[key]
    outputs = [next(iter(spec.values()))["arg"] for spec in specs["output_specs"]]
    if len(inputs) != 1 or len(outputs) != 1 or "as_tensor" not in outputs[0]:
        raise InputError(
            f"a module with {len(inputs)} inputs and {len(outputs)} outputs",
            hint="export a module that takes one tensor and gives its logits",
        )
    sizes = graph["tensor_values"][inputs[0]]["sizes"]
    return AtenProgram(
        # sizes and assertions give no tensor, and say nothing that shapes do not
        calls=tuple(_call(node) for node in graph["nodes"] if _gives_tensor(node)),
        input_name=inputs[0],
        input_shape=tuple(int(size["as_int"]) for size in sizes[1:]),
        batch=int(sizes[0].get("as_int", 1)),
        constants=constants,
        output_name=outputs[0]["as_tensor"]["name"],
    )


_SPEC_NAMES = ("parameter_name", "buffer_name", "tensor_constant_name")


def _gives_tensor(node: Mapping[str, Any]) -> bool:
    return bool(node["outputs"]) and "as_tensor" in node["outputs"][0]


def _call(node: Mapping[str, Any]) -> AtenCall:
    arguments = {given["name"]: _argument(given["arg"]) for given in node["inputs"]}
    stack = node["metadata"].get("nn_module_stack", "")
    last = stack.split(";")[-1].split(",")
    path = last[1] if len(last) == 3 and not last[0].startswith("_empty") else ""
    op = node["target"].removeprefix("torch.ops.")
    return AtenCall(op, arguments, node["outputs"][0]["as_tensor"]["name"], path)


def _argument(value: Mapping[str, Any]) -> Any:
    ((kind, content),) = value.items()
    if kind == "as_none":
        return None
    if kind == "as_tensor":
        return TensorName(content["name"])
    if kind == "as_tensors":
        return [TensorName(tensor["name"]) for tensor in content]
    if kind == "as_sym_ints":
        return [size.get("as_int", size.get("as_name")) for size in content]
    if kind in ("as_sym_int", "as_sym_bool", "as_sym_float"):
        return next(iter(content.values()))
    return content  # numbers, texts and lists of them


def _stored(archive: zipfile.ZipFile, root: str) -> dict[str, NDArray[Any]]:
    """Weights and constants by their name in the module."""
    found: dict[str, NDArray[Any]] = {}
    for folder in ("weights", "constants"):
        listing = f"{root}/data/{folder}/model_{folder}_config.json"
        if listing not in archive.namelist():
            continue
        for name, entry in json.loads(archive.read(listing))["config"].items():
            if entry["use_pickle"]:
                raise InputError(
                    f"{name!r} is pickled in the archive, and we unpickle nothing", hint=_HINT
                )
            raw = archive.read(f"{root}/data/{folder}/{entry['path_name']}")
            found[name] = _tensor(raw, entry["tensor_meta"], name)
    return found


def _tensor(raw: bytes, meta: Mapping[str, Any], name: str) -> NDArray[Any]:
    if meta["dtype"] not in _DTYPES:
        raise InputError(
            f"{name!r} is of a type that we do not read", hint="export the module in float32"
        )
    flat = np.frombuffer(raw, dtype=_DTYPES[meta["dtype"]])
    sizes = [int(size["as_int"]) for size in meta["sizes"]]
    strides = [int(stride["as_int"]) for stride in meta["strides"]]
    start = int(meta["storage_offset"]["as_int"])
    if min(sizes, default=1) < 0 or min(strides, default=0) < 0 or start < 0:
        raise ValueError
    if math.prod(sizes) == 0:
        return np.zeros(sizes, flat.dtype)
    last = start + sum((size - 1) * stride for size, stride in zip(sizes, strides, strict=True))
    if last >= flat.size:
        raise ValueError
    steps = [stride * flat.itemsize for stride in strides]
    return np.lib.stride_tricks.as_strided(flat[start:], sizes, steps).copy()
