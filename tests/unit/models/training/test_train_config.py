"""Configurations: what TOML may say, and what is refused in words."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from safelight.errors import InputError  # noqa: E402
from safelight.models.training.architectures import (  # noqa: E402
    Convolution,
    Dense,
    Residual,
)
from safelight.models.training.augmentation import Augmentation  # noqa: E402
from safelight.models.training.bounds import BOUNDS  # noqa: E402
from safelight.models.training.config import SECTIONS  # noqa: E402
from safelight.models.training.config_file import config_from, read_config  # noqa: E402

WHOLE = """
[data]
path = "set.npz"
licence = "CC BY 4.0"

[model]
name = "mine"

[network]
kind = "layers"
layers = [{conv = 16, kernel = 5, stride = 2}, {residual = 16}, {dense = 32}]

[training]
minutes = 0
epochs = 3
seeds = [4, 5]
mixup = 0

[augmentation]
flip = 0.0
"""


def test_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(WHOLE)
    config = read_config(path)
    assert config.data.path == str(tmp_path / "set.npz")
    assert config.network.hidden() == (Convolution(16, 5, 2, 2), Residual(16, 1), Dense(32))
    assert config.training.seeds == (4, 5)
    assert config.training.mixup == 0.0
    assert config.augmentation == {"flip": 0.0}


@pytest.mark.parametrize(
    ("document", "message", "hint"),
    [
        ({}, "either path or name", "breastmnist"),
        ({"data": {"path": "a", "name": "b"}}, "either path or name", ""),
        ({"dta": {}}, "'dta' is not a section", "'data'"),
        ({"data": {"nme": "x"}}, r"'nme' is not a field of \[data\]", "'name'"),
        ({"data": {"name": 3}}, "data.name = 3 is not text", ""),
        ({"data": []}, "must be a table", ""),
        ({"data": {"name": "x"}, "augmentation": []}, "must be a table", ""),
        ({"data": {"name": "x"}, "augmentation": {"flips": 1}}, "'flips' is not a field", "'flip'"),
        ({"data": {"name": "x"}, "training": {"minutes": 0}}, "needs minutes or epochs", ""),
        ({"data": {"name": "x"}, "network": {"kind": "wiide"}}, "'wiide'", "'wide'"),
        ({"data": {"name": "x"}, "network": {"kind": "layers"}}, "go together", ""),
        (
            {"data": {"name": "x"}, "network": {"kind": "layers", "layers": [{"pool": 2}]}},
            "layer 1",
            "conv = 16",
        ),
        (
            {"data": {"name": "x"}, "network": {"kind": "layers", "layers": [{"conv": -2}]}},
            "conv = -2, but it must be from 1 to 16384",
            "default",
        ),
    ],
)
def test_refusals(document: dict[str, object], message: str, hint: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        config_from(document)
    assert hint in caught.value.hint


INF, NAN = float("inf"), float("nan")
OUTSIDE: dict[str, list[object]] = {
    "data.size": [-5, 7, 4096, 28.0, True],
    "data.fold": [-1, 5],
    "network.dropout": [-0.1, 1.0, 1.5, NAN, "x"],
    "network.max_n": [0, -1, 5000, 65536],
    "network.average": [1, "yes"],
    "training.minutes": [-1, NAN, INF, 10**400, "ten"],
    "training.epochs": [-3, 1.5, 10**9, NAN, "4"],
    "training.batch_size": [-4, 1, 10**9],
    "training.learning_rate": [0, -1.0, NAN, INF, 1e30],
    "training.weight_decay": [-0.1, NAN, INF],
    "training.label_smoothing": [-0.1, 3.0, 1.0, NAN],
    "training.mixup": [-5.0, 1e-9, NAN, INF],
    "training.range_penalty": [-1.0, NAN, INF],
    "training.teachers": [-2, 99],
    "training.teacher_epochs": [-1],
    "training.teacher_weight": [-0.1, 9.0, NAN],
    "training.patience": [-1],
    "training.threads": [-2, 10**6],
    "training.dp_epsilon": [-1.0, 1e-9, NAN, INF],
    "training.dp_delta": [-0.1, 1.0, NAN],
    "augmentation.rotation_degrees": ["x", -1.0, 400, NAN],
    "augmentation.turns": [1, 0.5],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name in OUTSIDE for value in OUTSIDE[name]]
)
def test_a_value_out_of_bounds_is_named_with_its_bound(name: str, value: object) -> None:
    section, _, field = name.partition(".")
    table: dict[str, dict[str, object]] = {"data": {"name": "x"}}
    table.setdefault(section, {})[field] = value
    with pytest.raises(InputError, match=rf"^{name} = ") as caught:
        config_from(table)
    said = caught.value.message + caught.value.hint
    wrong_type = "is not a whole number", "is not a number", "is not true or false"
    assert any(text in said for text in wrong_type) or str(BOUNDS[name]) in said
    assert len(said) < 300


def test_every_number_has_a_bound_and_every_default_is_within() -> None:
    numbers = {
        f"{section}.{each.name}": each.default
        for section, kind in {**SECTIONS, "augmentation": Augmentation}.items()
        for each in fields(kind)
        if type(each.default) in (int, float)
    }
    assert set(numbers) == {n for n in BOUNDS if not n.startswith("layer.")} - {"training.seeds"}
    for name, default in numbers.items():
        assert BOUNDS[name].holds(default), name
        assert name in OUTSIDE or name.startswith("augmentation."), name
        assert not BOUNDS[name].holds(NAN)


@pytest.mark.parametrize(
    ("seeds", "message"),
    [
        (["a"], r"training.seeds holds 'a', which is not a whole number"),
        ([1.5], r"holds 1\.5, which is not a whole number"),
        ([True], "holds True"),
        ([[0]], r"holds \[0\]"),
        ([0, 1, 0], "names 0 twice"),
        ([-1], r"training.seeds = -1, but it must be from 0 to 4294967295"),
        ([10**20], r"training.seeds = 100000000000000000000, but"),
        (list(range(101)), "101 seeds"),
    ],
)
def test_seeds(seeds: list[object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        config_from({"data": {"name": "x"}, "training": {"seeds": seeds}})


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ({"conv": 0}, r"network.layers\[1\].conv = 0, but it must be from 1 to 16384"),
        ({"conv": 4, "kernel": 0}, "kernel = 0, but it must be from 1 to 63"),
        ({"conv": 4, "kernel": 10**9}, "kernel = 1000000000, but it"),
        ({"residual": 4, "stride": 0}, "stride = 0"),
        ({"dense": -1}, "dense = -1"),
        ({"dense": True}, "whole numbers"),
        ({"dense": 4, "kernel": 3}, "other fields"),
    ],
)
def test_layers(layer: dict[str, object], message: str) -> None:
    network = {"kind": "layers", "layers": [layer]}
    with pytest.raises(InputError, match=message):
        config_from({"data": {"name": "x"}, "network": network})


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"name": "../x"}, "'../x' cannot be the name of a model"),
        ({"name": "Mine"}, "cannot be the name of a model"),
        ({"title": "a\nb"}, "model.title has 3 characters"),
        ({"version": "1" * 300}, "model.version has 300 characters"),
    ],
)
def test_what_a_model_cannot_be_called(model: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        config_from({"data": {"name": "x"}, "model": model})


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"network": {"kind": "fast", "average": True}}, "no effect on network 'fast'"),
        ({"network": {"average": True}}, "no effect on network 'auto'"),
        ({"network": {"kind": "logistic", "dropout": 0.5}}, "no effect on network 'logistic'"),
        (
            {"network": {"kind": "layers", "average": True, "layers": [{"conv": 4}, {"dense": 4}]}},
            "no effect on network 'layers'",
        ),
        (
            {"training": {"dp_epsilon": 8, "teachers": 2, "seeds": [0, 1]}},
            "privacy: training.teachers, training.seeds beyond the first",
        ),
        (
            {"training": {"dp_epsilon": 8}, "augmentation": {"flip": 0.0}},
            "privacy: augmentation.flip",
        ),
    ],
)
def test_what_would_have_no_effect(table: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        config_from({"data": {"name": "x"}, **table})


def test_files_that_are_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_config(tmp_path / "absent.toml")
    (tmp_path / "bad.toml").write_text("[data\n")
    with pytest.raises(InputError, match="not TOML"):
        read_config(tmp_path / "bad.toml")
