"""The report: complete, inside one file, without a way out, and coarse where it must be."""

from __future__ import annotations

import dataclasses
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_evaluation import MODEL, SIGNATURE, ClearClient, data

from safelight.circuit.outputs import Outputs
from safelight.client import full_evaluation
from safelight.client.full_evaluation import evaluate_in_full, other_splits
from safelight.client.report import check_report_folder, write_report
from safelight.client.report_card import card_html
from safelight.errors import InputError
from safelight.models.measures import measure

pytest.importorskip("matplotlib")


def evaluated(count: int = 150, encrypted: int | None = 40) -> Any:
    client = ClearClient(lambda p: np.clip(p + 1e-6, 0, 1))
    others = lambda: iter([("train", data(60))])  # noqa: E731
    return evaluate_in_full(client, MODEL, data(count), encrypted, others=others)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report") / "deep" / "er"
    check_report_folder(folder)
    found = evaluated()
    write_report(
        folder, found, found.to_json(), card=MODEL.card, command="safelight …", software={"v": 1}
    )
    return folder


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.outside: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in ("script", "link", "iframe", "object", "embed", "img", "base", "form")
        for name, value in attrs:
            if name in ("href", "src", "xlink:href", "action", "srcset") and value:
                self.outside += [value] * (not value.startswith("#"))


def test_page_asks_nothing_of_anybody(report: Path) -> None:
    page = (report / "index.html").read_text("utf-8")
    links = _Links()
    links.feed(page)
    assert links.outside == []
    assert "default-src 'none'" in page
    style = page[page.index("<style>") : page.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    assert len(re.findall(r"<svg", page)) == 8
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_page_says_what_matters(report: Path) -> None:
    page = (report / "index.html").read_text("utf-8")
    for text in ("homomorphic", "sensitivity", "Wilson", "eprint 2024/463", "not a medical device",
                 "every decision was the same", "ADR 0011", "never"):  # fmt: skip
        assert text in page, text


def test_pictures_and_document(report: Path) -> None:
    pictures = {path.name for path in report.glob("*.png")}
    assert pictures == {
        f"{name}.png"
        for name in ("roc", "precision-recall", "scores", "confusion", "reliability", "agreement",
                     "differences", "phases")
    }  # fmt: skip
    for path in report.glob("*.png"):
        assert path.read_bytes().startswith(b"\x89PNG")
    document = json.loads((report / "results.json").read_text("utf-8"))
    assert [row["split"] for row in document["splits"]] == ["train", "test"]
    assert document["measures"]["encrypted"]["n"] == 40
    assert sum(document["differences"]["counts"]) == 40
    assert document["differences"]["counts"][3:5] != [0, 0]  # 1e-6 each


def test_no_decrypted_number_is_finer_than_three_decimals() -> None:
    found = evaluated()
    assert np.array_equal(found.scatter, found.scatter.round(3))
    text = json.dumps({"scores": found.scores.tolist(), "counts": found.difference_counts})
    assert "." not in text
    assert "scatter" not in found.to_json()


def test_figures_of_more_classes_and_of_several_findings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = np.random.default_rng(4)
    for kind, activation in (("multiclass", "softmax"), ("multilabel", "sigmoid_each")):
        names = ("first", "second <b>", "third & last")
        labels = generator.integers(0, 3, 90)
        table = np.eye(3, dtype=np.int64)[labels]
        raw = generator.random((90, 3)) + table
        chances = raw / raw.sum(axis=1, keepdims=True)
        shape = labels if kind == "multiclass" else table
        decided = chances.argmax(axis=1) if kind == "multiclass" else (chances > 0.5) * 1
        measures = measure(
            shape, chances, decided, classes=names, positive=0, threshold=0.5,
            kind=kind,  # type: ignore[arg-type]
        )  # fmt: skip
        curves = tuple(
            full_evaluation.ClassCurves(
                name,
                full_evaluation.roc_curve(table[:, k], chances[:, k]),
                full_evaluation.precision_recall_curve(table[:, k], chances[:, k]),
            )
            for k, name in enumerate(names)
        )
        assert Outputs(names, activation, "first", 0.5).kind == kind
        found = dataclasses.replace(
            evaluated(), clear=measures, encrypted=measures, clear_on_same=measures, curves=curves
        )
        folder = tmp_path / kind
        check_report_folder(folder)
        write_report(folder, found, found.to_json(), card="", command="c", software={})
        page = (folder / "index.html").read_text("utf-8")
        assert "second &lt;b&gt;" in page
        assert "second <b>" not in page
        assert "Each class against the rest" in page
        assert (folder / "confusion.png").exists() == (kind == "multiclass")


def test_card_of_a_stranger_is_text() -> None:
    html = card_html("# A <script>\n\n| a | b |\n| --- | --- |\n| `x` | <i> |\n\n- one\n- two\n")
    assert "<script>" not in html
    assert "<i>" not in html
    assert "<h3>A &lt;script&gt;</h3>" in html
    assert "<td><code>x</code></td><td>&lt;i&gt;</td>" in html
    assert html.count("<li>") == 2
    assert "---" not in html


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be made"):
        check_report_folder(tmp_path / "file")


def test_a_split_that_is_not_there_is_left_out() -> None:
    def load(name: str) -> Any:
        if name == "val":
            raise InputError("WDBC has no val split")
        return data(5)

    assert [name for name, _ in other_splits(load)] == ["train"]
    assert SIGNATURE.outputs.kind == "binary"
