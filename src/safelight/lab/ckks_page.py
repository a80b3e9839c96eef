"""The report of the CKKS checks."""

from __future__ import annotations

from pathlib import Path

from safelight.lab.ckks_run import CkksChecks
from safelight.lab.page import Section, write_page

_ALIKE = 0.01  # p-values from here on do not tell the two times apart


def write_ckks_page(
    folder: Path, found: CkksChecks, *, model: str, command: str, seed: int
) -> Path:
    """Writes the page and results.json; returns the page's path."""
    slots, timing, recovery = found.unused_slots, found.timing, found.key_recovery
    alike = "does not depend" if timing.p_value >= _ALIKE else "DEPENDS"
    return write_page(
        folder,
        title=f"CKKS checks of {model}",
        lead=f"{slots.others} slots of an answer hold anything but the answer, copies or noise; "
        f"evaluation time {alike} on what is encrypted (p = {timing.p_value:.2f}).",
        sections=(
            Section(
                "Precision through the program",
                ("Decrypted after each step that can be looked at, against the program in clear; "
                 "all slots, several inputs.",),
                ("step", "level", "largest value", "largest error", "median error"),
                [
                    [row.step, str(row.level), f"{row.largest_value:.3g}",
                     f"{row.largest_error:.1e}", f"{row.median_error:.1e}"]
                    for row in found.precision
                ],
            ),
            Section(
                "The worst error a search found",
                ("Random climbing inside the range that the client accepts. Inputs far from any "
                 "image drive activations, and so errors, far beyond their usual size; the last "
                 "column is what a clinic would see of it.",),
                ("start", "at the start", "after climbing", "in the probability", "inferences"),
                [
                    [row.start, f"{row.random_error:.1e}", f"{row.error:.1e}",
                     f"{row.probability_error:.1e}", str(row.evaluations)]
                    for row in found.worst_cases
                ],
            ),
            Section(
                "Slots of a returned ciphertext",
                ("Partial sums in unused slots would give away weights. 'Others' has to be 0.",),
                ("answers", "empty", "copies of answers", "others", "tolerance"),
                [[str(slots.answers), str(slots.empty), str(slots.copies), str(slots.others),
                  f"{slots.tolerance:.1e}"]],
                text_columns=0,
            ),
            Section(
                "Time and what is encrypted",
                ("An image of zeros and one of extreme values, evaluated in turn; a rank-sum test "
                 "of the null hypothesis that both take the same time.",),
                ("zeros, ms", "extremes, ms", "p", "pairs"),
                [[f"{timing.zeros_ms:.2f}", f"{timing.extremes_ms:.2f}",
                  f"{timing.p_value:.3f}", str(timing.pairs)]],
                text_columns=0,
            ),
            Section(
                "Why raw decrypted floats are never shared",
                ("CKKS is not IND-CPA-D: whoever gets two vectors of decrypted floats, as exact as "
                 "they come, solves two linear equations for the secret key. Rounded to three "
                 "decimals the equations are wrong and give nothing. On a key made for this.",),
                ("shared", "key coefficients recovered"),
                [
                    ["raw floats", f"{100 * recovery.from_raw_floats:.1f} %"],
                    ["three decimals", f"{100 * recovery.from_rounded:.1f} %"],
                ],
            ),
            Section(
                "Parameters beside the security table",
                ("128-bit classical security, ternary secret, eprint 2024/463, table 5.2.",),
                ("model", "N", "log2(QP)", "limit"),
                [[row.model, str(row.n), f"{row.log2_qp:.1f}", str(row.limit)]
                 for row in found.security],
            ),
        ),
        document=found.to_json() | {"model": model, "seed": seed},
        command=command,
    )  # fmt: skip
