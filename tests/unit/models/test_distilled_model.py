"""The shipped image models' training: whole on a toy, continued where it stopped, honest cards."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from safelight.circuit.reference import evaluate  # noqa: E402
from safelight.errors import InputError  # noqa: E402
from safelight.models.datasets.dataset import About, Dataset  # noqa: E402
from safelight.models.datasets.split import Split  # noqa: E402
from safelight.models.held_out import held_out_of  # noqa: E402
from safelight.models.registry import load_model_folder  # noqa: E402
from safelight.models.training.architectures import Architecture, Convolution, Network  # noqa: E402
from safelight.models.training.course import Recipe  # noqa: E402
from safelight.models.training.cxr_nih_64 import MODEL as NIH  # noqa: E402
from safelight.models.training.cxr_pneumonia_64 import MODEL as PNEUMONIA  # noqa: E402
from safelight.models.training.distilled_card import write_distilled_card  # noqa: E402
from safelight.models.training.distilled_model import (  # noqa: E402
    DistilledModel,
    Words,
    fold_folder,
    material_of,
    train_fold,
)
from safelight.models.training.distilled_report import write_report  # noqa: E402
from safelight.models.training.lung_nodule_48 import MODEL as LUNG  # noqa: E402
from safelight.models.training.retina_28 import MODEL as RETINA  # noqa: E402
from safelight.models.training.shared_lessons import draw_shared_lessons, fit_on_lessons  # noqa: E402

SHIPPED = (PNEUMONIA, RETINA, LUNG, NIH)


def toy(classes: int = 3, fold: int = 0) -> Dataset:
    """Images whose brightness is their class."""
    generator = np.random.default_rng(fold)

    def split(count: int) -> Split:
        labels = np.arange(count) % classes
        images = generator.integers(0, 60, (count, 8, 8, 3)) + 60 * labels[:, None, None, None]
        return Split(images.astype(np.uint8), labels.astype(np.int64))

    names = tuple("abcde"[:classes])
    about = About(
        "Toy", "binary" if classes == 2 else "ordinal", names, "CC0", "nobody", kind="fundus"
    )
    return Dataset("toy", split(30), split(18), split(15), about)


def toy_model(classes: int = 3, folds: int = 1) -> DistilledModel:
    recipe = Recipe(epochs=4, batch_size=8)
    return DistilledModel(
        name="toy",
        title="A toy",
        version="1",
        data=lambda _, fold: toy(classes, fold),
        architecture=Architecture(
            (3, 8, 8), (Convolution(4, 3, 2, 1),), 1 if classes == 2 else classes
        ),
        recipe=recipe,
        teacher_recipe=replace(recipe, epochs=1),
        words=Words("To play.", "In haste.", ("It is a toy.",)),
        folds=folds,
        teacher_width=4,
        teacher_seeds=(100,),
        seeds=(0, 1),
        passes=2,
        squashed=True,
    )


def trained(model: DistilledModel, out: Path) -> Path:
    datasets = [model.data(None, fold) for fold in range(model.folds)]
    for fold, dataset in enumerate(datasets):
        train_fold(model, dataset, fold_folder(out, fold))
    return write_report(model, datasets, out)


@pytest.mark.parametrize(("classes", "folds"), [(3, 1), (2, 2)])
def test_from_images_to_a_card(classes: int, folds: int, tmp_path: Path) -> None:
    folder = trained(toy_model(classes, folds), tmp_path)
    model = load_model_folder(folder)
    result = json.loads((folder / "evaluation.json").read_text())
    assert result["n"] == 15
    assert all(used < 1 for used in result["range_used"].values())
    for key in ("seeds", "relu_twin"):
        assert len(result[key]["auc"]["values"]) == 2
        if folds > 1:
            assert len(result[f"{key}_folds"]["auc"]["values"]) == folds
    # the seed that was selected scores in PyTorch as its files score in NumPy
    chosen = model.description["training"]["seed"]
    assert result["seeds"]["auc"]["values"][chosen] == pytest.approx(result["auc"], abs=1e-3)
    assert f"{result['auc']:.4f}" in model.card
    for heading in ("Intended use", "Data", "Results", "Limits", "Licence: CC0", "ReLU twin"):
        assert heading in model.card
    steps = [step["step"] for step in model.description["preprocessing"]["steps"]]
    assert "center_crop_square" not in steps
    test = held_out_of(model, toy(classes), "test")
    assert evaluate(model.graph, test.inputs).shape == (15, 1 if classes == 2 else classes)


def test_it_continues_where_it_stopped(tmp_path: Path) -> None:
    model = toy_model()
    whole = train_fold(model, toy(), tmp_path / "whole")
    part = tmp_path / "part"
    train_fold(replace(model, seeds=(0,)), toy(), part)
    (part / "relu-0.pt").unlink()
    continued = train_fold(model, toy(), part)
    for name in ("model.json", "weights.npz"):
        assert (continued / name).read_bytes() == (whole / name).read_bytes()


def test_a_loss_that_explodes_is_refused() -> None:
    model = toy_model()
    material = material_of(model, toy())
    recipe = replace(model.recipe, range_penalty=float("nan"))
    lessons = draw_shared_lessons(material, recipe, passes=1, seed=1)
    torch.manual_seed(0)
    with pytest.raises(InputError, match="not a number"):
        fit_on_lessons(Network(model.architecture), lambda _: lessons, material, recipe, seed=0)


def test_a_card_needs_a_licence(tmp_path: Path) -> None:
    words = Words("", "", ())
    with pytest.raises(InputError, match="licence"):
        write_distilled_card(tmp_path, words, {"data": {"name": "Toy"}}, {})


@pytest.mark.parametrize("model", SHIPPED, ids=lambda model: model.name)
def test_shipped_models_fit_a_ciphertext_and_speak_plainly(model: DistilledModel) -> None:
    assert max(model.architecture.widths()) <= 8192
    assert len(model.seeds) >= 3
    assert "not a medical device" in model.words.intended_use
    assert len(model.words.limits) >= 4
