"""The report of a leakage run, for a person who judges by eye and by number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safelight.client.report_style import CLEAR, ENCRYPTED, new_figure, tidy
from safelight.lab.leakage import AttackRow, Leakage, LeakageRow
from safelight.lab.page import Section, write_page

_REPRESENTATION_HEAD = (
    "representation", "SSIM", "largest", "hash bits", "entropy", "neighbours", "NPCR", "UACI",
    "repeated blocks", "NIST passed", "sizes",
)  # fmt: skip

_READING = (
    "SSIM compares what an observer draws from the bytes with the image: 1 is the same picture. "
    "The row of random bytes is the yardstick: its SSIM is about 0.01, not 0, because of the "
    "constants that stabilise the measure. Nothing can be less similar than noise.",
    "Hash bits: in how many of 64 bits the perceptual hash differs; unrelated pictures differ in "
    "about 32. Entropy in bits a byte. Neighbours: correlation of adjacent pixels. NPCR and UACI: "
    "how many bytes change, and by how much, when one pixel changes by one; noise has 0.996 and "
    "0.335. Repeated blocks: equal 16-byte blocks within one image. NIST: share of SP 800-22 tests "
    "passed; 0.99 of noise. Sizes: how many different lengths the images have; one length tells "
    "nothing.",
)
_SCATTER = 0.03  # of means over some dozen images of pure noise
_ATTACK_READING = (
    "All attacks know the published algorithm, none the key. 'Recovered' is the share of images "
    "whose perceptual hash comes within 8 of 64 bits of the original. The control shows what "
    "anybody guesses without looking: the mean of public images of the kind.",
    "The transformation hides a picture from a glance. It does not withstand anyone who tries.",
)


def write_leakage_page(
    folder: Path, found: Leakage, *, document: dict[str, Any], command: str
) -> Path:
    """Writes the page, its figures and results.json; returns the page's path."""
    best = max(found.attacks, key=lambda row: row.ssim)
    return write_page(
        folder,
        title=f"What each representation of {document['dataset']} gives away",
        lead=f"{_about_ciphertexts(found)} 'obfuscated' does not: "
        f"its best attack ({best.attack}, knowing {best.knows}) gives pictures of SSIM "
        f"{best.ssim:.2f} and recovers {100 * best.recovered:.0f} % of the images.",
        sections=(
            Section(
                "Representations",
                _READING,
                _REPRESENTATION_HEAD,
                [_cells(row) for row in found.rows],
                figures={"similarity": _similarity_figure(found)},
            ),
            Section(
                "Attacks on the obfuscated level",
                _ATTACK_READING,
                ("attack", "knows", "SSIM", "PSNR, dB", "recovered"),
                [_attack_cells(row) for row in found.attacks],
                text_columns=2,
            ),
            Section(
                "Side by side",
                ("The same images in every form, those with the largest flat areas.",),
                pictures=found.pictures,
            ),
        ),
        document=document,
        command=command,
    )


def _about_ciphertexts(found: Leakage) -> str:
    """Whether real ciphertexts stand out from the row of random bytes."""
    rows = {row.representation: row for row in found.rows}
    noise = rows["control: random bytes"]
    odd = [
        name
        for name in ("aes-256-cbc", "aes-256-gcm", "homomorphic")
        if rows[name].nist_passed < noise.nist_passed - _SCATTER
        or abs(rows[name].ssim - noise.ssim) > _SCATTER
        or rows[name].repeated_blocks > 0
        or rows[name].sizes > 1
    ]
    if odd:
        return f"{' and '.join(odd)} can be told from random bytes, which is a finding."
    return "AES-CBC, AES-GCM and CKKS ciphertexts look like random bytes by every measure here."


def _cells(row: LeakageRow) -> list[str]:
    return [
        row.representation,
        f"{row.ssim:.4f}",
        f"{row.ssim_largest:.4f}",
        f"{row.hash_distance:.1f}",
        f"{row.entropy_bits:.3f}",
        f"{row.adjacent_correlation:.3f}",
        "–" if row.npcr is None else f"{row.npcr:.4f}",
        "–" if row.uaci is None else f"{row.uaci:.4f}",
        f"{row.repeated_blocks:.4f}",
        f"{row.nist_passed:.3f}",
        str(row.sizes),
    ]


def _attack_cells(row: AttackRow) -> list[str]:
    return [
        row.attack,
        row.knows,
        f"{row.ssim:.3f}",
        "exact" if row.psnr_db is None else f"{row.psnr_db:.1f}",
        f"{100 * row.recovered:.0f} %",
    ]


def _similarity_figure(found: Leakage) -> object:
    figure = new_figure(7.2, 0.32 * (len(found.rows) + len(found.attacks)) + 0.8)
    axes = tidy(figure.add_subplot())
    names = [row.representation for row in found.rows]
    names += [f"{row.attack} ({row.knows.split(',')[0]})" for row in found.attacks]
    values = [row.ssim for row in found.rows] + [row.ssim for row in found.attacks]
    colours = [CLEAR] * len(found.rows) + [ENCRYPTED] * len(found.attacks)
    places = range(len(names))
    axes.barh(places, values, color=colours, height=0.7)
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.08)
    for place, value in zip(places, values, strict=True):
        axes.text(value + 0.01, place, f"{value:.3f}", va="center", fontsize=8)
    axes.set_title("SSIM to the original: as stored; after attacks")
    return figure
