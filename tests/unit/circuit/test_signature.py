"""Signatures: strict about what strangers send, strict about what they pack."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from circuit_graphs import GraphBuilder, compiled
from safelight.circuit.signature import Outputs, Signature
from safelight.errors import MalformedError, RecordError
from safelight.models.registry import compiled_model, model_names
from safelight.wire.signature import decode_signature, encode_signature

BUILDER = GraphBuilder((2, 4, 4)).conv(2).poly(2).dense(3)
SIGNATURE = compiled(BUILDER.graph(), records=8).signature
DOCUMENT: dict[str, Any] = json.loads(json.dumps(SIGNATURE.to_json()))
Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize("name", model_names())
def test_shipped_signatures_survive_the_wire(name: str) -> None:
    signature = compiled_model(name)[1].signature
    assert Signature.from_json(signature.to_json()) == signature
    assert decode_signature(encode_signature(signature)) == signature


def test_nothing_of_the_weights_is_in_it() -> None:
    assert set(DOCUMENT) == {
        *("model", "version", "title", "input_shape", "input_names", "input_bound"),
        *("preprocessing", "parameters", "input_scale", "input_level", "records", "record_step"),
        *("input_slots", "output_slots", "output_scale", "outputs"),
    }


def put(*path: str | int, value: Any) -> Change:
    """Sets one member."""

    def change(document: dict[str, Any]) -> None:
        at: Any = document
        for key in path[:-1]:
            at = at[key]
        at[path[-1]] = value

    return change


S = SIGNATURE.parameters.slots
CHANGES: list[Change] = [
    *(lambda document, name=name: document.pop(name) for name in DOCUMENT),
    *(put(name, value=None) for name in DOCUMENT),
    *(put("outputs", name, value=None) for name in DOCUMENT["outputs"]),
    *(put("parameters", name, value=None) for name in ("n", "primes")),
    put("model", value="a\x1b[31mred"),
    put("title", value="x" * 201),
    put("version", value=1),
    put("outputs", "classes", value=["a\nb", "c", "d"]),
    put("outputs", "classes", value="abc"),
    put("outputs", "classes", value=["a", "a", "b"]),
    put("outputs", "classes", value=["a", "b"]),
    put("outputs", "classes", value=[]),
    put("outputs", "positive", value="elsewhere"),
    put("outputs", "activation", value="relu"),
    put("outputs", "activation", value="sigmoid"),
    put("outputs", "threshold", value=0.0),
    put("outputs", "threshold", value=1.0),
    put("outputs", "threshold", value="0.5"),
    put("outputs", "temperature", value=0.0),
    put("outputs", "temperature", value=-1.0),
    put("outputs", "temperature", value=float("nan")),
    put("outputs", "temperature", value=float("inf")),
    put("outputs", "temperature", value=1e-300),
    put("parameters", "n", value=2048),
    put("parameters", "n", value="8192"),
    put("parameters", "primes", value=[3, 5, 7]),
    put("parameters", "primes", value=[True]),
    put("input_shape", value=[]),
    put("input_shape", value=[0, 4, 4]),
    put("input_shape", value=[-2, -4, 4]),
    put("input_shape", value=[2, 4, 4, 1]),
    put("input_shape", value=[2.0, 4, 4]),
    put("input_shape", value=[1 << 17]),
    put("input_shape", value=[1 << 62, 1 << 62]),
    put("input_names", value=["one"]),
    put("input_names", value="a" * 32),
    put("input_bound", value=0.0),
    put("input_bound", value=-1.0),
    put("input_bound", value=float("inf")),
    put("input_bound", value=float("nan")),
    put("preprocessing", value=7),
    put("input_scale", value=0.5),
    put("input_scale", value=float("nan")),
    put("input_scale", value=1e300),
    put("output_scale", value=float("inf")),
    put("input_level", value=-1),
    put("input_level", value=99),
    put("input_level", value=1.0),
    put("input_level", value=True),
    put("records", value=0),
    put("records", value=S + 1),
    put("records", value=1 << 80),
    put("record_step", value=0),
    put("record_step", value=-1),
    put("record_step", value=S),
    put("output_slots", value=[]),
    put("output_slots", value=[0, 1]),
    put("output_slots", value=[0, 1, S]),
    put("output_slots", value=[0, 1, S - 3]),  # the last record's would lie outside
    put("output_slots", value=[0, 1, -1]),
    put("input_slots", value=[[0, 1, 0, 1]]),
    put("input_slots", value=[[0, 1, 0, 1, 33]]),
    put("input_slots", value=[[0, 1, 0, 1, 0]]),
    put("input_slots", value=[[0, 1, 0, 1, -5]]),
    put("input_slots", value=[[-1, 1, 0, 1, 2]]),
    put("input_slots", value=[[0, -1, 0, 1, 2]]),
    put("input_slots", value=[[S - 2, 1, 0, 1, 4]]),
    put("input_slots", value=[[S - 4, 1, 0, 1, 2]]),
    put("input_slots", value=[[0, 1, -1, 1, 2]]),
    put("input_slots", value=[[0, 1, 31, 1, 2]]),
    # would fill one slot a trillion times
    put("input_slots", value=[[0, 0, 0, 0, 1 << 40]]),
    put("input_slots", value=[[0, 0, 0, 0, S], [0, 0, 0, 0, S]]),
]


@pytest.mark.parametrize("index", range(len(CHANGES)))
def test_what_is_out_of_range_is_refused(index: int) -> None:
    document = copy.deepcopy(DOCUMENT)
    CHANGES[index](document)
    assert repr(document) != repr(DOCUMENT)
    with pytest.raises(MalformedError, match="signature"):
        Signature.from_json(document)


def test_one_logit_means_sigmoid_and_two_classes() -> None:
    document = copy.deepcopy(DOCUMENT)
    document["output_slots"] = [0]
    document["outputs"] |= {"classes": ["no", "yes"], "positive": "yes", "activation": "softmax"}
    with pytest.raises(MalformedError):
        Signature.from_json(document)
    document["outputs"]["activation"] = "sigmoid"
    assert Signature.from_json(document).outputs.classes == ("no", "yes")


@pytest.mark.parametrize(
    "shape", [(2, 4, 4), (0, 2, 4, 4), (9, 2, 4, 4), (1, 4, 2, 4), (1, 32), ()]
)
def test_other_shapes_are_not_packed(shape: tuple[int, ...]) -> None:
    with pytest.raises(RecordError, match="up to 8 of shape"):
        SIGNATURE.pack(np.zeros(shape))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_only_numbers_are_packed(value: float) -> None:
    inputs = BUILDER.inputs(2)
    inputs[1, 1, 2, 3] = value
    with pytest.raises(RecordError, match="not finite"):
        SIGNATURE.pack(inputs)


@pytest.mark.parametrize("value", [1.01, -1.01, 1e9])
def test_what_the_model_does_not_cover_is_not_packed(value: float) -> None:
    inputs = BUILDER.inputs(2)
    inputs[0, 0, 0, 0] = value
    with pytest.raises(RecordError, match="beyond ±1") as caught:
        SIGNATURE.pack(inputs)
    assert str(value) not in caught.value.message
    assert not SIGNATURE.within_bound(inputs)
    inputs[0, 0, 0, 0] = 1.0
    assert SIGNATURE.within_bound(inputs)


def with_outputs(outputs: Outputs) -> Signature:
    return Signature(**{**SIGNATURE.__dict__, "outputs": outputs})


def test_probabilities() -> None:
    softmax = with_outputs(Outputs(("a", "b", "c"), "softmax", "b", 0.5, temperature=2.0))
    logits = np.array([[0.0, 2.0, 4.0], [1e6, -1e6, 0.0]])
    found = softmax.probabilities(logits)
    expected = np.exp([0.0, 1.0, 2.0]) / np.exp([0.0, 1.0, 2.0]).sum()
    np.testing.assert_allclose(found[0], expected)
    np.testing.assert_allclose(found[1], [1, 0, 0], atol=1e-12)
    sigmoid = with_outputs(Outputs(("no", "yes"), "sigmoid", "yes", 0.5, temperature=0.5))
    found = sigmoid.probabilities(np.array([[1.0], [-1e9], [1e9]]))
    positive = 1 / (1 + np.exp(-2.0))
    np.testing.assert_allclose(found, [[1 - positive, positive], [1, 0], [0, 1]], atol=1e-12)
