"""Training of models that can run encrypted: the only room that imports torch.

Nothing outside this room may import it; clients and services need NumPy only. Every entry is a
module to run, such as ``python -m safelight.models.training.cxr_pneumonia_28 --out DIR``.
"""
