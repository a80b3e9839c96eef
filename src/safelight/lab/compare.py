"""The third source's algorithm: for each method encrypt, infer, time, measure, attack, tabulate.

Numbered plan of a run:
1. One job for all methods: test images (timed, judged), training images (members) and validation
   images (others), as the clinic has them.
2. Train the `obfuscated` method's own network on images under a fresh key: it cannot use ours.
3. Each method in a process of its own, with a service process of its own (the real service for
   `hpke-hybrid` and `homomorphic`): latencies by phase, both peaks of memory, answers, messages.
4. Attacks, from the messages that travelled and the answers that came, for two onlookers: one of
   network and storage, without any key, and the service itself.

docs/concepts/the-comparison.md gives each column's formula beside the source's.
"""

from __future__ import annotations

import functools
import io
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from safelight.errors import InputError, ServiceFailedError
from safelight.lab.ciphertext_guess import INDEPENDENT_GUESSES, trained_guess
from safelight.lab.compare_channels import KEY_BYTES, SYMMETRIC, AesRsa
from safelight.lab.compare_process import PHASES
from safelight.lab.extras import extra
from safelight.lab.inversion import trained_inversion
from safelight.lab.jigsaw import jigsaw
from safelight.lab.masked_run import grey_bytes
from safelight.lab.membership import attack_success
from safelight.lab.picture_similarity import structural_similarity
from safelight.models.data_source import dataset_titled
from safelight.models.datasets.dataset import Dataset
from safelight.models.held_out import held_out
from safelight.models.metrics import auc
from safelight.models.registry import TrainedModel
from safelight.vault.envelope.hybrid_key import HybridPrivateKey
from safelight.vault.envelope.rsa_key import RsaPrivateKey
from safelight.vault.envelope.sealing import seal_bytes
from safelight.vault.obfuscation import DEFAULT_BLOCK, Obfuscation, new_key

FloatArray = NDArray[np.float64]
UInt8Images = NDArray[np.uint8]
BoolArray = NDArray[np.bool_]
Progress = Callable[[str, int, int], None]

METHODS = {
    "plaintext": "plaintext",
    "aes-256-cbc": "envelope",
    "aes-256-gcm": "envelope",
    "aes-256-gcm+rsa": "envelope",
    "hpke-hybrid": "envelope",
    "obfuscated": "obfuscated",
    "homomorphic": "homomorphic",
}
"""Each method's level of protection. AES channels share a key beforehand; RSA wraps a fresh one."""
SEES_IMAGES = {
    "plaintext": ("network", "service"),
    "aes-256-cbc": ("service",),
    "aes-256-gcm": ("service",),
    "aes-256-gcm+rsa": ("service",),
    "hpke-hybrid": ("service",),
    "obfuscated": (),
    "homomorphic": (),
}
"""Who has the clear image, and the answer, because the method gives it to them."""
_MEMBERS = 130
_EXAMPLES = 60
FEWEST_IMAGES = 40
_SHOWN_SSIM = 40
_TIMEOUT_S = 1800.0


@dataclass(frozen=True)
class CompareRow:
    """One method. Onlookers: ``network`` has what travels and is stored; ``service`` its own view.

    Args:
        method: Its name.
        level: Of protection.
        latency_ms: Median of one image from protect to reveal.
        latency_p95_ms: 95th percentile.
        phases_ms: Medians by phase.
        throughput_per_s: Images a second, one after another.
        clinic_mb: Peak memory of the clinic's process.
        service_mb: Peak memory of the service's process.
        bytes_up: Mean.
        bytes_down: Mean.
        bytes_at_rest: Of the archived image in the method's form, mean.
        accuracy: At the model's threshold; 0.5 for the obfuscated network.
        auc: Of the findings.
        agreement: Share of findings equal to plaintext's.
        membership_network: AUC of membership inference from messages (or answers, if they show).
        membership_network_low: Lower end of its 95 % interval.
        membership_network_high: Upper end.
        membership_service: The same from what the service sees.
        membership_service_low: Lower end.
        membership_service_high: Upper end.
        inversion_network: SSIM of the best picture from messages.
        inversion_service: SSIM of the best picture from what the service sees.
    """

    method: str
    level: str
    latency_ms: float
    latency_p95_ms: float
    phases_ms: dict[str, float]
    throughput_per_s: float
    clinic_mb: float
    service_mb: float
    bytes_up: float
    bytes_down: float
    bytes_at_rest: float
    accuracy: float
    auc: float
    agreement: float
    membership_network: float
    membership_network_low: float
    membership_network_high: float
    membership_service: float
    membership_service_low: float
    membership_service_high: float
    inversion_network: float
    inversion_service: float

    def to_json(self) -> dict[str, Any]:
        """As in results.json."""
        return asdict(self)


@dataclass(frozen=True)
class _Job:
    """Test images first, then members, then others; all as uint8 images and model inputs."""

    images: UInt8Images
    inputs: FloatArray
    labels: NDArray[np.int64]
    tests: int
    examples: UInt8Images
    public: UInt8Images

    @property
    def members(self) -> BoolArray:
        """Of those after the test images."""
        rest = len(self.images) - self.tests
        return np.arange(rest) < rest // 2


def compare(
    model: TrainedModel,
    *,
    images: int = 200,
    methods: tuple[str, ...] = tuple(METHODS),
    seed: int = 0,
    progress: Progress = lambda *_: None,
) -> Iterator[CompareRow]:
    """A row a method.

    Args:
        model: A shipped one-logit model of greyscale images with data at hand.
        images: Of the test split.
        methods: Which.
        seed: Of choices and training; keys are fresh.
        progress: Told of (phase, done, total).

    Raises:
        InputError: Another model, too few images, an unknown method, a missing extra.
    """
    unknown = [name for name in methods if name not in METHODS]
    if unknown:
        raise InputError(f"there is no method {unknown[0]!r}", hint=f"one of {', '.join(METHODS)}")
    if images < FEWEST_IMAGES:
        raise InputError(
            f"{images} images are too few for an interval", hint=f"at least {FEWEST_IMAGES}"
        )
    extra("skimage.metrics", "lab")
    if "obfuscated" in methods:
        extra("scipy.optimize", "lab")
        extra("torch", "train")
    data = dataset_titled(model.description["data"]["name"])
    job = _job(model, data, images, seed)
    plain: BoolArray | None = None
    # plaintext always runs: the others are compared with its findings
    for method in dict.fromkeys(("plaintext", *methods)):
        with tempfile.TemporaryDirectory(prefix="safelight-compare-") as folder:
            row, findings = _row(method, model, data, job, Path(folder), seed, plain, progress)
        plain = findings if plain is None else plain
        if method in methods:
            yield row


def _job(model: TrainedModel, data: Dataset, count: int, seed: int) -> _Job:
    if model.meaning.outputs.logits != 1 or data.test.inputs.ndim != 3:
        raise InputError(
            f"{model.name!r} is not a model of greyscale images with two classes",
            hint="take cxr-pneumonia-28 or another of its kind",
        )
    rng = np.random.default_rng(seed)
    parts = []
    for split, wanted in (("test", count), ("train", _MEMBERS), ("val", _MEMBERS)):
        own, images = data.splits[split], grey_bytes(data, split)
        # spread over the split, the same places in images and model inputs
        chosen = np.sort(rng.permutation(len(own.labels))[:wanted])
        parts.append(
            (images[chosen], held_out(model, split=split).inputs[chosen], own.labels[chosen])
        )
    images, inputs, labels = (np.concatenate(each) for each in zip(*parts, strict=True))
    public = grey_bytes(data, "train")[rng.permutation(len(data.train.labels))[:1000]]
    return _Job(images, inputs, labels, len(parts[0][2]), parts[1][0], public)


def _row(
    method: str,
    model: TrainedModel,
    data: Dataset,
    job: _Job,
    folder: Path,
    seed: int,
    plain: BoolArray | None,
    progress: Progress,
) -> tuple[CompareRow, BoolArray]:
    obfuscation = None
    name, images = model.name, job.images
    if method == "obfuscated":
        obfuscation = Obfuscation.from_key(new_key(), images.shape[1:])
        name = str(_obfuscated_network(data, obfuscation, folder, seed, progress))
        images = obfuscation.apply(images)
    measured = _measured(method, name, images, job, folder, progress)
    probability, times = measured["probabilities"], measured["times_ms"]
    total = times.sum(axis=1)
    tests = job.tests
    threshold = 0.5 if method == "obfuscated" else model.meaning.outputs.threshold
    findings = probability[:tests] >= threshold
    network, service = _membership(method, measured, job)
    inverted = _inversion(method, measured, job, images)
    row = CompareRow(
        method=method,
        level=METHODS[method],
        latency_ms=float(np.median(total)),
        latency_p95_ms=float(np.percentile(total, 95)),
        phases_ms={n: float(v) for n, v in zip(PHASES, np.median(times, axis=0), strict=True)},
        throughput_per_s=float(measured["throughput_per_s"]),
        clinic_mb=float(measured["clinic_mb"]),
        service_mb=float(measured["service_mb"]),
        bytes_up=float(measured["bytes_up"].mean()),
        bytes_down=float(measured["bytes_down"].mean()),
        bytes_at_rest=_at_rest(method, images[:tests], measured),
        accuracy=float((findings == (job.labels[:tests] == 1)).mean()),
        auc=auc(job.labels[:tests], probability[:tests]),
        agreement=1.0 if plain is None else float((findings == plain).mean()),
        membership_network=network[0],
        membership_network_low=network[1],
        membership_network_high=network[2],
        membership_service=service[0],
        membership_service_low=service[1],
        membership_service_high=service[2],
        inversion_network=inverted[0],
        inversion_service=inverted[1],
    )
    return row, findings


def _measured(
    method: str, name: str, images: UInt8Images, job: _Job, folder: Path, progress: Progress
) -> dict[str, FloatArray]:
    """Runs the method's process and reads what it wrote."""
    source, result = folder / "job.npz", folder / "result.npz"
    np.savez(source, images=images, inputs=job.inputs, timed=np.array(job.tests))
    command = [sys.executable, "-m", "safelight.lab.compare_process", method, name]
    last = ""
    with subprocess.Popen(  # noqa: S603 - our own module
        [*command, str(source), str(result)], stderr=subprocess.PIPE, text=True
    ) as process:
        late = threading.Timer(_TIMEOUT_S, process.kill)
        late.start()
        try:
            assert process.stderr is not None
            for line in process.stderr:
                last = line.strip() or last
                if last.isdecimal():
                    progress(f"compare: {method}", int(last), len(images))
        except BaseException:
            process.kill()  # its service ends with its pipe
            raise
        finally:
            late.cancel()
    if process.returncode != 0:
        raise ServiceFailedError(f"the method {method} failed", hint=last)
    with np.load(result, allow_pickle=False) as archive:
        return {key: archive[key] for key in archive.files}


def _obfuscated_network(
    data: Dataset, obfuscation: Obfuscation, folder: Path, seed: int, progress: Progress
) -> Path:
    extra("torch", "train")
    from safelight.models.training.masked_cnn import save_masked_cnn, train_masked_cnn

    trained = train_masked_cnn(
        obfuscation.apply(grey_bytes(data, "train")), data.train.labels,
        (obfuscation.apply(grey_bytes(data, "val")), data.val.labels), seed=seed,
        progress=lambda done, total: progress("compare: training", done, total),
    )  # fmt: skip
    path = folder / "network.npz"
    save_masked_cnn(trained, path)
    return path


def _membership(
    method: str, measured: dict[str, FloatArray], job: _Job
) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """AUC with interval for the two onlookers: answers where they see them, else messages."""
    labels, members = job.labels[job.tests :], job.members
    answers = measured["probabilities"][job.tests :]
    of_true_class = np.where(labels == 1, answers, 1 - answers)
    answered = attack_success(of_true_class, members)
    from_answers = (answered.auc, answered.auc_low, answered.auc_high)
    guessed = attack_success(
        trained_guess(measured["features"][job.tests :], members),
        members,
        independent=INDEPENDENT_GUESSES,
    )
    from_messages = (guessed.auc, guessed.auc_low, guessed.auc_high)
    sees = SEES_IMAGES[method]
    # the answers of the obfuscated method come in clear, although its images do not
    in_clear = method in ("plaintext", "obfuscated")
    return (
        from_answers if in_clear else from_messages,
        from_answers if in_clear or "service" in sees else from_messages,
    )


def _inversion(
    method: str, measured: dict[str, FloatArray], job: _Job, images: UInt8Images
) -> tuple[float, float]:
    """Mean SSIM of the best picture for the two onlookers."""
    truth = job.images[: min(_SHOWN_SSIM, job.tests)]
    if method == "obfuscated":
        found = jigsaw(images[: job.tests], job.public, DEFAULT_BLOCK)
        drawn = found.reconstruct(images[: len(truth)])
    else:
        # learned from members' messages, whose images the attacker is given
        first = slice(job.tests, job.tests + _EXAMPLES)
        flat = trained_inversion(
            measured["features"][first],
            job.images[first].reshape(_EXAMPLES, -1).astype(np.float64),
            measured["features"][: len(truth)],
        )
        drawn = np.clip(np.rint(flat), 0, 255).astype(np.uint8).reshape(truth.shape)
    best = float(np.mean([structural_similarity(*p) for p in zip(truth, drawn, strict=True)]))
    sees = SEES_IMAGES[method]
    exact = float(np.mean([structural_similarity(image, image) for image in truth]))
    return exact if "network" in sees else best, exact if "service" in sees else best


def _at_rest(method: str, images: UInt8Images, measured: dict[str, FloatArray]) -> float:
    """Mean size of the archived image: JPEG 2000, then protected; a ciphertext as it travels."""
    if method == "homomorphic":
        return float(measured["bytes_up"].mean())
    pillow = extra("PIL.Image", "lab")
    sizes = []
    for image in images:
        stream = io.BytesIO()
        pillow.fromarray(image).save(stream, "JPEG2000", irreversible=False)
        sizes.append(_protected_size(method, stream.getvalue()))
    return float(np.mean(sizes))


def _protected_size(method: str, plain: bytes) -> int:
    if method in SYMMETRIC:
        return len(SYMMETRIC[method](bytes(KEY_BYTES)).protect(plain))
    if method == "aes-256-gcm+rsa":
        own = _rsa_key()
        return len(AesRsa(own, own.public_key.to_bytes()).protect(plain))
    if method == "hpke-hybrid":
        return len(seal_bytes(plain, [HybridPrivateKey.generate().public_key]))
    return len(plain)


@functools.cache
def _rsa_key() -> RsaPrivateKey:
    return RsaPrivateKey.generate(2048)
