"""The report of the Masked-CNN."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from safelight.lab.masked_run import MaskedRow
from safelight.lab.page import Section, write_page

_READING = (
    "The same network with the same training on each kind of input; blocks of training images are "
    "masked at random. 0.5 is chance. On clear and obfuscated images it learns: the keyed "
    "transformation keeps what a block-wise network needs, and, by the same token, what an "
    "attacker needs (`safelight lab leakage`). On AES-CBC ciphertext there is nothing to learn, "
    "with a fresh IV or a fixed one; a table that claims otherwise has a leak elsewhere.",
)


def write_masked_page(
    folder: Path, rows: Sequence[MaskedRow], *, dataset: str, command: str, seed: int
) -> Path:
    """Writes the page and results.json; returns the page's path."""
    by_name = {row.representation: row for row in rows}
    clear, hidden, cbc = (by_name[n] for n in ("clear", "obfuscated", "aes-256-cbc"))
    return write_page(
        folder,
        title=f"A network that learns on protected images of {dataset}",
        lead=f"AUC {clear.auc:.3f} on clear images, {hidden.auc:.3f} on obfuscated ones, "
        f"{cbc.auc:.3f} on AES-CBC ciphertext.",
        sections=(
            Section(
                "Test split",
                _READING,
                ("trained and tested on", "AUC (95 %)", "accuracy", "validation AUC", "records"),
                [
                    [r.representation, f"{r.auc:.3f} ({r.auc_low:.3f}–{r.auc_high:.3f})",
                     f"{r.accuracy:.3f}", f"{r.validation_auc:.3f}", str(r.records)]
                    for r in rows
                ],
            ),
        ),
        document={"dataset": dataset, "seed": seed, "rows": [asdict(row) for row in rows]},
        command=command,
    )  # fmt: skip
