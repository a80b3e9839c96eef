"""What the encrypted models are held against: well-known models in the clear, on the same splits.

Classic ones need scikit-learn to be fitted, networks need PyTorch, three of them MONAI. A fitted
forest or logistic regression runs on NumPy alone.
"""
