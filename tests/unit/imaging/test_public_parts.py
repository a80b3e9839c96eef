"""Steps of a model's public part: what they compute, and what is refused of a stranger's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from safelight.errors import ImageError, InputError, MalformedError
from safelight.imaging import Image, Preprocessing
from safelight.imaging.public_backbone import (
    PublicBackbone,
    add_public_part,
    find_public_part,
    public_parts_folder,
    store_public_part,
)
from safelight.imaging.public_stem import PublicActivation, PublicConvolution, PublicPool
from safelight.imaging.steps import Flatten, Greyscale, Resize

RANDOM = np.random.default_rng(0)


def convolution(**other: Any) -> PublicConvolution:
    weight = RANDOM.normal(size=(3, 2, 3, 2))
    given = {
        "in_channels": 2,
        "out_channels": 3,
        "kernel_height": 3,
        "kernel_width": 2,
        "stride": 2,
        "padding_height": 1,
        "padding_width": 0,
        "weight": tuple(map(float, weight.reshape(-1))),
        "bias": (0.5, -1.0, 2.0),
    }
    return PublicConvolution(**{**given, **other})


def test_a_convolution_by_its_definition() -> None:
    step = convolution()
    planes = RANDOM.normal(size=(2, 7, 5))
    found = step.apply(planes)
    weight = np.array(step.weight).reshape(3, 2, 3, 2)
    padded = np.pad(planes, ((0, 0), (1, 1), (0, 0)))
    assert found.shape == (3, 4, 2)
    for channel in range(3):
        for row in range(4):
            for column in range(2):
                window = padded[:, 2 * row : 2 * row + 3, 2 * column : 2 * column + 2]
                wanted = np.sum(window * weight[channel]) + step.bias[channel]
                assert found[channel, row, column] == pytest.approx(wanted, abs=1e-12)


def test_pools_by_their_definition() -> None:
    planes = RANDOM.normal(size=(1, 4, 5)) - 10.0
    largest = PublicPool("max", 2, 3, 2, 1, 1).apply(planes)
    assert largest[0, 0, 0] == planes[0, :1, :2].max()  # padding is never the largest
    mean = PublicPool("average", 2, 3, 2, 1, 1).apply(planes)
    assert mean[0, 0, 0] == pytest.approx(planes[0, :1, :2].sum() / 6)  # and counts as zeros
    assert largest.shape == mean.shape == (1, 3, 3)


def test_steps_survive_json_and_are_described() -> None:
    steps = Preprocessing(
        (
            Greyscale(),
            Resize(8, 6),
            convolution(in_channels=1, weight=(0.25,) * 18),
            PublicActivation("silu"),
            PublicPool("average", 2, 1, 1, 0, 0),
            Flatten(),
        )
    )
    again = Preprocessing.from_json(json.loads(json.dumps(steps.to_json())))
    assert again == steps
    (part,) = again.public_parts
    assert part.name == "stem"
    assert "convolution 3×2 from 1 to 3 channels, stride 2; silu" in part.does
    assert part.digest == steps.public_parts[0].digest
    other = Preprocessing((convolution(in_channels=1, weight=(0.5,) * 18),))
    assert other.public_parts[0].digest != part.digest
    image = Image.from_array(RANDOM.uniform(size=(20, 30)))
    assert steps.apply(image).shape == (3 * 3 * 3,)
    assert again.before_public_part == steps.steps[:2]


@pytest.mark.parametrize(
    "change",
    [
        {"weight": [0.0] * 35},
        {"bias": [0.0]},
        {"kernel_height": 32},
        {"stride": 0},
        {"padding_width": -1},
        {"out_channels": 100000},
        {"weight": [float("inf")] * 36},
        {"stride": "2"},
    ],
)
def test_a_strangers_convolution_is_checked(change: dict[str, Any]) -> None:
    (document,) = Preprocessing((convolution(),)).to_json()["steps"]  # type: ignore[misc]
    with pytest.raises(MalformedError):
        Preprocessing.from_json({"version": 1, "steps": [{**document, **change}]})  # type: ignore[dict-item]


def test_unknown_functions_and_orders_are_refused() -> None:
    with pytest.raises(MalformedError):
        PublicActivation("exec")
    with pytest.raises(MalformedError):
        PublicPool("median", 2, 2, 2, 0, 0)
    with pytest.raises(MalformedError):
        PublicPool("max", 2, 2, 2, 2, 2)  # windows of nothing but padding
    with pytest.raises(MalformedError, match="after all other"):
        Preprocessing((convolution(), Resize(4, 4)))


def test_too_much_work_and_misfits_are_refused() -> None:
    with pytest.raises(ImageError, match="takes 2 channels"):
        convolution().apply(np.zeros((1, 7, 5)))
    with pytest.raises(ImageError, match="larger than"):
        PublicPool("average", 9, 9, 1, 0, 0).apply(np.zeros((1, 4, 4)))
    wide = convolution(in_channels=1, out_channels=512, weight=(0.0,) * 3072, bias=(0.0,) * 512)
    with pytest.raises(ImageError, match="multiplications"):
        wide.apply(np.zeros((1, 2000, 1000)))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SAFELIGHT_PUBLIC_PARTS", str(tmp_path / "parts"))
    return tmp_path / "parts"


def test_public_files_are_kept_under_their_hash(folder: Path, tmp_path: Path) -> None:
    assert public_parts_folder() == folder
    with pytest.raises(InputError, match="not on this machine"):
        find_public_part("0" * 64)
    source = tmp_path / "given.onnx"
    source.write_bytes(b"a model")
    digest = add_public_part(source)
    assert digest == store_public_part(b"a model")
    assert find_public_part(digest).read_bytes() == b"a model"
    assert sorted(path.name for path in folder.iterdir()) == [f"{digest}.onnx"]
    with pytest.raises(InputError, match="cannot be read"):
        add_public_part(tmp_path / "nothing.onnx")


def test_a_changed_public_file_is_noticed(folder: Path) -> None:
    pytest.importorskip("onnxruntime", reason="onnxruntime comes with the extra `onnx`")
    digest = store_public_part(b"a model that is later changed")
    find_public_part(digest).write_bytes(b"something else")
    step = PublicBackbone("net", "features", digest, 1.0)
    with pytest.raises(InputError, match="has been changed"):
        step.apply(np.zeros((1, 4, 4)))


@pytest.mark.parametrize(
    "change",
    [{"sha256": "../../etc/passwd"}, {"divisor": 0.0}, {"name": "a\nb"}, {"does": ""}],
)
def test_a_strangers_backbone_is_checked(change: dict[str, Any]) -> None:
    given = {"name": "net", "does": "features", "sha256": "0" * 64, "divisor": 1.0, **change}
    step = {"step": "public_backbone", **given}
    with pytest.raises(MalformedError):
        Preprocessing.from_json({"version": 1, "steps": [step]})
