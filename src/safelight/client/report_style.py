"""Colours and axes that all figures of a report share.

Clear and encrypted are blue and orange, which readers with any kind of colour blindness tell
apart; they also differ in shape. **Source**: Okabe and Ito 2008, Color Universal Design.
"""

from __future__ import annotations

import io
import re
from typing import Any

from safelight.errors import InputError

INK = "#1b2733"
MUTED = "#66727e"
RULE = "#d5dbe1"
CLEAR = "#0072b2"
ENCRYPTED = "#d55e00"
WITHOUT = "#8a97a5"
SEQUENCE = (CLEAR, ENCRYPTED, "#009e73", "#cc79a7", "#8c6d00", "#56b4e9", MUTED)

_PNG_DPI = 200
_RANDOM_IDS = re.compile(r' id="(?:figure|axes|patch|line2d|text|matplotlib\.axis|xtick|ytick|'
                         r'legend|LineCollection|PathCollection|FillBetweenPolyCollection|'
                         r'PolyCollection)_\d+"')  # fmt: skip


def new_figure(width: float, height: float) -> Any:
    """A matplotlib figure of this size in inches, apart from pyplot's global state.

    Raises:
        InputError: matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError as exc:
        raise InputError(
            "a report needs matplotlib, which is not installed",
            hint="pip install 'safelight[plot]'",
        ) from exc
    mpl.rcParams.update(
        {
            "svg.fonttype": "none",  # the page's own letters: small, sharp, searchable
            "font.family": "sans-serif",
            "font.sans-serif": ["DejaVu Sans"],
            "font.size": 9,
            "text.color": INK,
            "axes.labelcolor": INK,
            "axes.edgecolor": MUTED,
            "axes.linewidth": 0.8,
            "axes.titlesize": 10,
            "axes.titlelocation": "left",
            "axes.titleweight": "bold",
            "xtick.color": MUTED,
            "ytick.color": MUTED,
            "xtick.labelsize": 8,
            "ytick.labelsize": 8,
            "legend.frameon": False,
            "legend.fontsize": 8,
        }
    )
    return Figure(figsize=(width, height), layout="constrained")


def tidy(axes: Any) -> Any:
    """Axes without a box and with a light grid."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    return axes


def to_png(figure: Any) -> bytes:
    """The figure for slides and papers."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=_PNG_DPI, metadata={"Software": None})
    return stream.getvalue()


def to_svg(figure: Any, name: str) -> str:
    """The figure as an ``<svg>`` element for a page.

    Args:
        figure: Of matplotlib.
        name: Unique on the page: names of clips and markers are made from it.
    """
    import matplotlib as mpl

    stream = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    text = stream.getvalue()
    text = _RANDOM_IDS.sub("", text[text.index("<svg") :])
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    return re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
