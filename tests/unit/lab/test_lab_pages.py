"""Pages of the lab: self-contained, escaped, and complete where figures are missing."""

import json
from pathlib import Path

import numpy as np
import pytest

from safelight.lab.membership import attack_success
from safelight.lab.membership_page import write_membership_page
from safelight.lab.membership_row import MembershipRow
from safelight.lab.page import Section, write_page


def test_a_page_loads_nothing_and_escapes_everything(tmp_path: Path) -> None:
    pytest.importorskip("PIL")
    page = write_page(
        tmp_path,
        title="<script>",
        lead="a & b",
        sections=(
            Section("<b>", ("<i> `a <code>`",), ("<u>",), [["<s>"]]),
            Section("pictures", pictures={'"<': np.zeros((2, 4, 4), np.uint8)}),
        ),
        document={"seed": 3},
        command="safelight lab <x>",
    )
    text = page.read_text("utf-8")
    for tag in ("<script>", "<b>", "<i>", "<u>", "<s>", "<x>"):
        assert tag not in text
    assert "&lt;i&gt; <code>a &lt;code&gt;</code>" in text
    assert "http" not in text.replace("http-equiv", "")
    assert "default-src 'none'" in text
    assert json.loads((tmp_path / "results.json").read_text("utf-8")) == {"seed": 3}


def test_rates_that_cannot_be_told_are_dashes(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    rng = np.random.default_rng(0)
    success = attack_success(rng.normal(0, 1, 200), np.arange(200) < 100, resamples=20)
    assert success.true_positive_rates == (None, None)
    rows = [
        MembershipRow("model", "probabilities", "confidence", success),
        MembershipRow("model", "ciphertext", "membership, from bytes", success),
    ]
    page = write_membership_page(tmp_path, rows, model="model", command="safelight", seed=0)
    assert "–" in page.read_text("utf-8")
