"""Runs programs in our own C++ evaluator: one call a request, without Python's lock."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from safelight import _native
from safelight.circuit.checks import key_requirements, register_states
from safelight.circuit.diagonal_form import COMPACT_ABOVE_BYTES, diagonal_forms
from safelight.circuit.program import Program, outline
from safelight.ckks.ciphertext import Ciphertext, EvaluationKeys, KeyRequirements, KeySwitchKey
from safelight.ckks.parameters import Parameters
from safelight.engine.base import Progress
from safelight.engine.native_steps import append_step
from safelight.engine.requirements import check_input, check_keys
from safelight.errors import ProgramError

THREADS_VARIABLE = "SAFELIGHT_THREADS"

_NO_ROTATION = 1  # the Galois element of the identity: a relinearisation key turns nothing

_threads_lock = threading.Lock()
_threads_set = False


def set_threads(count: int) -> None:
    """Lets at most ``count`` threads compute in this process, over all requests together."""
    global _threads_set
    with _threads_lock:
        _threads_set = True
        _native.set_threads(count)


def _default_threads() -> None:
    """Takes the number of threads from the environment, once, unless it was set."""
    global _threads_set
    with _threads_lock:
        if not _threads_set:
            _threads_set = True
            text = os.environ.get(THREADS_VARIABLE, "")
            _native.set_threads(int(text) if text.isdecimal() and int(text) > 0 else 1)


def simd() -> str:
    """The arithmetic path in use: ``ifma``, ``avx2`` or ``portable``.

    Raises:
        ProgramError: ``SAFELIGHT_SIMD`` names a path that this machine cannot run.
    """
    try:
        return str(_native.simd())
    except RuntimeError as exc:
        raise ProgramError(str(exc), hint="unset SAFELIGHT_SIMD") from exc


@dataclass(frozen=True)
class NativeKey:
    """One evaluation key in the evaluator's own form; many sets and requests may share it.

    Args:
        parameters: What it was made for.
        element: Its Galois element, or 0 for the relinearisation key.
        handle: The evaluator's object.
    """

    parameters: Parameters
    element: int
    handle: _native.Key

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        return int(self.handle.nbytes)


@dataclass(frozen=True)
class NativeKeys:
    """Evaluation keys in the evaluator's own form; many requests may share them.

    Args:
        parameters: What they were made for.
        handle: The evaluator's object.
    """

    parameters: Parameters
    handle: _native.Keys

    @property
    def nbytes(self) -> int:
        """Memory that they take."""
        return int(self.handle.nbytes)

    @property
    def levels(self) -> KeyRequirements:
        """Which keys these are, each with the highest level that it serves."""
        return KeyRequirements(self.handle.relinearization_level, dict(self.handle.galois_levels))


@dataclass(frozen=True)
class NativeProgram:
    """A program with its constants encoded, shared by all requests.

    Args:
        program: Its outline.
        handle: The evaluator's object.
        requirements: The keys that it uses.
        output_scale: Scale of its answer.
    """

    program: Program
    handle: _native.Program
    requirements: KeyRequirements
    output_scale: float

    @property
    def nbytes(self) -> int:
        """Memory that the encoded constants take."""
        return int(self.handle.nbytes)


class NativeEngine:
    """The engine of the service.

    **Cost**: rotations of one linear transform share a decomposition; sums of key switches are
    divided by the special prime once, together with a rescaling that follows.

    Args:
        simd: ``ifma``, ``avx2`` or ``portable``; the best that ``SAFELIGHT_SIMD`` and the machine
            allow if empty.
        digits: ``centred``, or ``seal`` for SEAL's own (25 times larger) rounding of digits.
    """

    name = "native"

    def __init__(self, simd: str = "", digits: str = "centred") -> None:
        _default_threads()
        self._simd = simd
        self._digits = digits

    def _context(self, parameters: Parameters) -> _native.Context:
        try:
            return _native.Context(parameters.n, list(parameters.primes), self._simd)
        except RuntimeError as exc:
            raise ProgramError(str(exc), hint="unset SAFELIGHT_SIMD") from exc

    def prepare(
        self, program: Program, *, compact_above: int = COMPACT_ABOVE_BYTES
    ) -> NativeProgram:
        """Encodes every constant of ``program``, and transforms what is not kept compact.

        Args:
            program: The whole program.
            compact_above: Bytes of diagonals above which large transforms are kept compact
                (`safelight.circuit.diagonal_form`).
        """
        states = register_states(program)
        numbers = {register: number for number, register in enumerate(states)}
        handle = _native.Program(
            self._context(program.parameters), len(numbers), program.input_level
        )
        forms = diagonal_forms(program, compact_above)
        for step in program.steps:
            append_step(handle, program.parameters, step, numbers, states, forms)
        handle.set_output(numbers[program.output])
        return NativeProgram(
            outline(program), handle, key_requirements(program), states[program.output].scale
        )

    def load_keys(self, keys: EvaluationKeys) -> NativeKeys:
        """Brings keys into the evaluator's form; worth keeping for a client's next request.

        Raises:
            ProgramError: A key has the wrong shape, or a residue at or above its prime.
        """
        galois = [self.load_key(element, key) for element, key in keys.galois.items()]
        if keys.relinearization is not None:
            galois.append(self.load_key(0, keys.relinearization))
        return self.key_set(keys.parameters, galois)

    def load_key(self, element: int, key: KeySwitchKey) -> NativeKey:
        """Brings one key into the evaluator's form.

        Args:
            element: Its Galois element, or 0 for the relinearisation key.
            key: The key.

        Raises:
            ProgramError: A wrong shape, or a residue at or above its prime.
        """
        parameters, level = key.parameters, key.level
        if not 0 <= level <= parameters.max_level:
            raise ProgramError(f"an evaluation key of level {level}, not a level of its parameters")
        residues = np.ascontiguousarray(key.residues, dtype=np.uint64)
        context = self._context(parameters)
        try:
            handle = _native.Key(context, element or _NO_ROTATION, level, residues)
        except ValueError as exc:
            raise ProgramError(f"an evaluation key does not fit its parameters: {exc}") from exc
        return NativeKey(parameters, element, handle)

    def key_set(self, parameters: Parameters, keys: Iterable[NativeKey]) -> NativeKeys:
        """The keys of one run, from keys that were loaded before; nothing is copied."""
        handle = _native.Keys(self._context(parameters))
        for key in keys:
            if key.element == 0:
                handle.set_relinearization(key.handle)
            else:
                handle.add_galois(key.handle)
        return NativeKeys(parameters, handle)

    def run(
        self,
        prepared: NativeProgram,
        keys: EvaluationKeys | NativeKeys,
        ciphertext: Ciphertext,
        progress: Progress | None = None,
    ) -> Ciphertext:
        """Evaluates one request.

        ``progress`` is called at the start and the end, and between steps of long programs.
        """
        program = prepared.program
        check_input(program, ciphertext)
        levels = keys.levels if isinstance(keys, NativeKeys) else _levels(keys)
        check_keys(program.parameters, prepared.requirements, keys.parameters, levels)
        steps = len(program.steps)
        if progress is not None:
            progress(0, steps)
        native = keys if isinstance(keys, NativeKeys) else self.load_keys(keys)
        residues = np.ascontiguousarray(ciphertext.residues, dtype=np.uint64)
        try:
            result = prepared.handle.run(native.handle, residues, progress, self._digits)
        except ValueError as exc:
            raise ProgramError(f"the input does not fit the program: {exc}") from exc
        if progress is not None:
            progress(steps, steps)
        return Ciphertext(program.parameters, result, prepared.output_scale)

    def profile(
        self, prepared: NativeProgram, keys: NativeKeys, ciphertext: Ciphertext
    ) -> list[float]:
        """Microseconds of each step in one run, for `safelight compile --explain`."""
        residues = np.ascontiguousarray(ciphertext.residues, dtype=np.uint64)
        return list(prepared.handle.profile(keys.handle, residues))


def _levels(keys: EvaluationKeys) -> KeyRequirements:
    relinearization = keys.relinearization
    return KeyRequirements(
        None if relinearization is None else relinearization.level,
        {element: key.level for element, key in keys.galois.items()},
    )
