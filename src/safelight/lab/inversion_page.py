"""The report of model inversion."""

from __future__ import annotations

from pathlib import Path

from safelight.lab.inversion_run import Inversion, InversionRow
from safelight.lab.page import Section, write_page

_READING = (
    "The attacker sees something of an inference and draws the image. Every attacker knows public "
    "images of the kind; the mean of those, which needs no attack, is the first row, and a "
    "reconstruction matters by how far it rises above it. 'Told apart': share of records picked "
    "out of 20 candidates by their reconstruction; 0.05 is chance. 'Features': distance of the "
    "model's own activations, 0 for the same picture.",
    "The white box needs answers only, some 300 for a picture: whoever may ask the model without "
    "limit can do it from outside, too. 'Requests in clear' shows that the regression which gets "
    "nothing from ciphertext works where there is something.",
    "A probability is one number: it tells what an image with this finding looks like on average, "
    "not what this patient's looks like. Hidden values are another matter: whoever cuts a network "
    "in two and sends its inner values in clear sends the image. Gradients of federated training "
    "are worst: one record's gradient of a dense layer holds the record exactly.",
)


def write_inversion_page(
    folder: Path, found: Inversion, *, model: str, command: str, seed: int
) -> Path:
    """Writes the page and results.json; returns the page's path."""
    by_sees = {row.sees: row for row in found.rows}
    wire, mean = by_sees["ciphertext"], by_sees["nothing"]
    return write_page(
        folder,
        title=f"Model inversion against {model}",
        lead=f"From ciphertext the best picture has SSIM {wire.ssim:.2f}; without any attack, the "
        f"mean of public images has {mean.ssim:.2f}.",
        sections=(
            Section(
                "Attacks",
                _READING,
                ("attack", "sees", "knows", "SSIM (95 %)", "PSNR, dB", "features", "told apart",
                 "better than mean"),
                [_cells(row) for row in found.rows],
                3,
            ),
            Section(
                "Pictures",
                ("The same records in every row; the model's input, not the original file.",),
                pictures=found.pictures,
            ),
        ),
        document=found.to_json() | {"model": model, "seed": seed},
        command=command,
    )  # fmt: skip


def _cells(row: InversionRow) -> list[str]:
    return [
        row.attack, row.sees, row.knows, f"{row.ssim:.3f} ({row.ssim_low:.2f}–{row.ssim_high:.2f})",
        f"{row.psnr_db:.1f}", f"{row.feature_distance:.2f}", f"{row.reidentified:.2f}",
        f"{100 * row.better_than_mean:.0f} %",
    ]  # fmt: skip
