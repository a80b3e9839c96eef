"""Everything a program computes, as two kinds of operation: affine maps and products.

The passes that make a model shallow live here: batch norm, pooling and flattening are matrices
and fold into their neighbours; a quadratic ``a·x² + b·x + c`` becomes ``a·(x + b/2a)² + c′``, whose
shift folds into the map before it and whose factor into the map after it, so that it costs one
multiplication.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from safelight.circuit.affine import affine_map
from safelight.circuit.graph import INPUT, FloatArray, Graph, Layer, Shape
from safelight.circuit.sparse import SparseMatrix
from safelight.errors import CompileError, RangeError, UnsupportedLayerError

# Beyond this shift the square of a shifted value loses the bits that the value needs.
MAX_SQUARE_SHIFT = 16.0
DEFAULT_INPUT_BOUND = 8.0
MAX_REACH = 2.0**20  # of an activation: no trained network needs more, and its square must fit
MAX_DEGREE = 15


@dataclass(frozen=True)
class AffineOp:
    """``value = Σ matrix_k · value_k + bias``.

    Args:
        name: Of the layer, for people.
        shape: Tensor shape of the result.
        terms: (index of the value read, matrix).
        bias: float64 ``[size]``.
        bound: Largest magnitude of an element of the result.
    """

    name: str
    shape: Shape
    terms: tuple[tuple[int, SparseMatrix], ...]
    bias: FloatArray
    bound: float

    @property
    def sources(self) -> tuple[int, ...]:
        """Values read."""
        return tuple(source for source, _ in self.terms)


@dataclass(frozen=True)
class ProductOp:
    """``value = left ⊙ right``."""

    name: str
    shape: Shape
    left: int
    right: int
    bound: float

    @property
    def sources(self) -> tuple[int, ...]:
        """Values read."""
        return self.left, self.right


Op = AffineOp | ProductOp


@dataclass(frozen=True)
class NormalForm:
    """Operations in order: value 0 is the input, value i the result of operation i − 1.

    Args:
        input_shape: Tensor shape of the input.
        input_bound: Largest magnitude of an input element.
        ops: The operations; the last gives the output.
    """

    input_shape: Shape
    input_bound: float
    ops: tuple[Op, ...]

    def evaluate(self, inputs: FloatArray) -> FloatArray:
        """The output for each row of ``[records, size]``."""
        values = [inputs]
        for op in self.ops:
            if isinstance(op, ProductOp):
                values.append(values[op.left] * values[op.right])
            else:
                total = np.broadcast_to(op.bias, (len(inputs), op.bias.size))
                for source, matrix in op.terms:
                    total = total + matrix.apply(values[source])
                values.append(total)
        return values[-1]


def normal_form(graph: Graph, input_bound: float = DEFAULT_INPUT_BOUND) -> NormalForm:
    """Turns layers into operations and folds them.

    Raises:
        RangeError: A polynomial whose calibrated range is missing, meaningless or too wide.
        UnsupportedLayerError: A polynomial of too high a degree.
        CompileError: A layer whose output does not depend on its input.
    """
    builder = _Builder(graph, input_bound)
    for layer in graph.layers:
        builder.add_layer(layer)
    ops = _without_zeros(_fold_affine(tuple(builder.ops), len(builder.ops)))
    ops = _without_dead(list(ops), len(ops))
    return NormalForm(graph.input_shape, input_bound, _rebound(ops, graph, input_bound))


class _Builder:
    """Lowers layers one by one; ``value_of`` maps layer names to values."""

    def __init__(self, graph: Graph, input_bound: float) -> None:
        self.graph = graph
        self.shapes = graph.shapes()
        self.ops: list[Op] = []
        self.value_of = {INPUT: 0}
        self.input_bound = input_bound

    def _push(self, op: Op) -> int:
        self.ops.append(op)
        return len(self.ops)

    def _affine(
        self, name: str, shape: Shape, *terms: tuple[int, FloatArray], bias: FloatArray
    ) -> int:
        """An affine operation whose matrices are diagonal."""
        matrices = tuple((source, SparseMatrix.diagonal(values)) for source, values in terms)
        return self._push(AffineOp(name, shape, matrices, bias, math.inf))

    def add_layer(self, layer: Layer) -> None:
        sources = [self.value_of[name] for name in layer.inputs]
        shape = self.shapes[layer.name]
        size = math.prod(shape)
        if layer.op == "add":
            ones = np.ones(size)
            value = self._affine(
                layer.name, shape, *((source, ones) for source in sources), bias=np.zeros(size)
            )
        elif layer.op == "polynomial":
            value = self._polynomial(layer, sources[0], shape)
        else:
            matrix, bias = affine_map(layer, self.shapes[layer.inputs[0]])
            value = self._push(AffineOp(layer.name, shape, ((sources[0], matrix),), bias, math.inf))
        self.value_of[layer.name] = value

    def _polynomial(self, layer: Layer, source: int, shape: Shape) -> int:
        size = math.prod(shape)
        rows = np.atleast_2d(layer.arrays["coefficients"])
        table = np.repeat(rows, size // len(rows), axis=0).T  # [degree + 1, size]
        while len(table) > 2 and not table[-1].any():
            table = table[:-1]
        if len(table) - 1 > MAX_DEGREE:
            raise UnsupportedLayerError(
                f"layer {layer.name!r} is a polynomial of degree {len(table) - 1}, "
                f"above {MAX_DEGREE}",
                hint="fit a polynomial of lower degree on a narrower range",
            )
        interval = self.graph.ranges.get(layer.name)
        if interval is None or not interval[0] < interval[1]:
            raise RangeError(
                f"layer {layer.name!r} has no calibrated range",
                hint="give the interval of its input under 'ranges' in model.json",
            )
        reach = max(map(abs, interval))
        if reach > MAX_REACH:
            raise RangeError(
                f"the calibrated range of layer {layer.name!r} reaches {reach:.3g}, above "
                f"{MAX_REACH:.3g}",
                hint="normalise what it reads",
            )
        if len(table) == 2:
            return self._affine(layer.name, shape, (source, table[1]), bias=table[0])
        if len(table) == 3 and table[2].all():
            constant, linear, square = table
            with np.errstate(over="ignore"):
                shift = linear / (2 * square)
            if np.abs(shift).max() <= MAX_SQUARE_SHIFT:
                moved = self._affine(
                    f"{layer.name}.shift", shape, (source, np.ones(size)), bias=shift
                )
                bound = reach + float(np.abs(shift).max())
                moved_op = self.ops[-1]
                assert isinstance(moved_op, AffineOp)
                self.ops[-1] = replace(moved_op, bound=bound)
                squared = self._push(
                    ProductOp(f"{layer.name}.square", shape, moved, moved, bound**2)
                )
                rest = constant - square * shift**2
                return self._affine(f"{layer.name}.scale", shape, (squared, square), bias=rest)
        return self._by_powers(layer, source, shape, table, reach)

    def _by_powers(
        self, layer: Layer, source: int, shape: Shape, table: FloatArray, reach: float
    ) -> int:
        """Powers by repeated doubling, then one affine sum of them."""
        powers = {1: source}
        for degree in range(2, len(table)):
            high = 1 << (degree.bit_length() - 1)
            low = degree - high
            left, right = (high, low) if low else (high // 2, high // 2)
            powers[degree] = self._push(
                ProductOp(
                    f"{layer.name}.power{degree}", shape, powers[left], powers[right], reach**degree
                )
            )
        terms = [(powers[d], table[d]) for d in range(1, len(table)) if table[d].any()]
        return self._affine(layer.name, shape, *terms, bias=table[0])


def _fold_affine(ops: tuple[Op, ...], output: int) -> tuple[Op, ...]:
    """Composes an affine operation into its only reader, where that saves work; drops the rest."""
    folded: list[Op] = list(ops)
    changed = True
    while changed:
        changed = False
        readers = _readers(folded, output)
        for index, op in enumerate(folded):
            if not isinstance(op, AffineOp):
                continue
            for position, (source, matrix) in enumerate(op.terms):
                inner = folded[source - 1] if source else None
                if not isinstance(inner, AffineOp) or readers[source] != 1:
                    continue
                if len(inner.terms) > 1 and not matrix.is_diagonal():
                    continue
                terms = [
                    *op.terms[:position],
                    *((deep, matrix.compose(deeper)) for deep, deeper in inner.terms),
                    *op.terms[position + 1 :],
                ]
                bias = op.bias + matrix.apply(inner.bias)
                name = inner.name if op.name.endswith(".shift") else op.name
                folded[index] = replace(op, name=name, terms=_merged(terms), bias=bias)
                changed = True
                break
            if changed:
                break
    return _without_dead(folded, output)


def _without_zeros(ops: tuple[Op, ...]) -> tuple[Op, ...]:
    """Drops terms whose matrix is zero; an engine has no ciphertext of nothing."""
    kept: list[Op] = []
    for op in ops:
        if isinstance(op, AffineOp):
            terms = tuple(term for term in op.terms if term[1].nonzeros)
            if not terms:
                raise CompileError(
                    f"layer {op.name!r} has no weights but zeros: its output is a constant"
                )
            op = replace(op, terms=terms)
        kept.append(op)
    return tuple(kept)


def _merged(terms: list[tuple[int, SparseMatrix]]) -> tuple[tuple[int, SparseMatrix], ...]:
    """Adds up the matrices of terms that read the same value."""
    by_source: dict[int, SparseMatrix] = {}
    for source, matrix in terms:
        if source in by_source:
            other = by_source[source]
            matrix = SparseMatrix.from_entries(
                matrix.shape,
                np.concatenate([other.rows, matrix.rows]),
                np.concatenate([other.cols, matrix.cols]),
                np.concatenate([other.values, matrix.values]),
            )
        by_source[source] = matrix
    return tuple(by_source.items())


def _readers(ops: list[Op], output: int) -> Counter[int]:
    """How many live operations read each value (a square counts once); the output is read once."""
    readers: Counter[int] = Counter({output: 1})
    for value in _alive(ops, output) - {0}:
        readers.update(set(ops[value - 1].sources))
    return readers


def _alive(ops: list[Op], output: int) -> set[int]:
    """The values that the output needs."""
    alive = {output}
    for value in range(output, 0, -1):
        if value in alive:
            alive.update(ops[value - 1].sources)
    return alive


def _without_dead(ops: list[Op], output: int) -> tuple[Op, ...]:
    """Keeps what the output needs, and renumbers."""
    alive = _alive(ops, output)
    number = {0: 0}
    kept: list[Op] = []
    for index, op in enumerate(ops, start=1):
        if index not in alive:
            continue
        if isinstance(op, ProductOp):
            kept.append(replace(op, left=number[op.left], right=number[op.right]))
        else:
            terms = tuple((number[source], matrix) for source, matrix in op.terms)
            kept.append(replace(op, terms=terms))
        number[index] = len(kept)
    return tuple(kept)


def _rebound(ops: tuple[Op, ...], graph: Graph, input_bound: float) -> tuple[Op, ...]:
    """Gives each affine operation without a calibrated bound the declared or the certain one."""
    bounds = [input_bound]
    result: list[Op] = []
    for op in ops:
        if isinstance(op, AffineOp) and math.isinf(op.bound):
            declared = graph.ranges.get(op.name)
            if declared is not None:
                bound = max(map(abs, declared))
            else:
                total = np.abs(op.bias)
                for source, matrix in op.terms:
                    total = total + bounds[source] * np.bincount(
                        matrix.rows, weights=np.abs(matrix.values), minlength=matrix.shape[0]
                    )
                bound = float(total.max(initial=0.0))
            op = replace(op, bound=bound)
        bounds.append(op.bound)
        result.append(op)
    return tuple(result)
