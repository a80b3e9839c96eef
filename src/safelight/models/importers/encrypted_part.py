"""The encrypted part of an import: does it fit, what do its logits mean, and its triple.

Refusals name the layers of the source; the circuit's own (``NAME/unit``) are nobody's concern.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from safelight.circuit.compiler import Compiled, ModelMeaning, compile_graph, planned
from safelight.circuit.graph import Graph
from safelight.circuit.outputs import Outputs
from safelight.ckks.parameters import MAX_LOG2_QP
from safelight.errors import CompileError, DepthError, SlotCountError
from safelight.models.importers.activations import ACTIVATIONS
from safelight.models.importers.draft import Draft
from safelight.models.importers.input_steps import Prepared
from safelight.models.importers.options import ImportOptions
from safelight.models.importers.replacement import Replaced

LARGEST_SLOTS = max(MAX_LOG2_QP) // 2


def check_sizes(draft: Draft, records: int | None) -> None:
    """Refuses values that no ciphertext holds, before anything is fitted.

    Only what an activation reads must be there as a whole: other layers fold into their neighbours.

    Args:
        draft: The model.
        records: How many share a ciphertext, if that was chosen.

    Raises:
        SlotCountError: An activation has more elements, with its name in the source.
    """
    positions = LARGEST_SLOTS // max(records or 1, 1)
    shapes = draft.shapes()
    for index, layer in enumerate(draft.layers, start=1):
        size = math.prod(shapes[layer.name])
        if size > positions and (layer.op in ACTIVATIONS or layer.op == "polynomial"):
            raise SlotCountError(
                f"{layer.name!r} ({layer.op}, layer {index} of {len(draft.layers)}) has {size} "
                f"elements, more than the {positions} positions of the largest ciphertext",
                hint="use fewer channels or a larger stride before it, or leave the layers up to "
                "it in a public part (--split LAYER, or --public-stem LAYER)",
            )


def check_depth(graph: Graph, input_bound: float, replaced: Sequence[Replaced]) -> None:
    """Refuses what no parameters hold, within seconds.

    Raises:
        CompileError: As `compiled_part`.
    """
    try:
        planned(graph, input_bound)
    except DepthError as exc:
        raise _too_deep(exc, replaced) from exc


def outputs_of(draft: Draft, chosen: ImportOptions) -> Outputs:
    """What the logits mean.

    Raises:
        CompileError: Logits, classes and the source's last activation do not go together.
    """
    logits = math.prod(draft.shapes()[draft.output])
    several = draft.final == "sigmoid" and logits > 1  # findings, each by itself
    wanted = max(2, logits)
    if draft.final == "softmax" and logits == 1:
        raise CompileError("the model ends in a softmax over a single output, which is always 1")
    names = chosen.classes or draft.classes
    if not names:
        numbered = tuple(f"class {index}" for index in range(wanted))
        names = ("negative", "positive") if logits == 1 else numbered
    if len(names) != wanted or len(set(names)) != wanted:
        raise CompileError(
            f"{len(names)} class names for a model with {logits} outputs",
            hint=f"give {wanted} different names, in the order of the outputs",
        )
    positive = chosen.positive or names[1]
    if positive not in names:
        raise CompileError(f"{positive!r} is none of the classes {', '.join(names)}")
    activation = "sigmoid" if logits == 1 else "sigmoid_each" if several else "softmax"
    return Outputs(names, activation, positive, chosen.threshold)


def compiled_part(
    graph: Graph,
    prepared: Prepared,
    outputs: Outputs,
    chosen: ImportOptions,
    replaced: Sequence[Replaced],
    watch: Callable[[str, float, float], None],
) -> Compiled:
    """The triple.

    Raises:
        CompileError: The model does not fit.
    """
    meaning = ModelMeaning(
        version=chosen.version,
        title=chosen.title or chosen.name,
        preprocessing=prepared.steps.to_json(),
        outputs=outputs,
        input_names=chosen.features or prepared.features,
        class_activation_map=chosen.class_activation_map,
    )
    flat = len(graph.input_shape) == 1
    records = chosen.records if chosen.records is not None or flat else 1
    try:
        return compile_graph(
            graph,
            meaning,
            records=records,
            input_bound=prepared.bound,
            watch=lambda done, total: watch("packing", done, total),
        )
    except DepthError as exc:
        raise _too_deep(exc, replaced) from exc


def _too_deep(error: DepthError, replaced: Sequence[Replaced]) -> DepthError:
    row = ", ".join(one.layer for one in replaced) or "none"
    return DepthError(
        f"{error.message}; its activations: {row}",
        hint=f"{error.hint}; or leave the first layers in a public part (--split LAYER, or "
        "--public-stem LAYER)",
    )
