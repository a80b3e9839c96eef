"""One picture of the demo: where the time of a request goes, and encrypted against clear."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from safelight.client.evaluation import PHASES, Evaluation

_BELOW = {"bbox_to_anchor": (0.0, -0.22)}
_COLOURS = ("#3b4a5a", "#7a8fa6", "#c8502d", "#b5c4d1", "#5f8a6b")


def plot_performance(results: Sequence[Evaluation], path: Path) -> None:
    """Writes a PNG: a bar a model of the phases of one request, and its accuracies."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, (times, scores) = plt.subplots(
        1, 2, figsize=(12, 2.0 + 0.9 * len(results)), width_ratios=(3, 2), layout="constrained"
    )
    names = [found.model for found in results]
    left = [0.0] * len(results)
    for phase, colour in zip(PHASES, _COLOURS, strict=True):
        widths = [found.timings_ms[phase] for found in results]
        times.barh(names, widths, left=left, color=colour, label=phase, height=0.55)
        left = [start + width for start, width in zip(left, widths, strict=True)]
    for index, (total, found) in enumerate(zip(left, results, strict=True)):
        each = total / found.records_per_ciphertext
        note = f"  {total:.0f} ms"
        if found.records_per_ciphertext > 1:
            note += f" for up to {found.records_per_ciphertext} ({each:.2f} ms each)"
        times.text(total, index, note, va="center", fontsize=9)
    times.set_xlim(0, 1.45 * max(left, default=1.0))
    times.set_xlabel("milliseconds a request, median")
    times.set_title("One encrypted request, by phase", loc="left")
    times.legend(frameon=False, fontsize=8, ncols=len(PHASES), loc="upper left", **_BELOW)
    times.set_ylim(len(names) - 0.5, -0.5)
    for index, found in enumerate(results):
        scores.plot(found.clear.accuracy, index - 0.12, "o", color="#3b4a5a", markersize=8)
        scores.plot(found.encrypted.accuracy, index + 0.12, "D", color="#c8502d", markersize=8)
        scores.text(
            0.805,
            index,
            f"agreement {100 * found.agreement:.1f} %\n"
            f"clear over {found.clear.n}, encrypted over {found.encrypted.n}",
            va="center",
            fontsize=9,
        )
    scores.plot([], [], "o", color="#3b4a5a", label="clear")
    scores.plot([], [], "D", color="#c8502d", label="encrypted")
    scores.set_yticks(range(len(names)), [""] * len(names))
    scores.set_ylim(len(names) - 0.5, -0.5)
    scores.set_xlim(0.8, 1.005)
    scores.set_xlabel("accuracy")
    scores.set_title("Encrypted beside clear", loc="left")
    scores.legend(frameon=False, fontsize=8, ncols=2, loc="upper left", **_BELOW)
    for axes in (times, scores):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=130)
    plt.close(figure)
