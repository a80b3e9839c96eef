"""Models with a public part: whole = public part then encrypted part, at every cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx", reason="onnx comes with the extra `import`")
pytest.importorskip("onnxruntime", reason="onnxruntime comes with the extra `onnx`")

from importer_checks import three_points
from onnx_models import OnnxBuilder, run

import safelight
from safelight.errors import CompileError, InputError
from safelight.imaging import Image, Preprocessing
from safelight.imaging.public_backbone import store_public_part
from safelight.models.importers.imported_model import PUBLIC_FILE, ImportedModel

SHAPE = (1, 11, 8)  # no two sizes alike


def network(precision: type[np.floating] = np.float64) -> OnnxBuilder:
    """With max pooling in its first layers, which only a public part may have."""
    b = OnnxBuilder(SHAPE, precision=precision)
    b.conv((4, 1, 3, 2), pads=[1, 0, 1, 0])
    b.norm(4)
    b.add("Relu", name="stem_relu")
    b.add("MaxPool", name="stem_pool", kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 1, 0])
    b.conv((3, 4, 2, 3))
    b.add("Mul", b.last, b.last, name="squares")
    b.add("Flatten")
    b.gemm(2, 3 * 5 * 1)
    return b


@pytest.fixture(autouse=True)
def _parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAFELIGHT_PUBLIC_PARTS", str(tmp_path / "parts"))


def after_steps(imported: ImportedModel, images: np.ndarray) -> np.ndarray:
    """As a client does: image by image, by the signature alone."""
    steps = Preprocessing.from_json(dict(imported.compiled.signature.preprocessing))
    return np.stack([steps.apply(Image.from_array(image[0])) for image in images])


def images() -> np.ndarray:
    return np.random.default_rng(9).uniform(0.0, 1.0, (60, *SHAPE))


def check(imported: ImportedModel, b: OnnxBuilder, tolerance: float) -> None:
    some = images()[:4]
    inputs, source = after_steps(imported, some), run(b.model(), some)
    np.testing.assert_allclose(imported.draft.evaluate(inputs), source, atol=tolerance)
    # of the encrypted part alone, exactly
    three_points(imported, inputs, imported.draft.evaluate(inputs))


def test_a_stem_is_in_the_signature() -> None:
    b = network()
    imported = safelight.compile_model(b.model(), images(), public_stem="stem_pool")
    signature = imported.compiled.signature
    assert signature.input_shape == (4, 6, 3)
    (part,) = imported.report()["public_parts"]
    assert part["name"] == "stem"
    assert "max pooling 3×2" in part["does"]
    assert imported.public_files == {}
    check(imported, b, 1e-9)
    again = type(signature).from_json(signature.to_json())
    assert again.preprocessing == signature.preprocessing


def test_a_split_is_a_file_pinned_by_its_hash(tmp_path: Path) -> None:
    b = network(np.float32)  # ONNX Runtime has no convolution in float64
    imported = safelight.compile_model(
        b.model(), images(), split="stem_pool", public_name="first layers"
    )
    folder = imported.save(tmp_path / "model")
    content = (folder / PUBLIC_FILE).read_bytes()
    (part,) = imported.report()["public_parts"]
    assert store_public_part(content) == part["digest"]
    assert part["name"] == "first layers"
    check(imported, b, 1e-5)


def test_a_backbone_before_a_scikit_learn_head() -> None:
    pytest.importorskip("sklearn", reason="scikit-learn comes with the extra `data`")
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    b = OnnxBuilder(SHAPE, 4, precision=np.float32)
    b.conv((5, 1, 3, 3), strides=[2, 2])
    b.add("Relu")
    b.add("Mul", b.last, b.constant(np.array(90.0)))  # features much larger than one
    b.add("GlobalAveragePool")
    b.add("Flatten")
    features = run(b.model(), images())
    labels = (features[:, 0] > np.median(features[:, 0])).astype(int)
    head = make_pipeline(StandardScaler(), LogisticRegression()).fit(features, labels)
    imported = safelight.compile_model(
        head, images(), labels=labels, public_backbone=b.model(), public_name="five-features"
    )
    store_public_part(imported.public_files[PUBLIC_FILE])
    some = images()[:6]
    inputs = after_steps(imported, some)
    assert np.abs(inputs).max() <= 8.0
    found = imported.draft.evaluate(inputs)[:, 0]
    np.testing.assert_allclose(found, head.decision_function(features[:6]), atol=1e-4)
    three_points(imported, inputs, imported.draft.evaluate(inputs), encrypted=False)


def refused(**options: Any) -> CompileError | InputError:
    with pytest.raises((CompileError, InputError)) as caught:
        safelight.compile_model(network().model(), images(), **options)
    return caught.value


def test_cuts_that_mean_nothing_are_refused() -> None:
    assert "no layer 'nowhere'" in refused(public_stem="nowhere").message
    assert "stem_relu" in refused(public_stem="nowhere").hint
    assert "no layer 'nowhere'" in refused(split="nowhere").message
    assert "nothing is left to encrypt" in refused(split="gemm_7").message
    assert "one public part" in refused(split="stem_pool", public_stem="stem_pool").message
    assert "cannot be in a public stem" in refused(public_stem="flatten_6").message


def test_a_value_from_inside_the_public_part_is_refused() -> None:
    b = OnnxBuilder(SHAPE)
    first = b.conv((2, 1, 3, 3), pads=[1, 1, 1, 1])
    second = b.add("Relu")
    b.add("Add", first, second)
    b.add("Flatten")
    b.gemm(1, 2 * 11 * 8)
    with pytest.raises(CompileError, match="from inside the public part"):
        safelight.compile_model(b.model(), images(), public_stem=second)
    with pytest.raises(CompileError, match="cannot be cut"):
        safelight.compile_model(b.model(), images(), split=second)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "features"), [("resnet18", 512), ("densenet121", 1024), ("vit", 768)]
)
def test_networks_of_monai(name: str, features: int) -> None:
    pytest.importorskip("monai", reason="monai comes with the extra `train`")
    pytest.importorskip("onnxscript", reason="onnxscript comes with the extra `train`")
    from safelight.imaging.public_backbone import run_backbone, session_of
    from safelight.models.importers.public_backbone import monai_backbone

    content = monai_backbone(name, input_shape=(1, 64, 48))
    assert run_backbone(session_of(content), np.zeros((1, 64, 48))).shape == (features,)
