"""The steps of a program as JSON, with numbers in the place of constant vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from safelight.circuit.program import (
    Add,
    AddPlain,
    DropLevel,
    LinearTransform,
    Multiply,
    MultiplyPlain,
    Program,
    Rescale,
    RotateAndSum,
    Step,
    Vector,
)
from safelight.ckks.parameters import MAX_LOG2_QP, Parameters
from safelight.errors import MalformedError, ParameterError
from safelight.wire.json_object import JsonObject, checked_integer, checked_list
from safelight.wire.program_structure import (
    MAX_LABEL_CHARS,
    MAX_NAME_CHARS,
    MAX_REGISTER,
    MAX_STEPS,
)

MAX_PRIMES = 64  # 868 bits hold 43 primes of 20
_TOP_SLOTS = max(MAX_LOG2_QP) // 2

Number = Callable[[Vector], int]
Constant = Callable[[int], Vector]


def program_to_json(program: Program, number: Number) -> dict[str, Any]:
    """The structure of a program; ``number`` numbers each constant as it is met."""
    return {
        "name": program.name,
        "parameters": {"n": program.parameters.n, "primes": list(program.parameters.primes)},
        "input_scale": float(program.input_scale),
        "input_level": program.input_level,
        "steps": [_step_to_json(step, number) for step in program.steps],
        "output": program.output,
    }


def parameters_from_json(value: Any) -> Parameters:
    """CKKS parameters; the security table is checked.

    Raises:
        MalformedError: They are none, or refused.
    """
    fields = JsonObject(value, "the parameters")
    n = fields.integer("n", 1, max(MAX_LOG2_QP))
    primes = [checked_integer(p, 2, 1 << 50, "a prime") for p in fields.items("primes", MAX_PRIMES)]
    fields.close()
    try:
        return Parameters(n, tuple(primes))
    except ParameterError as exc:
        raise MalformedError(f"the parameters are refused: {exc.message}") from exc


def program_from_json(fields: JsonObject, parameters: Parameters, constant: Constant) -> Program:
    """The program whose remaining ``fields`` these are; its structure is not checked yet.

    Raises:
        MalformedError: A field that is missing, unknown, or of another type or range.
    """
    program = Program(
        name=fields.text("name", MAX_NAME_CHARS),
        parameters=parameters,
        input_scale=fields.positive_real("input_scale"),
        input_level=fields.integer("input_level", 0, MAX_PRIMES),
        steps=tuple(
            _step_from_json(JsonObject(step, f"step {index}"), constant)
            for index, step in enumerate(fields.items("steps", MAX_STEPS))
        ),
        output=fields.integer("output", 0, MAX_REGISTER),
    )
    fields.close()
    return program


def _step_to_json(step: Step, number: Number) -> dict[str, Any]:
    common: dict[str, Any] = {"dst": step.dst, "label": step.label}
    match step:
        case LinearTransform():
            return common | {
                "op": "linear",
                "src": step.src,
                "diagonals": [[d, number(step.diagonals[d])] for d in sorted(step.diagonals)],
                "giant_steps": [[g, list(step.giant_steps[g])] for g in sorted(step.giant_steps)],
                "scale": float(step.scale),
            }
        case RotateAndSum():
            rotations = list(step.rotations)
            return common | {"op": "rotate-and-sum", "src": step.src, "rotations": rotations}
        case Multiply():
            return common | {"op": "multiply", "left": step.left, "right": step.right}
        case MultiplyPlain():
            values, scale = number(step.values), float(step.scale)
            return common | {
                "op": "multiply-plain", "src": step.src, "values": values, "scale": scale
            }  # fmt: skip
        case Add():
            return common | {"op": "add", "left": step.left, "right": step.right}
        case AddPlain():
            return common | {"op": "add-plain", "src": step.src, "values": number(step.values)}
        case Rescale():
            return common | {"op": "rescale", "src": step.src}
        case DropLevel():
            return common | {"op": "drop-level", "src": step.src, "level": step.level}


def _step_from_json(fields: JsonObject, constant: Constant) -> Step:
    op = fields.text("op", 20)
    if op not in _READERS:
        raise MalformedError(f"{fields.where} is of an unknown kind")
    dst = fields.integer("dst", 0, MAX_REGISTER)
    label = fields.text("label", MAX_LABEL_CHARS)
    step = _READERS[op](fields, dst, label, constant)
    fields.close()
    return step


def _register(fields: JsonObject, name: str = "src") -> int:
    return fields.integer(name, 0, MAX_REGISTER)


def _linear(fields: JsonObject, dst: int, label: str, constant: Constant) -> Step:
    diagonals: dict[int, Vector] = {}
    for pair in fields.items("diagonals", _TOP_SLOTS):
        d, vector = _pair(pair, fields)
        diagonals[_ascending(d, diagonals, fields)] = constant(vector)
    giant_steps: dict[int, tuple[int, ...]] = {}
    for pair in fields.items("giant_steps", _TOP_SLOTS):
        giant, babies = _pair(pair, fields)
        giant_steps[_ascending(giant, giant_steps, fields)] = _rotations(babies, fields)
    scale = fields.positive_real("scale")
    return LinearTransform(dst, _register(fields), diagonals, giant_steps, scale, label)


def _rotate_and_sum(fields: JsonObject, dst: int, label: str, _: Constant) -> Step:
    rotations = _rotations(fields.take("rotations"), fields)
    return RotateAndSum(dst, _register(fields), rotations, label)


def _multiply_plain(fields: JsonObject, dst: int, label: str, constant: Constant) -> Step:
    values = constant(fields.take("values"))
    return MultiplyPlain(dst, _register(fields), values, fields.positive_real("scale"), label)


_READERS: dict[str, Callable[[JsonObject, int, str, Constant], Step]] = {
    "linear": _linear,
    "rotate-and-sum": _rotate_and_sum,
    "multiply": lambda f, dst, label, _: Multiply(
        dst, _register(f, "left"), _register(f, "right"), label
    ),
    "multiply-plain": _multiply_plain,
    "add": lambda f, dst, label, _: Add(dst, _register(f, "left"), _register(f, "right"), label),
    "add-plain": lambda f, dst, label, constant: AddPlain(
        dst, _register(f), constant(f.take("values")), label
    ),
    "rescale": lambda f, dst, label, _: Rescale(dst, _register(f), label),
    "drop-level": lambda f, dst, label, _: DropLevel(
        dst, _register(f), f.integer("level", 0, MAX_PRIMES), label
    ),
}


def _pair(value: Any, fields: JsonObject) -> tuple[Any, Any]:
    if type(value) is not list or len(value) != 2:
        raise MalformedError(f"an entry of {fields.where} is not a pair")
    return value[0], value[1]


def _ascending(value: Any, before: dict[int, Any], fields: JsonObject) -> int:
    last = next(reversed(before), -_TOP_SLOTS - 1)
    return checked_integer(value, last + 1, _TOP_SLOTS, f"an entry of {fields.where}")


def _rotations(value: Any, fields: JsonObject) -> tuple[int, ...]:
    what = f"a rotation of {fields.where}"
    return tuple(
        checked_integer(k, -_TOP_SLOTS, _TOP_SLOTS, what)
        for k in checked_list(value, _TOP_SLOTS, what)
    )
