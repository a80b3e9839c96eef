"""From an answer's maps to pictures in a folder: which map, over what, under which name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from safelight.circuit.signature import Signature
from safelight.client.diagnosis import Diagnosis
from safelight.client.inputs import preprocessing_of
from safelight.errors import InputError
from safelight.imaging import load_image
from safelight.imaging.heatmap import Heatmap, coarse, overlay
from safelight.imaging.steps import CenterCropSquare, Resize, Window

FloatArray = NDArray[np.float64]
RESEARCH_ONLY = "Research use only; not a medical device."


def check_has_maps(signature: Signature) -> None:
    """Before anything is encrypted.

    Raises:
        InputError: The model answers without maps.
    """
    if not signature.outputs.map_shape:
        raise InputError(
            f"the model {signature.model!r} gives no class-activation map",
            hint="`safelight models NAME --json` shows a model's map_shape; leave --heatmap out, "
            "or ask for a model that has one",
        )


def heatmap_of(signature: Signature, maps: FloatArray, probabilities: FloatArray) -> Heatmap:
    """The coarse map of the finding that the diagnosis speaks of.

    Two classes: the positive one. One of several: the most probable, against the mean of the
    others. Several findings at once: the most probable.

    Args:
        signature: Of the model.
        maps: Of one record, ``[logits, height, width]``.
        probabilities: Of one record, ``[classes]``.
    """
    outputs = signature.outputs
    positive = outputs.classes.index(outputs.positive)
    chosen = positive if outputs.kind == "binary" else int(np.argmax(probabilities))
    if outputs.activation == "softmax":
        others = np.delete(maps, chosen, axis=0).mean(axis=0)
        evidence = maps[chosen] - others
    else:
        evidence = maps[0 if outputs.activation == "sigmoid" else chosen]
    return coarse(outputs.classes[chosen], evidence / outputs.temperature)


def seen_part(signature: Signature, path: Path) -> FloatArray:
    """What of an image file the model saw, ``[1 or 3, height, width]`` as bright as displayed.

    At the file's own resolution where the crop comes before the resizing, as it mostly does.
    """
    steps = preprocessing_of(signature)
    planes = load_image(path, value_scale=steps.value_scale).channels_first()
    places = [k for k, s in enumerate(steps.steps) if isinstance(s, CenterCropSquare | Resize)]
    order = [steps.steps[k] for k in places]
    crop_after_resize = any(
        isinstance(step, CenterCropSquare) and any(isinstance(s, Resize) for s in order[:k])
        for k, step in enumerate(order)
    )
    for step in steps.steps:
        if isinstance(step, Window | CenterCropSquare) or (
            crop_after_resize and isinstance(step, Resize)
        ):
            planes = step.apply(planes)
    return planes


def write_heatmap(
    folder: Path, number: int, signature: Signature, found: Diagnosis, heatmap: Heatmap
) -> Path:
    """Writes ``heatmap-001.png`` for the first diagnosis, and so on.

    The number stands for the input's place among those given: names of files may be those of
    patients.
    """
    height, width = heatmap.levels.shape
    caption = (
        f"{found.finding}: probability of {found.positive} {found.probability:.3f} "
        f"(operating point {found.threshold:.3f})",
        f"{found.model} {found.version}, protection {found.level}: the service saw ciphertext only",
        f"What the model went by, not where the disease is; {height} by {width} places, rounded. "
        f"{RESEARCH_ONLY}",
    )
    path = folder / f"heatmap-{number:03}.png"
    overlay(seen_part(signature, Path(found.source)), heatmap, caption).save(path)
    return path
