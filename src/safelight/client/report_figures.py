"""The figures of an evaluation report, one function each; none needs a name of a file or patient.

Decrypted probabilities are drawn with three decimals, differences as counts a decade.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from safelight.client.evaluation import PHASES
from safelight.client.full_evaluation import DIFFERENCE_DECADES, SCORE_BINS, FullEvaluation
from safelight.client.report_style import (
    CLEAR,
    ENCRYPTED,
    INK,
    MUTED,
    RULE,
    SEQUENCE,
    WITHOUT,
    new_figure,
    tidy,
)
from safelight.models.measures import ClassMeasures

_SQUARE = (4.3, 3.9)
_WIDE = (8.8, 1.9)


def roc(found: FullEvaluation) -> Any:
    """ROC curve with the operating point and its intervals."""
    figure = new_figure(*_SQUARE)
    axes = tidy(figure.subplots())
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.8, linestyle=(0, (4, 4)))
    for k, curve in enumerate(found.curves):
        area = next(each.auc.value for each in found.clear.classes if each.name == curve.name)
        colour = SEQUENCE[k % len(SEQUENCE)]
        rates = curve.roc.false_positive_rate, curve.roc.true_positive_rate
        axes.plot(*rates, color=colour, linewidth=1.8, label=f"{curve.name}: {area:.3f}")
        if found.clear.kind == "binary":
            axes.fill_between(*rates, color=colour, alpha=0.10, linewidth=0)
    if found.clear.kind == "binary":
        _operating_point(axes, found.clear.classes[0], found.clear.threshold)
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), title="ROC curve")
    axes.set_xlabel("false alarms (1 − specificity)")
    axes.set_ylabel("sensitivity")
    axes.legend(loc="lower right", title="AUC", title_fontsize=8, alignment="left")
    return figure


def _operating_point(axes: Any, measures: ClassMeasures, threshold: float) -> None:
    """A dot with the Wilson intervals of both its coordinates."""
    spared, caught = measures.specificity, measures.sensitivity
    x, y = 1 - (spared.value or 0.0), caught.value or 0.0
    across = [1 - (spared.high or 0.0), 1 - (spared.low or 0.0)]
    axes.plot(across, [y, y], color=INK, linewidth=1.2)
    axes.plot([x, x], [caught.low or 0.0, caught.high or 0.0], color=INK, linewidth=1.2)
    axes.plot([x], [y], "o", color=INK, markersize=6, label=f"operating point {threshold:.2f}")


def precision_recall(found: FullEvaluation) -> Any:
    """Precision-recall curve with the share of diseased as its floor."""
    figure = new_figure(*_SQUARE)
    axes = tidy(figure.subplots())
    for k, curve in enumerate(found.curves):
        pr, colour = curve.precision_recall, SEQUENCE[k % len(SEQUENCE)]
        axes.step(
            np.append(0.0, pr.recall),
            np.append(pr.precision[0], pr.precision),
            where="pre",
            color=colour,
            linewidth=1.8,
            label=f"{curve.name}: {pr.average_precision:.3f}",
        )
        if found.clear.kind == "binary":
            axes.axhline(pr.prevalence, color=MUTED, linewidth=0.8, linestyle=(0, (4, 4)))
            axes.text(0.0, pr.prevalence + 0.012, "share with it", color=MUTED, fontsize=8)
    axes.set(xlim=(-0.01, 1.01), ylim=(0, 1.02), title="Precision and recall")
    axes.set_xlabel("recall (sensitivity)")
    axes.set_ylabel("precision (share of findings that are right)")
    title = "average precision"
    axes.legend(loc="lower left", title=title, title_fontsize=8, alignment="left")
    return figure


def scores(found: FullEvaluation) -> Any:
    """How far apart the model holds those with and those without the finding."""
    figure = new_figure(*_SQUARE)
    axes = tidy(figure.subplots())
    without, having = found.scores[0]
    edges = np.arange(SCORE_BINS) / SCORE_BINS
    name = found.curves[0].name if found.curves else found.clear.classes[0].name
    kwargs = {"width": 1 / SCORE_BINS, "align": "edge", "edgecolor": "white", "linewidth": 0.6}
    axes.bar(edges, having, color=CLEAR, label=f"truth: {name}", **kwargs)
    axes.bar(edges, -without, color=WITHOUT, label=f"truth: not {name}", **kwargs)
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.axvline(found.clear.threshold, color=INK, linewidth=1.2, linestyle=(0, (3, 3)))
    # square roots: the few in the middle, which the operating point divides, stay visible
    axes.set_yscale("function", functions=(_signed_root, _signed_square))
    axes.set_xlim(0, 1)
    most = int(found.scores[0].max())
    ticks = [tick for tick in (5, 20, 50, 100, 200, 500, 1000, 2000, 5000) if tick <= most]
    axes.set_yticks(sorted({0, *ticks, *(-tick for tick in ticks)}))
    axes.set(title="Answers by truth", xlabel=f"probability of {name}", ylabel="cases")
    axes.yaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
    axes.text(found.clear.threshold, axes.get_ylim()[1], " operating point", va="top", fontsize=8)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2)
    return figure


def _signed_root(value: Any) -> Any:
    return np.sign(value) * np.sqrt(np.abs(value))


def _signed_square(value: Any) -> Any:
    return np.sign(value) * np.square(value)


def confusion(found: FullEvaluation) -> Any:
    """Truth against decision, counts and shares of each truth."""
    assert found.clear.confusion is not None
    counts, names = np.array(found.clear.confusion), found.clear.labels
    side = max(_SQUARE[0], 1.6 + 0.62 * len(names))
    figure = new_figure(side, side * _SQUARE[1] / _SQUARE[0])
    axes = figure.subplots()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    edges = np.arange(len(names) + 1) - 0.5
    axes.pcolormesh(edges, edges, shares, cmap="Blues", vmin=0, vmax=1.15)
    axes.invert_yaxis()
    large = 13 if len(names) < 4 else 9
    for row, column in np.ndindex(counts.shape):
        share = shares[row, column]
        colour = "white" if share > 0.6 else INK
        axes.text(
            column, row - 0.06, f"{counts[row, column]}", ha="center", va="center",
            color=colour, fontsize=large, weight="bold",
        )  # fmt: skip
        axes.text(
            column, row + 0.2, f"{100 * share:.0f} %", ha="center", va="center",
            color=colour, fontsize=8,
        )  # fmt: skip
    crowded = len(names) > 3
    axes.set_xticks(range(len(names)), names, rotation=35 if crowded else 0)
    axes.set_yticks(range(len(names)), names, rotation=0 if crowded else 90, va="center")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set(title="Confusion matrix", xlabel="the model decided", ylabel="truth")
    return figure


def reliability(found: FullEvaluation) -> Any:
    """Probability given against how often it came true."""
    figure = new_figure(*_SQUARE)
    above, below = figure.subplots(2, 1, height_ratios=(4, 1), sharex=True)
    bins = [each for each in found.clear.calibration.bins if each.count]
    tidy(above).plot([0, 1], [0, 1], color=MUTED, linewidth=0.8, linestyle=(0, (4, 4)))
    above.plot(
        [each.probability for each in bins],
        [each.frequency for each in bins],
        "o-",
        color=CLEAR,
        linewidth=1.4,
        markersize=5,
    )
    above.text(0.03, 0.93, f"ECE {found.clear.calibration.expected_error:.3f}", va="top")
    above.set(xlim=(0, 1), ylim=(-0.02, 1.02), title="Reliability", ylabel="came true")
    width = bins[0].high - bins[0].low if bins else 0.1
    tidy(below).bar(
        [each.low for each in bins],
        [each.count for each in bins],
        width=width,
        align="edge",
        color=CLEAR,
        alpha=0.5,
        edgecolor="white",
    )
    below.set(xlabel="probability given", ylabel="cases")
    return figure


def agreement(found: FullEvaluation) -> Any:
    """Each encrypted answer beside its clear one."""
    figure = new_figure(*_SQUARE)
    axes = tidy(figure.subplots())
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.8, linestyle=(0, (4, 4)))
    axes.plot(*found.scatter.T, "o", color=ENCRYPTED, alpha=0.45, markersize=4.5, linewidth=0)
    axes.axvline(found.clear.threshold, color=RULE)
    axes.axhline(found.clear.threshold, color=RULE)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), title="Clear and encrypted, each input")
    axes.set_xlabel("probability in the clear")
    axes.set_ylabel("probability after decryption")
    axes.text(
        0.03, 0.96,
        f"{found.evaluation.encrypted.n} inputs\n"
        f"{100 * found.evaluation.agreement:.1f} % decided alike",
        va="top", transform=axes.transAxes,
    )  # fmt: skip
    return figure


def differences(found: FullEvaluation) -> Any:
    """How exact the encrypted answers are: counts a decade."""
    figure = new_figure(*_SQUARE)
    axes = tidy(figure.subplots())
    places = np.arange(len(found.difference_counts))
    axes.bar(places, found.difference_counts, width=0.9, color=ENCRYPTED)
    for place, count in zip(places, found.difference_counts, strict=True):
        if count:
            axes.text(place, count, f"{count}", ha="center", va="bottom", fontsize=8)
    names = [f"10$^{{{exponent}}}$" for exponent in DIFFERENCE_DECADES]
    axes.set_xticks(places + 0.5, names)
    axes.grid(axis="x", visible=False)
    axes.set(title="How far decrypted answers are off", ylabel="inputs")
    axes.set_xlabel("largest difference of a probability, by decade")
    # three decimals are shown: what is smaller than half of the last is invisible to anyone
    axes.axvline(len(DIFFERENCE_DECADES) - 3.8, color=INK, linewidth=1.0, linestyle=(0, (3, 3)))
    axes.text(
        len(DIFFERENCE_DECADES) - 3.7, 0.97, " can be seen\n in 3 decimals", va="top",
        fontsize=8, transform=axes.get_xaxis_transform(),
    )  # fmt: skip
    return figure


def phases(found: FullEvaluation) -> Any:
    """Where the time of one encrypted request goes."""
    figure = new_figure(*_WIDE)
    axes = figure.subplots()
    left = 0.0
    for phase, colour in zip(
        PHASES, (INK, "#7f8fa0", ENCRYPTED, "#b8c4cf", "#009e73"), strict=True
    ):
        width = found.evaluation.timings_ms[phase]
        label = f"{phase} {width:.3g} ms"
        axes.barh([0], [width], left=left, color=colour, height=0.5, label=label)
        left += width
    axes.set(xlim=(0, left), yticks=[], ylim=(-0.5, 0.5))
    axes.set_title("One encrypted request, median")
    axes.set_xlabel("milliseconds")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.42), ncols=len(PHASES))
    return figure


def figures(found: FullEvaluation) -> Mapping[str, Callable[[FullEvaluation], Any]]:
    """The figures that this evaluation has, by the stem of their files."""
    chosen: dict[str, Callable[[FullEvaluation], Any]] = {}
    if found.curves:
        chosen |= {"roc": roc, "precision-recall": precision_recall}
    if found.clear.kind == "binary":
        chosen["scores"] = scores
    if found.clear.confusion is not None:
        chosen["confusion"] = confusion
    return chosen | {
        "reliability": reliability,
        "agreement": agreement,
        "differences": differences,
        "phases": phases,
    }
