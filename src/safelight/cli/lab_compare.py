"""``safelight lab compare [MODEL] [--images N] [--methods …] [--report DIR]``."""

from __future__ import annotations

import argparse

from safelight.cli.console import watcher
from safelight.cli.lab_output import add_output_arguments, prepare_output, show
from safelight.lab.compare import METHODS, CompareRow, compare
from safelight.lab.compare_page import write_compare_page
from safelight.lab.page import machine
from safelight.models.registry import load_model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the part."""
    parser.add_argument(
        "model", nargs="?", default="cxr-pneumonia-28", help="name; see `safelight models`"
    )
    parser.add_argument("--images", type=int, default=200, metavar="N", help="of the test split")
    parser.add_argument(
        "--methods", metavar="A,B", default=",".join(METHODS), help="only these, by comma"
    )
    parser.add_argument("--seed", type=int, default=0, help="of choices and training")
    add_output_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Compares and reports."""
    prepare_output(arguments)
    model = load_model(arguments.model)
    methods = tuple(filter(None, arguments.methods.split(",")))
    with watcher() as watch:
        rows = list(
            compare(
                model,
                images=arguments.images,
                methods=methods,
                seed=arguments.seed,
                progress=watch,
            )
        )
    document = {
        "model": model.name,
        "dataset": model.description["data"]["name"],
        "images": arguments.images,
        "seed": arguments.seed,
        "machine": machine(),
        "rows": [row.to_json() for row in rows],
    }
    chosen = "" if methods == tuple(METHODS) else f" --methods {','.join(methods)}"
    command = (
        f"safelight lab compare {model.name} --images {arguments.images}{chosen} "
        f"--seed {arguments.seed} --report DIR"
    )
    show(
        arguments,
        document,
        _HEAD + "".join(map(_line, rows)),
        lambda folder: write_compare_page(folder, rows, document=document, command=command),
    )
    return 0


_HEAD = (
    f"{'method':16} {'ms':>8} {'p95':>8} {'img/s':>7} {'clinic':>7} {'service':>7} "
    f"{'accuracy':>8} {'AUC':>6} {'agree':>7}  membership and inversion, by the service\n"
)


def _line(row: CompareRow) -> str:
    return (
        f"{row.method:16} {row.latency_ms:8.2f} {row.latency_p95_ms:8.2f} "
        f"{row.throughput_per_s:7.1f} {row.clinic_mb:4.0f} MB {row.service_mb:4.0f} MB "
        f"{row.accuracy:8.3f} {row.auc:6.3f} {100 * row.agreement:5.1f} %  "
        f"AUC {row.membership_service:.3f}, SSIM {row.inversion_service:.3f}\n"
    )
