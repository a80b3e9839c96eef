"""The part of a report that a security officer reads: who saw what, under which parameters."""

from __future__ import annotations

from html import escape

from safelight.client.full_evaluation import FullEvaluation
from safelight.client.report_text import (
    byte_count,
    digest,
    facts,
    milliseconds,
    number,
    table,
)

# One row a party, one column a thing; the threat model (docs/threat-model.md) says it at length.
_WHO_HELD_WHAT = (
    ("clinic", "in clear", "in clear", "yes", "no *"),
    ("service", "ciphertext only", "ciphertext only", "never", "yes"),
    ("network", "ciphertext only", "ciphertext only", "never", "no"),
)


def protection_section(found: FullEvaluation, figures: str) -> str:
    """Level, parameters, who held what, how exact decrypted answers are, what was signed."""
    short, parameters, receipt = found.evaluation, found.evaluation.parameters, found.receipt
    bits = ", ".join(map(str, parameters["prime_bits"]))
    pair = found.clear_on_same.auc.value, found.encrypted.auc.value
    apart = "–" if None in pair else number(abs(float(pair[0] or 0) - float(pair[1] or 0)), 4)
    rows = [
        ("level of protection", f'<span class="level">{escape(short.level)}</span>'),
        (
            "scheme",
            f"CKKS, N = {parameters['n']}, primes of {bits} bits (the last is special), "
            f"log<sub>2</sub> QP = {parameters['log2_qp']}",
        ),
        (
            "security",
            f"{parameters['security_bits']} bits, classical, ternary secret: Security Guidelines "
            "2024 (eprint 2024/463)",
        ),
        ("evaluated encrypted", f"{short.encrypted.n} inputs in {short.requests} requests"),
        ("decisions alike", f"{100 * short.agreement:.1f} %"),
        ("AUC, clear minus encrypted, same inputs", apart),
        ("largest difference of a probability", f"{short.max_probability_difference:.0e}"),
        (
            "what leaves the clinic",
            "probabilities with three decimals; never a decrypted number as it is, since CKKS "
            "is not secure against readers of exact decryptions (ADR 0011)",
        ),
    ]
    signed = [
        ("service's key (Ed25519)", digest(receipt.service_key)),
        ("model", digest(receipt.model_digest)),
        ("program", digest(receipt.program_digest)),
        ("parameters", digest(receipt.parameters_digest)),
        ("last request", digest(receipt.request_digest)),
        ("last result", digest(receipt.result_digest)),
    ]
    return "\n".join(
        [
            "<h2>What was protected?</h2>",
            table(
                ("party", "image or record", "answer", "secret key", "model weights"),
                _WHO_HELD_WHAT,
                numbers_from=9,
            ),
            '<p class="note">* This report compares with answers in the clear, so the machine that '
            "made it had the weights too; for encrypted answers a clinic needs none.</p>",
            facts(rows),
            figures,
            "<h3>Signed by the service</h3>",
            "<p>SHA-256 digests. Every signature was verified before its result was decrypted.</p>",
            facts(signed),
            '<p class="note">Not promised: that a model cannot be copied through its answers, '
            "and that the service does not know when and how often it was asked.</p>",
        ]
    )


def cost_section(found: FullEvaluation, figures: str) -> str:
    """Times and bytes."""
    short, times = found.evaluation, found.evaluation.timings_ms
    shared = short.records_per_ciphertext
    total = sum(times[phase] for phase in ("encrypt", "upload", "evaluate", "download", "decrypt"))
    rows = [
        ("one request", milliseconds(total)),
        ("inputs in one request, at most", str(shared)),
        ("sent in a request", byte_count(short.bytes["up"])),
        ("received", byte_count(short.bytes["down"])),
        ("evaluation keys, once", byte_count(short.bytes["keys"])),
        ("making them, once", milliseconds(times["keygen"])),
        ("uploading them, once", milliseconds(times["key_upload"])),
    ]
    return "\n".join(
        [
            "<h2>What does it cost?</h2>",
            figures,
            facts(rows),
            '<p class="note">Times are of the machine and its load at that minute.</p>',
        ]
    )
