"""Public data sets that models are trained and judged on: NumPy only, splits as published."""
