"""``safelight diagnose`` and ``evaluate`` on real formats, each in two fresh processes."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from transcripts import safelight

from imaging_samples import build_dicom
from safelight.circuit.reference import evaluate
from safelight.client.inputs import load_inputs
from safelight.models.datasets import wdbc
from safelight.models.held_out import held_out
from safelight.models.registry import compiled_model, load_model

FAST = "cxr-pneumonia-28-fast"
PHASES = {"encrypt", "upload", "evaluate", "download", "decrypt"}


def chest(data: str | None) -> np.ndarray:
    """A radiograph, uint8 [height, width]: a real one where there are data."""
    if data:
        for path in sorted(Path(data).glob("kermany-cxr/images224/test/PNEUMONIA/*.jpeg"))[:1]:
            return np.asarray(PIL.Image.open(path).convert("L"))
    y, x = np.mgrid[-1:1:180j, -1:1:200j]
    lungs = np.exp(-(((np.abs(x) - 0.45) / 0.3) ** 2) - (y / 0.7) ** 2)
    noise = np.random.default_rng(1).normal(0, 8, x.shape)
    return np.clip(200 - 150 * lungs + noise, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The same radiograph as DICOM, JPEG and PNG."""
    folder = tmp_path_factory.mktemp("images")
    pixels = chest(os.environ.get("SAFELIGHT_DATA"))
    (folder / "chest.dcm").write_bytes(build_dicom(pixels.astype(np.uint16) * 16, bits_stored=12))
    for name, options in (("chest.jpeg", {"quality": 95}), ("chest.png", {})):
        file = io.BytesIO()
        PIL.Image.fromarray(pixels).save(file, Path(name).suffix[1:], **options)
        (folder / name).write_bytes(file.getvalue())
    return [folder / name for name in ("chest.dcm", "chest.jpeg", "chest.png")]


def test_a_dicom_a_jpeg_and_a_png(images: list[Path]) -> None:
    done = safelight("diagnose", *images, "--model", FAST, "--json")
    assert done.err == ""
    found = done.document("diagnose")
    assert found["level"] == "homomorphic"
    signature = compiled_model(FAST)[1].signature
    graph = load_model(FAST).graph
    assert len(found["diagnoses"]) == 3
    for path, diagnosis in zip(images, found["diagnoses"], strict=True):
        assert diagnosis["source"] == str(path)
        assert diagnosis["model"] == FAST
        assert diagnosis["parameters_digest"] == signature.parameters.digest.hex()
        assert set(diagnosis["timings_ms"]) >= PHASES
        ((_, prepared),) = load_inputs(signature, [path])
        clear = signature.probabilities(evaluate(graph, prepared[None]))
        positive = signature.outputs.classes.index(signature.outputs.positive)
        assert abs(diagnosis["probability"] - float(clear[0, positive])) < 1.6e-3
        above = clear[0, positive] >= signature.outputs.threshold
        if abs(clear[0, positive] - signature.outputs.threshold) > 1e-3:
            assert (diagnosis["finding"] == signature.outputs.positive) == above
    digests = {diagnosis["receipt"]["result_digest"] for diagnosis in found["diagnoses"]}
    assert len(digests) == 3


def test_lines_for_people(tmp_path: Path) -> None:
    steps = load_model("wdbc-logistic").meaning.preprocessing["steps"]
    (tmp_path / "record.csv").write_text(",".join(map(str, steps[0]["mean"])))
    done = safelight("diagnose", tmp_path / "record.csv", "--model", "wdbc-logistic")
    assert done.code == 0
    assert done.err == ""
    for word in ("finding", "probability", "model", "homomorphic", "parameters", "timings"):
        assert word in done.out
    assert "not a medical device" in done.out.splitlines()[-1]


def test_evaluation_of_all_patients() -> None:
    done = safelight("evaluate", "wdbc-logistic", "--encrypted", "all", "--json")
    found = done.document("evaluate")
    # issue 2, deliverable 9
    assert set(found) >= {
        *("model", "dataset", "level", "parameters", "clear", "encrypted", "agreement"),
        *("max_probability_difference", "timings_ms", "bytes"),
    }
    for scores in (found["clear"], found["encrypted"]):
        assert set(scores) >= {"n", "accuracy", "auc"}
        assert scores["n"] == 114
    assert set(found["timings_ms"]) >= PHASES | {"keygen"}
    assert set(found["bytes"]) >= {"keys", "up", "down"}
    assert found["agreement"] == 1.0
    assert found["max_probability_difference"] <= 1e-4
    assert found["encrypted"]["accuracy"] >= 0.97


@pytest.mark.slow
@pytest.mark.data
def test_evaluation_of_radiographs(data_dir: Path) -> None:
    done = safelight("evaluate", "cxr-pneumonia-28", "--encrypted", "200", "--json")
    found = done.document("evaluate")
    assert found["clear"]["n"] == 624
    assert found["clear"]["auc"] >= 0.965
    assert found["clear"]["accuracy"] >= 0.90
    assert found["encrypted"]["n"] == 200
    assert found["agreement"] == 1.0
    assert found["max_probability_difference"] <= 1e-3


def test_a_heatmap_beside_the_same_probability(tmp_path: Path) -> None:
    image = tmp_path / "Doe^Jane.png"
    PIL.Image.fromarray(chest(os.environ.get("SAFELIGHT_DATA"))).save(image)
    folder = tmp_path / "new" / "maps"
    mapped = safelight(
        "diagnose", image, "--model", "cxr-pneumonia-28-map", "--heatmap", folder, "--json"
    ).document("diagnose")["diagnoses"][0]
    assert [path.name for path in folder.iterdir()] == ["heatmap-001.png"]
    assert mapped["heatmap"] == str(folder / "heatmap-001.png")
    assert {"map", "maps"}.isdisjoint(mapped)
    model = load_model("cxr-pneumonia-28-map")
    signature = compiled_model("cxr-pneumonia-28-map")[1].signature
    values = load_inputs(signature, [image])[0][1]
    logit = evaluate(model.graph, values[None])[0, 0]
    clear = 1 / (1 + np.exp(-logit / model.meaning.outputs.temperature))
    assert mapped["probability"] == pytest.approx(clear, abs=2e-3)


def test_no_heatmap_of_a_model_without_one(tmp_path: Path) -> None:
    table = load_model("wdbc-logistic").folder / "held_out.csv"
    done = safelight("diagnose", table, "--model", "wdbc-logistic", "--heatmap", tmp_path / "x")
    assert "gives no class-activation map" in done.refusal()
    assert not (tmp_path / "x").exists()


def test_records_of_a_table(tmp_path: Path) -> None:
    data = held_out(load_model("wdbc-logistic"))
    names = load_model("wdbc-logistic").description["features"]
    split, _ = wdbc.load_held_out(None)
    rows = [dict(zip(names, row, strict=True)) for row in split.inputs[:3].tolist()]
    (tmp_path / "patients.json").write_text(json.dumps(rows))
    done = safelight("diagnose", tmp_path / "patients.json", "--model", "wdbc-logistic", "--json")
    found = done.document("diagnose")
    findings = [diagnosis["finding"] for diagnosis in found["diagnoses"]]
    graph = load_model("wdbc-logistic").graph
    clear = evaluate(graph, data.inputs[:3])[:, 0] >= 0
    assert [finding == "malignant" for finding in findings] == clear.tolist()
