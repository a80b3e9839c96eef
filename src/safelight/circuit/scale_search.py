"""Whether a chain of primes carries a model, and with which scales: the search behind a plan.

Breadth-first over the operations. A state is (primes consumed, bits of scale) of every value that
is still to be read; of states that agree in it one is kept, for what follows is the same. Before a
state is made it is asked whether the modulus can still hold all that its values have to go through
(`modulus_needs`): without that question a model that does not fit is found out only at its last
operations, after every way to get there.
"""

from __future__ import annotations

from dataclasses import dataclass

from safelight.circuit.modulus_needs import ModulusNeeds, modulus_needs, room
from safelight.circuit.noise import NoiseModel
from safelight.circuit.normal_form import NormalForm, ProductOp

SPARE_WEIGHT_BITS = (0, 4, 8)  # more than the least scale of weights, where the modulus has room
SPARE_SCALE_BITS = (0, 2, 4, 6)  # the same above the waterline
MAX_RESCALES = 2  # after one operation


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
class Chain:
    """What the search tries: a chain of primes and the bits of scales.

    Args:
        depth: Data primes beside the first.
        prime_bits: Their size.
        first_bits: Size of the first prime, under which the answer is decrypted.
        waterline: Least scale of a value; the greatest is what two rescalings bring down to it.
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


# consumed and scale of each value that is still to be read, one after the other
_Live = tuple[int, ...]
# (consumed, scale) of a result, and what is done for it
_Choice = tuple[int, int, tuple[int, ...], int]
# the operations so far, the last first
_Trail = tuple["_Trail | None", tuple[int, ...], int, int]


@dataclass(frozen=True)
class _State:
    """One way to get to an operation.

    Args:
        errors: What the noise model expects of each live value.
        rescales: How many so far.
        early: How early they were, see `earliness`.
        trail: The choices.
    """

    errors: tuple[float, ...]
    rescales: int
    early: int
    trail: _Trail | None


@dataclass(frozen=True)
class _Step:
    """One operation and the live values around it.

    Args:
        sources: Where what it reads lies among the live values.
        kept: Where those that are read later lie.
        stays: Whether its result is read later.
        room: Bits above the scale that its result takes.
        is_product: Or affine.
    """

    sources: tuple[int, ...]
    kept: tuple[int, ...]
    stays: bool
    room: float
    is_product: bool


class ScaleSearch:
    """Plans of one model on one ring; what does not depend on the primes is prepared once."""

    def __init__(self, form: NormalForm, n: int) -> None:
        self._form = form
        self._noise = NoiseModel(form, n)
        self._steps = _steps(form)
        self._needs: dict[tuple[int, int], ModulusNeeds] = {}

    def feasible(self, chain: Chain) -> bool:
        """Whether any plan exists."""
        if not self._may_fit(chain):
            return False
        needs = self._needs_of(chain)
        seen: set[tuple[int, _Live]] = set()
        waiting: list[tuple[int, _Live]] = [(0, (0, chain.waterline))]
        while waiting:  # depth first: a plan that exists is soon found
            index, live = waiting.pop()
            if index == len(self._steps):
                if self._ends(live, chain):
                    return True
                continue
            step = self._steps[index]
            for choice in self._choices(index, live, chain, needs):
                following = (index + 1, _moved(live, step, choice))
                if following not in seen:
                    seen.add(following)
                    waiting.append(following)
        return False

    def best(
        self, chain: Chain, special_lead_bits: int
    ) -> tuple[tuple[OpScale, ...], float] | None:
        """The plan that rescales earliest, then the most exact; with the error of its answer."""
        if not self._may_fit(chain):
            return None
        needs = self._needs_of(chain)
        fresh = self._noise.fresh(chain.waterline)
        states: dict[_Live, _State] = {(0, chain.waterline): _State((fresh,), 0, 0, None)}
        for index, step in enumerate(self._steps):
            following: dict[_Live, _State] = {}
            for live, state in states.items():
                errors = [state.errors[k] for k in step.sources]
                scales = [live[2 * k + 1] for k in step.sources]
                kept = tuple([state.errors[k] for k in step.kept])
                for choice in self._choices(index, live, chain, needs):
                    _, scale, weights, rescales = choice
                    after = _moved(live, step, choice)
                    known = following.get(after)
                    early = state.early + state.rescales + rescales
                    if known is not None and known.early > early:
                        continue
                    rescaled_to = scale if rescales else None
                    error = self._noise.after(
                        index, errors, scales, weights, rescaled_to, special_lead_bits
                    )
                    if known is None or early > known.early or error < known.errors[-1]:
                        following[after] = _State(
                            (*kept, error),
                            state.rescales + rescales,
                            early,
                            (state.trail, weights, rescales, scale),
                        )
            states = following
        ended = [state for live, state in states.items() if self._ends(live, chain)]
        if not ended:
            return None
        chosen = max(ended, key=lambda state: (state.early, -state.errors[-1]))
        return _op_scales(chosen.trail), chosen.errors[-1]

    def _may_fit(self, chain: Chain) -> bool:
        """Refuses most chains before they are searched."""
        needed = chain.waterline + self._needs_of(chain).least[0]
        output_bits = chain.waterline + self._steps[-1].room
        return needed <= chain.capacity(0) and output_bits <= chain.first_bits

    def _ends(self, live: _Live, chain: Chain) -> bool:
        """The output drops to level 0, where it must fit as well."""
        return live[-1] + self._steps[-1].room <= chain.first_bits

    def _needs_of(self, chain: Chain) -> ModulusNeeds:
        key = (chain.waterline, chain.weight_bits)
        if key not in self._needs:
            self._needs[key] = modulus_needs(self._form, *key)
        return self._needs[key]

    def _choices(self, index: int, live: _Live, chain: Chain, needs: ModulusNeeds) -> list[_Choice]:
        """Feasible results of an operation from which the output can be reached."""
        step = self._steps[index]
        bits = chain.prime_bits
        consumed = max([live[2 * k] for k in step.sources])
        scales = [live[2 * k + 1] for k in step.sources]
        highest = max(scales)
        # of the raw scale, before rescaling
        most = chain.capacity(consumed) - step.room
        most = min(most, needs.most(index + 1, chain.capacity(0)) - consumed * bits)
        lowest = highest if step.is_product else highest + chain.weight_bits
        if lowest > most:
            return []
        found: list[_Choice] = []
        for rescales in range(min(MAX_RESCALES, chain.depth - consumed) + 1):
            floor = chain.waterline + rescales * bits
            ceiling = min(most, floor + MAX_RESCALES * bits)
            if step.is_product:
                raw = scales[0] + scales[1]
                if floor <= raw <= ceiling:
                    found.append((consumed + rescales, raw - rescales * bits, (), rescales))
                continue
            start, spares = (floor, SPARE_SCALE_BITS) if rescales else (lowest, SPARE_WEIGHT_BITS)
            for spare in spares:
                raw = start + spare
                if lowest <= raw <= ceiling and raw >= floor:
                    weights = tuple([raw - other for other in scales])
                    found.append((consumed + rescales, raw - rescales * bits, weights, rescales))
        if needs.is_squared(index + 1):
            modulus = chain.capacity(0)
            return [
                choice
                for choice in found
                if needs.fits_squared(index + 1, choice[0] * bits + choice[1], choice[1], modulus)
            ]
        return found


def _moved(live: _Live, step: _Step, choice: _Choice) -> _Live:
    """The live values after an operation."""
    kept = [part for k in step.kept for part in (live[2 * k], live[2 * k + 1])]
    return (*kept, choice[0], choice[1]) if step.stays else tuple(kept)


def _steps(form: NormalForm) -> list[_Step]:
    last = [-1] * (len(form.ops) + 1)
    for index, op in enumerate(form.ops):
        for source in op.sources:
            last[source] = index
    last[-1] = len(form.ops)  # the output is never done
    live = [0]
    steps = []
    for index, op in enumerate(form.ops):
        kept = tuple(k for k, value in enumerate(live) if last[value] > index)
        stays = last[index + 1] > index
        sources = tuple(live.index(source) for source in op.sources)
        steps.append(_Step(sources, kept, stays, room(op.bound), isinstance(op, ProductOp)))
        live = [live[k] for k in kept] + [index + 1] * stays
    return steps


def _op_scales(trail: _Trail | None) -> tuple[OpScale, ...]:
    found = []
    while trail is not None:
        trail, weights, rescales, scale = trail
        found.append(OpScale(weights, rescales, scale))
    return tuple(reversed(found))


def earliness(plan: tuple[OpScale, ...]) -> int:
    """How early a plan rescales: the sum of operations left after each rescaling."""
    return sum((len(plan) - index) * op.rescales for index, op in enumerate(plan))
