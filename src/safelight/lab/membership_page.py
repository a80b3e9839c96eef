"""The report of membership inference."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from safelight.client.report_style import CLEAR, ENCRYPTED, WITHOUT, new_figure, tidy
from safelight.lab.membership_row import MembershipRow
from safelight.lab.page import Section, write_page

_READING = (
    "The attacker holds a record and asks: was this model trained on it? 0.5 is chance for AUC and "
    "balanced accuracy; the true-positive rate at 1 % false positives tells how many records are "
    "exposed with near certainty, which is what a patient cares about (at chance: 0.01). 95 % "
    "intervals come from resampled records and, where several were attacked, networks; one in "
    "twenty misses the truth. A dash: fewer than 5 false positives would be allowed, too few "
    "to tell. Balanced accuracy: at the threshold that is best on the other half of the records. "
    "RMIA's scores are shares of a population of 500; ties count against the "
    "attacker, which leaves it little at 0.1 %.",
    "Controls: an attack that finds nothing in networks that learned noisy labels by heart is "
    "broken; one that finds something where nothing was learned is wrong. 'Trained on neither "
    "split's records': what is found there is a difference between the splits, not membership, "
    "and has to be subtracted in the mind from the served model's rows. 'Requests in clear': the "
    "classifier that fails on ciphertext works where there is something to find.",
    "Encryption hides the record from the service. It does not change what the decrypted answer "
    "tells whoever receives it: with the answers in hand, the rows 'probabilities' hold for "
    "'homomorphic' exactly as for 'plaintext'. What changes is who can look: at 'homomorphic' the "
    "service and the network see the rows 'ciphertext' only.",
    "Reference networks are small dense ones, not copies of the served model's recipe: a stronger "
    "attacker would train those. The served model's members are of its training split, the others "
    "of its validation split, which chose among its seeds.",
)


def write_membership_page(
    folder: Path, rows: Sequence[MembershipRow], *, model: str, command: str, seed: int
) -> Path:
    """Writes the page, its figure and results.json; returns the page's path."""
    served = [row for row in rows if row.target == model]
    seen = max((row for row in served if row.sees != "ciphertext"), key=lambda r: r.success.auc)
    wire = next(row for row in served if row.attack == "membership, from bytes")
    return write_page(
        folder,
        title=f"Membership inference against {model}",
        lead=f"From ciphertext: AUC {_range(wire)}. From decrypted answers, the strongest of our "
        f"attacks ({seen.attack}): AUC {_range(seen)}.",
        sections=(
            Section(
                "Attacks",
                _READING,
                ("target", "sees", "attack", "AUC", "balanced", "TPR at 1 %", "0.1 %", "records"),
                [_cells(row) for row in rows],
                3,
                {"membership": _figure(rows)},
            ),
        ),
        document={"model": model, "seed": seed, "rows": [row.to_json() for row in rows]},
        command=command,
    )  # fmt: skip


def _range(row: MembershipRow) -> str:
    s = row.success
    return f"{s.auc:.3f} ({s.auc_low:.3f} to {s.auc_high:.3f})"


def _cells(row: MembershipRow) -> list[str]:
    s = row.success
    rates = [
        "–" if rate is None else f"{rate:.3f} ({low:.3f}–{high:.3f})"
        for rate, low, high in zip(
            s.true_positive_rates, s.true_positive_lows, s.true_positive_highs, strict=True
        )
    ]
    return [
        row.target, row.sees, row.attack, f"{s.auc:.3f} ({s.auc_low:.2f}–{s.auc_high:.2f})",
        f"{s.balanced_accuracy:.3f}", *rates, f"{s.members} + {s.others}",
    ]  # fmt: skip


def _figure(rows: Sequence[MembershipRow]) -> object:
    figure = new_figure(7.2, 0.34 * len(rows) + 0.9)
    axes = tidy(figure.add_subplot())
    for place, row in enumerate(rows):
        s = row.success
        control = row.target.split(" control")[0] in ("positive", "negative")
        colour = WITHOUT if control else ENCRYPTED if row.sees == "ciphertext" else CLEAR
        axes.errorbar(
            s.auc, place, xerr=[[s.auc - s.auc_low], [s.auc_high - s.auc]],
            fmt="o", color=colour, capsize=3,
        )  # fmt: skip
    axes.axvline(0.5, linestyle="--", color=WITHOUT)
    axes.set_yticks(range(len(rows)), [f"{r.target}: {r.attack}" for r in rows], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0.3, 1)
    axes.set_title("AUC with 95 % interval; dashed: chance")
    return figure
