"""``safelight vault storage``: what the archive would cost, over real files."""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safelight.cli.console import byte_count, print_json
from safelight.cli.file_batch import files_below, for_each_file

if TYPE_CHECKING:
    from safelight.vault.archive.storage import StorageCost


def add_actions(actions: argparse._SubParsersAction[Any]) -> None:
    """``storage``."""
    storage = actions.add_parser(
        "storage", help="sizes of DICOM files: as they are, as JPEG 2000, sealed; stores nothing"
    )
    storage.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="files or folders")
    storage.add_argument("--ratio", type=float, help="lossy JPEG 2000; else lossless")
    storage.add_argument("--json", action="store_true", help="print a JSON document")
    storage.set_defaults(perform=_perform)


def _perform(arguments: argparse.Namespace) -> int:
    from safelight.imaging.load import read_source
    from safelight.vault.archive.storage import LARGE_BYTES, storage_cost

    costs: list[StorageCost] = []

    def measure(path: Path, number: int) -> dict[str, Any]:
        cost = storage_cost(read_source(path), ratio=arguments.ratio)
        costs.append(cost)
        return {**asdict(cost), "overhead_percent": round(cost.overhead_percent, 4)}

    files = [path for given in arguments.paths for path in files_below(given)]
    batch = for_each_file(files, measure, "measuring")
    groups = defaultdict(list)
    for cost in costs:
        groups[cost.form].append(cost)
    totals = {form: _total(group) for form, group in sorted(groups.items())}
    large = [cost.overhead_percent for cost in costs if cost.content_bytes > LARGE_BYTES]
    worst = round(max(large), 4) if large else None
    if arguments.json:
        print_json(
            {
                "files": batch.results,
                "refused": batch.refused,
                "totals": totals,
                "large_files": len(large),
                "large_overhead_percent": worst,
            }
        )
        return 0
    for form, total in totals.items():
        sys.stdout.write(
            f"{form:<18} {total['files']:>4} files  {byte_count(total['original_bytes']):>8} → "
            f"{byte_count(total['content_bytes']):>8} → {byte_count(total['sealed_bytes']):>8}  "
            f"sealing adds {total['overhead_percent']:.3f} %\n"
        )
    if worst is not None:
        sys.stdout.write(
            f"above {byte_count(LARGE_BYTES)}: {len(large)} files, "
            f"sealing adds {worst:.3f} % at most\n"
        )
    if batch.refused:
        sys.stdout.write(f"{batch.refused} files were not measured: not DICOM, or damaged\n")
    return 0


def _total(group: list[StorageCost]) -> dict[str, Any]:
    content, sealed = sum(c.content_bytes for c in group), sum(c.sealed_bytes for c in group)
    return {
        "files": len(group),
        "original_bytes": sum(c.original_bytes for c in group),
        "content_bytes": content,
        "sealed_bytes": sealed,
        "overhead_percent": round(100.0 * (sealed / content - 1.0), 4),
    }
