"""What a card says of its training is enough to repeat it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from training_data import write_npz  # noqa: E402

from safelight.cli.main import main  # noqa: E402
from safelight.models.registry import load_model_folder  # noqa: E402
from safelight.models.training import unknown_kind  # noqa: E402
from safelight.models.training.config import Config, DataConfig, ModelConfig  # noqa: E402
from safelight.models.training.config_file import config_from  # noqa: E402
from safelight.models.training.repetition import repeats_exactly, toml_text  # noqa: E402

ASKED = """
[data]
path = "My Däta (1).npz"
[network]
kind = "layers"
layers = [{conv = 3, stride = 2}]
average = true
dropout = 0.1
[training]
epochs = 2
seeds = [7]
teachers = 1
teacher_epochs = 1
threads = 1
"""


def test_the_configuration_of_a_card_gives_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unknown_kind, "_MOST_STEPS", 6)
    path = write_npz(tmp_path / "My Däta (1).npz", "binary")
    (tmp_path / "asked.toml").write_text(ASKED)
    given = ["--licence", "CC0", "--attribution", 'a "test"', "--output", str(tmp_path / "one")]
    assert main(["train", str(tmp_path / "asked.toml"), *given]) == 0
    one = load_model_folder(tmp_path / "one")
    assert one.name == "my-data-1-layers"
    assert one.graph.name == one.name
    training = one.description["training"]
    assert training["command"] == (
        "safelight train asked.toml --licence CC0 --attribution 'a \"test\"'"
    )
    assert training["config"]["data"]["path"] == path.name
    assert training["config"]["network"]["dropout"] == 0.1
    assert str(tmp_path) not in (tmp_path / "one" / "model.json").read_text()
    assert main(["evaluate", str(tmp_path / "one"), "--encrypted", "1"]) == 0
    block = one.card.split("```toml\n")[1].split("```")[0]
    (tmp_path / "again.toml").write_text(block)
    assert main(["train", str(tmp_path / "again.toml"), "--output", str(tmp_path / "two")]) == 0
    two = load_model_folder(tmp_path / "two")
    assert (tmp_path / "one/weights.npz").read_bytes() == (
        tmp_path / "two/weights.npz"
    ).read_bytes()
    assert two.description["ranges"] == one.description["ranges"]
    assert two.description["data"] == one.description["data"]
    assert two.card.split("```toml\n")[1].split("```")[0] == block


def test_a_training_that_the_clock_ended_is_not_promised_again() -> None:
    recipe = {"epochs": 5, "patience": 0, "images_per_epoch": 0}
    training = {"plan": {"recipe": recipe}, "epochs": [5, 5]}
    assert repeats_exactly(training)
    assert not repeats_exactly({**training, "epochs": [5, 4]})
    assert repeats_exactly({"plan": {"recipe": {**recipe, "patience": 2}}, "epochs": [3]})
    assert not repeats_exactly({**training, "plan": {"recipe": {**recipe, "images_per_epoch": 9}}})


@given(st.text(max_size=30), st.text(max_size=30), st.floats(0, 1), st.booleans())
def test_toml_is_read_as_it_was_meant(text: str, other: str, share: float, turns: bool) -> None:
    config = Config(
        DataConfig(name="x", licence=text, attribution=other),
        ModelConfig(intended_use=text),
        augmentation={"flip": share, "turns": turns},
    )
    assert config_from(tomllib.loads(toml_text(config.to_json()))) == config


def test_the_whole_is_shorter_than_the_defaults() -> None:
    assert toml_text(Config(DataConfig(name="x")).to_json()) == '[data]\nname = "x"\n'
