"""Runs programs through Microsoft SEAL: the oracle of the native engine.

Simple on purpose: one SEAL call a primitive, no hoisting. It uses TenSEAL's low-level module but
no secret; rotation keys that were trimmed to a level are padded with zeros, which SEAL never
reads at that level.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tenseal.sealapi as seal

from safelight.circuit.checks import RegisterState, register_states
from safelight.circuit.giant_chains import giant_chains
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
from safelight.ckks import seal_format
from safelight.ckks.ciphertext import Ciphertext, EvaluationKeys, KeySwitchKey, UInt64Array
from safelight.ckks.parameters import Parameters
from safelight.engine.base import Progress
from safelight.engine.requirements import check_request


@dataclass(frozen=True)
class SealProgram:
    """A program with SEAL plaintexts: by step index, then by distance (0 for a single one)."""

    program: Program
    context: Any
    plaintexts: Mapping[int, Mapping[int, Any]]


class SealEngine:
    """The engine of the tests; several times slower than the native one."""

    name = "seal"

    def prepare(self, program: Program) -> SealProgram:
        """Encodes every constant at its level and scale."""
        context = _context(program.parameters)
        encoder = seal.CKKSEncoder(context)
        states = register_states(program)
        plaintexts: dict[int, dict[int, Any]] = {}
        for index, step in enumerate(program.steps):
            match step:
                case LinearTransform():
                    state = RegisterState(states[step.src].level, step.scale)
                    plaintexts[index] = {
                        giant + baby: _encode(
                            encoder,
                            program,
                            np.roll(_diagonal(step, program, giant, baby), giant),
                            state,
                        )
                        for giant, babies in step.giant_steps.items()
                        for baby in babies
                    }
                case MultiplyPlain():
                    state = RegisterState(states[step.src].level, step.scale)
                    plaintexts[index] = {0: _encode(encoder, program, step.values, state)}
                case AddPlain():
                    state = states[step.src]
                    plaintexts[index] = {0: _encode(encoder, program, step.values, state)}
                case _:
                    pass
        return SealProgram(program, context, plaintexts)

    def run(
        self,
        prepared: SealProgram,
        keys: EvaluationKeys,
        ciphertext: Ciphertext,
        progress: Progress | None = None,
    ) -> Ciphertext:
        """Evaluates one request, step by step."""
        program = prepared.program
        check_request(program, keys, ciphertext)
        run = _Run(prepared, keys)
        registers = {0: run.load(ciphertext)}
        last_use = _last_uses(program)
        for index, step in enumerate(program.steps):
            if progress is not None:
                progress(index, len(program.steps))
            registers[step.dst] = run.step(index, step, registers)
            for register in [r for r in registers if last_use.get(r, -1) <= index]:
                if register != program.output:
                    del registers[register]
        if progress is not None:
            progress(len(program.steps), len(program.steps))
        residues, scale = seal_format.read_ciphertext(seal_format.saved(registers[program.output]))
        return Ciphertext(program.parameters, residues, scale)


def _last_uses(program: Program) -> dict[int, int]:
    """Index of the last step that reads each register."""
    uses: dict[int, int] = {}
    for index, step in enumerate(program.steps):
        sources = (step.left, step.right) if isinstance(step, Multiply | Add) else (step.src,)
        for register in sources:
            uses[register] = index
        uses.setdefault(step.dst, index)
    return uses


def _context(parameters: Parameters) -> Any:
    encryption = seal.EncryptionParameters(seal.SCHEME_TYPE.CKKS)
    encryption.set_poly_modulus_degree(parameters.n)
    encryption.set_coeff_modulus([seal.Modulus(prime) for prime in parameters.primes])
    return seal.SEALContext(encryption, True, seal.SEC_LEVEL_TYPE.TC128)


def _diagonal(step: LinearTransform, program: Program, giant: int, baby: int) -> Vector:
    return step.diagonals[(giant + baby) % program.parameters.slots]


def _encode(encoder: Any, program: Program, values: Vector, state: RegisterState) -> Any:
    name = seal_format.parms_id(program.parameters, state.level + 1)
    plain = seal.Plaintext()
    encoder.encode(values.tolist(), np.frombuffer(name, "<u8").tolist(), state.scale, plain)
    return plain


def _padded(key: KeySwitchKey) -> UInt64Array:
    """The full shape that SEAL expects, with zeros where the trimmed key has nothing."""
    count = len(key.parameters.primes)
    full = np.zeros((count - 1, 2, count, key.parameters.n), dtype=np.uint64)
    full[: key.level + 1, :, : key.level + 1] = key.residues[:, :, :-1]
    full[: key.level + 1, :, -1] = key.residues[:, :, -1]
    return full


class _Run:
    """One evaluation: SEAL's evaluator and keys."""

    def __init__(self, prepared: SealProgram, keys: EvaluationKeys) -> None:
        self.program, self.plaintexts = prepared.program, prepared.plaintexts
        self.context = prepared.context
        self.parameters = self.program.parameters
        self.evaluator = seal.Evaluator(self.context)
        key_id = seal_format.parms_id(self.parameters)
        entries: list[UInt64Array | None] = [None] * self.parameters.n
        for element, key in keys.galois.items():
            entries[(element - 1) // 2] = _padded(key)
        data = seal_format.write_keys(entries, key_id)
        self.galois = seal_format.loaded(seal.GaloisKeys(), self.context, data)
        self.relinearization = None
        if keys.relinearization is not None:
            data = seal_format.write_keys([_padded(keys.relinearization)], key_id)
            self.relinearization = seal_format.loaded(seal.RelinKeys(), self.context, data)

    def load(self, ciphertext: Ciphertext) -> Any:
        name = seal_format.parms_id(self.parameters, ciphertext.level + 1)
        data = seal_format.write_ciphertext(ciphertext.residues, name, ciphertext.scale)
        return seal_format.loaded(seal.Ciphertext(), self.context, data)

    def _rotated(self, ciphertext: Any, step: int) -> Any:
        if step == 0:
            return ciphertext
        result = seal.Ciphertext()
        element = self.parameters.galois_element(step)
        self.evaluator.apply_galois(ciphertext, element, self.galois, result)
        return result

    def step(self, index: int, step: Step, registers: Mapping[int, Any]) -> Any:
        """The ciphertext that a step writes."""
        result = seal.Ciphertext()
        match step:
            case LinearTransform():
                return self._linear_transform(index, step, registers[step.src])
            case RotateAndSum():
                value = registers[step.src]
                for rotation in step.rotations:
                    total = seal.Ciphertext()
                    self.evaluator.add(value, self._rotated(value, rotation), total)
                    value = total
                return value
            case Multiply():
                if step.left == step.right:
                    self.evaluator.square(registers[step.left], result)
                else:
                    self.evaluator.multiply(registers[step.left], registers[step.right], result)
                self.evaluator.relinearize_inplace(result, self.relinearization)
            case MultiplyPlain():
                self.evaluator.multiply_plain(
                    registers[step.src], self.plaintexts[index][0], result
                )
            case Add():
                left, right = registers[step.left], registers[step.right]
                left.scale = right.scale  # equal within rounding, checked by register_states
                self.evaluator.add(left, right, result)
            case AddPlain():
                plain = self.plaintexts[index][0]
                plain.scale = registers[step.src].scale
                self.evaluator.add_plain(registers[step.src], plain, result)
            case Rescale():
                self.evaluator.rescale_to_next(registers[step.src], result)
            case DropLevel():
                name = seal_format.parms_id(self.parameters, step.level + 1)
                words = np.frombuffer(name, "<u8").tolist()
                self.evaluator.mod_switch_to(registers[step.src], words, result)
        return result

    def _linear_transform(self, index: int, step: LinearTransform, source: Any) -> Any:
        babies = {baby for group in step.giant_steps.values() for baby in group}
        rotated = {baby: self._rotated(source, baby) for baby in babies}
        total = None
        for chain in giant_chains(step.giant_steps, self.parameters.slots):
            inner = None
            for giant, turn in zip(chain.giants, chain.turns, strict=True):
                for baby in step.giant_steps[giant]:
                    product = seal.Ciphertext()
                    plain = self.plaintexts[index][giant + baby]
                    self.evaluator.multiply_plain(rotated[baby], plain, product)
                    inner = product if inner is None else self._sum(inner, product)
                inner = self._rotated(inner, turn)
            total = inner if total is None else self._sum(total, inner)
        return total

    def _sum(self, left: Any, right: Any) -> Any:
        self.evaluator.add_inplace(left, right)
        return left
