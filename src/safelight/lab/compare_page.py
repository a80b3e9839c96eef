"""The report of the comparison: one table, as the third source has it, with every cell measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from safelight.client.report_style import SEQUENCE, new_figure, tidy
from safelight.client.report_text import byte_count
from safelight.lab.compare import SEES_IMAGES, CompareRow
from safelight.lab.compare_process import PHASES
from safelight.lab.page import Section, write_page

_COST = (
    "One image after another over one connection, each method in fresh processes. Latency runs "
    "from protecting the image in the clinic to reading the answer there; p95 is the 95th "
    "percentile. Memory is the peak of each process, from the operating system. At rest: the "
    "image archived in the method's form (JPEG 2000 first; a ciphertext as it travels).",
    "hpke-hybrid and homomorphic go through the real service over HTTP, with jobs, signatures and "
    "stored state; the other methods through a pipe, with no queue at all. Their 'carry' tells "
    "the difference.",
)
_PRIVACY = (
    "Two onlookers: one of network and storage, without any key, and the service itself. "
    "Membership inference: AUC, 0.5 at chance, from the answers where the onlooker sees them, "
    "else from a classifier trained on the messages. Inversion: SSIM of the best picture; 1 where "
    "the method hands the onlooker the image. The mean image of the kind has about 0.6, without "
    "any attack.",
    "Encryption does not change what the answers give away to whoever receives them: a clinic "
    "with decrypted answers achieves what the row 'plaintext' says, at every level. See "
    "`safelight lab membership` and `safelight lab inversion` for stronger attackers and controls.",
    "'obfuscated' is judged by the best attack found: whoever sees enough obfuscated images of one "
    "key has the images.",
)


def write_compare_page(
    folder: Path, rows: Sequence[CompareRow], *, document: dict[str, Any], command: str
) -> Path:
    """Writes the page, its figures and results.json; returns the page's path."""
    by_name = {row.method: row for row in rows}
    lead = f"{document['images']} images of {document['dataset']}, model {document['model']}."
    if {"plaintext", "homomorphic"} <= set(by_name):
        plain, he = by_name["plaintext"], by_name["homomorphic"]
        lead += (
            f" An encrypted answer takes {he.latency_ms:.0f} ms against {plain.latency_ms:.1f} ms "
            f"in clear, agrees in {100 * he.agreement:.1f} %, and shows the service nothing."
        )
    return write_page(
        folder,
        title="What each way to protect an inference costs, and what it protects",
        lead=lead,
        sections=(
            Section(
                "Cost",
                _COST,
                ("method", "level", "median, ms", "p95, ms", "images/s", "clinic, MB",
                 "service, MB", "up", "down", "at rest"),
                [_cost(row) for row in rows],
                2,
                {"latency": _latency_figure(rows)},
            ),
            Section(
                "Phases, median milliseconds",
                (),
                ("method", *PHASES),
                [[r.method, *(_phase(r, p) for p in PHASES)] for r in rows],
            ),
            Section(
                "Diagnosis",
                ("At the model's operating point; agreement with plaintext's findings. The "
                 "obfuscated method needs a network of its own, trained under the client's key.",),
                ("method", "accuracy", "AUC", "agreement"),
                [[r.method, f"{r.accuracy:.3f}", f"{r.auc:.3f}", f"{100 * r.agreement:.1f} %"]
                 for r in rows],
            ),
            Section(
                "Privacy",
                _PRIVACY,
                ("method", "who has the image", "membership, network", "membership, service",
                 "inversion, network", "inversion, service"),
                [_privacy(row) for row in rows],
                2,
            ),
        ),
        document=document,
        command=command,
    )  # fmt: skip


def _cost(row: CompareRow) -> list[str]:
    return [
        row.method, row.level, f"{row.latency_ms:.2f}", f"{row.latency_p95_ms:.2f}",
        f"{row.throughput_per_s:.1f}", f"{row.clinic_mb:.0f}", f"{row.service_mb:.0f}",
        *(byte_count(size) for size in (row.bytes_up, row.bytes_down, row.bytes_at_rest)),
    ]  # fmt: skip


def _phase(row: CompareRow, phase: str) -> str:
    """The real service opens and infers within one phase; a clock never reads exactly 0."""
    value = row.phases_ms[phase]
    return "in infer" if phase == "open" and value == 0 else f"{value:.3f}"


def _privacy(row: CompareRow) -> list[str]:
    who = " and ".join(SEES_IMAGES[row.method])
    who = who or ("the clinic only" if row.level == "homomorphic" else "nobody by design")
    return [
        row.method,
        who,
        f"{row.membership_network:.3f} "
        f"({row.membership_network_low:.2f}–{row.membership_network_high:.2f})",
        f"{row.membership_service:.3f} "
        f"({row.membership_service_low:.2f}–{row.membership_service_high:.2f})",
        f"{row.inversion_network:.3f}",
        f"{row.inversion_service:.3f}",
    ]


def _latency_figure(rows: Sequence[CompareRow]) -> object:
    """Bars of totals on a logarithmic scale; the table has the phases."""
    figure = new_figure(7.2, 0.4 * len(rows) + 1.0)
    axes = tidy(figure.add_subplot())
    places = range(len(rows))
    medians = [row.latency_ms for row in rows]
    above = [max(0.0, row.latency_p95_ms - row.latency_ms) for row in rows]
    axes.barh(places, medians, color=SEQUENCE[0], height=0.6)
    axes.errorbar(medians, places, xerr=[[0] * len(rows), above], fmt="none", color=SEQUENCE[1])
    for place, value in zip(places, medians, strict=True):
        axes.text(value, place - 0.36, f" {value:.3g} ms", va="center", fontsize=8)
    axes.set_xscale("log")
    axes.set_yticks(places, [row.method for row in rows])
    axes.invert_yaxis()
    axes.set_xlabel("milliseconds, logarithmic; line: to the 95th percentile")
    return figure
