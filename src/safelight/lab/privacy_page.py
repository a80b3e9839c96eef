"""The report of differential privacy: what a budget costs, and what it buys."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from safelight.client.report_style import CLEAR, ENCRYPTED, WITHOUT, new_figure, tidy
from safelight.lab.page import Section, write_page
from safelight.lab.privacy import PrivacyRow

_READING = (
    "Dense networks on the same records, each learned by half of the networks; LiRA (online) asks "
    "which half. ε bounds what any attacker whatever can learn about one record from a network; "
    "smaller is stronger. 'Bound': the true-positive rate at 1 % false positives that no attack "
    "can pass at this ε and δ = 1/(2n). An attack far below the bound is usual: the bound holds "
    "for an adversary who knows all other records.",
    "The first row is the positive control: networks that learned noisy labels by heart (its "
    "accuracy is judged on noisy labels, too). An attack that finds nothing there is broken, and "
    "so would be its silence in the rows below.",
    "'Accuracy' is the mean over networks on records that none learned, from the same source; its "
    "range holds 95 % of the networks. Compare it with always saying the commonest finding. These "
    "are small dense networks, trained for the attack; `safelight train --dp-epsilon` trains a "
    "servable model and writes its budget into the card.",
)


def write_privacy_page(
    folder: Path, rows: Sequence[PrivacyRow], *, document: dict[str, object], command: str
) -> Path:
    """Writes the page, its figure and results.json; returns the page's path."""
    curve = [row for row in rows[1:] if row.epsilon is not None]
    clear, strictest = rows[1], min(curve, key=lambda row: row.epsilon or 0)
    return write_page(
        folder,
        title="Differential privacy: what a budget costs, and what it buys",
        lead=f"Without privacy: accuracy {clear.accuracy:.3f}, membership inference AUC "
        f"{clear.success.auc:.3f}. At ε = {strictest.epsilon:g}: accuracy "
        f"{strictest.accuracy:.3f}, AUC {strictest.success.auc:.3f}.",
        sections=(
            Section(
                "Accuracy and attack against ε",
                _READING,
                ("training", "ε", "noise", "accuracy (95 % of networks)", "on own", "commonest",
                 "LiRA AUC (95 %)", "TPR at 1 % (95 %)", "bound"),
                [_cells(row) for row in rows],
                figures={"privacy": _figure(rows[1:])},
            ),
        ),
        document=document,
        command=command,
    )  # fmt: skip


def _cells(row: PrivacyRow) -> list[str]:
    s = row.success
    rate, low, high = s.true_positive_rates[0], s.true_positive_lows[0], s.true_positive_highs[0]
    return [
        row.training,
        "∞" if row.epsilon is None else f"{row.epsilon:g}",
        "–" if row.noise is None else f"{row.noise:.2f}",
        f"{row.accuracy:.3f} ({row.accuracy_low:.2f}–{row.accuracy_high:.2f})",
        f"{row.accuracy_inside:.3f}",
        f"{row.commonest:.3f}",
        f"{s.auc:.3f} ({s.auc_low:.3f}–{s.auc_high:.3f})",
        "–" if rate is None else f"{rate:.3f} ({low:.3f}–{high:.3f})",
        "–" if row.bound is None else f"{row.bound:.3f}",
    ]


def _figure(rows: Sequence[PrivacyRow]) -> object:
    """Both curves over ε from strict to none; places, not a scale, so that none fits in."""
    ordered = sorted(rows, key=lambda row: row.epsilon or float("inf"))
    places = list(range(len(ordered)))
    figure = new_figure(7.2, 3.4)
    axes = tidy(figure.add_subplot())
    for colour, name, values in (
        (CLEAR, "accuracy", [(r.accuracy, r.accuracy_low, r.accuracy_high) for r in ordered]),
        (ENCRYPTED, "LiRA AUC",
         [(r.success.auc, r.success.auc_low, r.success.auc_high) for r in ordered]),
    ):  # fmt: skip
        middle = [value[0] for value in values]
        below = [value[0] - value[1] for value in values]
        above = [value[2] - value[0] for value in values]
        axes.errorbar(
            places, middle, yerr=[below, above], fmt="o-", color=colour, capsize=3, label=name
        )
    axes.axhline(0.5, linestyle="--", color=WITHOUT)
    axes.set_xticks(places, ["none" if r.epsilon is None else f"{r.epsilon:g}" for r in ordered])
    axes.set_xlabel("ε; dashed: an attack at chance")
    axes.set_ylim(0.45, 1)
    axes.legend(loc="center left")
    axes.set_title("Accuracy and membership inference against ε, with 95 % intervals")
    return figure
