"""PyTorch modules, live and as .pt2: equal in float64, read without unpickling."""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch comes with the extra `train`")

from importer_checks import three_points  # noqa: E402
from torch import Tensor, nn  # noqa: E402
from torch.nn import functional  # noqa: E402

import safelight  # noqa: E402
from safelight.errors import InputError, UnsupportedLayerError  # noqa: E402
from safelight.models.importers.frontends import draft_of  # noqa: E402
from safelight.models.importers.imported_model import ImportedModel  # noqa: E402
from safelight.models.importers.torch_module import export_module  # noqa: E402

SHAPE = (1, 9, 6)  # no two sizes alike
RANDOM = np.random.default_rng(3)
INPUTS = RANDOM.uniform(0.0, 1.0, (60, *SHAPE))


def trained(build: Callable[[], nn.Module]) -> nn.Module:
    """A network whose batch norms have seen something."""
    torch.manual_seed(0)
    network = build()
    network.train()
    for _ in range(3):
        network(torch.rand(32, *SHAPE))
    return network.eval()


def logits(network: nn.Module, inputs: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return network.double()(torch.tensor(inputs)).numpy()


def sequential() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, (3, 2), stride=(2, 1), padding=(1, 0), bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(inplace=True),
        nn.Conv2d(4, 4, 3, padding="same", groups=2),
        nn.AvgPool2d((2, 1), stride=(1, 2)),
        nn.Dropout(0.4),
        nn.Flatten(),
        nn.Linear(4 * 4 * 3, 5),
        nn.BatchNorm1d(5),
        nn.SiLU(),
        nn.Linear(5, 2),
    )


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 3, 3, dilation=(2, 1)), nn.BatchNorm2d(3))
        self.body = nn.Conv2d(3, 3, 3, padding=1)
        self.pool = nn.AdaptiveAvgPool2d((5, 1))
        self.head = nn.Linear(6 * 5, 1)

    def forward(self, image: Tensor) -> Tensor:
        first = self.stem(image)
        second = functional.gelu(first + self.body(first) * 0.5)
        joined = torch.cat([second**2, 1 - first], dim=1)
        return torch.sigmoid(self.head(self.pool(joined).view(image.size(0), -1)))


class Linear(nn.Module):
    """No activation: the source must equal the program to 1e-9."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3, stride=2, padding=1)
        self.head = nn.Linear(2, 3)

    def forward(self, image: Tensor) -> Tensor:
        value = self.conv(image)
        return self.head((value * value - 0.25).mean((2, 3)))


@pytest.fixture(scope="module")
def imported() -> ImportedModel:
    """The sequential network, compiled once."""
    return safelight.compile_model(trained(sequential), INPUTS)


def test_a_sequential_network_at_three_points(imported: ImportedModel) -> None:
    network = trained(sequential)
    assert [one.activation for one in imported.replaced] == ["relu", "silu"]
    three_points(imported, INPUTS[:5], logits(network, INPUTS[:5]))


def test_a_functional_residual_network_at_three_points() -> None:
    network = trained(Residual)
    imported = safelight.compile_model(network, INPUTS)
    assert imported.compiled.signature.outputs.activation == "sigmoid"
    assert [one.layer for one in imported.replaced] == ["gelu"]
    found = logits(network, INPUTS[:5])
    three_points(imported, INPUTS[:5], np.log(found / (1 - found)), encrypted=False)


def test_a_network_of_squares_is_exact() -> None:
    network = trained(Linear)
    imported = safelight.compile_model(network, INPUTS)
    assert imported.replaced == ()
    three_points(imported, INPUTS[:5], logits(network, INPUTS[:5]), encrypted=False)


def test_fine_tuning_brings_the_network_nearer(imported: ImportedModel) -> None:
    network = trained(sequential)
    after = safelight.compile_model(network, INPUTS, degree=2, fine_tune=40)
    assert after.agreement.logit_error < imported.agreement.logit_error
    three_points(after, INPUTS[:5], logits(network, INPUTS[:5]), encrypted=False)


def archive(network: nn.Module) -> bytes:
    buffer = io.BytesIO()
    torch.export.save(export_module(network, SHAPE), buffer)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("torch") / "network.pt2"
    path.write_bytes(archive(trained(sequential)))
    return path


def test_an_archive_is_read_as_data(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("nothing is unpickled")

    monkeypatch.setattr(torch, "load", refuse)
    monkeypatch.setattr(torch.export, "load", refuse)
    draft = draft_of(saved, "archive", None)
    expected = logits(trained(sequential), INPUTS)
    np.testing.assert_allclose(draft.evaluate(INPUTS), expected, atol=1e-9)


def test_a_decomposed_program_is_the_same() -> None:
    network = trained(sequential)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch's, about itself
        exported = export_module(network, SHAPE).run_decompositions()
    draft = draft_of(exported, "decomposed", None)
    np.testing.assert_allclose(
        draft.evaluate(INPUTS), logits(network, INPUTS), rtol=1e-9, atol=1e-9
    )


def rewritten(path: Path, member: str, change: Callable[[Any], None]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name.endswith(member):
                document = json.loads(data)
                change(document)
                data = json.dumps(document).encode()
            new.writestr(name, data)
    return buffer.getvalue()


def test_archives_that_need_a_pickle_or_lie_about_sizes_are_refused(
    saved: Path, tmp_path: Path
) -> None:
    def pickled(document: Any) -> None:
        next(iter(document["config"].values()))["use_pickle"] = True

    def too_large(document: Any) -> None:
        meta = next(iter(document["config"].values()))["tensor_meta"]
        meta["sizes"][0]["as_int"] = 10**6

    def newer(document: Any) -> None:
        document["schema_version"]["major"] = 99

    path = tmp_path / "bad.pt2"
    for member, change, said in (
        ("model_weights_config.json", pickled, "we unpickle nothing"),
        ("model_weights_config.json", too_large, "cannot be read"),
        ("models/model.json", newer, "another schema"),
    ):
        path.write_bytes(rewritten(saved, member, change))
        with pytest.raises(InputError, match=said):
            safelight.compile_model(path, INPUTS)
    path.write_bytes(b"PK\x03\x04 and nothing else")
    with pytest.raises(InputError, match="cannot be read"):
        safelight.compile_model(path, INPUTS)


REFUSED: dict[str, tuple[Callable[[], nn.Module], str, str]] = {
    "max pooling": (
        lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(12, 2)),
        "'1' (MaxPool, layer 2 of 4)",
        "average pooling",
    ),
    "layer norm": (
        lambda: nn.Sequential(nn.Flatten(), nn.LayerNorm(54), nn.Linear(54, 2)),
        "'1' (layer_norm, operation 2 of 3)",
        "batch norm",
    ),
    "a matrix on an image": (
        lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.Linear(4, 3), nn.Flatten()),
        "'1' (linear, operation 2 of 3)",
        "one flatten",
    ),
    "uneven pooling": (
        lambda: nn.Sequential(nn.AdaptiveAvgPool2d((4, 1)), nn.Flatten(), nn.Linear(4, 1)),
        "does not divide it",
        "average pooling",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_encrypted_is_named(name: str) -> None:
    build, said, hint = REFUSED[name]
    with pytest.raises(UnsupportedLayerError) as caught:
        safelight.compile_model(build(), INPUTS)
    assert said in caught.value.message
    assert hint in caught.value.hint


def test_a_network_that_branches_on_values_is_refused() -> None:
    class Branching(nn.Module):
        def forward(self, image: Tensor) -> Tensor:
            return image if image.sum() > 0 else -image

    with pytest.raises(UnsupportedLayerError, match=r"torch\.export cannot follow"):
        safelight.compile_model(Branching(), INPUTS)
