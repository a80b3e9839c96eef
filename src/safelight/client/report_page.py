"""One HTML page of an evaluation: for the radiologist first, then for the security officer.

It asks nothing of any network: styles and figures are inside, and its own content security
policy forbids everything else.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path

from safelight.client.full_evaluation import FullEvaluation
from safelight.client.report_card import card_html
from safelight.client.report_protection import cost_section, protection_section
from safelight.client.report_text import (
    facts,
    interval,
    number,
    percent_range,
    table,
    tile,
)
from safelight.models.measures import Measures

PAGE_STYLE = Path(__file__).with_name("report_page.css")
PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_PREVALENCES = (0.01, 0.05, 0.20, 0.50)

_CAPTIONS = {
    "roc": "Every possible operating point; a cross is the one in use, with its 95 % intervals.",
    "precision-recall": "What share of findings is right, at the share of diseased in these data.",
    "scores": "The further apart the two groups, the better. Clear answers; square-root scale.",
    "confusion": "Counts, and the share of each row.",
    "reliability": "On the dashed line, a probability means what it says.",
    "agreement": "Three decimals, as everything that leaves the clinic.",
    "differences": "Rounding noise of encryption. Counts only, see ADR 0011.",
    "phases": "",
}


def report_page(
    found: FullEvaluation,
    svgs: Mapping[str, str],
    *,
    card: str,
    command: str,
    software: Mapping[str, object],
) -> str:
    """The page.

    Args:
        found: The evaluation.
        svgs: ``<svg>`` elements by name of the figure.
        card: The model's card, Markdown.
        command: Gives the same page again.
        software: Version and engine, for the foot.
    """
    title = f"{found.evaluation.model} on {found.evaluation.dataset}"
    body = [
        _head(found),
        _diagnosis_section(found, svgs),
        _calibration_section(found, svgs),
        protection_section(found, _figures(svgs, "agreement", "differences")),
        cost_section(found, _figures(svgs, "phases")),
        _data_section(found, card),
        _foot(found, command, software),
    ]
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{PAGE_POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title>",
            f"<style>{PAGE_STYLE.read_text(encoding='utf-8')}</style></head><body><main>",
            *body,
            "</main></body></html>",
            "",
        ]
    )


def _figures(svgs: Mapping[str, str], *names: str) -> str:
    shown = [
        f"<figure{' class=wide' if name == 'phases' else ''}>{svgs[name]}"
        f"<figcaption>{_CAPTIONS[name]}</figcaption></figure>"
        for name in names
        if name in svgs
    ]
    return f'<div class="figures">{"".join(shown)}</div>' if shown else ""


def _head(found: FullEvaluation) -> str:
    short = found.evaluation
    return "\n".join(
        [
            '<header><div class="eyebrow">Safelight evaluation · '
            f"{escape(found.created[:10])}</div>",
            f"<h1>{escape(found.about['title'])}</h1>",
            f"<div><code>{escape(short.model)}</code> version {escape(found.about['version'])} on "
            f"<code>{escape(short.dataset)}</code> &nbsp; "
            f'<span class="level">{escape(short.level)}</span></div>',
            f'<p class="lead">{_sentence(found)}</p></header>',
            f'<div class="tiles">{_tiles(found)}</div>',
        ]
    )


def _sentence(found: FullEvaluation) -> str:
    clear, short = found.clear, found.evaluation
    if clear.kind == "binary":
        each = clear.classes[0]
        name = escape(each.name)
        said = (
            f"Of 100 cases with {name} it finds {100 * (each.sensitivity.value or 0):.0f} "
            f"(95 % interval {percent_range(each.sensitivity)}), and of 100 without it clears "
            f"{100 * (each.specificity.value or 0):.0f} ({percent_range(each.specificity)})."
        )
    else:
        said = (
            f"It decides {100 * (clear.accuracy.value or 0):.0f} of 100 rightly "
            f"(95 % interval {percent_range(clear.accuracy)})."
        )
    alike = short.agreement == 1.0
    share = "every decision" if alike else f"{100 * short.agreement:.1f} % of the decisions"
    many = f"{short.encrypted.n} of them were" if short.encrypted.n > 1 else "One of them was"
    return (
        f"{clear.n} cases. {said} {many} also evaluated encrypted: {share} "
        f"{'was' if alike else 'were'} the same as in the clear."
    )


def _tiles(found: FullEvaluation) -> str:
    clear, short = found.clear, found.evaluation
    mean = "" if clear.kind == "binary" else ", mean over classes"
    tiles = [tile(number(clear.auc.value), f"AUC{mean}", percent_free(clear.auc))]
    if clear.kind == "binary":
        each = clear.classes[0]
        tiles += [
            tile(_share(each.sensitivity.value), "sensitivity", percent_range(each.sensitivity)),
            tile(_share(each.specificity.value), "specificity", percent_range(each.specificity)),
        ]
    tiles.append(tile(_share(clear.accuracy.value), "accuracy", percent_range(clear.accuracy)))
    tiles.append(
        tile(
            f"{100 * short.agreement:.1f} %",
            "encrypted = clear",
            f"over {short.encrypted.n} cases",
            encrypted=True,
        )
    )
    return "".join(tiles)


def percent_free(found: object) -> str:
    """The interval of a measure that is no share."""
    low, high = getattr(found, "low", None), getattr(found, "high", None)
    return "" if low is None or high is None else f"{low:.3f} to {high:.3f}"


def _share(value: float | None) -> str:
    return number(value) if value is None else f"{100 * value:.1f} %"


def _diagnosis_section(found: FullEvaluation, svgs: Mapping[str, str]) -> str:
    clear = found.clear
    parts = [
        "<h2>How good is it?</h2>",
        "<p>In brackets 95 % intervals: bootstrap for the AUC "
        f"({clear.bootstrap_draws} resamples), Wilson for shares. "
        f"Decisions are made {_rule(clear)}.</p>",
        _measures_table(found),
        _figures(svgs, "roc", "scores", "precision-recall", "confusion"),
    ]
    if clear.kind != "binary":
        parts += ["<h3>Each class against the rest, in the clear</h3>", _class_table(clear)]
    else:
        parts += ["<h3>Where the disease is rarer</h3>", _prevalence_table(clear)]
    parts += [
        "<h3>Learned and held out</h3>",
        "<p>In the clear. A training accuracy far above the others means learned by heart.</p>",
        table(
            ("split", "cases", "loss", "accuracy"),
            (
                (escape(row.split), str(row.n), number(row.loss), number(row.accuracy))
                for row in found.splits
            ),
        ),
    ]
    return "\n".join(parts)


def _rule(measures: Measures) -> str:
    if measures.kind == "binary":
        name = escape(measures.classes[0].name)
        return f"at a probability of {name} of {measures.threshold:g} or more"
    if measures.kind == "multilabel":
        return f"for each finding at a probability of {measures.threshold:g} or more"
    return "for the class with the largest probability"


def _measures_table(found: FullEvaluation) -> str:
    columns = (found.clear, found.clear_on_same, found.encrypted)
    head = (
        "",
        f"clear, all {found.clear.n}",
        f"clear, same {found.encrypted.n}",
        f"encrypted, {found.encrypted.n}",
    )
    binary = found.clear.kind == "binary"
    mean = "" if binary else ", mean over classes"
    rows = [
        (f"AUC{mean}", *(interval(each.auc, 4) for each in columns)),
        ("accuracy", *(interval(each.accuracy) for each in columns)),
    ]
    if binary:
        if found.clear.auc_delong is not None:
            areas = [each.auc_delong for each in columns]
            cells = ["–" if area is None else interval(area, 4) for area in areas]
            rows.insert(1, ("AUC, DeLong's interval", *cells))
        for label, name in (
            ("sensitivity (recall)", "sensitivity"),
            ("specificity", "specificity"),
            ("precision (positive predictive value)", "precision"),
            ("negative predictive value", "negative_predictive_value"),
        ):
            rows.append((label, *(interval(getattr(m.classes[0], name)) for m in columns)))
    else:
        rows.append((f"precision{mean}", *(number(m.precision) for m in columns)))
        rows.append((f"recall{mean}", *(number(m.recall) for m in columns)))
    rows += [
        (f"F1{mean}", *(number(m.f1) for m in columns)),
        (f"average precision{mean}", *(number(m.average_precision) for m in columns)),
        ("cross-entropy loss", *(number(m.loss, 4) for m in columns)),
        ("RMSE of the probability", *(number(m.rmse, 4) for m in columns)),
    ]
    return table(head, rows)


def _class_table(measures: Measures) -> str:
    return table(
        ("class", "cases", "AUC", "sensitivity", "specificity", "precision", "F1"),
        (
            (
                escape(each.name),
                str(each.count),
                interval(each.auc),
                interval(each.sensitivity),
                interval(each.specificity),
                interval(each.precision),
                number(each.f1),
            )
            for each in measures.classes
        ),
    )


def _prevalence_table(measures: Measures) -> str:
    """Bayes' rule for other shares of diseased, at the measured sensitivity and specificity."""
    each = measures.classes[0]
    caught, spared = each.sensitivity.value, each.specificity.value
    if caught is None or spared is None:
        return "<p>Needs cases with and without the finding.</p>"
    rows = []
    for share in _PREVALENCES:
        found, cleared = share * caught, (1 - share) * spared
        flagged, passed = found + (1 - share) * (1 - spared), cleared + share * (1 - caught)
        rows.append(
            (
                f"{100 * share:g} %",
                _share(found / flagged if flagged else None),
                _share(cleared / passed if passed else None),
                f"{1000 * (share - found):.0f}",
                f"{1000 * ((1 - share) - cleared):.0f}",
            )
        )
    count = 100 * each.count / measures.n
    return (
        f"<p>In these data {count:.0f} % have {escape(each.name)}. At the same sensitivity and "
        "specificity, elsewhere:</p>"
    ) + table(
        (
            "share with it",
            "a finding is right",
            "a clearance is right",
            "missed of 1000",
            "false alarms of 1000",
        ),
        rows,
    )


def _calibration_section(found: FullEvaluation, svgs: Mapping[str, str]) -> str:
    calibration, temperature = found.clear.calibration, found.temperature
    fitted = temperature["fitted_on"] or "validation data at training"
    what = {
        "binary": f"of {escape(found.clear.classes[0].name)}",
        "multiclass": "of the class decided on",
        "multilabel": "of all findings together",
    }[found.clear.kind]
    text = (
        "<div><p>The probability "
        f"{what} against how often it was true. Logits are divided by a temperature of "
        f"{temperature['value']:.3g}, fitted on {escape(str(fitted))}, never on this split; the "
        "client does it after decryption.</p>"
        + facts(
            [
                ("expected calibration error (10 bins)", number(calibration.expected_error, 4)),
                ("Brier score", number(calibration.brier, 4)),
                ("temperature", number(float(temperature["value"]))),
            ]
        )
        + "</div>"
    )
    plot = (
        f"<figure>{svgs['reliability']}<figcaption>{_CAPTIONS['reliability']}</figcaption></figure>"
    )
    return (
        f'<h2>Do its probabilities mean what they say?</h2><div class="figures">{plot}{text}</div>'
    )


def _data_section(found: FullEvaluation, card: str) -> str:
    about = found.about
    rows = [
        ("data", escape(about["data"])),
        ("licence", escape(about["licence"])),
        ("attribution", escape(about["attribution"])),
    ]
    parts = ["<h2>Data and limits</h2>", facts(row for row in rows if row[1])]
    if card:
        parts.append(
            "<details open><summary>The model's card</summary>"
            f'<div class="card">{card_html(card)}</div></details>'
        )
    return "\n".join(parts)


def _foot(found: FullEvaluation, command: str, software: Mapping[str, object]) -> str:
    built = ", ".join(f"{escape(key)} {escape(str(value))}" for key, value in software.items())
    return (
        f'<footer><p class="warning">Research use only; not a medical device.</p>'
        f"<p>Made by <code>{escape(command)}</code> at {escape(found.created)}. {built}. "
        "All figures: <code>results.json</code> beside this page; what they mean: "
        "<code>docs/how-to/read-an-evaluation.md</code>.</p></footer>"
    )
