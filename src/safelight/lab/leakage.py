"""How much of an image each stored or sent form gives away: measures, attacks, pictures.

Numbered plan of a run:
1. Every image in every representation: similarity of what an observer draws to the original,
   statistics of its bytes, and how many bytes change when one pixel does.
2. What sizes alone tell: do they vary from image to image.
3. The attacks on `obfuscated`, from fewest means to most, each scored against two controls: the
   mean of other people's images (what anyone guesses without looking) and the original.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from safelight.ckks.parameters import Parameters
from safelight.errors import InputError
from safelight.lab import obfuscation_attacks as attacks
from safelight.lab.extras import extra
from safelight.lab.jigsaw import jigsaw
from safelight.lab.picture_similarity import (
    HASH_BITS,
    peak_signal_to_noise_db,
    perceptual_hash_distance,
    structural_similarity,
)
from safelight.lab.randomness import (
    SIGNIFICANCE,
    adjacent_correlation,
    entropy_bits,
    nist_p_values,
    npcr,
    repeated_blocks,
    uaci,
)
from safelight.lab.representations import Represent, representations
from safelight.vault.obfuscation import DEFAULT_BLOCK, Obfuscation, new_key

UInt8Images = NDArray[np.uint8]
FEWEST_IMAGES = 20
"""Below this a mean over images says nothing that an interval would not swallow."""
_PARAMETERS = (8192, (42, 43, 43, 43, 43))
_JIGSAW_SEEN = (10, 30, 100, 300)
_KNOWN_PAIRS = (1, 2, 5)
_TRAINED_PAIRS = (20, 200)


@dataclass(frozen=True)
class LeakageRow:
    """One representation over all images; means unless said.

    Args:
        representation: Its name.
        images: How many were measured.
        ssim: Structural similarity to the original.
        ssim_largest: Largest absolute value over the images.
        psnr_db: None where the picture is the original.
        hash_distance: Bits of 64 in which the perceptual hash differs.
        entropy_bits: Of the bytes, at most 8.
        adjacent_correlation: Of neighbours in the drawn picture.
        npcr: Share of bytes that change when one pixel changes by one; None for variable sizes.
        uaci: Mean change of them, as a share of 255.
        repeated_blocks: Share of 16-byte blocks that occur more than once in their stream: what
            ECB shows of flat areas.
        nist_passed: Share of (image, test) pairs with p at least 0.01; 0.99 expected of noise.
        bytes_mean: Of the stream.
        sizes: How many different sizes the images have: 1 tells nothing.
    """

    representation: str
    images: int
    ssim: float
    ssim_largest: float
    psnr_db: float | None
    hash_distance: float
    entropy_bits: float
    adjacent_correlation: float
    npcr: float | None
    uaci: float | None
    repeated_blocks: float
    nist_passed: float
    bytes_mean: float
    sizes: int


@dataclass(frozen=True)
class AttackRow:
    """One attack on `obfuscated`: what it needs and how well its pictures match."""

    attack: str
    knows: str
    ssim: float
    psnr_db: float | None
    recovered: float


@dataclass(frozen=True)
class Leakage:
    """A whole run.

    Args:
        rows: One a representation.
        attacks: On `obfuscated`; the first rows are the controls.
        pictures: Name to a few pictures of the same images, uint8 ``[shown, rows, columns]``.
    """

    rows: tuple[LeakageRow, ...]
    attacks: tuple[AttackRow, ...]
    pictures: dict[str, UInt8Images]

    def to_json(self) -> dict[str, Any]:
        """The rows, without pictures."""
        return {
            "representations": [asdict(row) for row in self.rows],
            "attacks_on_obfuscated": [asdict(row) for row in self.attacks],
        }


def measure_leakage(
    images: UInt8Images,
    reference: UInt8Images,
    *,
    shown: int = 3,
    seed: int = 0,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> Leakage:
    """Measures every representation on real images.

    Args:
        images: uint8 ``[n, rows, columns]``, whose owners hide them.
        reference: Other people's clear images of the same kind, ``[m, rows, columns]``.
        shown: How many images to keep pictures of.
        seed: Of the choice of changed pixels; keys are always fresh.
        progress: Told of (representation, done, total).

    Raises:
        InputError: Fewer than 20 images, or a side that blocks do not tile.
    """
    if len(images) < FEWEST_IMAGES or len(reference) < FEWEST_IMAGES:
        raise InputError(
            f"{len(images)} images and {len(reference)} reference images are too few for means",
            hint=f"give at least {FEWEST_IMAGES} of each",
        )
    for module in ("skimage.metrics", "imagehash", "PIL.Image", "scipy.optimize"):
        extra(module, "lab")  # now, and not after minutes
    rng = np.random.default_rng(seed)
    parameters = Parameters.from_bits(*_PARAMETERS)
    rows = []
    # flat areas first: that is where a weak representation shows most
    flatness = [repeated_blocks(image.tobytes()) for image in images]
    images = images[np.argsort(flatness, kind="stable")[::-1]]
    pictures = {"original": images[:shown]}
    for name, represent in representations(images.shape[1:], parameters).items():
        row, pictures[name] = _measured(name, represent, images, shown, rng, progress)
        rows.append(row)
    attack_rows = list(_attacked(images, reference, pictures, shown))
    return Leakage(tuple(rows), tuple(attack_rows), pictures)


def _measured(
    name: str,
    represent: Represent,
    images: UInt8Images,
    shown: int,
    rng: np.random.Generator,
    progress: Callable[[str, int, int], None],
) -> tuple[LeakageRow, UInt8Images]:
    observed = []
    changes = []
    for done, image in enumerate(images):
        observation = represent(image)
        observed.append(observation)
        again = represent(_one_pixel_changed(image, rng)).stream
        if len(again) == len(observation.stream):
            pair = [np.frombuffer(s, np.uint8) for s in (observation.stream, again)]
            changes.append((npcr(*pair), uaci(*pair)))
        progress(name, done + 1, len(images))
    similarity = [
        structural_similarity(i, o.picture) for i, o in zip(images, observed, strict=True)
    ]
    p_values = [p for o in observed for p in nist_p_values(o.stream).values()]
    all_same_length = len(changes) == len(images)
    row = LeakageRow(
        representation=name,
        images=len(images),
        ssim=float(np.mean(similarity)),
        ssim_largest=float(np.abs(similarity).max()),
        psnr_db=_mean_psnr(images, np.stack([o.picture for o in observed])),
        hash_distance=float(
            np.mean(
                [
                    perceptual_hash_distance(i, o.picture)
                    for i, o in zip(images, observed, strict=True)
                ]
            )
        ),
        entropy_bits=float(np.mean([entropy_bits(o.stream) for o in observed])),
        adjacent_correlation=float(np.mean([adjacent_correlation(o.picture) for o in observed])),
        npcr=float(np.mean([c[0] for c in changes])) if all_same_length else None,
        uaci=float(np.mean([c[1] for c in changes])) if all_same_length else None,
        repeated_blocks=float(np.mean([repeated_blocks(o.stream) for o in observed])),
        nist_passed=float(np.mean([p >= SIGNIFICANCE for p in p_values])),
        bytes_mean=float(np.mean([len(o.stream) for o in observed])),
        sizes=len({len(o.stream) for o in observed}),
    )
    return row, np.stack([o.picture for o in observed[:shown]])


def _one_pixel_changed(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    changed = image.copy()
    place = tuple(int(rng.integers(side)) for side in image.shape)
    changed[place] ^= 1
    return changed


def _mean_psnr(images: UInt8Images, pictures: UInt8Images) -> float | None:
    values = [peak_signal_to_noise_db(i, p) for i, p in zip(images, pictures, strict=True)]
    return float(np.mean(values)) if np.isfinite(values).all() else None


def _attacked(
    images: UInt8Images, reference: UInt8Images, pictures: dict[str, UInt8Images], shown: int
) -> Iterator[AttackRow]:
    """One key for all images, as one client has; the last images are known, the first attacked."""
    obfuscation = Obfuscation.from_key(new_key(), images.shape[1:])
    seen = obfuscation.apply(images)
    half = len(images) // 2
    targets, known, known_seen = images[:half], images[half:], seen[half:]

    mean = np.rint(reference.mean(axis=0)).astype(np.uint8)
    yield _scored("control: mean image", "public images", targets, np.stack([mean] * half))
    yield _scored("control: none", "nothing", targets, seen[:half])
    for count in _JIGSAW_SEEN:
        if count > len(seen):
            break
        found = jigsaw(seen[:count], reference, DEFAULT_BLOCK).reconstruct(seen[:half])
        knows = f"{count} obfuscated images, public images of the kind"
        yield _scored("jigsaw by statistics", knows, targets, found)
        pictures[f"jigsaw, {count} seen"] = found[:shown]
    for count in _TRAINED_PAIRS:
        if count > len(known):
            break
        found = attacks.trained_reconstruction(known[:count], known_seen[:count], seen[:half])
        yield _scored("trained reconstruction", f"{count} pairs", targets, found)
        pictures[f"trained, {count} pairs"] = found[:shown]
    for count in _KNOWN_PAIRS:
        found = attacks.known_pairs(known[:count], known_seen[:count], DEFAULT_BLOCK).reconstruct(
            seen[:half]
        )
        yield _scored("known plaintext", f"{count} pairs", targets, found)
        pictures[f"known plaintext, {count} pairs"] = found[:shown]


def _scored(attack: str, knows: str, truth: UInt8Images, found: UInt8Images) -> AttackRow:
    """``recovered``: share of images whose perceptual hash comes within 8 of 64 bits."""
    pairs = list(zip(truth, found, strict=True))
    near = [perceptual_hash_distance(*pair) <= HASH_BITS // 8 for pair in pairs]
    return AttackRow(
        attack=attack,
        knows=knows,
        ssim=float(np.mean([structural_similarity(*pair) for pair in pairs])),
        psnr_db=_mean_psnr(truth, found),
        recovered=float(np.mean(near)),
    )
