"""Levels and scales: the shortest chain of primes that carries a model, chosen by search.

Scales are planned in whole bits. An affine map multiplies the scale by that of its diagonals,
which is free to choose, so a rescaling after it can land exactly on a whole number of bits; a
product adds the scales of its factors. A rescaling after every operation, as is usual, wastes
primes: the search may leave a product unrescaled (LoLa's trick) wherever the modulus has room.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from safelight.circuit.normal_form import NormalForm, ProductOp
from safelight.circuit.scale_search import Chain, OpScale, ScaleSearch, earliness
from safelight.ckks.parameters import MAX_LOG2_QP, MAX_PRIME_BITS, Parameters
from safelight.errors import DepthError

# Least scale of the weights, the best first: below the last their rounding shows in the answers.
WEIGHT_BITS = (26, 23, 20, 17)
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
# The special prime exceeds the others by this, if it can: key-switching noise shrinks by as much.
SPECIAL_PRIME_LEAD_BITS = (4, 2, 0)
MIN_BITS = 25


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


def plan_scales(form: NormalForm, rings: tuple[int, ...] = tuple(MAX_LOG2_QP)) -> ScalePlan:
    """The plan with the smallest ring, then the fewest primes, then the finest scale.

    Raises:
        DepthError: No profile has room for the model.
    """
    products = sum(isinstance(op, ProductOp) for op in form.ops)
    for n in rings:
        search = ScaleSearch(form, n)
        for depth in range(1, 2 * len(form.ops) + 2):
            plan = _best_at_depth(search, n, depth)
            if plan is not None:
                return plan
    raise DepthError(
        f"{len(form.ops)} operations with {products} products in a row do not fit "
        f"N = {max(rings)} at 128-bit security",
        hint="use fewer layers, or polynomials of lower degree",
    )


def _best_at_depth(search: ScaleSearch, n: int, depth: int) -> ScalePlan | None:
    """The finest plan with ``depth`` rescalings; small primes wherever they are fine enough."""
    # what is not feasible with the least demands is not with higher ones
    least = _chains(n, depth, WEIGHT_BITS[-1], coarsest=True)
    if not any(search.feasible(chain) for chain, _ in least):
        return None
    best: ScalePlan | None = None
    least_rank = (4, 0, 0.0)
    for chain, special in _chains(n, depth, WEIGHT_BITS[-1]):
        lead = special - chain.prime_bits
        if chain.prime_bits > LAZY_PRIME_BITS and least_rank[0] == 0:
            continue  # a plan with faster primes is exact enough
        for weight_bits in reversed(WEIGHT_BITS):
            found = search.best(replace(chain, weight_bits=weight_bits), lead)
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
    return speed, -earliness(op_scales), error


def _chains(
    n: int, depth: int, weight_bits: int, *, coarsest: bool = False
) -> Iterator[tuple[Chain, int]]:
    """What the security budget allows, the finest first, with the size of the special prime."""
    budget = MAX_LOG2_QP[n]
    waterlines = range(BEST_WATERLINE_BITS, WATERLINE_BITS[n] - 1, -1)
    for waterline in waterlines[-1:] if coarsest else waterlines:
        for lead in SPECIAL_PRIME_LEAD_BITS:
            for prime_bits in range(MAX_PRIME_BITS - lead, MIN_BITS - 1, -1):
                special = prime_bits + lead
                first = min(special, budget - depth * prime_bits - special)
                if first >= MIN_BITS:
                    yield Chain(depth, prime_bits, first, waterline, weight_bits), special
