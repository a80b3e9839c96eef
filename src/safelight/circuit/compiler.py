"""A graph to its triple: the program, what key generation needs, and the client's signature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from safelight.circuit.checks import key_requirements, register_states
from safelight.circuit.class_activation_map import with_class_activation_map
from safelight.circuit.cost import constant_bytes
from safelight.circuit.graph import Graph
from safelight.circuit.im2col import patched
from safelight.circuit.lowering import Lowered, lower
from safelight.circuit.normal_form import DEFAULT_INPUT_BOUND, NormalForm, normal_form
from safelight.circuit.normalise import normalised
from safelight.circuit.packing import Packing, check_sizes, positions
from safelight.circuit.packing_search import Watch, search_packing
from safelight.circuit.program import MAX_CONSTANT_BYTES, Program
from safelight.circuit.scales import ScalePlan, plan_scales
from safelight.circuit.signature import Outputs, Signature, slot_runs
from safelight.circuit.sparse import IntArray
from safelight.ckks.ciphertext import KeyRequirements
from safelight.ckks.parameters import MAX_LOG2_QP
from safelight.errors import CompileError, SlotCountError


@dataclass(frozen=True)
class ModelMeaning:
    """What the client must know of a model beside its arithmetic.

    Args:
        version: Version of the model.
        title: One line for people.
        preprocessing: Steps as data.
        outputs: What the logits mean.
        input_names: Names of a record's features, in order; empty for images.
        class_activation_map: Whether the service gives maps in place of logits.
    """

    version: str
    title: str
    preprocessing: Mapping[str, Any]
    outputs: Outputs
    input_names: tuple[str, ...] = ()
    class_activation_map: bool = False


@dataclass(frozen=True)
class Compiled:
    """The triple, and what it was made from, for explanations.

    Args:
        program: For the service.
        requirements: For key generation, with ``program.parameters``.
        signature: For the client.
        form: The operations.
        plan: Their levels and scales.
        packing: Where their results sit.
    """

    program: Program
    requirements: KeyRequirements
    signature: Signature
    form: NormalForm
    plan: ScalePlan
    packing: Packing


def compile_graph(
    graph: Graph,
    meaning: ModelMeaning,
    *,
    records: int | None = 1,
    packing: Packing | None = None,
    input_bound: float = DEFAULT_INPUT_BOUND,
    watch: Watch = lambda *_: None,
) -> Compiled:
    """Compiles a model; what does not fit is refused before the search for a packing.

    Args:
        graph: The model.
        meaning: What goes into the signature.
        records: Inputs that share a ciphertext, a power of two; None for as many as fit.
        packing: A recorded choice; searched for if None.
        input_bound: Largest magnitude of a preprocessed input element.
        watch: Of the search, which takes most of the time: (operations placed, in all).

    Raises:
        CompileError: The model does not fit, with the layer's name.
    """
    if meaning.class_activation_map:
        graph, map_shape = with_class_activation_map(graph)
        meaning = replace(meaning, outputs=replace(meaning.outputs, map_shape=map_shape))
    form, plan = planned(graph, input_bound)
    slots = plan.parameters.slots
    if packing is not None:
        wanted = packing.records
    else:
        wanted = _most_records(form, slots) if records is None else records
    ring = positions(slots, wanted)
    patches = patched(graph, ring) if packing is None or packing.patches else None
    if patches is not None:
        form = normalised(normal_form(patches.graph, input_bound))
    check_sizes(form, ring, slots)
    if packing is None:
        packing = search_packing(form, slots, wanted, op_levels(form, plan), watch)
        packing = replace(packing, patches=patches is not None)
    lowered = lower(graph.name, form, plan, packing)
    _check_constants(lowered.program)
    requirements = key_requirements(lowered.program)
    gather = None if patches is None else patches.gather
    signature = _signature(graph, meaning, lowered, packing, gather, input_bound)
    return Compiled(lowered.program, requirements, signature, form, plan, packing)


def planned(graph: Graph, input_bound: float = DEFAULT_INPUT_BOUND) -> tuple[NormalForm, ScalePlan]:
    """The operations, and the first ring whose modulus and slots both have room for them.

    Raises:
        CompileError: No ring has.
    """
    form = normalised(normal_form(graph, input_bound))
    rings = tuple(MAX_LOG2_QP)
    while True:
        plan = plan_scales(form, rings)
        try:
            check_sizes(form, plan.parameters.slots, plan.parameters.slots)
        except SlotCountError:
            rings = tuple(n for n in rings if n > plan.parameters.n)
            if not rings:
                raise
            continue
        return form, plan


def _check_constants(program: Program) -> None:
    occupied = constant_bytes(program)
    if occupied > MAX_CONSTANT_BYTES:
        raise CompileError(
            f"its weights, spread over the slots, occupy {occupied / 1e6:,.0f} MB, above the "
            f"{MAX_CONSTANT_BYTES / 1e6:,.0f} MB that a service holds of one model",
            hint="use fewer channels in the widest layers",
        )


def _most_records(form: NormalForm, slots: int) -> int:
    largest = max(int(np.prod(shape)) for shape in (form.input_shape, *(o.shape for o in form.ops)))
    return slots // (1 << (largest - 1).bit_length())


def op_levels(form: NormalForm, plan: ScalePlan) -> list[int]:
    """Level at which each operation runs, before its own rescalings."""
    after = [plan.parameters.max_level]
    levels = []
    for op, op_scale in zip(form.ops, plan.op_scales, strict=True):
        level = min(after[source] for source in op.sources)
        levels.append(level)
        after.append(level - op_scale.rescales)
    return levels


def _signature(
    graph: Graph,
    meaning: ModelMeaning,
    lowered: Lowered,
    packing: Packing,
    gather: IntArray | None,
    input_bound: float,
) -> Signature:
    program, records = lowered.program, packing.records
    read = lowered.input_layout
    positions = read.positions()
    elements = np.arange(positions.shape[1]) if gather is None else gather
    filled = elements >= 0
    runs = tuple(
        run for copy in positions for run in slot_runs(copy[filled] * records, elements[filled])
    )
    return Signature(
        model=graph.name,
        version=meaning.version,
        title=meaning.title,
        input_shape=graph.input_shape,
        input_names=meaning.input_names,
        input_bound=input_bound,
        preprocessing=meaning.preprocessing,
        parameters=program.parameters,
        input_scale=program.input_scale,
        input_level=program.input_level,
        records=records,
        record_step=1,
        input_slots=runs,
        output_slots=tuple(int(p) * records for p in lowered.output_layout.base),
        output_scale=register_states(program)[program.output].scale,
        outputs=meaning.outputs,
    )
