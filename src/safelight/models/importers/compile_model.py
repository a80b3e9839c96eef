"""A model of another framework to one that can be served: `safelight.compile_model`.

1. A frontend makes the draft (scikit-learn, PyTorch, ONNX).
2. What may stay public is cut off (`public_parts`).
3. Preprocessing and calibration inputs are brought together.
4. Activations become polynomials (`replacement`), perhaps with a fine-tuning pass.
5. The circuit's compiler makes the triple; the result is compared with the original.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from safelight.circuit.graph import FloatArray, Graph, Shape
from safelight.circuit.reference import evaluate
from safelight.errors import InputError, RangeError
from safelight.imaging import Preprocessing
from safelight.models.importers.agreement import agreement_of, useless_labels
from safelight.models.importers.calibration import Calibration, checked
from safelight.models.importers.draft import BATCH, Draft
from safelight.models.importers.encrypted_part import (
    check_depth,
    check_sizes,
    compiled_part,
    outputs_of,
)
from safelight.models.importers.frontends import draft_of, onnx_of
from safelight.models.importers.imported_model import PUBLIC_FILE, Agreement, ImportedModel
from safelight.models.importers.input_steps import (
    Prepared,
    behind_public_part,
    image_inputs,
    prepared_input,
    with_scaling,
    without_scaler,
)
from safelight.models.importers.model_folder import card_text, describe
from safelight.models.importers.onnx_split import split_onnx
from safelight.models.importers.options import ImportOptions
from safelight.models.importers.public_backbone import (
    backbone_bytes,
    backbone_step,
    features_of,
    input_shape_of,
)
from safelight.models.importers.public_stem import cut_stem
from safelight.models.importers.replacement import with_polynomials
from safelight.models.licence import UNSTATED_LICENCE

Watch = Callable[[str, float, float], None]
CHECKED_SHARE = 5  # every fifth record is kept for the comparison
GOOD_AGREEMENT = 0.98
MIN_HELD_OUT = 40  # below this many records all are used for both
MAX_CALIBRATION = 2048
NO_LICENCE = (
    f"No licence was given (--licence, --attribution): {UNSTATED_LICENCE}. The model is served on "
    "this machine only."
)
MAX_FEATURE = 8.0  # of a public part's output, before it is divided


def compile_model(
    model: Any,
    calibration: NDArray[Any] | Calibration,
    *,
    labels: NDArray[Any] | None = None,
    classes: Sequence[str] = (),
    features: Sequence[str] = (),
    preprocessing: Preprocessing | dict[str, Any] | None = None,
    public_backbone: Any = None,
    watch: Watch | None = None,
    **options: Any,
) -> ImportedModel:
    """Makes an encrypted model of a trained one.

    Args:
        model: A fitted scikit-learn classifier or pipeline; a ``torch.nn.Module``; an ONNX model
            (a path, bytes, or an ``onnx.ModelProto``); a path of a ``.pt2`` archive.
        calibration: Inputs as the source takes them, ``[records, …]``, some hundreds; or uint8
            images for the preprocessing steps. They set ranges and polynomials, so they must be
            like those that the model will meet.
        labels: Class of each calibration record; gives accuracies in the report.
        classes: See `ImportOptions`, as for every further option.
        features: Names of a record's features.
        preprocessing: `Preprocessing` or its JSON.
        public_backbone: What runs in the clear at the clinic before ``model``: an ONNX model (a
            path, bytes, a ``ModelProto``) or a ``torch.nn.Module``. Calibration inputs are then
            the images that it takes.
        watch: Called with (phase, done, total).
        **options: Further fields of `ImportOptions`.

    Returns:
        The model, its triple and its report; ``save(folder)`` writes it.

    Raises:
        UnsupportedLayerError: Something has no encrypted form: its name, its place, what to use.
        CompileError: The model does not fit, with the layer's name.
        InputError: The calibration data do not fit the model.
    """
    if isinstance(preprocessing, dict):
        preprocessing = Preprocessing.from_json(preprocessing)
    chosen = ImportOptions(
        classes=tuple(classes), features=tuple(features), preprocessing=preprocessing, **options
    )
    chosen.check()
    data = calibration if isinstance(calibration, Calibration) else checked(calibration, labels)
    data = data.first(MAX_CALIBRATION)
    shape = chosen.input_shape
    if shape is None and data.inputs.dtype.kind == "f":
        shape = data.inputs.shape[1:]
    watch = watch or (lambda *_: None)
    content, model = _public_content(model, public_backbone, chosen, shape)
    if content is None:
        return finish(
            _prepared(draft_of(model, chosen.name, shape), data, chosen), data, chosen, watch
        )
    prepared = _behind_backbone(content, model, data, chosen, shape, watch)
    imported = finish(prepared, data, chosen, watch)
    return replace(imported, public_files={PUBLIC_FILE: content})


def _public_content(
    model: Any, backbone: Any, chosen: ImportOptions, shape: Shape | None
) -> tuple[bytes | None, Any]:
    """The public part as ONNX, if one is asked for, and what is left to encrypt."""
    asked = [bool(chosen.split), bool(chosen.public_stem), backbone is not None]
    if sum(asked) > 1:
        raise InputError(
            "a model has one public part",
            hint="give one of a public stem, a split, and a public backbone",
        )
    if backbone is not None:
        return backbone_bytes(backbone, shape), model
    if not chosen.split:
        return None, model
    return split_onnx(onnx_of(model, shape), chosen.split)


def _prepared(draft: Draft, data: Calibration, chosen: ImportOptions) -> Prepared:
    if not chosen.public_stem:
        return prepared_input(draft, data, chosen.preprocessing)
    before, images, _ = image_inputs(data, chosen.preprocessing, draft.input_shape)
    stem, head = cut_stem(draft, chosen.public_stem)
    rows = []
    for image in images:
        for step in stem:
            image = step.apply(image)
        rows.append(image)
    return behind_public_part(head, before, stem, np.stack(rows), chosen.margin)


def _behind_backbone(
    content: bytes,
    model: Any,
    data: Calibration,
    chosen: ImportOptions,
    shape: Shape | None,
    watch: Watch,
) -> Prepared:
    shape = input_shape_of(content) or shape
    if shape is None:
        raise InputError(
            "the public part does not say what shape it takes",
            hint="give input_shape, or calibration inputs as floats",
        )
    before, images, _ = image_inputs(data, chosen.preprocessing, shape)
    values = features_of(content, images, lambda done, total: watch("public", done, total))
    largest = float(np.abs(values).max())
    if not np.isfinite(largest):
        raise RangeError(
            "the public part gives values that are not finite on the calibration data",
            hint="check its weights, and the preprocessing that it was trained with",
        )
    # large features would cost precision; a power of two, so that nothing is rounded
    divisor = 1.0 if largest <= MAX_FEATURE else 2.0 ** np.ceil(np.log2(largest / MAX_FEATURE))
    name = chosen.public_name or "backbone"
    does = f"{list(shape)} to {list(values.shape[1:])}, in ONNX Runtime"
    step = backbone_step(content, name, does, float(divisor))
    draft = without_scaler(draft_of(model, chosen.name, values.shape[1:]))
    if divisor != 1.0:
        channels = draft.input_shape[0]
        draft = with_scaling(draft, np.zeros(channels), np.full(channels, 1.0 / divisor))
    return behind_public_part(draft, before, (step,), values / divisor, chosen.margin)


def finish(
    prepared: Prepared, data: Calibration, chosen: ImportOptions, watch: Watch
) -> ImportedModel:
    """From a prepared draft on: everything that does not depend on the source framework."""
    draft, inputs = prepared.draft, prepared.inputs
    check_sizes(draft, chosen.records)
    outputs = outputs_of(draft, chosen)
    fitted, kept = _divided(len(inputs))
    graph, replaced = with_polynomials(
        draft,
        inputs[fitted],
        degree=chosen.degree,
        margin=chosen.margin,
        watch=lambda done, total: watch("replace", done, total),
    )
    if chosen.fine_tune and replaced:
        from safelight.models.importers.fine_tune import fine_tuned

        check_depth(graph, prepared.bound, replaced)  # before minutes go into it
        graph = fine_tuned(
            draft, graph, inputs[fitted], epochs=chosen.fine_tune, margin=chosen.margin,
            watch=lambda done, total: watch("fine-tune", done, total),
        )  # fmt: skip
    compiled = compiled_part(graph, prepared, outputs, chosen, replaced, watch)
    why_not = "" if data.labels is None else useless_labels(data.labels, outputs)
    agreement = agreement_of(
        draft.evaluate(inputs[kept]),
        _in_batches(graph, inputs[kept]),
        compiled.signature,
        None if data.labels is None or why_not else data.labels[kept],
        held_out=fitted.size != len(inputs),
    )
    notes = (why_not, _advice(agreement, chosen), "" if chosen.licence else NO_LICENCE)
    draft = replace(draft, notes=(*draft.notes, *filter(None, notes)))
    prepared = replace(prepared, draft=draft)
    description, weights = describe(graph, compiled, prepared, replaced, agreement, chosen)
    imported = ImportedModel(
        draft, graph, description, weights, compiled, tuple(replaced), agreement, "", {}
    )
    return replace(imported, card=card_text(imported, chosen))


def _advice(agreement: Agreement, chosen: ImportOptions) -> str:
    """What to do about a model that has drifted from its original."""
    if agreement.decisions >= GOOD_AGREEMENT:
        return ""
    said = f"the replaced model decides otherwise on {1 - agreement.decisions:.1%} of the records"
    if not chosen.fine_tune:
        return f"{said}: fine-tune it, or raise the degree, or leave early layers public."
    return f"{said}: train it again with polynomials (safelight train)."


def _divided(count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of the records to fit on, and of those to compare on."""
    every = np.arange(count)
    if count < MIN_HELD_OUT:
        return every, every
    kept = every % CHECKED_SHARE == CHECKED_SHARE - 1
    return every[~kept], every[kept]


def _in_batches(graph: Graph, inputs: FloatArray) -> FloatArray:
    parts = [evaluate(graph, inputs[k : k + BATCH]) for k in range(0, len(inputs), BATCH)]
    return np.concatenate(parts)
