"""Of images of an unknown kind: whether a flip changes the diagnosis."""

from __future__ import annotations

import math

import torch

from safelight.models.training.architectures import Network
from safelight.models.training.augmentation import Augmentation
from safelight.models.training.candidates import candidates
from safelight.models.training.course import Course, Material, Recipe, predict, steps_per_epoch
from safelight.models.training.plan import seconds_per_step
from safelight.models.training.profiles import with_flips
from safelight.models.training.watching import Watch

SHARE = 0.05
"""Of the time, for a small network that has seen no flips."""
HARMLESS = 0.015
"""Loss of validation AUC up to which a flip is taken for harmless."""
_MOST_STEPS = 600
_LEAST_STEPS = 50


def flips_found_harmless(
    augmentation: Augmentation, material: Material, seconds: float, watch: Watch
) -> Augmentation:
    """Trains a small network without flips and shows it flipped validation images.

    Organs on one side of the body are not recognised on the other; cells do not mind.

    Args:
        augmentation: To add flips to.
        material: Data and task.
        seconds: For the whole run, of which `SHARE` is used; infinite for `_MOST_STEPS` steps,
            which no clock decides.
        watch: Told of the verdict.
    """
    shape = tuple(material.images.shape[1:])
    architecture = next(
        c.architecture
        for c in candidates(shape, material.objective.about.logits)
        if c.name == "small"
    )
    torch.manual_seed(0)
    still = with_flips(augmentation, sideways=False, upside_down=False)
    recipe = Recipe(epochs=1, batch_size=64, mixup=0.0, augmentation=still)
    steps = _MOST_STEPS
    if math.isfinite(seconds):
        step_s = seconds_per_step(Network(architecture), material, recipe)
        steps = int(max(_LEAST_STEPS, min(_MOST_STEPS, SHARE * seconds / step_s)))
    each = steps_per_epoch(recipe, len(material.images))
    epochs = max(1, round(steps / each))
    recipe = Recipe(
        epochs=epochs, batch_size=64, mixup=0.0, augmentation=still, average_decay=0.95,
        images_per_epoch=min(len(material.images), steps * 64) if epochs == 1 else 0,
    )  # fmt: skip
    torch.manual_seed(0)
    course = Course(Network(architecture), material, recipe, seed=0)
    course.run(
        lambda epoch, epochs, loss, auc: watch.progress(
            "do flips matter?", epoch, epochs, f"loss {loss:.4f}, validation AUC {auc:.4f}"
        )
    )
    labels = material.val_labels.numpy()

    def auc(axis: int | None) -> float:
        images = material.val_images if axis is None else material.val_images.flip(axis)
        logits = predict(course.average, images, material.normalisation)
        return material.objective.auc(labels, logits)

    plain, sideways, upside_down = auc(None), auc(3), auc(2)
    found = with_flips(
        augmentation,
        sideways=plain - sideways <= HARMLESS,
        upside_down=plain - upside_down <= HARMLESS,
    )
    watch.say(
        f"validation AUC of a small network {plain:.3f}, mirrored {sideways:.3f}, upside down "
        f"{upside_down:.3f}: flips {'on' if found.flip else 'off'}, "
        f"upside down {'on' if found.flip_vertical else 'off'}"
    )
    return found
