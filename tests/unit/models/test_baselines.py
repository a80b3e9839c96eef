"""Baselines: fitted, kept without pickle, asked again, and measured on the same splits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from safelight.cli.main import main
from safelight.errors import InputError, RecordError
from safelight.models.baselines.baseline import NAMES, Baseline, decisions, outputs_of
from safelight.models.baselines.comparison import chosen_names, compare, shipped_rows
from safelight.models.baselines.forest import Forest, fit_forest
from safelight.models.baselines.logistic import fit_logistic
from safelight.models.baselines.stored import load_baseline, save_baseline
from safelight.models.datasets.dataset import About, Dataset
from safelight.models.datasets.split import Split

ROOT = Path(__file__).parents[3]
WORDS = {"licence": "CC0", "attribution": "nobody", "kind": "chest-xray"}


def split(count: int, seed: int, task: str, side: int = 12) -> Split:
    """Grey squares with a bright corner for each class: easy."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 2 if task == "binary" else 3, count)
    images = generator.integers(0, 90, (count, side, side)).astype(np.uint8)
    corners = [(slice(0, 5), slice(0, 5)), (slice(0, 5), slice(7, 12)), (slice(7, 12), slice(0, 5))]
    for image, label in zip(images, labels, strict=True):
        image[corners[label]] += 120
    if task == "multi-label":
        return Split(images, np.eye(3, dtype=np.int64)[labels])
    return Split(images, labels.astype(np.int64))


def dataset(task: str = "binary") -> Dataset:
    classes = ("well", "ill") if task == "binary" else ("a", "b", "c")
    about = About("Squares", task, classes, **WORDS)  # type: ignore[arg-type]
    return Dataset("squares", split(90, 1, task), split(40, 2, task), split(60, 3, task), about)


@pytest.mark.parametrize("task", ["binary", "multi-class", "multi-label"])
def test_forest_answers_as_scikit_learn(task: str) -> None:
    ensemble = pytest.importorskip("sklearn.ensemble")
    data = dataset(task)
    inputs = data.train.inputs.reshape(90, -1) / 255.0
    columns = len(data.about.classes)
    found = fit_forest(inputs, data.train.labels, columns, seed=4, trees=20)
    made = ensemble.RandomForestClassifier(
        20, random_state=4, class_weight="balanced_subsample", n_jobs=1
    ).fit(inputs, data.train.labels)
    test = data.test.inputs.reshape(60, -1) / 255.0
    expected = made.predict_proba(test)
    if task == "multi-label":
        expected = np.stack([column[:, 1] for column in expected], axis=1)
    assert np.abs(found.probabilities(test) - expected).max() < 1e-12


@pytest.mark.parametrize("task", ["binary", "multi-class", "multi-label"])
def test_logistic_learns_and_adds_up(task: str) -> None:
    pytest.importorskip("sklearn")
    data = dataset(task)
    columns = len(data.about.classes)
    parts = [part.inputs / 255.0 for part in (data.train, data.val, data.test)]
    found = fit_logistic(parts[0], data.train.labels, parts[1], data.val.labels, columns)
    chances = found.probabilities(parts[2])
    assert (decisions(outputs_of(data.about), chances) == data.test.labels).mean() > 0.95
    if task != "multi-label":
        assert chances.sum(axis=1) == pytest.approx(1.0)


def fitted(name: str, tmp_path: Path, task: str = "binary") -> tuple[Any, Baseline, Dataset]:
    data = dataset(task)
    rows = list(compare(data, [name], minutes=1.0, epochs=2, save=tmp_path))
    return rows[0], load_baseline(tmp_path / name), data


@pytest.mark.parametrize("name", ["random-forest", "logistic"])
@pytest.mark.parametrize("task", ["binary", "multi-class", "multi-label"])
def test_classic_ones_from_end_to_end(name: str, task: str, tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    row, baseline, data = fitted(name, tmp_path, task)
    assert row.test.accuracy.value > 0.9
    assert row.train.n == 90
    assert row.fit_seconds >= 0
    inputs = data.test.inputs[:, None] / 255.0
    assert baseline.input_shape == (1, 12, 12)
    chances = baseline.probabilities(inputs)
    assert (decisions(baseline.outputs, chances) == data.test.labels).mean() == pytest.approx(
        row.test.accuracy.value
    )


def test_a_network_from_end_to_end(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    row, baseline, data = fitted("relu-twin", tmp_path)
    assert "2 epochs at 12×12" in row.notes
    assert row.parameter_count > 10_000
    assert not [path for path in tmp_path.rglob("*") if path.suffix in (".pt", ".pkl", ".pth")]
    again = next(iter(compare(data, ["relu-twin"], minutes=1.0, epochs=2)))
    assert again.test == row.test  # the same from the same seed
    assert [step["step"] for step in baseline.preprocessing["steps"]][-1] == "normalize"
    assert baseline.training["epochs"] == 2


@pytest.mark.parametrize("name", ["resnet18", "densenet121", "vit"])
@pytest.mark.parametrize("shape", [(3, 32, 32)])
def test_deep_networks_are_kept_exactly(name: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("monai")
    pytest.importorskip("einops")
    from safelight.models.baselines.networks import TorchPredictor, build

    torch.manual_seed(1)
    about = About("Squares", "multi-class", ("a", "b", "c"), **WORDS)  # type: ignore[arg-type]
    outputs = outputs_of(about)
    predictor = TorchPredictor(build(name, shape, 3).eval(), outputs)
    baseline = Baseline(name, shape, {"version": 1, "steps": []}, outputs, predictor, {})
    save_baseline(tmp_path, baseline)
    inputs = np.random.default_rng(1).normal(size=(2, *shape))
    chances = load_baseline(tmp_path).probabilities(inputs)
    assert np.array_equal(chances, baseline.probabilities(inputs))
    assert chances.sum(axis=1) == pytest.approx(1.0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pytest.importorskip("sklearn")
    fitted("random-forest", tmp_path)
    return tmp_path / "random-forest"


def test_inputs_of_another_shape_are_refused(folder: Path) -> None:
    baseline = load_baseline(folder)
    with pytest.raises(InputError, match="takes"):
        baseline.probabilities(np.zeros((1, 1, 5, 5)))
    with pytest.raises(InputError, match="not finite"):
        baseline.probabilities(np.full((1, 1, 12, 12), np.nan))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "other"}, "not of format"),
        ({"name": "../../etc"}, "not of format"),
        ({"outputs": {"classes": ["a"]}}, "damaged"),
        ({"input_shape": [1, 0, 3]}, "out of range"),
        ({"input_shape": [1, 2, 2]}, "lead nowhere"),
        ({"options": 3}, "damaged"),
    ],
)
def test_a_strangers_description(folder: Path, change: dict[str, Any], message: str) -> None:
    path = folder / "baseline.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | change))
    with pytest.raises(RecordError, match=message):
        load_baseline(folder)


@pytest.mark.parametrize("where", ["left", "right", "feature", "roots"])
def test_a_strangers_forest_cannot_lead_outside_or_in_a_circle(folder: Path, where: str) -> None:
    arrays = dict(np.load(folder / "weights.npz"))
    arrays[where] = arrays[where].copy()
    inner = int(np.flatnonzero(arrays["left"] >= 0)[-1]) if where != "roots" else 0
    arrays[where][inner] = inner if where in ("left", "right") else 10**9
    np.savez(folder / "weights.npz", **arrays)
    with pytest.raises(RecordError, match="lead nowhere"):
        load_baseline(folder)


def test_objects_and_damage_are_refused(folder: Path) -> None:
    np.savez(folder / "weights.npz", roots=np.array([{}], dtype=object))
    with pytest.raises(RecordError, match="missing or damaged"):
        load_baseline(folder)
    (folder / "weights.npz").write_bytes(b"PK\x03\x04 not a zip")
    with pytest.raises(RecordError, match="missing or damaged"):
        load_baseline(folder)
    (folder / "baseline.json").unlink()
    with pytest.raises(InputError, match=r"no baseline\.json"):
        load_baseline(folder)


def test_missing_arrays_are_refused() -> None:
    with pytest.raises(RecordError, match="damaged"):
        Forest.rebuilt({}, 4, 2)


def test_names_are_checked() -> None:
    assert chosen_names(None) == NAMES
    assert chosen_names("vit, logistic") == ("vit", "logistic")
    with pytest.raises(InputError, match="no baseline 'gpt'"):
        chosen_names("gpt")


def test_no_shipped_model_of_invented_data() -> None:
    assert list(shipped_rows(dataset())) == []


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("sklearn")
    jsonschema = pytest.importorskip("jsonschema")
    data = dataset()
    arrays = {
        f"{name}_{kind}": getattr(part, kind if kind == "labels" else "inputs")
        for name, part in data.splits.items()
        for kind in ("images", "labels")
    }
    arrays |= {k: v[:, None] for k, v in arrays.items() if k.endswith("labels")}
    np.savez(tmp_path / "own.npz", **arrays)
    code = main(
        ["baselines", "--dataset", str(tmp_path / "own.npz"), "--models", "logistic,random-forest",
         "--report", str(tmp_path / "r"), "--save", str(tmp_path / "s"), "--json"]
    )  # fmt: skip
    assert code == 0
    document = json.loads(capsys.readouterr().out)
    schema = json.loads((ROOT / "docs/schemas/baselines.schema.json").read_text("utf-8"))
    jsonschema.validate(document, schema)
    assert [row["name"] for row in document["rows"]] == ["logistic", "random-forest"]
    assert document["level"] == "plaintext"
    assert str(tmp_path) not in document["command"]
    assert json.loads((tmp_path / "r" / "results.json").read_text("utf-8")) == document
    page = (tmp_path / "r" / "index.html").read_text("utf-8")
    assert "random-forest" in page
    assert "default-src 'none'" in page
    assert load_baseline(tmp_path / "s" / "logistic").name == "logistic"
