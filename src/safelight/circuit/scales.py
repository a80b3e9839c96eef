"""Levels and scales: the shortest chain of primes that carries a model, chosen by search.

Scales are planned in whole bits. An affine map multiplies the scale by that of its diagonals,
which is free to choose, so a rescaling after it can land exactly on a whole number of bits; a
product adds the scales of its factors. A rescaling after every operation, as is usual, wastes
primes: the search may leave a product unrescaled (LoLa's trick) wherever the modulus has room.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from safelight.circuit.noise import NoiseModel
from safelight.circuit.normal_form import NormalForm, Op, ProductOp
from safelight.ckks.parameters import MAX_LOG2_QP, MAX_PRIME_BITS, Parameters
from safelight.errors import DepthError

# Least scale of the weights, the best first: below the last their rounding shows in the answers.
WEIGHT_BITS = (26, 23, 20, 17)
SPARE_WEIGHT_BITS = (0, 4, 8)  # more than that, where the modulus has room
SPARE_SCALE_BITS = (0, 2, 4, 6)  # the same above the waterline
# Lowest scale a value may have, so that the rounding of one rescaling stays below about 1e-3.
WATERLINE_BITS = {4096: 22, 8192: 23, 16384: 24, 32768: 25}
BEST_WATERLINE_BITS = 38
# Primes up to the first keep a transform's butterflies free of corrections (native/modulus.cpp):
# 35 ms against 42 for a transform of 16 × 16 diagonals. Up to the second keys and diagonals pack to
# 48 bits in memory, above to 52.
LAZY_PRIME_BITS = 46
PACKED_PRIME_BITS = 48
# Predicted error of the answer above which larger primes are worth their time.
TOLERABLE_ERROR = 1.1e-3
MAX_RESCALES = 2  # after one operation
MARGIN_BITS = 2.0  # sign, noise, and inputs somewhat beyond the calibrated range
# The special prime exceeds the others by this, if it can: key-switching noise shrinks by as much.
SPECIAL_PRIME_LEAD_BITS = (4, 2, 0)
MIN_BITS = 25


@dataclass(frozen=True)
class OpScale:
    """What is done at one operation.

    Args:
        weight_bits: Scale of the diagonals of each term; empty for a product.
        rescales: How many primes are divided out after it.
        scale_bits: Scale of its result; exact after an affine operation that rescales.
    """

    weight_bits: tuple[int, ...]
    rescales: int
    scale_bits: int


@dataclass(frozen=True)
class ScalePlan:
    """A feasible plan.

    Args:
        parameters: Ring and primes.
        prime_bits: Size of the data primes.
        waterline_bits: Scale of the input, and the least of any value.
        op_scales: For each operation of the normal form.
        predicted_error: Of an answer, root mean square, from `safelight.circuit.noise`.
    """

    parameters: Parameters
    prime_bits: int
    waterline_bits: int
    op_scales: tuple[OpScale, ...]
    predicted_error: float


_FORGOTTEN = (-1, -1)


@dataclass(frozen=True)
class _State:
    """(primes consumed, scale bits) of every value so far, `_FORGOTTEN` once not needed.

    ``errors`` are those that the noise model expects of the same values.
    """

    values: tuple[tuple[int, int], ...]
    errors: tuple[float, ...]
    plan: tuple[OpScale, ...] = ()

    @property
    def merit(self) -> tuple[int, float]:
        """Orders feasible plans: early rescaling makes all that follows cheaper; then precision."""
        return _early(self.plan), -self.errors[-1]


def plan_scales(form: NormalForm, rings: tuple[int, ...] = tuple(MAX_LOG2_QP)) -> ScalePlan:
    """The plan with the smallest ring, then the fewest primes, then the finest scale.

    Raises:
        DepthError: No profile has room for the model.
    """
    products = sum(isinstance(op, ProductOp) for op in form.ops)
    for n in rings:
        for depth in range(1, 2 * len(form.ops) + 2):
            plan = _best_at_depth(form, n, depth)
            if plan is not None:
                return plan
    raise DepthError(
        f"{len(form.ops)} operations with {products} products in a row do not fit "
        f"N = {max(rings)} at 128-bit security",
        hint="use fewer layers, or polynomials of lower degree",
    )


@dataclass(frozen=True)
class _Chain:
    """What the search tries: a chain of primes and the bits of scales.

    Args:
        depth: Data primes beside the first.
        prime_bits: Their size.
        first_bits: Size of the first prime, under which the answer is decrypted.
        waterline: Least scale of a value.
        weight_bits: Least scale of weights.
    """

    depth: int
    prime_bits: int
    first_bits: int
    waterline: int
    weight_bits: int

    def capacity(self, consumed: int) -> int:
        """Bits of the modulus after ``consumed`` rescalings."""
        return self.first_bits + self.prime_bits * (self.depth - consumed)

    def holds(self, scale: int) -> bool:
        """Whether a value may stay at this scale: the next operation can rescale it at once."""
        return self.waterline <= scale <= self.waterline + MAX_RESCALES * self.prime_bits


def _best_at_depth(form: NormalForm, n: int, depth: int) -> ScalePlan | None:
    """The finest plan with ``depth`` rescalings; small primes wherever they are fine enough."""
    # what is not feasible with the least demands is not with higher ones
    noise = NoiseModel(form, n)
    least = (
        (chain, special - chain.prime_bits)
        for chain, special in _chains(n, depth, WEIGHT_BITS[-1], coarsest=True)
    )
    if not any(_search(form, chain, noise, lead) for chain, lead in least):
        return None
    best: ScalePlan | None = None
    least_rank = (4, 0, 0.0)
    for chain, special in _chains(n, depth, WEIGHT_BITS[-1]):
        lead = special - chain.prime_bits
        if chain.prime_bits > LAZY_PRIME_BITS and least_rank[0] == 0:
            continue  # a plan with faster primes is exact enough
        for weight_bits in reversed(WEIGHT_BITS):
            found = _search(form, replace(chain, weight_bits=weight_bits), noise, lead)
            if found is None:
                break  # nor with finer weights
            op_scales, error = found
            rank = _rank(chain.prime_bits, op_scales, error)
            if rank < least_rank:
                least_rank = rank
                bits = [chain.first_bits, *[chain.prime_bits] * depth, special]
                parameters = Parameters.from_bits(n, bits)
                best = ScalePlan(parameters, chain.prime_bits, chain.waterline, op_scales, error)
    return best


def _rank(prime_bits: int, op_scales: tuple[OpScale, ...], error: float) -> tuple[int, int, float]:
    """Orders plans: of those that are exact enough the fast ones, of the others the exact ones."""
    if error >= TOLERABLE_ERROR:
        return 3, 0, error
    speed = (prime_bits > LAZY_PRIME_BITS) + (prime_bits > PACKED_PRIME_BITS)
    return speed, -_early(op_scales), error


def _chains(
    n: int, depth: int, weight_bits: int, *, coarsest: bool = False
) -> Iterator[tuple[_Chain, int]]:
    """What the security budget allows, the finest first, with the size of the special prime."""
    budget = MAX_LOG2_QP[n]
    waterlines = range(BEST_WATERLINE_BITS, WATERLINE_BITS[n] - 1, -1)
    for waterline in waterlines[-1:] if coarsest else waterlines:
        for lead in SPECIAL_PRIME_LEAD_BITS:
            for prime_bits in range(MAX_PRIME_BITS - lead, MIN_BITS - 1, -1):
                special = prime_bits + lead
                first = min(special, budget - depth * prime_bits - special)
                if first >= MIN_BITS:
                    yield _Chain(depth, prime_bits, first, waterline, weight_bits), special


def _search(
    form: NormalForm, chain: _Chain, noise: NoiseModel, special_lead_bits: int
) -> tuple[tuple[OpScale, ...], float] | None:
    """Breadth-first over operations; of states with equal live values the best is kept.

    The plan, and the error of its answer.
    """
    output_bits = chain.waterline + _room(form.ops[-1].bound)
    if _needed_bits(form, chain) > chain.capacity(0) or output_bits > chain.first_bits:
        return None
    start: tuple[tuple[int, int], ...] = ((0, chain.waterline),)
    states = {start: _State(start, (noise.fresh(chain.waterline),))}
    last_reads = _last_reads(form)
    for index, op in enumerate(form.ops):
        following: dict[tuple[tuple[int, int], ...], _State] = {}
        for state in states.values():
            for after, op_scale in _choices(op, state, chain):
                values = tuple(
                    value if last_reads[number] > index else _FORGOTTEN
                    for number, value in enumerate((*state.values, after))
                )
                error = noise.after(
                    index,
                    state.errors,
                    [scale for _, scale in state.values],
                    op_scale.weight_bits,
                    op_scale.scale_bits if op_scale.rescales else None,
                    special_lead_bits,
                )
                found = _State(values, (*state.errors, error), (*state.plan, op_scale))
                known = following.get(values)
                if known is None or found.merit > known.merit:
                    following[values] = found
        states = following
    # the output drops to level 0, where it must fit as well
    last = _room(form.ops[-1].bound)
    ended = [s for s in states.values() if s.values[-1][1] + last <= chain.first_bits]
    if not ended:
        return None
    best = max(ended, key=lambda state: state.merit)
    return best.plan, best.errors[-1]


def _last_reads(form: NormalForm) -> list[int]:
    """For each value the index of the last operation that reads it; the output is never done."""
    reads = [-1] * (len(form.ops) + 1)
    for index, op in enumerate(form.ops):
        for source in op.sources:
            reads[source] = index
    reads[-1] = len(form.ops)
    return reads


def _needed_bits(form: NormalForm, chain: _Chain) -> float:
    """Bits that any plan takes: a bound that refuses most chains before they are searched.

    Bits consumed plus bits of scale never fall: an affine map adds the bits of its weights to
    the largest of what it reads, a product those of its other factor, and rescaling moves bits
    from the one to the other. All of it, with room for the value, lies under the modulus.
    """
    taken = [float(chain.waterline)]
    needed = chain.waterline + _room(form.input_bound)
    for op in form.ops:
        more = chain.waterline if isinstance(op, ProductOp) else chain.weight_bits
        taken.append(max(taken[source] for source in op.sources) + more)
        needed = max(needed, taken[-1] + _room(op.bound))
    return needed


def _early(plan: tuple[OpScale, ...]) -> int:
    """How early a plan rescales: the sum of operations left after each rescaling."""
    return sum((len(plan) - index) * op.rescales for index, op in enumerate(plan))


def _room(bound: float) -> float:
    """Bits above the scale that a value of this magnitude takes; at least the margin.

    The scale itself must lie under the modulus, however small the values are.
    """
    return float(np.log2(max(bound, 1.0))) + MARGIN_BITS


def _choices(op: Op, state: _State, chain: _Chain) -> list[tuple[tuple[int, int], OpScale]]:
    """Feasible (consumed, scale) after ``op``, with what is done for it."""
    found = []
    room = _room(op.bound)
    if isinstance(op, ProductOp):
        left, right = state.values[op.left], state.values[op.right]
        consumed, raw = max(left[0], right[0]), left[1] + right[1]
        for rescales in range(min(MAX_RESCALES, chain.depth - consumed) + 1):
            scale = raw - rescales * chain.prime_bits
            if chain.holds(scale) and raw + room <= chain.capacity(consumed):
                op_scale = OpScale((), rescales, scale)
                found.append(((consumed + rescales, scale), op_scale))
        return found
    sources = [state.values[source] for source, _ in op.terms]
    consumed = max(value[0] for value in sources)
    highest = max(value[1] for value in sources)
    for rescales in range(min(MAX_RESCALES, chain.depth - consumed) + 1):
        floor = chain.waterline + rescales * chain.prime_bits
        exact = [floor + spare for spare in SPARE_SCALE_BITS]
        free = [highest + chain.weight_bits + spare for spare in SPARE_WEIGHT_BITS]
        for raw in exact if rescales else free:
            weights = tuple(raw - value[1] for value in sources)
            scale = raw - rescales * chain.prime_bits
            fits = chain.holds(scale) and raw + room <= chain.capacity(consumed)
            if fits and min(weights) >= chain.weight_bits:
                op_scale = OpScale(weights, rescales, scale)
                found.append(((consumed + rescales, scale), op_scale))
    return found
