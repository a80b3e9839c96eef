"""A compiled model's plan as data: what each step costs, and what keys and messages weigh."""

from __future__ import annotations

import math
from typing import Any

from safelight.circuit.checks import register_states
from safelight.circuit.compiler import Compiled
from safelight.circuit.cost import predicted_us
from safelight.circuit.program import LinearTransform, Multiply, MultiplyPlain, RotateAndSum, Step
from safelight.ckks.parameters import Parameters


def explain(compiled: Compiled) -> dict[str, Any]:
    """The plan: parameters, packing, totals, and one entry a step."""
    program, parameters = compiled.program, compiled.program.parameters
    states = register_states(program)
    steps = [
        {
            "index": index,
            "operation": type(step).__name__,
            "layer": step.label,
            "level": states[step.dst].level,
            "scale_log2": math.log2(states[step.dst].scale),
            "rotations": _rotation_count(step),
            "products": _product_count(step),
            "predicted_us": round(predicted_us(program, step, states), 1),
        }
        for index, step in enumerate(program.steps)
    ]
    levels = compiled.requirements.galois_levels
    relinearization = compiled.requirements.relinearization_level
    all_levels = [*levels.values(), *([] if relinearization is None else [relinearization])]
    return {
        "model": program.name,
        "parameters": str(parameters),
        "parameters_digest": parameters.digest.hex(),
        "input_scale_log2": math.log2(program.input_scale),
        "records": compiled.packing.records,
        "packing": compiled.packing.to_json(),
        "rotations": sum(map(_rotation_count, program.steps)),
        "plain_products": sum(map(_product_count, program.steps)),
        "multiplications": sum(isinstance(step, Multiply) for step in program.steps),
        "predicted_ms": sum(predicted_us(program, step, states) for step in program.steps) / 1000,
        "rotation_keys": len(levels),
        "key_bytes": sum(_seeded_key_bytes(parameters, level) for level in all_levels),
        "upload_bytes": _residue_bytes(parameters, range(program.input_level + 1)),
        "download_bytes": 2 * _residue_bytes(parameters, range(1)),
        "steps": steps,
    }


def _rotation_count(step: Step) -> int:
    if isinstance(step, RotateAndSum):
        return len(step.rotations)
    if isinstance(step, LinearTransform):
        babies = {baby for group in step.giant_steps.values() for baby in group if baby}
        return len(babies) + sum(giant != 0 for giant in step.giant_steps)
    return 0


def _product_count(step: Step) -> int:
    if isinstance(step, LinearTransform):
        return len(step.diagonals)
    return int(isinstance(step, MultiplyPlain))


def _residue_bytes(parameters: Parameters, indices: range) -> int:
    return sum(parameters.bits[index] for index in indices) * parameters.n // 8


def _seeded_key_bytes(parameters: Parameters, level: int) -> int:
    """Payload of a trimmed, seeded key-switching key."""
    special = parameters.bits[-1] * parameters.n // 8
    return (level + 1) * (_residue_bytes(parameters, range(level + 1)) + special)
