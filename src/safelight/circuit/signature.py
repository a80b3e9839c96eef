"""The signature: all that a client must know of a model to use it, and nothing of its weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from safelight.circuit.outputs import Outputs as Outputs
from safelight.circuit.outputs import logits_of, maps_of, probabilities
from safelight.circuit.sparse import FloatArray, IntArray
from safelight.ckks.parameters import Parameters
from safelight.errors import MalformedError, ParameterError, RecordError

MAX_TEXT = 200  # characters of a name or title


@dataclass(frozen=True)
class SlotRun:
    """``count`` slots from ``slot`` on, ``slot_step`` apart, hold elements from ``element`` on.

    Args:
        slot: First slot.
        slot_step: Distance of the slots.
        element: First element of the flattened input.
        element_step: Distance of the elements.
        count: How many.
    """

    slot: int
    slot_step: int
    element: int
    element_step: int
    count: int


@dataclass(frozen=True)
class Signature:
    """The client's side of a compiled model.

    Args:
        model: Name.
        version: Version of the model.
        title: One line for people.
        input_shape: Shape of one preprocessed input.
        input_names: Names of a record's features, in order; empty for images.
        input_bound: Largest magnitude of a preprocessed element; beyond it the encrypted answer
            could wrap around and be wrong without a sign of it.
        preprocessing: Steps as data, from file to ``input_shape``; read by
            `safelight.imaging.Preprocessing`.
        parameters: Under which to make keys and encrypt.
        input_scale: Scale of the fresh ciphertext, at level ``input_level``.
        input_level: Its level.
        records: How many inputs fit one ciphertext.
        record_step: Slot of record r is the slot of record 0 plus r times this.
        input_slots: Where the elements of record 0 go; all other slots are zero.
        output_slots: Slot of each logit (or element of its map, in C order) of record 0 in the
            returned ciphertext, at level 0.
        output_scale: Scale of the returned ciphertext.
        outputs: Their meaning.
    """

    model: str
    version: str
    title: str
    input_shape: tuple[int, ...]
    input_names: tuple[str, ...]
    input_bound: float
    preprocessing: Mapping[str, Any]
    parameters: Parameters
    input_scale: float
    input_level: int
    records: int
    record_step: int
    input_slots: tuple[SlotRun, ...]
    output_slots: tuple[int, ...]
    output_scale: float
    outputs: Outputs

    def pack(self, inputs: FloatArray) -> FloatArray:
        """The slots of one ciphertext for up to ``records`` inputs.

        Args:
            inputs: float64 ``[records, *input_shape]``.

        Raises:
            RecordError: Too many, of another shape, not finite, or beyond ``input_bound``.
        """
        size = math.prod(self.input_shape)
        if inputs.shape[1:] != self.input_shape or not 0 < len(inputs) <= self.records:
            raise RecordError(
                f"inputs of shape {list(inputs.shape)} do not fit: up to {self.records} "
                f"of shape {list(self.input_shape)}"
            )
        if not np.isfinite(inputs).all():
            raise RecordError("an input has values that are not finite numbers")
        if not self.within_bound(inputs):
            raise RecordError(
                f"an input has values beyond ±{self.input_bound:g} after preprocessing",
                hint="the model does not cover it; check the units of its features",
            )
        flat = inputs.reshape(len(inputs), size)
        slots = np.zeros(self.parameters.slots)
        for run in self.input_slots:
            steps = np.arange(run.count)
            where = run.slot + run.slot_step * steps
            elements = run.element + run.element_step * steps
            for record, values in enumerate(flat):
                slots[where + record * self.record_step] = values[elements]
        return slots

    def within_bound(self, inputs: FloatArray) -> bool:
        """Whether the model covers preprocessed inputs of this magnitude."""
        return bool(np.abs(inputs).max(initial=0.0) <= self.input_bound)

    def unpack(self, slots: FloatArray, count: int) -> FloatArray:
        """Logits float64 ``[count, logits]`` from decrypted slots; maps are averaged."""
        return logits_of(self.outputs, self._numbers(slots, count))

    def unpack_maps(self, slots: FloatArray, count: int) -> FloatArray | None:
        """Class-activation maps ``[count, logits, height, width]``; None if it has none."""
        if not self.outputs.map_shape:
            return None
        return maps_of(self.outputs, self._numbers(slots, count))

    def _numbers(self, slots: FloatArray, count: int) -> FloatArray:
        first = np.array(self.output_slots)
        records = np.arange(count) * self.record_step
        return np.asarray(slots[first[None, :] + records[:, None]])

    def probabilities(self, logits: FloatArray) -> FloatArray:
        """Probability of each class, float64 ``[records, classes]``."""
        return probabilities(self.outputs, logits)

    def to_json(self) -> dict[str, Any]:
        """As sent to clients."""
        data = asdict(self)
        if not self.outputs.map_shape:
            del data["outputs"]["map_shape"]  # a client that knows no maps reads all others
        data["parameters"] = {
            "n": self.parameters.n,
            "primes": list(self.parameters.primes),
            "digest": self.parameters.digest.hex(),
        }
        data["input_slots"] = [
            [run.slot, run.slot_step, run.element, run.element_step, run.count]
            for run in self.input_slots
        ]
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Signature:
        """Reads and checks `to_json`'s form, which may come from a stranger.

        Raises:
            MalformedError: Anything missing, of a wrong type or out of range.
        """
        try:
            parameters = Parameters(
                _integer(data["parameters"]["n"]),
                tuple(map(_integer, _listed(data["parameters"]["primes"]))),
            )
            outputs = data["outputs"]
            signature = cls(
                model=_text(data["model"]),
                version=_text(data["version"]),
                title=_text(data["title"]),
                input_shape=tuple(map(_integer, _listed(data["input_shape"]))),
                input_names=tuple(map(_text, _listed(data["input_names"]))),
                input_bound=_number(data["input_bound"]),
                preprocessing=dict(data["preprocessing"]),
                parameters=parameters,
                input_scale=_number(data["input_scale"]),
                input_level=_integer(data["input_level"]),
                records=_integer(data["records"]),
                record_step=_integer(data["record_step"]),
                input_slots=tuple(
                    SlotRun(*map(_integer, _listed(run))) for run in _listed(data["input_slots"])
                ),
                output_slots=tuple(map(_integer, _listed(data["output_slots"]))),
                output_scale=_number(data["output_scale"]),
                outputs=Outputs(
                    classes=tuple(map(_text, _listed(outputs["classes"]))),
                    activation=_text(outputs["activation"]),
                    positive=_text(outputs["positive"]),
                    threshold=_number(outputs["threshold"]),
                    temperature=_number(outputs["temperature"]),
                    map_shape=tuple(map(_integer, _listed(outputs.get("map_shape", ())))),
                ),
            )
        except (KeyError, TypeError, ValueError, OverflowError, ParameterError) as exc:
            kind = type(exc).__name__
            raise MalformedError(f"the model's signature is malformed ({kind})") from exc
        signature._check()
        return signature

    def _check(self) -> None:
        """Refuses what would write or read outside the slots, or mean nothing."""
        slots, size = self.parameters.slots, math.prod(self.input_shape)
        last_record = (self.records - 1) * self.record_step
        ok = 0 < len(self.input_shape) <= 3 and all(0 < d <= 1 << 16 for d in self.input_shape)
        ok &= len(self.input_names) in (0, size)
        ok &= 0 < self.records <= slots and 0 < self.record_step <= slots
        ok &= 0 <= self.input_level <= self.parameters.max_level
        ok &= 1.0 < self.input_scale < 2.0**100 and 1.0 < self.output_scale < 2.0**100
        ok &= 0.0 < self.input_bound < 2.0**100
        # a step of zero would allow any count, and the client fills as many as this says
        ok &= sum(run.count for run in self.input_slots) <= slots
        for run in self.input_slots:
            ends = (0, run.count - 1)
            ok &= run.count > 0
            ok &= all(0 <= run.slot + run.slot_step * i < slots - last_record for i in ends)
            ok &= all(0 <= run.element + run.element_step * i < size for i in ends)
        ok &= all(0 <= slot < slots - last_record for slot in self.output_slots)
        ok &= self.outputs.is_sound() and len(self.output_slots) == self.outputs.numbers
        if not ok:
            raise MalformedError("the model's signature has a value out of range")


def _integer(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError("not an integer")
    return value


def _number(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError("not a number")
    return float(value)


def _text(value: object) -> str:
    # a service's words go to a terminal: no control characters, and not without end
    if not isinstance(value, str) or len(value) > MAX_TEXT or not value.isprintable():
        raise ValueError("not a short text")
    return value


def _listed(value: object) -> Sequence[Any]:
    if not isinstance(value, list | tuple):
        raise TypeError("not a list")
    return value


def slot_runs(slot_of: Sequence[int] | IntArray, elements: IntArray) -> tuple[SlotRun, ...]:
    """Describes pairs (slot, element), in order, by arithmetic runs."""
    slots = np.asarray(slot_of, dtype=np.int64)
    runs = []
    start = 0
    while start < slots.size:
        stop = start + 1
        slot_step = element_step = 0
        if stop < slots.size:
            slot_step = int(slots[stop] - slots[start])
            element_step = int(elements[stop] - elements[start])
            while (
                stop < slots.size
                and slots[stop] - slots[stop - 1] == slot_step
                and elements[stop] - elements[stop - 1] == element_step
            ):
                stop += 1
        runs.append(
            SlotRun(int(slots[start]), slot_step, int(elements[start]), element_step, stop - start)
        )
        start = stop
    return tuple(runs)
