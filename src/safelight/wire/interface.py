"""What a client must know of a model to ask it in an envelope: inputs and outputs, no packing.

It is the part of a signature that does not depend on encryption with CKKS.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from safelight.circuit.outputs import Outputs, logits_of, probabilities
from safelight.circuit.signature import MAX_TEXT, Signature
from safelight.circuit.sparse import FloatArray
from safelight.errors import MalformedError, RecordError
from safelight.wire.json_object import JsonObject, checked_integer

# A batch of what deep networks take, such as 16 of 1 × 512 × 512, is 16 MiB.
MAX_RECORDS = 4096
MAX_INPUT_ELEMENTS = 1 << 22
_MAX_SIDE = 1 << 16
_MAX_CLASSES = 1024


@dataclass(frozen=True)
class ModelInterface:
    """Inputs and outputs of a model, as in `safelight.circuit.signature.Signature`.

    Args:
        model: Name.
        version: Of the model.
        title: One line for people.
        input_shape: Shape of one preprocessed input.
        input_names: Names of a record's features; empty for images.
        input_bound: Largest magnitude of a preprocessed element.
        preprocessing: Steps as data.
        records: Inputs of one request at most.
        outputs: Meaning of the numbers that come back.
    """

    model: str
    version: str
    title: str
    input_shape: tuple[int, ...]
    input_names: tuple[str, ...]
    input_bound: float
    preprocessing: Mapping[str, Any]
    records: int
    outputs: Outputs

    @classmethod
    def of_signature(cls, signature: Signature) -> ModelInterface:
        """The interface of a model that also runs on ciphertext; in the clear it gives logits
        without maps.
        """
        return cls(
            model=signature.model,
            version=signature.version,
            title=signature.title,
            input_shape=signature.input_shape,
            input_names=signature.input_names,
            input_bound=signature.input_bound,
            preprocessing=signature.preprocessing,
            records=min(signature.records, MAX_RECORDS),
            outputs=replace(signature.outputs, map_shape=()),
        )

    @property
    def elements(self) -> int:
        """Elements of one input."""
        return math.prod(self.input_shape)

    def within_bound(self, inputs: FloatArray) -> bool:
        """Whether the model covers preprocessed inputs of this magnitude."""
        return bool(np.abs(inputs).max(initial=0.0) <= self.input_bound)

    def check(self, inputs: FloatArray) -> None:
        """Returns if the model takes these inputs ``[records, *input_shape]``.

        Raises:
            RecordError: Too many, of another shape, not finite, or beyond ``input_bound``.
        """
        if inputs.shape[1:] != self.input_shape or not 0 < len(inputs) <= self.records:
            raise RecordError(
                f"inputs of shape {list(inputs.shape)} do not fit: up to {self.records} "
                f"of shape {list(self.input_shape)}"
            )
        if not np.isfinite(inputs).all() or not self.within_bound(inputs):
            raise RecordError(
                f"an input has values that are not finite or beyond ±{self.input_bound:g}",
                hint="the model does not cover it; check the units of its features",
            )

    def probabilities(self, numbers: FloatArray) -> FloatArray:
        """Probability of each class ``[records, classes]`` from what came back."""
        return probabilities(self.outputs, logits_of(self.outputs, numbers))

    def to_json(self) -> dict[str, Any]:
        """As sent to clients."""
        data = asdict(self)
        if not self.outputs.map_shape:
            del data["outputs"]["map_shape"]
        return data

    @classmethod
    def from_json(cls, document: object) -> ModelInterface:
        """Reads `to_json`, which may come from a stranger.

        Raises:
            MalformedError: Anything missing, unknown, of a wrong type or out of range.
        """
        fields = JsonObject(document, "the model's interface")
        shape = [checked_integer(v, 1, _MAX_SIDE, "a side") for v in fields.items("input_shape", 4)]
        preprocessing = fields.take("preprocessing")
        if type(preprocessing) is not dict or not shape:
            raise MalformedError("the model's interface has no preprocessing, or no shape")
        interface = cls(
            model=fields.text("model", MAX_TEXT),
            version=fields.text("version", MAX_TEXT),
            title=fields.text("title", MAX_TEXT),
            input_shape=tuple(shape),
            input_names=_texts(fields.items("input_names", MAX_INPUT_ELEMENTS)),
            input_bound=fields.positive_real("input_bound"),
            preprocessing=preprocessing,
            records=fields.integer("records", 1, MAX_RECORDS),
            outputs=_outputs(fields.take("outputs")),
        )
        fields.close()
        if not interface.outputs.is_sound() or interface.elements > MAX_INPUT_ELEMENTS:
            raise MalformedError("the model's interface has a value out of range")
        if len(interface.input_names) not in (0, interface.elements):
            raise MalformedError("the model's interface names other features than it has")
        return interface


def _outputs(document: object) -> Outputs:
    fields = JsonObject(document, "the model's outputs")
    sides: list[Any] = []
    if isinstance(document, dict) and "map_shape" in document:
        sides = fields.items("map_shape", 2)
    outputs = Outputs(
        classes=_texts(fields.items("classes", _MAX_CLASSES)),
        activation=fields.text("activation", MAX_TEXT),
        positive=fields.text("positive", MAX_TEXT),
        threshold=fields.positive_real("threshold"),
        temperature=fields.positive_real("temperature"),
        map_shape=tuple(checked_integer(side, 1, _MAX_SIDE, "a side") for side in sides),
    )
    fields.close()
    return outputs


def _texts(items: list[Any]) -> tuple[str, ...]:
    if not all(type(i) is str and len(i) <= MAX_TEXT and i.isprintable() for i in items):
        raise MalformedError("a name is not a short text")
    return tuple(items)
