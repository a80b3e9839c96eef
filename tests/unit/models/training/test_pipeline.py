"""From a file to a compiled folder, for every task; continued, refused, stated."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from training_data import Lines, write_npz  # noqa: E402

from safelight.circuit.compiler import compile_graph  # noqa: E402
from safelight.circuit.reference import evaluate  # noqa: E402
from safelight.cli.main import main  # noqa: E402
from safelight.errors import CompileError, InputError  # noqa: E402
from safelight.imaging import Image, Preprocessing  # noqa: E402
from safelight.models.datasets import medmnist  # noqa: E402
from safelight.models.registry import load_model_folder  # noqa: E402
from safelight.models.training.config import Config  # noqa: E402
from safelight.models.training.config_file import config_from  # noqa: E402
from safelight.models.training.pipeline import run_training  # noqa: E402
from safelight.models.training.publication import publish  # noqa: E402
from safelight.models.training.trained_card import card_text  # noqa: E402


def config(path: Path, **training: object) -> Config:
    return config_from(
        {
            "data": {"path": str(path), "licence": "CC0", "attribution": "a test", "kind": "ct"},
            "network": {
                "kind": "layers",
                "layers": [{"conv": 4, "kernel": 3, "stride": 2}, {"dense": 8}],
            },
            "training": {
                "minutes": 0, "epochs": 3, "seeds": [0], "teachers": 1, "teacher_epochs": 1,
                "threads": 1, "batch_size": 32, **training,
            },
        }
    )  # fmt: skip


@pytest.mark.parametrize(
    ("task", "channels"),
    [("binary", 1), ("binary", 3), ("multi-class", 3), ("multi-label", 1)],
)
def test_every_task_ends_with_a_folder_that_compiles(
    tmp_path: Path, task: str, channels: int
) -> None:
    path = write_npz(tmp_path / "any.npz", task, channels=channels)
    lines = Lines()
    done = run_training(config(path), tmp_path / "out", lines)
    published = publish(done, tmp_path / "out", "safelight train any.npz")
    model = load_model_folder(tmp_path / "out")
    assert model.packing is not None
    assert "Licence: CC0" in model.card
    outputs = model.meaning.outputs
    assert outputs.is_sound()
    assert outputs.logits == done.dataset.about.logits
    # training's logits are those of the program on what a client makes of the same images
    steps = Preprocessing.from_json(dict(model.meaning.preprocessing))
    images = medmnist.load(path).val.inputs[:8]
    inputs = np.stack([steps.apply(Image.from_array(image)) for image in images])
    compiled = compile_graph(
        model.graph, model.meaning, packing=model.packing,
        input_bound=float(model.description["input_bound"]),
    )  # fmt: skip
    assert compiled.signature.within_bound(inputs)
    with torch.no_grad():
        wanted = done.best.network(torch.from_numpy(inputs).float()).numpy()
    assert np.abs(evaluate(model.graph, inputs) - wanted).max() < 1e-3
    assert published.compiled.plan.parameters.n <= 16384


def test_a_second_run_adds_nothing_and_gives_the_same(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "any.npz", "binary")
    for _ in range(2):
        publish(run_training(config(path), tmp_path / "out"), tmp_path / "out", "x")
    first = (tmp_path / "out" / "model.json").read_bytes()
    (tmp_path / "out" / "training" / "seed-0.pt").unlink()
    publish(run_training(config(path), tmp_path / "out"), tmp_path / "out", "x")
    assert (tmp_path / "out" / "model.json").read_bytes() == first


def test_a_folder_of_another_run_is_left_alone(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "any.npz", "binary")
    run_training(config(path), tmp_path / "out")
    with pytest.raises(InputError, match=r"configuration: training\.epochs was 3, now 4$"):
        run_training(config(path, epochs=4), tmp_path / "out")
    many = config(path, epochs=4)
    many = replace(many, data=replace(many.data, size=8))
    with pytest.raises(InputError, match=r"data\.size was 0, now 8; training\.epochs was"):
        run_training(many, tmp_path / "out")
    with pytest.raises(InputError, match="other data"):
        run_training(config(write_npz(tmp_path / "b.npz", "multi-class")), tmp_path / "out")
    (tmp_path / "out" / "training" / "plan.json").write_text("{}")
    with pytest.raises(InputError, match=r"plan\.json of the run is damaged"):
        run_training(config(path), tmp_path / "out")
    (tmp_path / "out" / "training" / "run.json").write_text("[]")
    with pytest.raises(InputError, match=r"run\.json of the run is damaged"):
        run_training(config(path), tmp_path / "out")


def test_a_network_that_does_not_fit_gives_way_to_a_smaller_one(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "any.npz", "binary")
    asked = config(path)
    auto = replace(asked, network=replace(asked.network, kind="auto", layers=(), max_n=4096))
    lines = Lines()
    done = run_training(replace(auto, training=replace(asked.training, epochs=1)), tmp_path, lines)
    assert done.chosen.candidate.name == "logistic"
    assert len(done.chosen.refused) == 4
    assert "N = 4096" in done.chosen.refused[0]
    assert sum("a smaller one is tried" in line for line in lines.said) == 4
    publish(done, tmp_path, "x")
    assert "does not fit" in (tmp_path / "card.md").read_text()


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([{"conv": 3, "kernel": 3}] * 9, "do not fit N = 16384"),
        ([{"conv": 200, "kernel": 3}], "more than the 8192 positions"),
    ],
)
def test_exceeding_depth_or_slots(
    tmp_path: Path, layers: list[dict[str, int]], message: str
) -> None:
    path = write_npz(tmp_path / "any.npz", "binary")
    asked = config(path)
    deep = replace(asked, network=replace(asked.network, layers=tuple(layers)))
    with pytest.raises(CompileError, match=message):
        run_training(deep, tmp_path / "out")


def test_data_with_one_class(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "any.npz", "binary")
    content = dict(np.load(path))
    np.savez(path, **{**content, "train_labels": content["train_labels"] * 0})
    with pytest.raises(InputError, match="one class only"):
        run_training(config(path), tmp_path / "out")
    with pytest.raises(InputError, match="needs the licence"):
        card_text({"data": {}, "training": {}})


QUICK = """
[data]
path = "any.npz"
{words}
[network]
kind = "logistic"
[training]
minutes = 0
epochs = 1
seeds = [0]
"""


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_npz(tmp_path / "any.npz", "binary")
    toml = tmp_path / "run.toml"
    toml.write_text(QUICK.format(words=""))
    arguments = ["train", str(toml), "--output", str(tmp_path / "m"), "--threads", "1"]
    assert main(arguments) == 0
    printed = capsys.readouterr()
    assert "--licence" in printed.err
    assert "not to be passed on" in printed.out
    assert "not to be passed on" in (tmp_path / "m" / "card.md").read_text()
    shutil.rmtree(tmp_path / "m")
    toml.write_text(QUICK.format(words='licence = "CC0"\nattribution = "a test"\nkind = "oct"'))
    assert main([*arguments, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    schema = Path(__file__).parents[4] / "docs" / "schemas" / "train.schema.json"
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.validate(report, json.loads(schema.read_text()))
    assert report["validation"]["n"] == 48
    assert main([*arguments, "--seeds", "0"]) == 0
    assert "next: safelight evaluate" in capsys.readouterr().out
    assert main(["compile", str(tmp_path / "m")]) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["absent.npz"], "no such file"),
        (["any.npz", "--network", "huge"], "'huge'"),
        (["any.npz", "--minutes", "0"], "minutes or epochs"),
        (["any.npz", "--minutes", "nan"], "training.minutes = nan, but it must be from 0 to"),
        (["any.npz", "--epochs", "-3"], "training.epochs = -3, but it must be from 0 to"),
        (["any.npz", "--threads", "-2"], "training.threads = -2, but"),
        (["any.npz", "--seeds", "0", "0"], "training.seeds names 0 twice"),
        (["any.npz", "--seeds", "9" * 20], "training.seeds = 99999999999999999999, but"),
        (["any.npz", "--dp-epsilon", "nan"], "training.dp_epsilon = nan, but"),
        (["any.npz", "--kind", "selfie"], "not a kind of image"),
    ],
)
def test_wrong_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    arguments: list[str], said: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    write_npz(tmp_path / "any.npz", "binary")
    assert main(["train", *arguments]) == 1
    assert said in capsys.readouterr().err
