"""The networks that a configuration asks for are those that are built."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from training_data import write_npz  # noqa: E402

from safelight.errors import InputError  # noqa: E402
from safelight.models.datasets import medmnist, wdbc  # noqa: E402
from safelight.models.training.architectures import Network  # noqa: E402
from safelight.models.training.config import AVERAGED, NETWORKS, NetworkConfig  # noqa: E402
from safelight.models.training.pipeline import material_of, wanted  # noqa: E402
from safelight.models.training.private_plan import private_material  # noqa: E402

LAYERS = ({"conv": 4, "stride": 2},)


@pytest.mark.parametrize("kind", NETWORKS)
def test_dropout_and_average_reach_every_network(tmp_path: Path, kind: str) -> None:
    data = medmnist.load(write_npz(tmp_path / "any.npz", "binary"))
    config = NetworkConfig(
        kind=kind, dropout=0.4, average=kind in AVERAGED, layers=LAYERS if kind == "layers" else ()
    )
    for candidate in wanted(config, data, material_of(data)):
        made = candidate.architecture
        assert made.dropout == (0.4 if made.hidden else 0.0)
        assert made.average == (kind in AVERAGED)
        pooled = [m for m in Network(made).modules() if isinstance(m, torch.nn.AvgPool2d)]
        assert len(pooled) == made.average


def test_networks_for_images_are_refused_for_records() -> None:
    pytest.importorskip("sklearn")
    data = wdbc.dataset()
    with pytest.raises(InputError, match="'wide' is not for records") as caught:
        wanted(NetworkConfig(kind="wide"), data, material_of(data))
    assert caught.value.hint == "one of auto, layers, mlp, logistic"


def test_networks_with_many_weights_are_refused_with_privacy(tmp_path: Path) -> None:
    data = medmnist.load(write_npz(tmp_path / "any.npz", "binary"))
    material = private_material(data)
    with pytest.raises(InputError, match="'wide' is not for training with differential privacy"):
        wanted(NetworkConfig(kind="wide"), data, material, private=True)
    (found,) = wanted(NetworkConfig(kind="small", average=True), data, material, private=True)
    assert found.architecture.average
