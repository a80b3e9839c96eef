"""Whether a network can be compiled, before hours go into training it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from safelight.circuit.compiler import Compiled
from safelight.circuit.normal_form import normal_form
from safelight.circuit.normalise import normalised
from safelight.circuit.packing import Packing, check_sizes
from safelight.circuit.scales import plan_scales
from safelight.ckks.parameters import MAX_LOG2_QP
from safelight.errors import CompileError, DepthError
from safelight.models.registry import TrainedModel, compile_model, load_model_folder
from safelight.models.training.architectures import Architecture, Network
from safelight.models.training.candidates import Candidate
from safelight.models.training.export import FORMAT, export_graph, write_model
from safelight.models.training.objective import Objective
from safelight.models.training.pixels import Normalisation

MAX_N = 16384
TRIAL_RANGE = (-10.0, 10.0)
"""Of every activation: a little more than trained networks with a range penalty show."""


@dataclass(frozen=True)
class Chosen:
    """A network that compiles.

    Args:
        candidate: Which.
        packing: Where its values sit in the slots.
        refused: What was tried before, with the compiler's reason.
    """

    candidate: Candidate
    packing: Packing
    refused: tuple[str, ...]


def first_that_compiles(
    found: Iterable[Candidate],
    normalisation: Normalisation,
    objective: Objective,
    *,
    max_n: int = MAX_N,
    say: Callable[[str], None] = lambda _: None,
) -> Chosen:
    """The first candidate that the compiler accepts within a ring.

    Args:
        found: The most accurate first.
        normalisation: Of its input.
        objective: Of its task.
        max_n: Largest ring dimension.
        say: Told what is refused and why.

    Raises:
        CompileError: None does.
    """
    refused: list[str] = []
    hints: list[str] = []
    networks = list(found)
    for place, candidate in enumerate(networks, start=1):
        say(f"choosing a network: compiling {candidate.name!r} (seconds, a minute at worst)")
        try:
            compiled = compile_trial(candidate.architecture, normalisation, objective, max_n)
        except CompileError as exc:
            reason = f"network {candidate.name!r} does not fit: {exc.message}"
            say(reason + ("; a smaller one is tried" if place < len(networks) else ""))
            refused.append(reason)
            hints.append(exc.hint)
            continue
        return Chosen(candidate, compiled.packing, tuple(refused))
    if len(refused) == 1:
        raise CompileError(refused[0], hint=hints[0])
    raise CompileError(
        "no network fits: " + "; ".join(refused),
        hint="reduce the images with size = … in the configuration, or allow a larger ring",
    )


def check_ring(compiled: Compiled, max_n: int) -> None:
    """Refuses a larger ring than wanted.

    Raises:
        DepthError: With both sizes.
    """
    n = compiled.plan.parameters.n
    if n > max_n:
        raise DepthError(
            f"it needs N = {n}, above {max_n}",
            hint="use fewer or narrower layers, or set max_n in the configuration",
        )


def compile_trial(
    architecture: Architecture, normalisation: Normalisation, objective: Objective, max_n: int
) -> Compiled:
    """Compiles a network with untrained weights.

    Raises:
        CompileError: It does not fit a ring of at most ``max_n``; found before the packing, which
            takes most of the time.
    """
    torch.manual_seed(0)
    network = Network(architecture)
    count = sum(1 for _ in network.quadratics())
    graph = export_graph(network, dict.fromkeys(range(count), TRIAL_RANGE))
    description = {
        **description_of("trial", "untrained", architecture, normalisation, objective),
        "nodes": graph.nodes,
        "output": graph.output,
        "ranges": graph.ranges,
    }
    with tempfile.TemporaryDirectory() as folder:
        model = _written(Path(folder), description, graph.weights)
        form = normalised(normal_form(model.graph, normalisation.bound))
        slots = max_n // 2
        check_sizes(form, slots, slots)
        plan_scales(form, tuple(n for n in MAX_LOG2_QP if n <= max_n))
        compiled = compile_model(model)
    check_ring(compiled, max_n)
    return compiled


def _written(
    folder: Path, description: dict[str, Any], weights: dict[str, NDArray[np.float32]]
) -> TrainedModel:
    write_model(folder, description, weights)
    return load_model_folder(folder)


def description_of(
    name: str,
    title: str,
    architecture: Architecture,
    normalisation: Normalisation,
    objective: Objective,
) -> dict[str, Any]:
    """The part of ``model.json`` that does not depend on the weights."""
    about = objective.about
    # crops of CT show a finding at its size; a whole slice, resized, would look like one
    framed = normalisation.window_hu is None
    features = {"features": list(about.features)} if about.features else {}
    activation = {"binary": "sigmoid", "multi-label": "sigmoid_each"}.get(about.task, "softmax")
    return {
        "format": FORMAT,
        "name": name,
        "version": "1",
        "title": title,
        "input_shape": list(architecture.input_shape),
        "input_bound": normalisation.bound,
        **features,
        "preprocessing": normalisation.preprocessing(architecture.input_shape, framed=framed),
        "outputs": {
            "classes": list(about.classes),
            "activation": activation,
            "positive": about.finding,
            "threshold": 0.5,
            "temperature": 1.0,
        },
    }
