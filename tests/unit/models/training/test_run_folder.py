"""Where a training may write: its own folder or a new one, never another model's."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from training_data import write_npz  # noqa: E402

from safelight.cli.main import main  # noqa: E402
from safelight.errors import InputError  # noqa: E402
from safelight.models.datasets import medmnist  # noqa: E402
from safelight.models.training.config import Config, DataConfig, NetworkConfig  # noqa: E402
from safelight.models.training.run_folder import RunFolder, differences  # noqa: E402

CONFIG = Config(DataConfig(path="/somewhere/any.npz"))


def test_nothing_is_written_before_the_data_are_known(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "out", CONFIG)
    assert not (tmp_path / "out").exists()
    data = medmnist.load(write_npz(tmp_path / "any.npz", "binary"))
    folder.begin(data)
    assert str(tmp_path) not in (tmp_path / "out" / "training" / "run.json").read_text()
    # nothing was decided yet: another configuration may take its place
    RunFolder(tmp_path / "out", replace(CONFIG, network=NetworkConfig(kind="small"))).begin(data)
    RunFolder(tmp_path / "out", CONFIG).begin(data)
    (tmp_path / "out" / "training" / "network.json").write_text("{}")
    elsewhere = replace(CONFIG, data=DataConfig(path="elsewhere/any.npz"))
    RunFolder(tmp_path / "out", elsewhere).begin(data)
    stated = replace(CONFIG, data=replace(CONFIG.data, licence="CC0", attribution="me"))
    RunFolder(tmp_path / "out", stated).begin(data)  # words of the card decide no weights
    other = medmnist.load(write_npz(tmp_path / "any.npz", "binary", channels=3))
    again = RunFolder(tmp_path / "out", CONFIG)
    with pytest.raises(InputError, match="out holds a training with other data"):
        again.begin(other)


@pytest.mark.parametrize(
    "content", ["{}", "damaged", "[]", json.dumps({"imported": {}, "training": {"command": "x"}})]
)
def test_a_model_of_another_origin_is_not_overwritten(tmp_path: Path, content: str) -> None:
    (tmp_path / "model.json").write_text(content)
    with pytest.raises(InputError, match="holds a model that this training did not make") as caught:
        RunFolder(tmp_path, CONFIG)
    assert "--output" in caught.value.hint
    assert (tmp_path / "model.json").read_text() == content


def test_the_model_of_a_training_whose_notes_are_gone(tmp_path: Path) -> None:
    data = medmnist.load(write_npz(tmp_path / "any.npz", "binary"))
    assert data.origin is not None
    document = {
        "training": {"config": CONFIG.to_json()},
        "data": {"selector": data.origin.to_json()},
    }
    (tmp_path / "model.json").write_text(json.dumps(document))
    narrow = replace(CONFIG, network=NetworkConfig(kind="small"))
    with pytest.raises(InputError, match=r'network\.kind was "auto", now "small"'):
        RunFolder(tmp_path, narrow)
    other = medmnist.load(write_npz(tmp_path / "b.npz", "binary", channels=3))
    again = RunFolder(tmp_path, CONFIG)
    with pytest.raises(InputError, match="a model of other data"):
        again.begin(other)
    RunFolder(tmp_path, CONFIG).begin(data)


def test_fields_of_another_release_differ() -> None:
    before = {"training": {"epochs": 3, "gone": 1}, "augmentation": {}}
    now = {"training": {"epochs": 3, "new": "a"}, "augmentation": {"flip": 0.0}}
    assert differences(before, now) == [
        "augmentation.flip was not given, now 0.0",
        "training.gone was 1, now not given",
        'training.new was not given, now "a"',
    ]


@pytest.mark.parametrize("output", ["any.npz", "any.npz/deeper"])
def test_an_output_that_is_a_file(
    tmp_path: Path, output: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_npz(tmp_path / "any.npz", "binary")
    before = path.read_bytes()
    assert main(["train", str(path), "--output", str(tmp_path / output)]) == 1
    said = capsys.readouterr().err
    assert "any.npz is a file, not a folder" in said
    assert "hint: give the folder" in said
    assert path.read_bytes() == before
