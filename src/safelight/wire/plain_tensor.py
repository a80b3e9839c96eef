"""Inputs and answers as they lie inside a sealed message: a small header and the numbers.

records (u32), numbers of each (u32), then records × numbers × float32 (inputs) or float64
(answers), little-endian, in C order
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from safelight.circuit.sparse import FloatArray
from safelight.errors import MalformedError
from safelight.wire.frame import Buffer

_HEAD = struct.Struct("<II")
HEAD_BYTES = _HEAD.size
INPUT_BYTES = 4
ANSWER_BYTES = 8


def encode_inputs(inputs: FloatArray) -> bytearray:
    """Preprocessed inputs ``[records, …]``; its owner overwrites it after use."""
    flat = np.ascontiguousarray(inputs.reshape(len(inputs), -1), dtype="<f4")
    data = bytearray(HEAD_BYTES + flat.nbytes)
    _HEAD.pack_into(data, 0, *flat.shape)
    np.frombuffer(data, "<f4", offset=HEAD_BYTES)[:] = flat.ravel()
    return data


def decode_inputs(data: Buffer, elements: int, records: int) -> NDArray[np.float32]:
    """Inputs ``[records, elements]``, a view of ``data``.

    Args:
        data: What `encode_inputs` made.
        elements: Of one input.
        records: At most.

    Raises:
        MalformedError: Another size than it says, or than the model takes; not finite.
    """
    count = _checked(data, elements, records, INPUT_BYTES)
    values = np.frombuffer(data, "<f4", offset=HEAD_BYTES).reshape(count, elements)
    if not np.isfinite(values).all():
        raise MalformedError("an input has values that are not finite numbers")
    return values


def encode_answers(answers: FloatArray) -> bytes:
    """Numbers that a model gives, ``[records, numbers]``."""
    values = np.ascontiguousarray(answers, dtype="<f8")
    return _HEAD.pack(*values.shape) + values.tobytes()


def decode_answers(data: Buffer, numbers: int, records: int) -> FloatArray:
    """Answers ``[records, numbers]``.

    Raises:
        MalformedError: Another size, or not finite.
    """
    if _checked(data, numbers, records, ANSWER_BYTES) != records:
        raise MalformedError("answers to another number of inputs")
    values = np.frombuffer(data, "<f8", offset=HEAD_BYTES).reshape(records, numbers)
    if not np.isfinite(values).all():
        raise MalformedError("an answer has values that are not finite numbers")
    return values.astype(np.float64)


def _checked(data: Buffer, elements: int, records: int, size: int) -> int:
    if len(data) < HEAD_BYTES:
        raise MalformedError(f"{len(data)} bytes hold no numbers")
    count, each = _HEAD.unpack_from(data)
    if each != elements or not 0 < count <= records:
        raise MalformedError(f"{count} × {each} numbers where up to {records} × {elements} go")
    if len(data) != HEAD_BYTES + count * each * size:
        raise MalformedError(f"{len(data)} bytes for {count} × {each} numbers")
    return int(count)
