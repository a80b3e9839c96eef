"""Chains of giant steps: every step once, rotated by itself in the end, with few keys."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from safelight.circuit.giant_chains import giant_chains, turns_of

SLOTS = 1 << 12


def rotation_of_each(giants: set[int]) -> dict[int, int]:
    """Turns that each giant step's sum meets from where it joins its chain."""
    met: dict[int, int] = {}
    for chain in giant_chains(giants, SLOTS):
        joined: list[int] = []
        for giant, turn in zip(chain.giants, chain.turns, strict=True):
            joined.append(giant)
            for before in joined:
                met[before] = (met.get(before, 0) + turn) % SLOTS
    return met


@given(st.sets(st.integers(0, SLOTS - 1), min_size=1, max_size=40))
def test_every_giant_step_is_rotated_by_itself(giants: set[int]) -> None:
    assert rotation_of_each(giants) == {giant: giant for giant in giants}
    chains = giant_chains(giants, SLOTS)
    turns = [turn for chain in chains for turn in chain.turns]
    assert sum(turn != 0 for turn in turns) == len(giants - {0})
    assert all(turn != 0 for chain in chains for turn in chain.turns[:-1])
    assert turns_of(giants, SLOTS) == set(turns) - {0}


def test_regular_steps_need_one_key_a_side() -> None:
    assert turns_of(range(0, 70, 10), SLOTS) == {10}
    around_zero = [step % SLOTS for step in range(-60, 70, 10)]
    assert turns_of(around_zero, SLOTS) == {10, SLOTS - 10}
    assert len(giant_chains(around_zero, SLOTS)) == 2


def test_a_long_chain_is_cut_for_two_threads() -> None:
    first, second = giant_chains(range(0, 160, 10), SLOTS)
    assert (len(first.giants), len(second.giants)) == (8, 8)
    assert turns_of(range(0, 160, 10), SLOTS) == {10, 80}
