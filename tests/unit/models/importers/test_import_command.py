"""``safelight import``: what it writes and prints, and wrong input as two lines."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from PIL import Image

pytest.importorskip("onnx", reason="onnx comes with the extra `import`")

from onnx_models import OnnxBuilder

from safelight.cli.main import main
from safelight.models.licence import UNSTATED_LICENCE, may_be_passed_on
from safelight.models.registry import compile_model, load_model_folder

ROOT = Path(__file__).parents[4]
SCHEMA = json.loads((ROOT / "docs/schemas/import.schema.json").read_text("utf-8"))
SIZE = (12, 10)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SAFELIGHT_DEBUG", raising=False)
    monkeypatch.setenv("SAFELIGHT_PUBLIC_PARTS", str(tmp_path / "parts"))
    b = OnnxBuilder((1, *SIZE), precision=np.float32)
    b.conv((3, 1, 3, 2), strides=[2, 2])
    b.add("Relu", name="relu1")
    b.add("Flatten")
    b.gemm(2, 3 * 5 * 5)
    b.add("Softmax")
    Path("model.onnx").write_bytes(b.model().SerializeToString())
    random = np.random.default_rng(0)
    pictures = random.integers(0, 256, (50, *SIZE), dtype=np.uint8)
    np.savez("data.npz", images=pictures, labels=random.integers(0, 2, (50, 1)))
    Image.fromarray(pictures[0]).save("chest.png")


def imported(capsys: pytest.CaptureFixture[str], *more: str, source: str = "model.onnx") -> Any:
    capsys.readouterr()
    command = ["import", source, "--calibration", "data.npz", "--output", "made", "--json"]
    assert main([*command, *more]) == 0
    document = json.loads(capsys.readouterr().out)
    jsonschema.validate(document, SCHEMA)
    return document


def refused(capsys: pytest.CaptureFixture[str], *more: str, source: str = "model.onnx") -> str:
    capsys.readouterr()
    command = ["import", source, "--calibration", "data.npz", "--output", "other", *more]
    assert main(command) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert not Path("other").exists()
    return captured.err


def test_images_become_a_model_folder(capsys: pytest.CaptureFixture[str]) -> None:
    document = imported(
        capsys, "--classes", "normal, pneumonia", "--licence", "MIT", "--attribution", "us"
    )
    assert document["agreement"]["accuracy"] is not None
    assert [one["layer"] for one in document["replaced"]] == ["relu1"]
    model = load_model_folder(Path("made"))
    assert model.name == "made"
    assert model.packing is not None
    assert "Licence: MIT" in model.card
    assert "relu1" in model.card
    outputs = compile_model(model).signature.outputs
    assert (outputs.classes, outputs.positive) == (("normal", "pneumonia"), "pneumonia")
    assert "a model already" in refused_again(capsys)


def refused_again(capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["import", "model.onnx", "--calibration", "data.npz", "--output", "made"]) == 1
    return capsys.readouterr().err


def test_a_model_without_a_licence_stays_on_this_machine(
    capsys: pytest.CaptureFixture[str],
) -> None:
    b = OnnxBuilder((4,))
    b.gemm(1, 4)
    Path("model.onnx").write_bytes(b.model().SerializeToString())
    np.savez("data.npz", inputs=b.inputs(), labels=np.zeros(60, int))
    document = imported(capsys)
    one_class, licence = document["notes"]
    assert document["agreement"]["accuracy"] is None
    assert "All 60 calibration labels are 'negative'" in one_class
    assert "this machine only" in licence
    assert UNSTATED_LICENCE in load_model_folder(Path("made")).card
    assert not may_be_passed_on("made")


def shows_what_runs_here(capsys: pytest.CaptureFixture[str], document: Any) -> None:
    (part,) = document["public_parts"]
    assert document["replaced"] == []
    assert main(["models", "made"]) == 0
    assert f"in the clear, here ({part['digest'][:16]}…)" in capsys.readouterr().out


def test_a_stem_is_shown_and_run_here(capsys: pytest.CaptureFixture[str]) -> None:
    shows_what_runs_here(capsys, imported(capsys, "--public-stem", "relu1"))
    assert main(["diagnose", "chest.png", "--model", "made"]) == 0
    assert "public part  " in capsys.readouterr().out


def test_a_split_is_shown_and_a_missing_part_is_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("onnxruntime", reason="onnxruntime comes with the extra `onnx`")
    document = imported(capsys, "--split", "relu1")
    shows_what_runs_here(capsys, document)
    (kept,) = Path("parts").iterdir()  # so that this machine could use it at once
    assert document["public_parts"][0]["digest"] in kept.name
    kept.unlink()
    assert main(["diagnose", "chest.png", "--model", "made"]) == 1
    assert "--public-part" in capsys.readouterr().err
    command = ["diagnose", "chest.png", "--model", "made", "--public-part", "made/public-part.onnx"]
    assert main(command) == 0
    assert "public part  " in capsys.readouterr().out
    assert kept.is_file()


def test_pickles_are_opened_only_when_asked(capsys: pytest.CaptureFixture[str]) -> None:
    """A pickle that leaves a trace when it is opened."""
    program = b"cposix\nmkdir\n(S'opened'\ntR."
    for name in ("model.pkl", "model.joblib", "model.pt"):
        Path(name).write_bytes(program)
        assert "--unsafe-pickle" in refused(capsys, source=name)
        assert not Path("opened").exists()
    said = main_error(capsys, "model.pkl", "--unsafe-pickle")
    assert "warning: opening a pickle" in said
    assert Path("opened").exists()


def main_error(capsys: pytest.CaptureFixture[str], source: str, *more: str) -> str:
    command = ["import", source, "--calibration", "data.npz", "--output", "other", *more]
    assert main(command) == 1
    return capsys.readouterr().err


def test_wrong_input_is_said_in_two_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert "there is no file" in refused(capsys, source="nothing.onnx")
    Path("model.h5").write_bytes(b"")
    assert "no known format" in refused(capsys, source="model.h5")
    Path("model.skops").write_bytes(b"not a zip")
    pytest.importorskip("skops", reason="skops comes with the extra `import`")
    assert "cannot be read" in refused(capsys, source="model.skops")
    assert "degree" in refused(capsys, "--degree", "9")
    assert "-4 epochs" in refused(capsys, "--fine-tune", "-4")
    assert "licence and the attribution" in refused(capsys, "--licence", "MIT")
    assert "class names" in refused(capsys, "--classes", "a,b,c")
    assert "cannot be the name" in refused(capsys, "--name", "A/B")
    Path("steps.json").write_text('{"version": 1, "steps": [{"step": "resize"}]}')
    assert "must have exactly" in refused(capsys, "--preprocessing", "steps.json")
    Path("steps.json").write_text("[")
    assert "cannot be read" in refused(capsys, "--preprocessing", "steps.json")
    steps = {"version": 1, "steps": [{"step": "greyscale"}]}
    Path("steps.json").write_text(json.dumps(steps))
    assert "[1, 8, 8] where the model takes" in refused(capsys, "--preprocessing", "steps.json")
    assert "needs its weights" in refused(capsys, "--public-backbone", "densenet121")
    assert "not sizes with commas" in refused(capsys, "--input-shape", "1x2")


def test_calibration_data_are_checked(capsys: pytest.CaptureFixture[str]) -> None:
    np.savez("data.npz", images=np.zeros((50, *SIZE), object), allow_pickle=True)
    assert "cannot be read" in refused(capsys)
    np.savez("data.npz", nothing=np.zeros(3))
    assert "no inputs" in refused(capsys)
    np.savez("data.npz", inputs=np.zeros((50, 1, *SIZE)))
    assert "the 50 calibration inputs are all the same" in refused(capsys)
    values = np.linspace(0.0, 3.0, 50 * 120)
    np.savez("data.npz", inputs=values.reshape(50, 1, *SIZE))
    said = refused(capsys)
    assert "reach 3, where the preprocessing gives at most 1" in said
    np.savez("data.npz", inputs=values.reshape(50, 1, *SIZE[::-1]))
    assert "where the model takes" in refused(capsys)
    Path("data.npz").write_bytes(b"PK")
    assert "cannot be read" in refused(capsys)
    Path("data.npz").unlink()
    assert "no calibration file 'data.npz'" in refused(capsys)


def test_skops_files_are_read_as_data(capsys: pytest.CaptureFixture[str]) -> None:
    skops = pytest.importorskip("skops.io", reason="skops comes with the extra `import`")
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler
    from sklearn.svm import LinearSVC

    random = np.random.default_rng(0)
    records = random.normal(size=(60, 4)) * 20
    np.savez("data.npz", inputs=records)
    classes = np.where(records[:, 0] > 0, "ill", "healthy")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        network = MLPClassifier((3,), max_iter=20, random_state=0)
        model = make_pipeline(StandardScaler(), network).fit(records, classes)
    skops.dump(model, "model.skops")
    document = imported(capsys, source="model.skops")
    assert document["classes"] == ["healthy", "ill"]
    skops.dump(make_pipeline(FunctionTransformer(json.dumps), network), "model.skops")
    assert "types that we do not trust" in refused(capsys, source="model.skops")
    skops.dump(RandomForestClassifier(2, max_depth=1).fit(records, classes), "model.skops")
    said = refused(capsys, source="model.skops")
    assert "sklearn.tree._tree.Tree, which has no encrypted form" in said
    assert "trees compare" in said
    skops.dump(CalibratedClassifierCV(LinearSVC(), cv=2).fit(records, classes), "model.skops")
    assert "the classifier inside it" in refused(capsys, source="model.skops")


def test_the_surface_pulls_no_extra() -> None:
    program = (
        "import sys, safelight; assert safelight.compile_model;"
        "import safelight.models.importers.frontends;"
        "extras = {'torch', 'sklearn', 'onnx', 'onnxruntime', 'skops', 'monai'};"
        "sys.exit(bool(extras & {name.split('.')[0] for name in sys.modules}))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
