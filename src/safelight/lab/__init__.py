"""Benchmarks, leakage measures and attacks: what Safelight costs and what it protects."""
