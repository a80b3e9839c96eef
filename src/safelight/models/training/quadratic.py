"""The activation that an encrypted network can afford: one learnable quadratic a channel."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

_LEAST_CURVATURE = 0.05  # keeps the vertex −b/2a near: completing the square stays well scaled
_MOST_SLOPE = 0.8  # |b/2a| ≤ 0.8 / (2 · 0.05) = 8


class Quadratic(nn.Module):  # type: ignore[misc]
    """``y = a·x² + b·x + c`` with a, b and c learned for each channel.

    Encryption evaluates it as ``a·(x + b/2a)² + (c − b²/4a)``: one multiplication, with a folded
    into the next affine map. So a is kept at 0.05 or above (its sign is of no consequence, the
    next affine map can turn it) and the shift |b/2a| at 8 or below.

    It starts as 0.2·x² + 0.5·x + 0.2, the quadratic nearest to ReLU under a standard normal
    input (to one digit), which is what batch norm before it provides.

    Args:
        channels: Size of axis 1 of the input.
        comfort: Inputs up to this magnitude are free; beyond it `penalty` grows quadratically.
    """

    def __init__(self, channels: int, *, comfort: float = 5.0) -> None:
        super().__init__()
        self.comfort = comfort
        start = torch.tensor(0.2 - _LEAST_CURVATURE)
        self.curvature = nn.Parameter(torch.log(torch.expm1(start)).repeat(channels))
        self.slope = nn.Parameter(torch.full((channels,), 0.5))
        self.offset = nn.Parameter(torch.full((channels,), 0.2))
        self.penalty = torch.zeros(())
        self.lowest = float("inf")
        self.highest = float("-inf")
        self.recording = False

    def coefficients(self) -> Tensor:
        """The polynomials ``[channels, 3]``, constant term first."""
        a = _LEAST_CURVATURE + functional.softplus(self.curvature)
        b = _MOST_SLOPE * torch.tanh(self.slope / _MOST_SLOPE)
        return torch.stack([self.offset, b, a], dim=1)

    def forward(self, x: Tensor) -> Tensor:
        """Applies the channel's quadratic; keeps the range penalty of this batch.

        Args:
            x: ``[batch, channels, …]``.
        """
        if self.training:
            self.penalty = functional.relu(x.abs() - self.comfort).square().mean()
        if self.recording:
            self.lowest = min(self.lowest, float(x.min()))
            self.highest = max(self.highest, float(x.max()))
        shape = (1, -1) + (1,) * (x.dim() - 2)
        c, b, a = (column.view(shape) for column in self.coefficients().unbind(1))
        return (a * x + b) * x + c

    def start_recording(self) -> None:
        """Forgets the range seen so far and records from now on."""
        self.lowest, self.highest, self.recording = float("inf"), float("-inf"), True
