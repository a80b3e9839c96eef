"""Training: export equals the network, ranges hold, seeds repeat; needs torch."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from safelight.circuit.graph import graph_from_model  # noqa: E402
from safelight.circuit.reference import evaluate, evaluate_all  # noqa: E402
from safelight.errors import InputError  # noqa: E402
from safelight.models.training import pneumonia  # noqa: E402
from safelight.models.training.architectures import (  # noqa: E402
    Architecture,
    Convolution,
    Dense,
    Network,
)
from safelight.models.training.augmentation import Augmentation  # noqa: E402
from safelight.models.training.cxr_pneumonia_28_fast import PLAN as FAST  # noqa: E402
from safelight.models.training.export import (  # noqa: E402
    export_graph,
    observed_ranges,
    widened,
)
from safelight.models.training.fit import Recipe, fit, predict  # noqa: E402
from safelight.models.training.lessons import Lessons, draw_lessons  # noqa: E402
from safelight.models.training.operating_point import (  # noqa: E402
    balanced_accuracy,
    balanced_log_loss,
    fit_temperature,
)
from safelight.models.training.quadratic import Quadratic  # noqa: E402

SMALL = Architecture(
    (1, 12, 12), (Convolution(3, 3, 2, 1), Convolution(4, 3, 2, 1), Dense(6)), dropout=0.1
)
RECIPE = Recipe(epochs=3, batch_size=16, passes=2)


def stripes(count: int = 65) -> tuple[torch.Tensor, torch.Tensor]:
    """Noise, with a bright upper half where the label is 1."""
    generator = torch.Generator().manual_seed(5)
    labels = torch.arange(count) % 3 % 2
    images = torch.rand(count, 1, 12, 12, generator=generator) / 2
    images[labels == 1, :, :6] += 0.4
    return images, labels


def lessons(seed: int = 1) -> Lessons:
    images, labels = stripes()
    return draw_lessons(
        images, labels, passes=2, augmentation=Augmentation(), mixup=0.2, seed=seed, mean=0.4,
        std=0.3,
    )  # fmt: skip


def trained(seed: int = 0, recipe: Recipe = RECIPE) -> Network:
    given = lessons()
    torch.manual_seed(seed)
    return fit(Network(SMALL), lambda epoch: given, mean=0.4, std=0.3, recipe=recipe, seed=seed)


def test_quadratic_keeps_its_vertex_near() -> None:
    layer = Quadratic(4)
    with torch.no_grad():
        layer.curvature.copy_(torch.tensor([-50.0, 0.0, 3.0, -9.0]))
        layer.slope.copy_(torch.tensor([-50.0, 0.1, 9.0, 50.0]))
    _, slope, curvature = layer.coefficients().detach().unbind(1)
    assert float(curvature.min()) >= 0.05
    assert float((slope / (2 * curvature)).abs().max()) <= 8.0 + 1e-5


def test_export_equals_the_network() -> None:
    network = trained()
    images, _ = stripes()
    batch = (images - 0.4) / 0.3
    ranges = observed_ranges(network, [batch])
    exported = export_graph(network, ranges)
    model = {
        "name": "small",
        "input_shape": [1, 12, 12],
        "nodes": exported.nodes,
        "output": exported.output,
        "ranges": exported.ranges,
    }
    graph = graph_from_model(json.loads(json.dumps(model)), exported.weights)
    logits = evaluate(graph, batch.double().numpy())[:, 0]
    assert np.abs(logits - predict(network, images, mean=0.4, std=0.3)).max() < 1e-4
    values = evaluate_all(graph, batch.double().numpy())
    reads = {layer.name: layer.inputs[0] for layer in graph.layers}
    assert list(exported.ranges) == ["square1", "square2", "square3"]
    for name, (low, high) in exported.ranges.items():
        assert values[reads[name]].min() == pytest.approx(low, abs=1e-2)
        assert values[reads[name]].max() == pytest.approx(high, abs=1e-2)


def test_ranges_are_stretched_about_their_middle() -> None:
    assert widened({0: (-2.0, 4.0)}, 1.5) == {0: (-3.5, 5.5)}


def test_a_seed_repeats_and_another_differs() -> None:
    images, _ = stripes()
    first, again, other = (predict(trained(seed), images, mean=0.4, std=0.3) for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_it_learns() -> None:
    images, labels = stripes()
    network = trained(recipe=replace(RECIPE, epochs=25))
    logits = predict(network, images, mean=0.4, std=0.3)
    assert balanced_accuracy(labels.numpy(), logits) > 0.9


def test_lessons_balance_the_classes_and_carry_answers() -> None:
    images, labels = stripes()
    given = draw_lessons(
        images, labels, passes=1, augmentation=Augmentation(), mixup=0.0, seed=1, mean=0.4,
        std=0.3, teacher=lambda batch: batch.mean((1, 2, 3)),
    )  # fmt: skip
    weights, targets = given.weights[0], given.targets[0]
    assert float(weights[targets == 1].sum()) == pytest.approx(float(weights[targets == 0].sum()))
    assert given.answers is not None
    assert 0 < float(given.answers.min()) < float(given.answers.max()) < 1


def test_refuses_one_class_and_a_loss_that_explodes() -> None:
    images, labels = stripes()
    with pytest.raises(InputError, match="one class"):
        draw_lessons(
            images, labels * 0, passes=1, augmentation=Augmentation(), mixup=0.2, seed=1,
            mean=0.4, std=0.3,
        )  # fmt: skip
    with pytest.raises(InputError, match="not a number"):
        trained(recipe=replace(RECIPE, range_penalty=float("nan")))


def test_augmentation_keeps_shape_and_range() -> None:
    images, _ = stripes()
    changed = Augmentation()(images, torch.Generator().manual_seed(1))
    again = Augmentation()(images, torch.Generator().manual_seed(1))
    assert changed.shape == images.shape
    assert torch.equal(changed, again)
    assert not torch.equal(changed, images)
    assert 0 <= float(changed.min()) <= float(changed.max()) <= 1


def test_temperature_undoes_overconfidence() -> None:
    generator = np.random.default_rng(1)
    honest = generator.normal(0, 2, 4000)
    labels = (generator.random(4000) < 1 / (1 + np.exp(-honest))).astype(int)
    assert fit_temperature(labels, 3 * honest) == pytest.approx(3.0, rel=0.1)
    assert balanced_log_loss(labels, honest) < balanced_log_loss(labels, 3 * honest)


def test_the_whole_plan_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from safelight.models.datasets import medmnist

    generator = np.random.default_rng(1)
    content = {}
    for split in ("train", "val", "test"):
        images = generator.integers(0, 200, (40, 28, 28)).astype(np.uint8)
        labels = (np.arange(40) % 2)[:, None].astype(np.uint8)
        images[labels[:, 0] == 1, :14] += 50
        content[f"{split}_images"], content[f"{split}_labels"] = images, labels
    np.savez(tmp_path / "any.npz", **content)
    quick = replace(RECIPE, epochs=1)
    plan = replace(FAST, recipe=quick, teacher_recipe=quick, teacher_seeds=(1,), seeds=(0, 1))
    folder = pneumonia.train_model(plan, tmp_path / "any.npz", tmp_path / "out", tmp_path / "t")
    from safelight.models.registry import load_model_folder
    from safelight.models.training.evaluate import main

    assert load_model_folder(folder).meaning.outputs.threshold == 0.5
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "cxr-pneumonia-28-fast", "seed-0", "seed-1",
    ]  # fmt: skip
    monkeypatch.setattr(medmnist, "KNOWN_MD5", {})
    seeds, data = str(tmp_path / "out"), str(tmp_path / "any.npz")
    main([str(folder), "--seeds-of", seeds, "--data", data])
    assert "accuracy over seeds" in (folder / "card.md").read_text()

    from safelight.models.training import pneumonia_twins

    material = pneumonia.material_of(plan, tmp_path / "any.npz", tmp_path / "t")
    twins = [pneumonia_twins.train_twin(plan, material, seed, tmp_path) for seed in plan.seeds]
    again = pneumonia_twins.train_twin(plan, material, 1, tmp_path)  # kept, not trained again
    pairs = zip(twins[1].parameters(), again.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)
    assert not list(again.quadratics())
    pneumonia_twins.record(folder, twins, material.dataset.test)
    result = json.loads((folder / "evaluation.json").read_text())
    assert len(result["relu_twin"]["auc"]["values"]) == 2
    assert "AUC of the ReLU twin over seeds" in (folder / "card.md").read_text()
