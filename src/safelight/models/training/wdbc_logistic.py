"""``wdbc-logistic``: logistic regression on 30 standardised features.

Run: ``python -m safelight.models.training.wdbc_logistic --out DIR``
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from safelight.errors import InputError
from safelight.models import metrics
from safelight.models.datasets import wdbc
from safelight.models.training.export import FORMAT, write_model
from safelight.models.training.terminal import say

NAME = "wdbc-logistic"


def train_model(out: Path) -> Path:
    """Fits scaler and regression on the 455 training patients; writes ``out/wdbc-logistic``.

    C stays at scikit-learn's 1.0: nothing is chosen, so nothing can be chosen on held-out data.

    Raises:
        InputError: scikit-learn is not installed.
    """
    try:
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import cross_val_score
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
    except ImportError as exc:
        raise InputError(
            "training needs scikit-learn, which is not installed",
            hint="pip install 'safelight[train]'",
        ) from exc
    train, _, names = wdbc.load()
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=10_000, tol=1e-8))
    folds = cross_val_score(pipeline, train.inputs, train.labels, cv=10)
    pipeline.fit(train.inputs, train.labels)
    scaler, regression = pipeline[0], pipeline[1]
    chance = pipeline.predict_proba(train.inputs)[:, 1]
    report = metrics.binary_report(train.labels, chance)
    say(f"10-fold accuracy {folds.mean():.4f} ± {folds.std():.4f}; fitted {report.accuracy:.4f}")
    standardised = scaler.transform(train.inputs)
    description = {
        "format": FORMAT,
        "name": NAME,
        "version": "1",
        "title": "Malignancy of a breast mass from 30 features of its cell nuclei",
        "input_shape": [wdbc.FEATURE_COUNT],
        "input_bound": float(np.ceil(1.5 * np.abs(standardised).max())),
        "records": "all",
        "preprocessing": {
            "version": 1,
            "steps": [
                {
                    "step": "standardize",
                    "mean": scaler.mean_.tolist(),
                    "scale": scaler.scale_.tolist(),
                }
            ],
        },
        "features": list(names),
        "nodes": [
            {
                "name": "logit",
                "op": "dense",
                "inputs": ["input"],
                "weight": "logit.weight",
                "bias": "logit.bias",
            }
        ],
        "output": "logit",
        "outputs": {
            "classes": list(wdbc.CLASSES),
            "activation": "sigmoid",
            "positive": "malignant",
            "threshold": 0.5,
            "temperature": 1.0,
        },
        "ranges": {},
        "data": {
            "name": "Wisconsin Diagnostic Breast Cancer (UCI)",
            "licence": "CC BY 4.0",
            "attribution": "Wolberg, Mangasarian, Street, Street 1995, doi:10.24432/C5DW2B",
        },
        "training": {
            "patients": len(train),
            "cross_validated_accuracy": round(float(folds.mean()), 4),
            "command": "python -m safelight.models.training.wdbc_logistic --out DIR",
        },
    }
    weights = {"logit.weight": regression.coef_, "logit.bias": regression.intercept_}
    write_model(out / NAME, description, weights)
    wdbc.write_held_out(out / NAME / "held_out.csv")
    return out / NAME


def main(arguments: list[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=f"Fit {NAME}.")
    parser.add_argument("--out", type=Path, required=True, help="folder for the model's folder")
    options = parser.parse_args(arguments)
    say(f"wrote {train_model(options.out)}")


if __name__ == "__main__":
    main()
