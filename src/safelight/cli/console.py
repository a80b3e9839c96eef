"""What every command shows the same way: errors, progress, JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from safelight.errors import SafelightError

RESEARCH_ONLY = "Research use only; not a medical device."

_LABELS = {
    "keys": "making and uploading evaluation keys",
    "encrypted": "encrypted inference",
    "start": "starting the service",
    "public": "running the public part",
    "replace": "fitting polynomials",
    "packing": "placing values in slots",
    "fine-tune": "fine-tuning",
    "baseline": "training a baseline, epochs",
    "audit": "checking entries",
    "leakage": "looking at representations",
    "membership: controls": "training control networks",
    "membership: regular": "training regular networks",
    "membership: served": "training reference networks",
    "membership: ciphertext": "encrypting requests",
    "inversion: ciphertext": "encrypting requests",
    "inversion: white box": "inverting answers",
    "inversion: hidden": "inverting hidden values",
    "extraction": "training copies",
    "compare: training": "training on obfuscated images",
    "compare: plaintext": "plaintext",
    "compare: aes-256-cbc": "aes-256-cbc",
    "compare: aes-256-gcm": "aes-256-gcm",
    "compare: aes-256-gcm+rsa": "aes-256-gcm+rsa",
    "compare: hpke-hybrid": "hpke-hybrid",
    "compare: obfuscated": "obfuscated",
    "compare: homomorphic": "homomorphic",
    "masked: clear": "training on clear images",
    "masked: obfuscated": "training on obfuscated images",
    "masked: aes-256-cbc": "training on AES-CBC",
    "masked: aes-256-cbc, fixed IV (teaching)": "training on AES-CBC, fixed IV",
    "masked: aes-256-ecb (teaching)": "training on AES-ECB",
    "privacy: control": "training control networks",
    "privacy: none": "training without privacy",
    "privacy: private": "training with privacy, steps",
    "ckks: precision": "precision after each step",
    "ckks: worst case": "searching for the worst error",
    "ckks: timing": "timing",
}


def print_error(error: SafelightError) -> None:
    """``error:`` and, where there is one, ``hint:``, on standard error."""
    sys.stderr.write(f"error: {error.message}\n")
    if error.hint:
        sys.stderr.write(f"hint: {error.hint}\n")


def print_json(document: Mapping[str, Any]) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(document, indent=2, allow_nan=False) + "\n")


class Watcher:
    """Bars on a terminal; elsewhere lines, of what has something to say."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, what: str, done: float, total: float) -> None:
        """Shows that ``done`` of ``total`` of a known phase is over."""
        if what in _LABELS and total > 1:
            self.progress(_LABELS[what], done, total)

    def say(self, text: str) -> None:
        """One line that stays."""
        self._progress.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def progress(self, what: str, done: float, total: float, note: str = "") -> None:
        """Moves a bar; without a terminal a line every tenth of the way, if there is a note."""
        if self._progress.disable:
            if note and total and done * 10 // total > (done - 1) * 10 // total:
                self.say(f"{what}: {done:g}/{total:g}, {note}")
            return
        if what not in self._tasks or (done == 0 and self._finished(what)):
            self._tasks[what] = self._progress.add_task(what, total=total, note="")
        self._progress.update(self._tasks[what], completed=done, total=total, note=note)

    def _finished(self, what: str) -> bool:
        return self._progress.tasks[self._tasks[what]].finished


@contextmanager
def watcher(*, stays: bool = False) -> Iterator[Watcher]:
    """Progress for the block, on standard error; ``stays`` leaves the bars there afterwards."""
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
        transient=not stays,
    )
    with progress:
        yield Watcher(progress)


def milliseconds(value: float) -> str:
    """A duration for people."""
    if value < 10:
        return f"{value:.2f} ms"
    return f"{value:.0f} ms" if value < 10_000 else f"{value / 1000:.1f} s"


def byte_count(value: float) -> str:
    """A size for people, in powers of 1000."""
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:.3g} GB"
