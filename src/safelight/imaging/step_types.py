"""Every kind of preprocessing step: those on pixels and features, and those of public parts."""

from __future__ import annotations

from safelight.imaging import steps
from safelight.imaging.public_part import PUBLIC_STEPS, PublicStep

Step = steps.Step | PublicStep
STEP_TYPES: tuple[type[Step], ...] = (*steps.STEP_TYPES, *PUBLIC_STEPS)
