"""The comparison as a person runs it: real processes, real images, a document that validates."""

import json
from pathlib import Path

import jsonschema
import pytest

from safelight.cli.main import main

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "docs/schemas/lab-compare.schema.json").read_text("utf-8"))
METHODS = ("plaintext", "aes-256-gcm", "homomorphic")


@pytest.mark.slow
def test_compare_on_real_images(
    data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in ("skimage", "imagehash", "matplotlib"):
        pytest.importorskip(module)
    arguments = ["--images", "40", "--methods", ",".join(METHODS), "--report", str(tmp_path)]
    assert main(["lab", "compare", "cxr-pneumonia-28-fast", *arguments, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    jsonschema.validate(document, SCHEMA)
    assert json.loads((tmp_path / "results.json").read_text("utf-8")) == document
    rows = {row["method"]: row for row in document["rows"]}
    assert tuple(rows) == METHODS
    plain, aes, encrypted = (rows[name] for name in METHODS)
    for row in rows.values():
        assert min(row["clinic_mb"], row["service_mb"], row["throughput_per_s"]) > 0
        assert sum(row["phases_ms"].values()) > 0
    assert aes["accuracy"] == plain["accuracy"]
    assert encrypted["agreement"] >= 0.95
    assert encrypted["bytes_up"] > 20 * aes["bytes_up"] > 20 * plain["bytes_up"]
    # who is handed the image has it; who sees ciphertext draws the mean at best (SSIM about 0.6)
    assert plain["inversion_network"] == aes["inversion_service"] == 1
    assert max(aes["inversion_network"], encrypted["inversion_service"]) < 0.75


def test_what_cannot_be_compared_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("skimage")
    for arguments, reason in (
        (["--methods", "rot13"], "no method"),
        (["--images", "39"], "too few"),
    ):
        assert main(["lab", "compare", *arguments]) != 0
        assert reason in capsys.readouterr().err
    assert main(["lab", "privacy", "--epsilons", "some"]) != 0
    assert "not a list of numbers" in capsys.readouterr().err
